"""Drawing from a printed program with nothing but torch: what `compose export` puts beside the weights of a run.

The noise is named as it is in a run (seed; sampler, chunk, leaf), so that the same seed draws the same samples.
"""

import argparse
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from blocks.noise import draw, leaf_seed

__all__ = ["Given", "Sampler", "command", "picture", "sample"]

CHUNK = 250  # rows at a time, and part of a sample's name: another number draws other noise


@dataclass(frozen=True)
class Given:
    """An input of a program, in order: a field of the data, an option with its default, or a leaf of noise."""

    kind: str
    name: str
    default: Any = None
    law: str = ""
    event: tuple[int, ...] = ()
    high: int = 0
    copies: int = 1


@dataclass(frozen=True)
class Sampler:
    """A printed program and its inputs; for a leaf of noise `Given.name` is its path."""

    name: str
    program: Callable[..., Mapping[str, Any]]
    inputs: Sequence[Given]


def sample(
    sampler: Sampler,
    count: int,
    seed: int,
    batch: Mapping[str, Tensor] | None = None,
    options: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor | dict[str, Tensor]:
    """`count` rows; of a sampler that reads data at most those of `batch`.   Raises ValueError without its data."""
    fields = [given.name for given in sampler.inputs if given.kind == "data"]
    missing = [name for name in fields if name not in (batch or {})]
    if missing:
        raise ValueError(f"`{sampler.name}` reads the data `{missing[0]}`; hand it rows (`--data ROWS.pt`)")
    rows = {name: _as(value, dtype) for name, value in (batch or {}).items() if name in fields}
    count = min([count, *map(len, rows.values())])
    made = []
    with torch.no_grad():
        for chunk, start in enumerate(range(0, count, CHUNK)):
            size = min(CHUNK, count - start)
            part = {name: value[start : start + size] for name, value in rows.items()}
            made.append(sampler.program(*_inputs(sampler, size, seed, chunk, part, options or {}, dtype))["value"])
    return _joined(made)


def _inputs(
    sampler: Sampler, rows: int, seed: int, chunk: int, batch: Mapping[str, Tensor], options: Mapping[str, Any],
    dtype: torch.dtype,
) -> list[Any]:  # fmt: skip
    read: Mapping[str, Callable[[Given], Any]] = {
        "data": lambda given: batch[given.name],
        "option": lambda given: options.get(given.name, given.default),
        "noise": lambda given: _noise(given, rows, leaf_seed(seed, sampler.name, "", 0, 0, chunk, given.name), dtype),
    }
    return [read[given.kind](given) for given in sampler.inputs]


def _noise(leaf: Given, rows: int, seed: int, dtype: torch.dtype) -> Tensor | int:
    if leaf.law == "seed":
        return seed
    return draw(leaf.law, (rows * leaf.copies, *leaf.event), seed, dtype, "cpu", leaf.high)


def _as(value: Tensor, dtype: torch.dtype) -> Tensor:
    return value.to(dtype) if value.is_floating_point() else value


def _joined(parts: list[Any]) -> Any:  # noqa: ANN401  a tensor or a dict of them
    if isinstance(parts[0], Mapping):
        return {name: _joined([part[name] for part in parts]) for name in parts[0]}
    return torch.cat(parts)


def command(samplers: Mapping[str, Sampler], seed: int, low: float, high: float, dtype: torch.dtype) -> None:
    """`python sample.py [NAME] [--count N] [--seed S] [--data ROWS.pt] [--out SAMPLES.pt]`."""
    asked = argparse.ArgumentParser(description="Draw from the trained system.")
    asked.add_argument("name", nargs="?", choices=list(samplers), default=next(iter(samplers)))
    asked.add_argument("--count", type=int, default=64)
    asked.add_argument("--seed", type=int, default=seed)
    asked.add_argument("--data", type=Path, help="a .pt file: the rows that the sampler reads, by field")
    asked.add_argument("--out", type=Path, default=Path("samples.pt"), help="a .pt file, or a .png of images")
    words = asked.parse_args()
    batch: Mapping[str, Tensor] = {}
    try:
        batch = torch.load(words.data, weights_only=True) if words.data else {}
        made = sample(samplers[words.name], words.count, words.seed, batch, dtype=dtype)
    except (ValueError, OSError) as error:
        raise SystemExit(str(error)) from None
    except RuntimeError as error:
        shapes = {name: [*value.shape] for name, value in batch.items()}
        raise SystemExit(f"the rows of {words.data} do not fit, of shapes {shapes}: {error}") from None
    if words.out.suffix == ".png":
        words.out.write_bytes(picture(made if isinstance(made, Tensor) else next(iter(made.values())), low, high))
    else:
        torch.save(made, words.out)
    print(words.out)


def picture(images: Tensor, low: float, high: float) -> bytes:
    """Images "b c h w" as a PNG, side by side, `low` black and `high` white.   Raises SystemExit for other values."""
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise SystemExit(f"values of shape {[*images.shape[1:]]} are no images; write a .pt file")
    columns = int(len(images) ** 0.5 + 0.999)
    blank = images.new_full((-len(images) % columns, *images.shape[1:]), low)
    grid = torch.cat([images, blank]).unflatten(0, (-1, columns)).permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    shades = ((grid - low) / (high - low)).clamp(0, 1).mul(255).round().to(torch.uint8)  # h w c
    lines = b"".join(b"\0" + bytes(line.flatten().tolist()) for line in shades)
    colour = 0 if shades.shape[2] == 1 else 2
    head = struct.pack(">IIBBBBB", shades.shape[1], shades.shape[0], 8, colour, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    parts = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
             for kind, data in chunks)  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
