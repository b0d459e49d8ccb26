"""IDX files: the format of MNIST and Fashion-MNIST, plain or gzipped.

2 zero bytes, 1 byte type (8: unsigned bytes), 1 byte number of axes, their lengths as big-endian int32, the bytes
"""

import gzip
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from io import BufferedReader
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from blocks.types import Size
from runners.datasets.options import BadOption, check_positive
from runners.datasets.source import Source, dataset
from runners.datasets.splits import Range, hold_out, image_field, in_range, label_field

__all__ = ["idx", "read_header", "read_rows"]

PREFIXES = {"train": "train", "test": "t10k"}  # the names of the four files of MNIST
PARTS = {"images": "images-idx3-ubyte", "labels": "labels-idx1-ubyte"}
ROWS, EVENT = {"train": 60000, "test": 10000}, (1, 28, 28)  # MNIST's, where there are no files to ask
UNSIGNED_BYTES = 8
PEAK = 255.0

Reader = BufferedReader | gzip.GzipFile


@dataset("idx")
def idx(
    *,
    root: str,
    limit: int | None = None,
    range: Range = "unit",
    pad: int | None = None,
    classes: int = 10,
    event: Sequence[int] | None = None,
    validation: float = 0.0,
    test_size: float = 0.0,
) -> Source:
    """Images and labels from a folder of IDX files (MNIST, Fashion-MNIST): `x` (1, height, width), `y`.

    `root` holds `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, the same with `t10k` for the test split, each
    plain or with `.gz`; without label files there is no `y`. `limit`: at most so many rows of each split, the first.
    `pad`: images are centred in a black square of this side (32). `classes`: labels are below it. `validation`: the
    share (or number) of the training rows held out, as `test_size` is where there are no `t10k` files.
    The contract reads headers alone; where no file is, it is that of MNIST, with images of `event` [1, 28, 28], so that
    a spec can be checked without its data. `event` may be written where the files are too, and must be theirs.
    Raises ValueError, naming the file, for one that is missing, damaged or cut.
    Source: LeCun et al. 1998, http://yann.lecun.com/exdb/mnist.
    """
    files = {split: _files(Path(root), prefix) for split, prefix in PREFIXES.items()}
    files = {split: pair for split, pair in files.items() if pair}
    check_positive(limit=limit)
    if "train" not in files:
        return _assumed(root, limit, range, pad, classes, tuple(event or EVENT), validation, test_size)
    labelled = {split for split, pair in files.items() if "labels" in pair}
    if labelled and labelled != set(files):
        raise BadOption("root", f"`{root}` has labels for one split and none for the other")
    shapes = {split: _shape(pair) for split, pair in files.items()}  # n h w
    there = (1, *shapes["train"][1:])
    if event is not None and tuple(event) != there:
        raise BadOption("event", f"`event` is {list(event)}, but the images in `{root}` are {list(there)}")
    padded = _padded_event(there, pad)
    fields = {"x": image_field(padded, range)}
    if labelled:
        fields["y"] = label_field(classes)
    counts = {split: min(shape[0], limit or shape[0]) for split, shape in shapes.items()}

    def load(split: str) -> Mapping[str, Tensor]:
        pixels = _padded(read_rows(files[split]["images"], counts[split]).unsqueeze(1), padded)
        rows = {"x": in_range(pixels, PEAK, range)}
        return rows | ({"y": _labels(files[split]["labels"], counts[split], classes)} if "y" in fields else {})

    return Source(fields, *hold_out(counts, load, validation, test_size))


def _assumed(
    root: str,
    limit: int | None,
    range: Range,
    pad: int | None,
    classes: int,
    event: Size,
    validation: float,
    test_size: float,
) -> Source:
    """What MNIST would be: a contract to check a spec against.   Nothing of it can be read."""
    if len(event) != 3 or event[0] != 1:
        raise BadOption("event", f"`event` is {list(event)}, but IDX images are [1, height, width]")
    counts = {split: min(rows, limit or rows) for split, rows in ROWS.items() if split == "train" or not test_size}
    splits, load = hold_out(counts, lambda split: {}, validation, test_size)
    names = ", ".join(f"`{prefix}-{part}`" for prefix in PREFIXES.values() for part in PARTS.values())
    missing = BadOption("root", f"`{root}` must hold {names}, each plain or with `.gz`, and has no training images")
    label = label_field(classes)
    return Source({"x": image_field(_padded_event(event, pad), range), "y": label}, splits, load, missing=missing)


def _padded_event(event: Size, pad: int | None) -> Size:
    if pad is not None and pad < max(event[1:]):
        raise BadOption("pad", f"`pad` is {pad}, but the images are {event[1]} x {event[2]} already")
    return event if pad is None else (1, pad, pad)


def read_header(path: Path) -> Size:
    """The shape of the array in an IDX file of unsigned bytes.   Raises ValueError, naming the file, if it is none."""
    with _open(path) as file:
        return _header(path, file)


def read_rows(path: Path, limit: int | None = None) -> Tensor:  # -> "n ..." uint8
    """The first `limit` rows of an IDX file (all by default).   Raises ValueError if it is damaged or cut short."""
    with _open(path) as file:
        count, *event = _header(path, file)
        count = count if limit is None else min(count, limit)
        payload = _read(path, file, count * math.prod(event))
    return torch.from_numpy(np.frombuffer(payload, np.uint8).reshape(count, *event).copy())


def _open(path: Path) -> Reader:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _header(path: Path, file: Reader) -> Size:
    zeros, kind, axes = struct.unpack(">HBB", _read(path, file, 4))
    if zeros != 0 or kind != UNSIGNED_BYTES or axes == 0:
        raise ValueError(f"`{path}` is not an IDX file of unsigned bytes: it does not start with 0, 0, 8")
    return struct.unpack(f">{axes}I", _read(path, file, 4 * axes))


def _read(path: Path, file: Reader, count: int) -> bytes:
    try:
        payload = file.read(count)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"`{path}` is a damaged or incomplete gzip file: {error}") from error
    if len(payload) < count:
        raise ValueError(f"`{path}` is cut short: {count} bytes were expected, {len(payload)} are there")
    return payload


def _files(root: Path, prefix: str) -> dict[str, Path]:
    """The files of a split that exist: "images", "labels"; none without images."""
    names = {role: f"{prefix}-{part}" for role, part in PARTS.items()}
    found = {
        role: path for role, name in names.items() for path in (root / f"{name}.gz", root / name) if path.is_file()
    }
    return found if "images" in found else {}


def _shape(files: Mapping[str, Path]) -> Size:  # n h w
    shape = read_header(files["images"])
    if len(shape) != 3:
        raise ValueError(f"`{files['images']}` has {len(shape)} axes, but images have 3: rows, height, width")
    if "labels" in files and (labels := read_header(files["labels"])) != shape[:1]:
        raise ValueError(f"`{files['labels']}` has {labels[0]} labels for {shape[0]} images")
    return shape


def _padded(pixels: Tensor, event: Size) -> Tensor:  # n 1 h w -> n 1 side side
    rows, columns = event[1] - pixels.shape[2], event[2] - pixels.shape[3]
    return torch.nn.functional.pad(pixels, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


def _labels(path: Path, limit: int, classes: int) -> Tensor:  # -> n, int64
    labels = read_rows(path, limit).to(torch.int64)
    if labels.numel() and int(labels.max()) >= classes:
        raise ValueError(f"`{path}` has the label {int(labels.max())}: set the option `classes` above it ({classes})")
    return labels
