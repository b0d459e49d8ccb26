"""The rows of a split, by number: held as tensors, or read from where they lie when they are asked for."""

from collections.abc import Callable, Mapping
from functools import lru_cache

import torch
from torch import Tensor

from runners.datasets.source import Source

__all__ = ["Column", "Held", "Lying", "Rows", "Table", "columns"]

Table = Mapping[str, Tensor]
"""Rows by field: "n *event"."""


class Held:
    """Rows that are tensors on a device, with their "index".   Raises ValueError if the fields differ in length."""

    is_read = False

    def __init__(self, name: str, table: Table, device: torch.device) -> None:
        self.count = _row_count(name, table)
        index = {} if "index" in table else {"index": torch.arange(self.count)}
        self._table = {field: values.to(device) for field, values in {**table, **index}.items()}

    def take(self, rows: Tensor) -> dict[str, Tensor]:  # b, int64
        """The rows of these numbers by field: "b *event"."""
        return {name: values.index_select(0, rows) for name, values in self._table.items()}

    def between(self, start: int, stop: int) -> dict[str, Tensor]:
        """The rows from `start` to before `stop`, as views."""
        return {name: values[start:stop] for name, values in self._table.items()}


class Lying:
    """Rows of a source that lie on the disk, read at each time anew, and then made by `seen` what is to be seen."""

    is_read = True

    def __init__(
        self, source: Source, split: str, seen: Callable[[Table], dict[str, Tensor]], device: torch.device
    ) -> None:
        self.count = source.rows(split)
        self._source, self._split, self._seen, self._device = source, split, seen, device

    def take(self, rows: Tensor) -> dict[str, Tensor]:  # b, int64
        """The rows of these numbers by field: "b *event".   Raises Unreadable."""
        found = self._seen(self._source.read(self._split, rows.cpu()))
        return {name: values.to(self._device) for name, values in found.items()}

    def between(self, start: int, stop: int) -> dict[str, Tensor]:
        """The rows from `start` to before `stop`.   Raises Unreadable."""
        return self.take(torch.arange(start, min(stop, self.count)))


Rows = Held | Lying


class Column:
    """One field of the first `count` rows of a split that lies on the disk, read slice by slice: `column[3:5]`."""

    def __init__(self, between: Callable[[int, int], Table], field: str, count: int) -> None:
        self._between, self._field, self._count = between, field, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, rows: slice) -> Tensor:  # -> "b *event"
        start, stop, _ = rows.indices(self._count)
        return self._between(start, stop)[self._field]


def columns(source: Source, split: str, count: int) -> dict[str, Column]:
    """The fields of the first rows of a split, none of them read yet.   A slice of all fields is read once."""
    between = lru_cache(maxsize=1)(Lying(source, split, source.settled, torch.device("cpu")).between)
    return {field: Column(between, field, count) for field in source.contract.fields}


def _row_count(name: str, table: Table) -> int:
    lengths = {field: len(values) for field, values in table.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"the fields of {f'`{name}`' if name else 'the data'} must have equally many rows: {lengths}")
    return next(iter(lengths.values()))
