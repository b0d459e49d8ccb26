"""Splits and ranges: what data sets of a fixed number of rows have in common."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from blocks.types import Field, Size
from runners.datasets.options import BadOption
from runners.datasets.source import Load, Read

__all__ = ["Range", "fixed_order", "hold_out", "hold_out_read", "image_field", "in_range", "label_field"]

Range = Literal["unit", "signed"]
"""Where pixels lie: "unit" is [0, 1], "signed" is [-1, 1]."""

LOWS: dict[Range, float] = {"unit": 0.0, "signed": -1.0}
BYTE = 256  # values of a pixel
SPLIT_SEED = 0  # splits are part of a data set: the run's seed does not move them


def image_field(event: Size, range: Range, levels: int = BYTE) -> Field:
    """The contract of images whose pixels lie in `range` and have so many levels."""
    return Field(event, low=LOWS[range], high=1.0, levels=levels)


def label_field(classes: int) -> Field:
    """The contract of labels: 0 .. classes - 1."""
    return Field((), "int64", low=0, high=classes - 1, classes=classes)


def in_range(pixels: Tensor, peak: float, range: Range) -> Tensor:
    """Pixels 0 .. `peak` as float32 in `range`."""
    low = LOWS[range]
    return pixels.to(torch.float32).mul_((1.0 - low) / peak).add_(low)


def fixed_order(rows: int) -> Tensor:  # -> "rows", int64
    """The order in which a data set is cut into splits: one permutation for each number of rows, always the same."""
    return torch.randperm(rows, generator=torch.Generator().manual_seed(SPLIT_SEED))


def hold_out(
    splits: Mapping[str, int], load: Load, validation: float, test_size: float = 0.0
) -> tuple[dict[str, int], Load]:
    """The splits and their loader with `test_size` and then `validation` of the training rows taken out of `train`.

    Each is a share of the rows that are left, below 1, or their number; 0 changes nothing. Raises BadOption if a part
    would be empty, or there already.
    """
    counts, parts = _parts(splits, validation, test_size)

    def load_part(split: str) -> Mapping[str, Tensor]:
        if split not in parts:
            return load(split)
        return {name: values[parts[split]] for name, values in load("train").items()}

    return counts, load_part if parts else load


def hold_out_read(splits: Mapping[str, int], read: Read, validation: float, test_size: float = 0.0) -> Read:
    """What reads single rows of the splits that `hold_out` makes.   Raises as it."""
    _, parts = _parts(splits, validation, test_size)

    def read_part(split: str, rows: Tensor) -> Mapping[str, Tensor]:
        return read("train", parts[split][rows]) if split in parts else read(split, rows)

    return read_part


def _parts(splits: Mapping[str, int], validation: float, test_size: float) -> tuple[dict[str, int], dict[str, Tensor]]:
    """Rows of each split, and which of the training rows are those of the parts that these are cut into, if so."""
    total, taken, parts = splits["train"], 0, dict[str, Tensor]()
    order = fixed_order(total)
    for split, option, size in (("test", "test_size", test_size), ("validation", "validation", validation)):
        if size == 0:
            continue
        if split in splits:
            raise BadOption(option, f"`{option}` is {size:g}, but the data have a split `{split}` already")
        held = _held(option, size, total - taken)
        parts[split] = order[taken : taken + held].sort().values
        taken += held
    if not parts:
        return dict(splits), {}
    parts["train"] = order[taken:].sort().values
    counts = {split: len(parts[split]) for split in ("train", "validation", "test") if split in parts}
    return counts | {split: rows for split, rows in splits.items() if split not in parts}, parts


def _held(option: str, size: float, rows: int) -> int:
    """How many of so many rows a share or a number of them is.   Raises BadOption if that, or the rest, is none."""
    if size == 1 or (size > 1 and size != int(size)):
        raise BadOption(option, f"`{option}` is {size:g}: write a share below 1, or a whole number of rows above it")
    held = int(size) if size > 1 else round(size * rows)
    if not 0 < held < rows:
        raise BadOption(option, f"`{option}` is {size:g}: of {rows} training rows that holds out {held}")
    return held
