"""Noise leaves: numbers that depend on the leaf's own name and on nothing else.

A leaf's seed is a hash of its scope (run seed; stage, update, step, ...; path), so that adding a line to a spec changes
no other line's noise, and a resumed run needs the step only.
"""

import hashlib

import torch
from torch import Tensor

from blocks.shares import SHARE

__all__ = ["LAWS", "draw", "leaf_seed"]

LAWS = ("normal", "uniform", "integers", "rademacher")


def leaf_seed(seed: int, *scope: str | int) -> int:
    """A 64-bit number (0 .. 2**64 - 1) for `scope` under the run's `seed`; the parts' types and borders count.

    Source: BLAKE2b, RFC 7693, digest of 8 bytes.

    >>> leaf_seed(0, "stage", 12, "z") == leaf_seed(0, "stage", 12, "z")
    True
    >>> leaf_seed(0, "ab", "c") == leaf_seed(0, "a", "bc")
    False
    """
    name = repr((seed, *scope)).encode()  # repr quotes and separates: different scopes have different texts
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little")


def draw(
    law: str,
    shape: tuple[int, ...],
    seed: int,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    high: int = 0,
) -> Tensor:
    """Numbers of a law, of `shape`, from a fresh generator seeded with `seed` on `device`.

    "normal": N(0, 1).   "uniform": [0, 1).   "integers": 1 .. `high`, int64 (`dtype` is not used).   "rademacher": -1
    or 1, equally likely.   The same seed gives the same numbers on the same kind of device.   In a share the rows (the
    first axis) are those of this process of all that were drawn.   Raises ValueError for any other law, or for integers
    without a `high`.

    PyTorch's CPU generator reads the low 32 bits of a seed only, so that of N leaves N^2 / 2^33 pairs agree: half a
    pair of 65,000 draws, 116 of a million. That repeats the noise of an unrelated step, where batch and parameters are
    others: each draw has its law exactly, and no expectation changes. It would matter within one step, where ten leaves
    meet; there it happens once in 10^8 steps. Mixing the other half into the generator's 624 words (get_state, xor,
    set_state) was measured at 5 us a draw, more than the 4 us of seeding, and is not worth it.
    """
    share = SHARE.get()
    if share is not None:
        return share.of(lambda whole: _drawn(law, whole, seed, dtype, device, high), shape)
    return _drawn(law, shape, seed, dtype, device, high)


def _drawn(
    law: str, shape: tuple[int, ...], seed: int, dtype: torch.dtype | None, device: torch.device | str, high: int
) -> Tensor:
    generator = torch.Generator(device).manual_seed(seed)
    if law == "normal":
        return torch.randn(shape, generator=generator, dtype=dtype, device=device)
    if law == "uniform":
        return torch.rand(shape, generator=generator, dtype=dtype, device=device)
    if law == "rademacher":
        return torch.randint(0, 2, shape, generator=generator, dtype=dtype, device=device).mul_(2).sub_(1)
    if law == "integers" and high >= 1:
        return torch.randint(1, high + 1, shape, generator=generator, device=device)
    raise ValueError(f"no noise has the law `{law}` with high={high}: a law is one of {', '.join(LAWS)}")
