"""What any data set may be asked for besides its own options: a choice of fields, dequantisation, flips, shifts.

u = hash(seed, epoch, index, place): each number of a row depends on nothing else, whatever the batch or the order
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from blocks.noise import leaf_seed
from blocks.types import Field
from runners.datasets.options import BadOption
from runners.datasets.source import Source

__all__ = ["Treatment", "treated", "uniforms"]

STEP, FIRST, SECOND = -0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15  # of SplitMix64, as signed
BITS = 24  # of a number's fraction: what float32 holds


def treated(
    source: Source,
    *,
    fields: Sequence[str] | Mapping[str, str] | None = None,
    dequantize: int | None = None,
    flip: bool = False,
    shift: int = 0,
) -> Source:
    """The source with some of its fields, under names of the spec's own, and with what is drawn anew in each epoch.

    `fields`: those to keep, or {new name: name}; `index` always stays. The others act on `x`. `dequantize`: its number
    of levels (256 for bytes, 17 for `digits`): level k of n becomes (k + u) / n of the range, u uniform in [0, 1).
    `flip`: half of the pictures are mirrored, left to right. `shift`: they are moved by up to so many pixels along both
    axes (a crop of the picture continued by reflection). Flips and shifts are for training alone; outside of it the
    noise of a row is always the same.   Raises BadOption for a field that is not there or has no range or no axes.
    Source: dequantisation, Uria et al. 2013 (RNADE); Theis et al. 2016.
    """
    held = source.contract.fields
    names = _names(fields, held)
    target = next((new for new, old in names.items() if old == "x"), None)
    treatment = None
    if dequantize is not None or flip or shift:
        asked = "dequantize" if dequantize is not None else "flip" if flip else "shift"
        if target is None:
            raise BadOption(asked, f"`{asked}` is for the field `x`, which is not among the fields")
        treatment = Treatment(target, held["x"], dequantize, flip, shift)

    def load(split: str) -> Mapping[str, Tensor]:
        rows = source.stored(split)
        return {new: rows[old] for new, old in names.items()}

    def read(split: str, numbers: Tensor) -> Mapping[str, Tensor]:
        rows = source.read(split, numbers)
        return {new: rows[old] for new, old in names.items()}

    contract = {new: held[old] for new, old in names.items()}
    if dequantize is not None and target is not None:
        contract[target] = replace(contract[target], levels=None)  # the noise fills the gaps between them
    return Source(
        contract, source.contract.splits, load,
        log_prob=source.log_prob, log_prob_note=source.log_prob_note, modes=source.modes, scale=source.scale,
        missing=source.missing, augment=treatment and treatment.in_training, settle=treatment and treatment.outside,
        read=read, keep=source.keep,
    )  # fmt: skip


def _names(asked: Sequence[str] | Mapping[str, str] | None, held: Mapping[str, Field]) -> dict[str, str]:
    """The source's name of each field by its new one."""
    known = [name for name in held if name != "index"]
    if asked is None:
        return {name: name for name in known}
    names = dict(asked) if isinstance(asked, Mapping) else {name: name for name in asked}
    for new, old in names.items():
        if old not in known:
            listed = ", ".join(f"`{name}`" for name in known)
            raise BadOption("fields", f"`fields` asks for `{old}`, but the fields are {listed}")
        if not new.isidentifier() or new == "index":
            raise BadOption("fields", f"`fields` calls `{old}` `{new}`, which cannot be the name of a field")
    if not names:
        raise BadOption("fields", "`fields` keeps none: name at least one")
    return names


@dataclass(frozen=True)
class Treatment:
    """What is drawn for the field `target`: noise of `levels`, flips, shifts up to `shift`.   Raises BadOption."""

    target: str
    field: Field
    levels: int | None
    flip: bool
    shift: int

    def __post_init__(self) -> None:
        event, width = self.field.event, self.shift
        if self.levels is not None and (self.levels < 2 or self.field.low is None or self.field.high is None):
            raise BadOption("dequantize", f"`dequantize` is {self.levels}: it needs an `x` with a range, and 2 levels")
        if (self.flip or width) and len(event) != 3:
            raise BadOption("flip" if self.flip else "shift", f"`x` is {list(event)}, and no picture with three axes")
        if not 0 <= width < min(event[-2:], default=1):
            raise BadOption("shift", f"`shift` is {width}, but pictures are {event[-2]} x {event[-1]}")

    def in_training(self, rows: Mapping[str, Tensor], seed: int, epoch: int) -> dict[str, Tensor]:
        """The rows as the epoch draws them under the seed; "index" says which they are."""
        x, index = rows[self.target], rows["index"]
        if self.flip:
            mirrored = uniforms(leaf_seed(seed, "flip", epoch), index, 1)[:, 0] < 0.5
            x = torch.where(mirrored[:, None, None, None], x.flip(-1), x)
        if self.shift:
            x = _shifted(x, self.shift, uniforms(leaf_seed(seed, "shift", epoch), index, 2))
        return self._dequantized({**rows, self.target: x}, leaf_seed(seed, "dequantize", epoch))

    def outside(self, rows: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The rows with the noise that they have outside of training, always the same."""
        return self._dequantized(rows, leaf_seed(0, "dequantize"))

    def _dequantized(self, rows: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
        if self.levels is None or self.field.low is None or self.field.high is None:
            return dict(rows)
        x = rows[self.target]
        u = uniforms(seed, rows["index"], x[0].numel()).view_as(x)
        width = self.field.high - self.field.low
        levels = ((x - self.field.low) * ((self.levels - 1) / width)).round()
        noisy = (levels + u) * (width / self.levels) + self.field.low
        return {**rows, self.target: noisy.clamp(max=self.field.high)}


def _shifted(x: Tensor, most: int, u: Tensor) -> Tensor:  # b c h w, b 2 -> b c h w
    """Each picture moved by -most .. most whole pixels along both axes, and continued by reflection."""
    height, width = x.shape[2:]
    padded = torch.nn.functional.pad(x, (most, most, most, most), mode="reflect")
    start = (u * (2 * most + 1)).long()  # b 2
    rows = start[:, :1] + torch.arange(height, device=x.device)  # b h
    columns = start[:, 1:] + torch.arange(width, device=x.device)  # b w
    batch = torch.arange(len(x), device=x.device)[:, None, None]
    return padded.movedim(1, -1)[batch, rows[:, :, None], columns[:, None, :]].movedim(-1, 1).contiguous()


def uniforms(seed: int, index: Tensor, count: int) -> Tensor:  # b, int64 -> b count, float32
    """Numbers in [0, 1) that depend on the seed, a row's index and their place alone: SplitMix64, its high 24 bits.

    Source: Steele, Lea and Flood 2014 (fast splittable pseudorandom number generators).
    """
    signed = seed - 2**64 if seed >= 2**63 else seed
    row = _mixed(index * STEP + signed)  # b
    place = torch.arange(1, count + 1, device=index.device) * STEP  # count
    bits = (_mixed(row[:, None] + place) >> (64 - BITS)) & (2**BITS - 1)
    return bits.to(torch.float32) * 2.0**-BITS


def _mixed(z: Tensor) -> Tensor:
    """The finalizer of SplitMix64, modulo 2^64; shifts of negative numbers are cleared of their copies of the sign."""
    z = (z ^ ((z >> 30) & (2**34 - 1))) * FIRST
    z = (z ^ ((z >> 27) & (2**37 - 1))) * SECOND
    return z ^ ((z >> 31) & (2**33 - 1))
