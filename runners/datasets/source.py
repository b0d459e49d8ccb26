"""A data source: what it promises (`contract`), its splits as tensors, and its exact density where that is known."""

import difflib
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor

from blocks.registry import Registry
from blocks.types import Field, SourceContract
from runners.datasets.options import BadOption

__all__ = [
    "DATASETS", "ROOM", "Augment", "Density", "Keep", "Load", "Read", "Source", "UnknownSplit", "Unreadable", "dataset",
]  # fmt: skip

Load = Callable[[str], Mapping[str, Tensor]]
"""The rows of the split of that name, by field: "n *event"."""

Read = Callable[[str, Tensor], Mapping[str, Tensor]]
"""(split, numbers of rows "b", int64) -> these rows by field, read from where they lie: "b *event"."""

Keep = Literal["memory", "disk", "auto"]
"""Where the rows of a split are until a batch needs them; "auto": on disk, if they would take more than ROOM."""

ROOM = 2**30
"""Bytes of a split's rows, as tensors, that `keep: auto` holds in memory."""

Density = Callable[[Tensor], Tensor]
"""log p(x) in nats: "b *event" -> "b"."""

Augment = Callable[[Mapping[str, Tensor], int, int], dict[str, Tensor]]
"""(rows of a batch with their "index", seed, epoch) -> the rows as training sees them."""

Settle = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
"""Rows with their "index" -> the rows as everybody else sees them."""

DATASETS = Registry("dataset", "runners.datasets", "dataset")
dataset = DATASETS


class UnknownSplit(ValueError):
    """A split that a source does not have; carries the nearest one that it has (or None)."""

    def __init__(self, name: str, known: list[str]) -> None:
        close = difflib.get_close_matches(name, known, n=1)
        self.nearest = close[0] if close else None
        super().__init__(f"the data has no split `{name}`; it has {', '.join(f'`{split}`' for split in known)}")


class Unreadable(BadOption):
    """Rows of a source that cannot be read: a broken picture, a file that is gone.   `option` names the file."""

    def __init__(self, source: "Source", cause: Exception) -> None:
        super().__init__(cause.option if isinstance(cause, BadOption) else "source", str(cause))
        self.source = source


class Source:
    """Rows of data in named splits.   Nothing is loaded before `split` is called, and each split once.

    `fields` and `splits` (rows in each) are the contract; the field `index`, the number of a row in its split, is added
    here, with as many classes as there are training rows. `log_prob` is the exact log-density of the law that the rows
    were drawn from, `log_prob_note` how exact. A mixture of equally likely Gaussians has `modes`, "k d", and `scale`,
    the standard deviation of each. `missing` says which files are not there: the contract is then assumed.
    `augment` is what training does to the rows of a batch as they are stored, `settle` what `split` does to them.
    `read` reads single rows, where that can be; `keep` says whether they are held in memory all the same.
    """

    def __init__(
        self,
        fields: Mapping[str, Field],
        splits: Mapping[str, int],
        load: Load,
        *,
        log_prob: Density | None = None,
        log_prob_note: str = "",
        modes: Tensor | None = None,
        scale: float | None = None,
        missing: BadOption | None = None,
        augment: Augment | None = None,
        settle: Settle | None = None,
        read: Read | None = None,
        keep: Keep = "memory",
    ) -> None:
        rows = splits.get("train", max(splits.values()))
        index = Field((), "int64", low=0, high=rows - 1, classes=rows)
        self.contract = SourceContract({**fields, "index": index}, dict(splits))
        self.log_prob, self.log_prob_note = log_prob, log_prob_note
        self.modes, self.scale = modes, scale
        self.missing, self.augment, self._settle = missing, augment, settle
        self.keep: Keep = keep
        self._load, self._loaded, self._read = load, dict[str, dict[str, Tensor]](), read

    def rows(self, name: str) -> int:
        """How many rows a split has.   Raises UnknownSplit."""
        if name not in self.contract.splits:
            raise UnknownSplit(name, list(self.contract.splits))
        return self.contract.splits[name]

    def is_kept(self, name: str) -> bool:
        """Whether the rows of a split are held in memory; those that are not are read when `read` asks for them."""
        if self._read is None or self.keep == "memory":
            return True
        return self.keep == "auto" and self.rows(name) * _bytes_of_a_row(self.contract) <= ROOM

    def split(self, name: str) -> dict[str, Tensor]:
        """The rows of a split by field, each "n *event".   Raises UnknownSplit, Unreadable; BadOption for no files."""
        return self.settled(self.stored(name))

    def settled(self, rows: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Stored rows as everybody but training sees them."""
        return self._settle(rows) if self._settle else dict(rows)

    def head(self, name: str, count: int) -> dict[str, Tensor]:
        """The first rows of a split, as `split` gives them.   A few of many are read alone.   Raises as `split`."""
        if self.is_kept(name) or count >= self.rows(name):
            return {field: values[:count] for field, values in self.split(name).items()}
        return self.settled(self.read(name, torch.arange(count)))

    def read(self, name: str, rows: Tensor) -> dict[str, Tensor]:  # b, int64
        """The rows of a split of these numbers, as `stored` has them, each "b *event".   May be called by any thread.

        Raises UnknownSplit; where rows are not held in memory also Unreadable.
        """
        if self._read is None or self.is_kept(name):
            return {field: values.index_select(0, rows) for field, values in self.stored(name).items()}
        self._check(name)
        with self._reading():
            found = {field: values.contiguous() for field, values in self._read(name, rows).items()}
            found["index"] = rows
            self._verify(name, found, len(rows))
        return found

    def stored(self, name: str) -> dict[str, Tensor]:
        """The rows of a split before anything random is done to them; to be read alone.   Raises as `split`."""
        self._check(name)
        if name not in self._loaded:
            with self._reading():
                rows = {field: values.contiguous() for field, values in self._load(name).items()}
                rows["index"] = torch.arange(self.rows(name))
                self._verify(name, rows, self.rows(name))
            self._loaded[name] = rows
        return dict(self._loaded[name])

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, OSError) as error:
            raise Unreadable(self, error) from error

    def _check(self, name: str) -> None:
        self.rows(name)
        if self.missing is not None:
            raise self.missing

    def _verify(self, split: str, rows: Mapping[str, Tensor], count: int) -> None:
        for name, field in self.contract.fields.items():
            found, dtype = tuple(rows[name].shape), str(rows[name].dtype).removeprefix("torch.")
            if found != (count, *field.event) or dtype != field.dtype:
                raise ValueError(
                    f"`{name}` of the split `{split}` was promised as {field.dtype} {(count, *field.event)}, "
                    f"but it is {dtype} {found}"
                )


def _bytes_of_a_row(contract: SourceContract) -> int:
    return sum(math.prod(field.event) * getattr(torch, field.dtype).itemsize for field in contract.fields.values())
