"""A data source: what it promises (`contract`), its splits as tensors, and its exact density where that is known."""

import difflib
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from blocks.registry import Registry
from blocks.types import Field, SourceContract
from runners.datasets.options import BadOption

__all__ = ["DATASETS", "Augment", "Density", "Load", "Source", "UnknownSplit", "dataset"]

Load = Callable[[str], Mapping[str, Tensor]]
"""The rows of the split of that name, by field: "n *event"."""

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


class Source:
    """Rows of data in named splits.   Nothing is loaded before `split` is called, and each split once.

    `fields` and `splits` (rows in each) are the contract; the field `index`, the number of a row in its split, is added
    here, with as many classes as there are training rows. `log_prob` is the exact log-density of the law that the rows
    were drawn from, `log_prob_note` how exact. A mixture of equally likely Gaussians has `modes`, "k d", and `scale`,
    the standard deviation of each. `missing` says which files are not there: the contract is then assumed.
    `augment` is what training does to the rows of a batch as they are stored, `settle` what `split` does to them.
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
    ) -> None:
        rows = splits.get("train", max(splits.values()))
        index = Field((), "int64", low=0, high=rows - 1, classes=rows)
        self.contract = SourceContract({**fields, "index": index}, dict(splits))
        self.log_prob, self.log_prob_note = log_prob, log_prob_note
        self.modes, self.scale = modes, scale
        self.missing, self.augment, self._settle = missing, augment, settle
        self._load, self._loaded = load, dict[str, dict[str, Tensor]]()

    def split(self, name: str) -> dict[str, Tensor]:
        """The rows of a split by field, each "n *event".   Raises UnknownSplit, or ValueError for bad or no files."""
        rows = self.stored(name)
        return self._settle(rows) if self._settle else rows

    def stored(self, name: str) -> dict[str, Tensor]:
        """The rows of a split before anything random is done to them; to be read alone.   Raises as `split`."""
        if name not in self.contract.splits:
            raise UnknownSplit(name, list(self.contract.splits))
        if self.missing is not None:
            raise self.missing
        if name not in self._loaded:
            rows = {field: values.contiguous() for field, values in self._load(name).items()}
            rows["index"] = torch.arange(self.contract.splits[name])
            self._verify(name, rows)
            self._loaded[name] = rows
        return dict(self._loaded[name])

    def _verify(self, split: str, rows: Mapping[str, Tensor]) -> None:
        count = self.contract.splits[split]
        for name, field in self.contract.fields.items():
            found, dtype = tuple(rows[name].shape), str(rows[name].dtype).removeprefix("torch.")
            if found != (count, *field.event) or dtype != field.dtype:
                raise ValueError(
                    f"`{name}` of the split `{split}` was promised as {field.dtype} {(count, *field.event)}, "
                    f"but it is {dtype} {found}"
                )
