"""Batches: data by random access, so that a run resumes from its step alone, or the user's own loader.

order(seed, epoch) is a permutation of the rows;  batch(step) = its slice, epoch = step // steps_per_epoch
"""

import multiprocessing
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from functools import lru_cache

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from blocks.noise import leaf_seed
from blocks.types import Field, SourceContract
from runners.datasets.source import Augment, Source
from runners.stops import Apart, deaf
from runners.tables import Held, Lying, Rows, Table

__all__ = ["Batches", "ByEpoch", "ByStep", "LoaderBatches", "Table", "from_loader", "order"]


def order(rows: int, seed: int, epoch: int, *scope: str) -> Tensor:  # -> "rows", int64
    """The order of the rows in an epoch: a permutation that (rows, seed, epoch, scope) fix."""
    return torch.randperm(rows, generator=torch.Generator().manual_seed(leaf_seed(seed, "order", *scope, epoch)))


class ByStep:
    """What has a batch for every global step has them one after the other too."""

    def batch(self, step: int) -> dict[str, Tensor]:
        """The batch of the global step 0, 1, ..."""
        raise NotImplementedError

    def stream(self, start: int = 0) -> Iterator[dict[str, Tensor]]:
        """The batches from step `start` on, without end."""
        step = start
        while True:
            yield self.batch(step)
            step += 1


class ByEpoch(ByStep):
    """The same, of data that begin again after so many steps."""

    steps_per_epoch: int

    def epoch(self, number: int = 0) -> Iterator[dict[str, Tensor]]:
        """The batches of one epoch: with `drop_last=False, shuffle=False`, the whole split in order."""
        first = number * self.steps_per_epoch
        return (self.batch(step) for step in range(first, first + self.steps_per_epoch))


class Batches(ByEpoch):
    """Batches of data by the global step, to be asked for by any thread.

    `data`: a source, rows by field, or several of either by name, whose fields are then called `photos.x`. The rows of
    several sources are not paired: each has its own order and epochs, and an epoch of all ends with the longest.
    Every batch has the field `index`, the rows' numbers. `drop_last`: every batch is full, the odd rows of an epoch
    wait for the next order. `shuffle=False` keeps the order of the data. `device`: where the rows are kept. Rows that
    their source does not keep in memory are read when a batch is asked for. What a source draws anew in each epoch
    (flips, shifts, noise) is drawn for shuffled training rows, by seed, epoch, `index`. `is_read`: some rows lie on the
    disk; `is_costly`: or something is drawn.
    Raises ValueError if the data has fewer rows than a full batch, UnknownSplit for an unknown split; `batch` raises
    Unreadable for rows on the disk.
    """

    def __init__(
        self,
        data: Source | Table | Mapping[str, Source] | Mapping[str, Table],
        *,
        split: str = "train",
        batch_size: int,
        seed: int = 0,
        drop_last: bool = True,
        shuffle: bool = True,
        device: torch.device | str = "cpu",
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"`batch_size` is {batch_size}, but a batch needs at least one row")
        drawn = shuffle and split == "train"
        self._feeds = [
            _Feed(
                name,
                rows,
                split,
                batch_size,
                seed,
                drop_last=drop_last,
                shuffle=shuffle,
                device=torch.device(device),
                augment=augment,
            )
            for name, (rows, augment) in _tables(data, split, torch.device(device), drawn).items()
        ]
        lengths = {feed.name: feed.rows for feed in self._feeds}
        if not drop_last and len(set(lengths.values())) > 1:
            raise ValueError(f"sources of unequal length ({lengths}) have no common last batch: use `drop_last=True`")
        self.batch_size, self.rows = batch_size, max(lengths.values())
        self.steps_per_epoch = max(feed.steps for feed in self._feeds)
        self.is_read = any(feed.is_read for feed in self._feeds)
        self.is_costly = self.is_read or any(feed.is_drawn for feed in self._feeds)

    def batch(self, step: int) -> dict[str, Tensor]:
        """The batch of the global step 0, 1, ...: "b *event" by field. The order of an epoch is made once."""
        return {name: values for feed in self._feeds for name, values in feed.batch(step).items()}


class _Feed:
    """One table of rows, its order cached for the epochs last asked for."""

    def __init__(
        self,
        name: str,
        table: Rows,
        split: str,
        batch_size: int,
        seed: int,
        *,
        drop_last: bool,
        shuffle: bool,
        device: torch.device,
        augment: Augment | None,
    ) -> None:
        self.name, self.rows = name, table.count
        if self.rows == 0 or (drop_last and self.rows < batch_size):
            of = f" of `{name}`" if name else ""
            raise ValueError(
                f"`batch_size` is {batch_size}, but the split `{split}`{of} has {self.rows} rows: "
                f"use a batch size of at most {self.rows}"
            )
        self.steps = self.rows // batch_size if drop_last else -(-self.rows // batch_size)
        self.is_read, self.is_drawn = table.is_read, augment is not None
        self._prefix = f"{name}." if name else ""
        self._table, self._augment = table, augment
        self._batch_size, self._shuffle, self._device = batch_size, shuffle, device
        self._seed, self._scope = seed, (split, name) if name else (split,)
        self._order = lru_cache(maxsize=2)(self._ordered)  # threads that read ahead stand in two epochs

    def batch(self, step: int) -> dict[str, Tensor]:
        epoch, place = divmod(step, self.steps)
        start = place * self._batch_size
        if self._shuffle:
            batch = self._table.take(self._order(epoch)[start : start + self._batch_size])
        else:
            batch = self._table.between(start, start + self._batch_size)
        if self._augment is not None:
            batch = self._augment(batch, leaf_seed(self._seed, "augmentation", *self._scope), epoch)
        return {self._prefix + name: values for name, values in batch.items()}

    def _ordered(self, epoch: int) -> Tensor:
        return order(self.rows, self._seed, epoch, *self._scope).to(self._device)


def _tables(
    data: Source | Table | Mapping[str, Source] | Mapping[str, Table], split: str, device: torch.device, drawn: bool
) -> dict[str, tuple[Rows, Augment | None]]:
    """The rows of each source, a lone one under the name "", and what is to be drawn for them in a batch."""
    if isinstance(data, Source):
        return {"": _rows(data, split, device, drawn)}
    tables, fields = dict[str, tuple[Rows, Augment | None]](), dict[str, Tensor]()
    for name, value in data.items():
        if isinstance(value, Tensor):
            fields[name] = value
        elif isinstance(value, Source):
            tables[name] = _rows(value, split, device, drawn)
        else:
            tables[name] = Held(name, value, device), None
    if bool(tables) == bool(fields):
        raise ValueError("`data` must be a source, tensors by field, or several of either by name, and not be empty")
    return tables or {"": (Held("", fields, device), None)}


def _rows(source: Source, split: str, device: torch.device, drawn: bool) -> tuple[Rows, Augment | None]:
    augment = source.augment if drawn else None
    if not source.is_kept(split):
        return Lying(source, split, dict if augment else source.settled, device), augment
    return Held("", source.stored(split) if augment else source.split(split), device), augment


class LoaderBatches(ByStep):
    """Batches of the user's own loader, in its order; asked for by step like `Batches`, forwards only at speed.

    A step further on is reached by reading what lies between (so a resumed run sees the batches it would have seen, if
    the loader's order is reproducible: seed its generator); an earlier one by starting over. When the loader ends it is
    iterated anew. `steps_per_epoch` is its length, or None if it has none. `contract` is read off the first batch.
    """

    def __init__(self, loader: Iterable[object], fields: Sequence[str], classes: int | None = None) -> None:
        self._loader, self._fields = loader, tuple(fields)
        self.steps_per_epoch = len(loader) if isinstance(loader, Sized) else None
        self._iterator, self._next = self._begun(), 0
        self._batch: tuple[int, dict[str, Tensor]] | None = None  # step, what was read
        self.contract = SourceContract({name: _field(values, classes) for name, values in self.batch(0).items()})

    def batch(self, step: int) -> dict[str, Tensor]:
        """The batch of the global step 0, 1, ...   Raises ValueError if the loader is used up and cannot start over."""
        if self._batch is not None and self._batch[0] == step:
            return self._batch[1]
        if step < self._next:
            self._iterator, self._next = self._begun(), 0
        while self._next < step:
            self._read()
        self._batch = step, _named(self._read(), self._fields)
        return self._batch[1]

    def _begun(self) -> Iterator[object]:
        """The loader from its start; its workers, which it starts here, do not hear what stops the run."""
        loader = self._loader
        if not isinstance(loader, DataLoader) or not loader.num_workers:
            with deaf():
                return iter(loader)
        then, context = loader.worker_init_fn, loader.multiprocessing_context or multiprocessing
        loader.worker_init_fn = Apart(then)
        try:
            with deaf(hear=(), programs=context.get_start_method() != "fork"):
                return iter(loader)
        finally:
            loader.worker_init_fn = then

    def _read(self) -> object:
        for _ in range(2):  # the second time after starting over
            for batch in self._iterator:
                self._next += 1
                return batch
            self._iterator = self._begun()
        raise ValueError(
            f"the loader ended after {self._next} batches and gives none when iterated again: "
            "hand over an iterable that can start over (a list or a DataLoader, not a generator), or run fewer steps"
        )


def from_loader(
    loader: Iterable[object], fields: Sequence[str] = ("x", "y"), *, classes: int | None = None
) -> LoaderBatches:
    """Batches of a torch DataLoader or any iterable of tensors, of tuples in the order of `fields`, or of dicts.

    `classes`: how many classes the whole numbers along one axis mean (in the contract).   Raises ValueError for
    batches of another kind.
    """
    return LoaderBatches(loader, fields, classes)


def _named(batch: object, fields: tuple[str, ...]) -> dict[str, Tensor]:
    """One batch by field."""
    if isinstance(batch, Tensor):
        found: dict[object, object] = {fields[0]: batch}
    elif isinstance(batch, Mapping):
        found = dict(batch)
    elif isinstance(batch, Sequence) and len(batch) <= len(fields):
        found = dict(zip(fields, batch, strict=False))
    elif isinstance(batch, Sequence):
        raise ValueError(f"the loader gives {len(batch)} values a batch, but `fields` names {len(fields)}: {fields}")
    else:
        raise ValueError(
            f"the loader gives {type(batch).__name__}; a batch must be a tensor, a tuple or a dict of them"
        )
    named = {str(name): values for name, values in found.items() if isinstance(values, Tensor)}
    if len(named) != len(found) or not named:
        wrong = {name: type(values).__name__ for name, values in found.items() if not isinstance(values, Tensor)}
        raise ValueError(f"every field of a batch must be a tensor, but the loader gives {wrong}")
    return named


def _field(values: Tensor, classes: int | None) -> Field:
    label = values.ndim == 1 and not values.is_floating_point()
    return Field(tuple(values.shape[1:]), str(values.dtype).removeprefix("torch."), classes=classes if label else None)
