"""CIFAR-10 in the archives that it is published in: 60,000 colour pictures of 32 x 32 pixels in ten classes.

binary: rows of 1 byte label, 3072 bytes red, green, blue        python: a pickle {b"data": n 3072, b"labels": [n]}
"""

import io
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from runners.datasets.members import list_members, read_members
from runners.datasets.options import BadOption, check_positive
from runners.datasets.source import Source, dataset
from runners.datasets.splits import Range, hold_out, image_field, in_range, label_field

__all__ = ["cifar10"]

EVENT, BYTES, CLASSES, PEAK = (3, 32, 32), 3 * 32 * 32, 10, 255.0
BATCH = 10000  # rows of one file
BATCHES = {"train": tuple(f"data_batch_{number}" for number in range(1, 6)), "test": ("test_batch",)}

Rows = tuple[np.ndarray, np.ndarray]
"""Pixels "n 3072" and labels "n", uint8."""


@dataset("cifar10")
def cifar10(*, root: str, range: Range = "unit", limit: int | None = None, validation: float = 0.0) -> Source:
    """CIFAR-10: `x` (3, 32, 32), `y` of ten classes.   50,000 to train on, 10,000 to test, none downloaded.

    `root`: the folder of the files `data_batch_1` to `5` and `test_batch`, of the python or the binary version, or the
    `.tar.gz` that they are published in, which is read where it lies. `limit`: at most so many rows of each split, the
    first. `validation`: the fraction of the training rows held out. Pickles are read by a reader that knows numbers,
    texts and arrays, and calls nothing.   Raises ValueError, naming the file, for one that is missing or damaged.
    Source: Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html.
    """
    check_positive(limit=limit)
    splits = {split: min(limit or BATCH * len(names), BATCH * len(names)) for split, names in BATCHES.items()}
    fields = {"x": image_field(EVENT, range), "y": label_field(CLASSES)}
    files, missing = _files(Path(root))

    def load(split: str) -> Mapping[str, Tensor]:
        needed = -(-splits[split] // BATCH)
        wanted = [files[name] for name in BATCHES[split][:needed]]
        parts = {
            name: _rows(f"`{name}` in `{root}`", name, content) for name, content in read_members(Path(root), wanted)
        }
        pixels, labels = (torch.from_numpy(np.concatenate([parts[name][i] for name in wanted])) for i in (0, 1))
        pixels, labels = pixels[: splits[split]].view(-1, *EVENT), labels[: splits[split]]
        return {"x": in_range(pixels, PEAK, range), "y": labels.to(torch.int64)}

    return Source(fields, *hold_out(splits, load, validation), missing=missing)


def _files(root: Path) -> tuple[dict[str, str], BadOption | None]:
    """The path of each batch below the root, or what is missing."""
    wanted = {name for names in BATCHES.values() for name in names}
    if not root.exists():
        return {}, BadOption("root", f"`{root}` must be the folder or archive of CIFAR-10, and is not there")
    try:
        names = list_members(root)
    except ValueError as error:
        raise BadOption("root", str(error)) from error
    found = {path.name.removesuffix(".bin"): str(path) for path in map(PurePosixPath, names)}
    lacking = sorted(wanted - found.keys())
    if lacking:
        listed = ", ".join(f"`{name}`" for name in lacking)
        return {}, BadOption("root", f"`{root}` must hold the files of CIFAR-10, and lacks {listed}")
    return {name: found[name] for name in wanted}, None


def _rows(what: str, name: str, content: bytes) -> Rows:
    read: Callable[[bytes], Rows] = _binary if name.endswith(".bin") else _pickled
    try:
        pixels, labels = read(content)
    except (ValueError, pickle.UnpicklingError, EOFError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{what} is no batch of CIFAR-10, or a damaged one: {error}") from error
    if len(labels) != BATCH:
        raise ValueError(f"{what} has {len(labels)} rows, but a batch of CIFAR-10 has {BATCH}")
    if labels.max() >= CLASSES:
        raise ValueError(f"{what} has the label {labels.max()}, but CIFAR-10 has {CLASSES} classes")
    return pixels, labels


def _binary(content: bytes) -> Rows:
    rows = np.frombuffer(content, np.uint8)
    if len(rows) % (1 + BYTES):
        raise ValueError(f"{len(rows)} bytes are no whole rows of {1 + BYTES}")
    rows = rows.reshape(-1, 1 + BYTES)
    return rows[:, 1:].copy(), rows[:, 0].copy()


def _pickled(content: bytes) -> Rows:
    batch = _Reader(io.BytesIO(content), encoding="bytes").load()
    pixels, labels = batch[b"data"], batch[b"labels"]
    if not isinstance(pixels, _Array):
        raise ValueError("its `data` are no array")
    return pixels.rows(len(labels)), np.array(labels, np.uint8)


class _Array:
    """What stands for an array of a pickle: its bytes, kept; nothing is allocated for a shape that it claims."""

    content = b""

    def __setstate__(self, state: tuple[int, tuple[int, ...], object, bool, bytes]) -> None:
        _, self.shape, _, self.fortran, self.content = state

    def rows(self, count: int) -> np.ndarray:  # -> count 3072
        if self.fortran or len(self.content) != count * BYTES:
            raise ValueError(
                f"its `data` have {len(self.content)} bytes for {count} labels, {BYTES} are needed for each"
            )
        return np.frombuffer(self.content, np.uint8).reshape(count, BYTES).copy()


class _Type(_Array):
    """What stands for a dtype: its state is not looked at."""

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.state = state


class _Reader(pickle.Unpickler):
    """An unpickler to which the three names that a pickled array needs mean stand-ins, and no other name anything."""

    def find_class(self, module: str, name: str) -> Callable[..., object]:
        """The stand-in for a name.   Raises UnpicklingError for any that a batch of CIFAR-10 does not hold."""
        known = STAND_INS.get((module.replace("numpy._core", "numpy.core"), name))
        if known is None:
            raise pickle.UnpicklingError(f"it asks for `{module}.{name}`, which is not called")
        return known


def _made(*_: object) -> _Array:
    return _Array()


def _typed(*_: object) -> _Type:
    return _Type()


def _encoded(text: str, encoding: str) -> bytes:
    return text.encode("latin1")  # how protocol 2 writes bytes


STAND_INS: Mapping[tuple[str, str], Callable[..., object]] = {
    ("numpy.core.multiarray", "_reconstruct"): _made,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _typed,
    ("_codecs", "encode"): _encoded,
}
