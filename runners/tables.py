"""The rows of a split, by number: held as tensors, or read from where they lie when they are asked for."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from runners.datasets.source import Source

__all__ = ["Held", "Lying", "Rows", "Table"]

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


def _row_count(name: str, table: Table) -> int:
    lengths = {field: len(values) for field, values in table.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"the fields of {f'`{name}`' if name else 'the data'} must have equally many rows: {lengths}")
    return next(iter(lengths.values()))
