"""Sizes and contracts: the plain facts that blocks, the compiler and the data agree on.   No tensors here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

__all__ = ["Classes", "Count", "Field", "Levels", "Size", "SourceContract", "Taken", "Takes", "elements"]

Size = tuple[int, ...]
"""The event shape of one sample: what is left of a tensor's shape without the batch axis."""

Count = Annotated[int, "counts something"]
"""An option of an operator that is 1 or more: of copies, points, classes."""


@dataclass(frozen=True)
class Levels:
    """The size of a time-step argument: whole numbers 0 (data) .. `count` (noise)."""

    count: int


@dataclass(frozen=True)
class Classes:
    """The size of an index argument: whole numbers 0 .. `count` - 1."""

    count: int


Taken = Size | Levels | Classes
Takes = tuple[Taken, ...]
"""What a block's call takes: one entry an argument, in order."""


@dataclass(frozen=True)
class Field:
    """One field of a data source: its event shape, dtype, range of values and, for labels, the number of classes.

    `levels`: how many values an entry can have, where they are few (a pixel of a byte has 256) and nothing fills the
    gaps between them.
    """

    event: Size
    dtype: str = "float32"
    low: float | None = None
    high: float | None = None
    classes: int | None = None
    levels: int | None = None


@dataclass(frozen=True)
class SourceContract:
    """What a data source promises before anything is loaded: its fields, and the number of samples in each split."""

    fields: Mapping[str, Field]
    splits: Mapping[str, int] = field(default_factory=dict)


def elements(size: Size) -> int:
    """The number of entries of an event: the product of its sizes (1 for a scalar event)."""
    count = 1
    for length in size:
        count *= length
    return count
