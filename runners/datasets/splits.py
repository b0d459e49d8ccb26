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


def hold_out(splits: Mapping[str, int], load: Load, fraction: float) -> tuple[dict[str, int], Load]:
    """The splits and their loader with `validation`, this fraction of the training rows, taken out of `train`.

    `fraction` 0 changes nothing.   Raises BadOption if either part would be empty.
    """
    counts, parts = _parts(splits, fraction)

    def load_part(split: str) -> Mapping[str, Tensor]:
        if split not in parts:
            return load(split)
        return {name: values[parts[split]] for name, values in load("train").items()}

    return counts, load_part if parts else load


def hold_out_read(splits: Mapping[str, int], read: Read, fraction: float) -> Read:
    """What reads single rows of the splits that `hold_out` makes.   Raises as it."""
    _, parts = _parts(splits, fraction)

    def read_part(split: str, rows: Tensor) -> Mapping[str, Tensor]:
        return read("train", parts[split][rows]) if split in parts else read(split, rows)

    return read_part


def _parts(splits: Mapping[str, int], fraction: float) -> tuple[dict[str, int], dict[str, Tensor]]:
    """Rows of each split, and which of the training rows are those of the parts that these are cut into, if so."""
    if fraction == 0:
        return dict(splits), {}
    total = splits["train"]
    held = round(fraction * total)
    if not 0 < held < total:
        raise BadOption("validation", f"`validation` is {fraction:g}: of {total} training rows that holds out {held}")
    order = fixed_order(total)
    parts = {"train": order[held:].sort().values, "validation": order[:held].sort().values}
    rest = {name: rows for name, rows in splits.items() if name != "train"}
    return {"train": total - held, "validation": held, **rest}, parts
