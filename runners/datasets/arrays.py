"""The user's own arrays: `.npy`, `.npz`, `.safetensors` files, read without pickle, or tensors from Python."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from blocks.types import Field, Size
from runners.datasets.array_files import FORMATS, Header, read_field, read_headers, read_rows
from runners.datasets.options import BadOption
from runners.datasets.source import Keep, Source, dataset
from runners.datasets.splits import Range, hold_out, hold_out_read, image_field, in_range, label_field

__all__ = ["Given", "arrays"]

PEAK = 255.0
MAPPED = ".npy"  # the one kind of file whose rows lie where they can be found

Given = str | Tensor | np.ndarray | Mapping[str, Tensor | np.ndarray]
"""A path to a `.npy` (the field `x`), `.npz` or `.safetensors` file (its names); an array, `x`; arrays by field."""


@dataset("arrays")
def arrays(
    *,
    train: Given,
    test: Given | None = None,
    low: float | None = None,
    high: float | None = None,
    range: Range = "unit",
    validation: float | Given = 0.0,
    test_size: float = 0.0,
    keep: Keep = "memory",
) -> Source:
    """Arrays of the user's own, from `.npy`, `.npz` or `.safetensors` files or from Python: fields by name, rows first.

    An array alone is the field `x`. Floats become float32; whole numbers along one axis are labels (int64, with as many
    classes as the largest says); bytes along several are pixels in `range`; other whole numbers become int64.
    `low`, `high`: the range that `x` promises to keep, checked when it is loaded. `validation`: arrays too, or the
    share (or number) of the training rows held out, as `test_size`, without `test`. `keep`: rows are held ("memory"),
    or read from `.npy` files, and checked, when a batch needs them ("disk"); "auto" holds splits of up to 1 GiB, and
    all that is no `.npy`.
    Files are never unpickled; the contract reads their headers, and labels.
    Raises ValueError, naming the file or field, for what is missing, damaged, of unequal length or not finite.
    """
    given = {"train": train} if test is None else {"train": train, "test": test}
    share = validation if isinstance(validation, int | float) else 0.0
    if not isinstance(validation, int | float):
        given["validation"] = validation
    lies = keep != "memory" and all(isinstance(value, str) and value.endswith(MAPPED) for value in given.values())
    if keep == "disk" and not lies:
        raise BadOption("keep", f"`keep: disk` reads the rows of `{MAPPED}` files: write such, or leave `keep` out")
    headers = {split: _headers(split, value, held=not lies) for split, value in given.items()}
    _agree(headers)
    counts = {split: next(iter(found.values()))[0][0] for split, found in headers.items()}
    if range != "unit" and not any(_pixels(*header) for header in headers["train"].values()):
        raise BadOption("range", f"`range` is {range}, but no field holds pixels: bytes (uint8) along several axes")
    fields = {name: _field(name, header, given, low, high, range) for name, header in headers["train"].items()}

    def load(split: str) -> Mapping[str, Tensor]:
        rows = {name: _tensor(_array(split, given[split], name), range) for name in fields}
        for name, values in rows.items():
            _check_values(f"`{name}` of `{split}`", values, fields[name])
        return rows

    def read(split: str, numbers: Tensor) -> Mapping[str, Tensor]:
        path = given[split]
        assert isinstance(path, str)
        rows = _tensor(read_rows(_existing(split, path), numbers.numpy()), range)
        _check_values(f"`x` of `{split}`", rows, fields["x"], numbers)
        return {"x": rows}

    alone = hold_out_read(counts, read, share, test_size) if lies else None
    return Source(fields, *hold_out(counts, load, share, test_size), read=alone, keep=keep)


def _headers(split: str, given: Given, *, held: bool) -> Mapping[str, Header]:
    """Shape and dtype of each field, read without the values."""
    if not isinstance(given, str):
        return {name: (array.shape, array.dtype) for name, array in _handed(given).items()}
    path = _existing(split, given)
    try:
        return read_headers(path, held=held)
    except ValueError as error:
        raise BadOption(split, str(error)) from error


def _array(split: str, given: Given, name: str) -> np.ndarray:
    """One field of a split; that of a file is read, without pickle."""
    if not isinstance(given, str):
        return _handed(given)[name]
    try:
        return read_field(_existing(split, given), name)
    except ValueError as error:
        raise BadOption(split, str(error)) from error


def _handed(given: Tensor | np.ndarray | Mapping[str, Tensor | np.ndarray]) -> dict[str, np.ndarray]:
    arrays = given if isinstance(given, Mapping) else {"x": given}
    return {name: array.numpy(force=True) if isinstance(array, Tensor) else array for name, array in arrays.items()}


def _existing(split: str, given: str) -> Path:
    path = Path(given)
    if path.suffix not in FORMATS:
        known = ", ".join(f"`{suffix}`" for suffix in FORMATS)
        raise BadOption(split, f"`{split}` is `{given}`, but it must name a file that ends in one of {known}")
    if not path.is_file():
        raise BadOption(split, f"`{split}` is `{given}`, but there is no such file")
    return path


def _agree(headers: Mapping[str, Mapping[str, Header]]) -> None:
    """Raise BadOption unless rows agree within each split, and fields and events between the splits."""
    for split, found in headers.items():
        lengths = {name: shape[0] if shape else 0 for name, (shape, _) in found.items()}
        if not lengths or len(set(lengths.values())) > 1 or 0 in lengths.values():
            raise BadOption(split, f"the fields of `{split}` must have equally many rows, at least one: {lengths}")
        if "index" in found:
            raise BadOption(split, "`index` is the number of a row in its split: give that field another name")
        for name, (_, dtype) in found.items():
            if dtype.kind not in "fiub":
                raise BadOption(split, f"`{name}` of `{split}` has the dtype {dtype}, but it must hold real numbers")
    events = {split: {name: shape[1:] for name, (shape, _) in found.items()} for split, found in headers.items()}
    for split, found in events.items():
        if found != events["train"]:
            raise BadOption(split, f"the fields of `train` are {events['train']}, those of `{split}` {found}")


def _pixels(shape: Size, dtype: np.dtype) -> bool:
    """Whether an array is read as pixels: bytes with axes beside that of the rows."""
    return dtype == np.uint8 and len(shape) > 1


def _field(
    name: str, header: Header, given: Mapping[str, Given], low: float | None, high: float | None, range: Range
) -> Field:
    shape, dtype = header
    if dtype.kind == "f":
        return Field(shape[1:], low=low, high=high) if name == "x" else Field(shape[1:])
    if len(shape) > 1:
        return image_field(shape[1:], range) if _pixels(shape, dtype) else Field(shape[1:], "int64")
    last = max(int(_array(split, value, name).max()) for split, value in given.items())
    return label_field(last + 1)


def _tensor(array: np.ndarray, range: Range) -> Tensor:
    if _pixels(array.shape, array.dtype):
        unit = torch.from_numpy(array.astype(np.float32)).div_(PEAK)
        return in_range(unit, 1.0, range)  # exactly what division gave before, where the range is "unit"
    return torch.from_numpy(array.astype(np.float32 if array.dtype.kind == "f" else np.int64))


def _check_values(what: str, values: Tensor, field: Field, numbers: Tensor | None = None) -> None:
    """Raise ValueError for values that are not finite or leave the range that the field promises.

    `numbers`: those of the rows, if these are not all.
    """
    flat = values.flatten(1) if values.ndim > 1 else values[:, None]
    finite = flat.isfinite().all(dim=1)
    if not bool(finite.all()):
        first = int((~finite).nonzero()[0])
        raise ValueError(f"{what} is not finite in row {first if numbers is None else int(numbers[first])}")
    smallest, largest = flat.min().item(), flat.max().item()
    if (field.low is not None and smallest < field.low) or (field.high is not None and largest > field.high):
        raise ValueError(f"{what} lies in [{smallest:g}, {largest:g}], but promised is [{field.low}, {field.high}]")
