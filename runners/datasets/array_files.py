"""Arrays in files: `.npy`, `.npz`, `.safetensors`.   Never unpickled, their headers checked before memory.

read_headers(path) -> (shape, dtype) by field      read_field(path, name) -> that array
read_rows(path, rows) -> rows of a .npy, the rest of which stays on the disk
"""

import math
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import IO, Literal

import numpy as np
from safetensors import SafetensorError, safe_open

from blocks.types import Size

__all__ = ["FORMATS", "Header", "read_field", "read_headers", "read_rows"]

Header = tuple[Size, np.dtype]
Headers = Mapping[str, Header]

LAYING = Lock()
"""Headers are Python literals, and the parser of Python 3.11 is not to be used by two threads at once."""

DAMAGED = (ValueError, zipfile.BadZipFile, EOFError, zlib.error, OSError, NotImplementedError, SafetensorError)
SAFE_DTYPES = {  # what safetensors calls them; bfloat16, which numpy has not, is read as float32
    "F64": "f8", "F32": "f4", "F16": "f2", "BF16": "f4", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1", "U8": "u1",
    "BOOL": "?",
}  # fmt: skip


def read_headers(path: Path, *, held: bool = True) -> Headers:
    """Shape and dtype of each field of a file.

    Raises ValueError, naming the file, if it is damaged, or too large for its fields to be `held` in memory.
    """
    with _naming(path):
        headers = FORMATS[path.suffix][0](path)
        for name, (shape, dtype) in headers.items() if held else ():
            _check_size(name, math.prod(shape) * dtype.itemsize)
    return headers


def read_field(path: Path, name: str) -> np.ndarray:
    """One array of a file, whose headers were read.   Raises ValueError, naming the file, if it is damaged."""
    with _naming(path):
        return FORMATS[path.suffix][1](path, name)


def read_rows(path: Path, rows: np.ndarray) -> np.ndarray:
    """These rows of a `.npy`, whose header was read.   Raises ValueError, naming the file, if it is damaged."""
    with _naming(path):
        about = path.stat()
        with LAYING:
            dtype, start, shape, order = _npy_layout(path, about.st_mtime_ns, about.st_size)
        return np.asarray(np.memmap(path, dtype, "r", start, shape, order)[rows])


@lru_cache(maxsize=64)
def _npy_layout(path: Path, _changed: int, size: int) -> tuple[np.dtype, int, Size, Literal["C", "F"]]:
    """How the rows lie in a `.npy`: dtype, first byte, shape, order.   Read once for a file as it is."""
    with path.open("rb") as file:
        shape, dtype, by_columns = _described(file, "x", size)
        return dtype, file.tell(), shape, "F" if by_columns else "C"


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise ValueError(f"`{path}` is damaged, or holds no arrays of numbers: {error}") from error


def _check_size(name: str, size: int) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory:
        raise ValueError(f"`{name}` says that it has {size} bytes, and this machine has {memory} of memory")


def _npy_headers(path: Path) -> Headers:
    with path.open("rb") as file:
        return {"x": _header(file, "x", path.stat().st_size)}


def _npy_field(path: Path, name: str) -> np.ndarray:
    with path.open("rb") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _npz_headers(path: Path) -> Headers:
    found = dict[str, Header]()
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name in found:
                raise ValueError(f"it holds `{name}` twice")
            with archive.open(member) as file:
                found[name] = _header(file, name, member.file_size)
    return found


def _npz_field(path: Path, name: str) -> np.ndarray:
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _header(file: IO[bytes], name: str, size: int) -> Header:
    shape, dtype, _ = _described(file, name, size)
    return shape, dtype


def _described(file: IO[bytes], name: str, size: int) -> tuple[Size, np.dtype, bool]:
    """The header of a `.npy` of `size` bytes in all, and whether it lies by columns; what it promises must be there."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read(file)
    if any(length < 0 for length in shape):
        raise ValueError(f"`{name}` says that its shape is {shape}")
    promised, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if not dtype.hasobject and promised != there:  # an array of objects is refused for its dtype
        raise ValueError(f"`{name}` promises {promised} bytes {shape}, but {there} are there")
    return shape, dtype, by_columns


def _safe_headers(path: Path) -> Headers:
    found = dict[str, Header]()
    with safe_open(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118  it is no mapping
            part = file.get_slice(name)
            if part.get_dtype() not in SAFE_DTYPES:
                raise ValueError(f"`{name}` has the dtype {part.get_dtype()}; read are {', '.join(SAFE_DTYPES)}")
            found[name] = tuple(part.get_shape()), np.dtype(SAFE_DTYPES[part.get_dtype()])
    return found


def _safe_field(path: Path, name: str) -> np.ndarray:
    with safe_open(path, framework="pt") as file:
        values = file.get_tensor(name)
    return (values.float() if values.is_floating_point() else values).numpy()


FORMATS: Mapping[str, tuple[Callable[[Path], Headers], Callable[[Path, str], np.ndarray]]] = {
    ".npy": (_npy_headers, _npy_field),
    ".npz": (_npz_headers, _npz_field),
    ".safetensors": (_safe_headers, _safe_field),
}
