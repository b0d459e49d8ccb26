"""Image folders: one picture a file, the class by its sub-folder; the folder may be a zip or tar archive."""

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from blocks.types import Size
from runners.datasets.members import list_members, read_members
from runners.datasets.options import BadOption, check_positive
from runners.datasets.source import Keep, Source, dataset
from runners.datasets.splits import Range, hold_out, hold_out_read, image_field, in_range, label_field

__all__ = ["MODES", "Fit", "event_of", "images", "pixels_of"]

Fit = Literal["exact", "crop", "stretch"]
"""How a picture of another size is met: refused; cut to the middle of that shape, then resized; resized as it is."""

SUFFIXES = (".png", ".jpg", ".jpeg")
FOLDERS = {"train": "train", "test": "test", "validation": "validation", "val": "validation", "valid": "validation"}
MODES = {1: "L", 3: "RGB"}
PEAK = 255.0
MOST_PIXELS = 2**26  # that a picture's header may promise, before anything is decoded: 8192 x 8192
ASSUMED = 10000  # rows of each split, where there are no files to count


@dataset("images")
def images(
    *,
    root: str,
    size: int | Sequence[int] | None = None,
    channels: Literal[1, 3] | None = None,
    fit: Fit = "exact",
    range: Range = "unit",
    limit: int | None = None,
    classes: int | None = None,
    validation: float = 0.0,
    test_size: float = 0.0,
    keep: Keep = "auto",
) -> Source:
    """Pictures (PNG, JPEG) from a folder, zip or tar: `x` (channels, height, width), `y` the sub-folder.

    `root` holds `train/CLASS/NAME.png` and, if there are, `test/...` and `validation/...`, or `CLASS/NAME.png`, all to
    train on; without sub-folders there is no `y`. Classes are numbered in the order of their names. `size`: the side,
    or [height, width], by default that of the first picture, as is `channels`. `fit`: pictures of another size are
    refused ("exact"), cut in the middle and resized ("crop"), or resized as they are ("stretch").
    `limit`: at most so many rows of each split, spread evenly over it. `validation`, `test_size`: the share (or number)
    of the training rows held out, where there is no such folder.
    `keep`: pictures are decoded once and held ("memory"), or read when a batch needs them ("disk", of a folder alone);
    "auto" holds splits of up to 1 GiB, and archives.
    The contract reads names and one header; where there is no `root`, `size`, `channels` and `classes` stand for it.
    An archive is read where it lies, never unpacked.   Raises ValueError, naming the file, for a broken picture.
    """
    check_positive(limit=limit)
    sides = _sides(size)
    if not Path(root).exists():
        return _assumed(root, sides, channels, range, limit, classes, validation, test_size)
    is_folder = Path(root).is_dir()
    if keep == "disk" and not is_folder:
        raise BadOption("keep", f"`{root}` is an archive, which is read whole: unpack it, or leave `keep` out")
    files = {split: _spread(names, limit) for split, names in _files(Path(root)).items()}
    first = files["train"][0]
    event = _event(Path(root), first, sides, channels)
    names = sorted({_label(name) for split in files.values() for name in split} - {""})
    _check_labels(root, files, names, classes)
    fields = {"x": image_field(event, range)}
    if names:
        fields["y"] = label_field(len(names))

    number = {name: place for place, name in enumerate(names)}

    def rows_of(pictures: Sequence[str]) -> Mapping[str, Tensor]:
        rows = {"x": in_range(_pixels(Path(root), pictures, event, fit), PEAK, range)}
        return rows | ({"y": torch.tensor([number[_label(picture)] for picture in pictures])} if names else {})

    def read(split: str, rows: Tensor) -> Mapping[str, Tensor]:
        return rows_of([files[split][row] for row in map(int, rows.tolist())])

    splits = {split: len(rows) for split, rows in files.items()}
    counts, load = hold_out(splits, lambda split: rows_of(files[split]), validation, test_size)
    alone = hold_out_read(splits, read, validation, test_size) if is_folder else None
    return Source(fields, counts, load, read=alone, keep=keep)


def _sides(size: int | Sequence[int] | None) -> tuple[int, ...] | None:
    if size is None:
        return None
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2 or min(sides) < 1 or sides[0] * sides[1] > MOST_PIXELS:
        raise BadOption("size", f"`size` is {size}, but it must be a side, or [height, width], of a picture")
    return sides


def _assumed(
    root: str,
    sides: tuple[int, ...] | None,
    channels: int | None,
    range: Range,
    limit: int | None,
    classes: int | None,
    validation: float,
    test_size: float,
) -> Source:
    """What `size`, `channels` and `classes` promise: a contract to check a spec against."""
    cause = f"`{root}` must be a folder of pictures, or a zip or tar of one, and is not there"
    if sides is None or channels is None:
        raise BadOption("root", f"{cause}: to check without it, write `size` and `channels`, and `classes` for `y`")
    fields = {"x": image_field((channels, *sides), range)}
    if classes is not None:
        fields["y"] = label_field(classes)
    rows = limit or ASSUMED
    splits, load = hold_out(
        {"train": rows} if test_size else {"train": rows, "test": rows}, lambda split: {}, validation, test_size
    )
    return Source(fields, splits, load, missing=BadOption("root", cause))


def _files(root: Path) -> dict[str, list[str]]:
    """The pictures of each split by their path from the root, sorted."""
    try:
        pictures = [name for name in list_members(root) if PurePosixPath(name).suffix.lower() in SUFFIXES]
    except ValueError as error:
        raise BadOption("root", str(error)) from error
    if not pictures:
        raise BadOption("root", f"`{root}` holds no picture: none of its files ends in {', '.join(SUFFIXES)}")
    tops = {name.split("/")[0] for name in pictures}
    if "train" not in tops:
        return {"train": pictures}
    found: dict[str, list[str]] = {"train": []}
    for name in pictures:
        top = name.split("/")[0]
        if top not in FOLDERS:
            known = ", ".join(f"`{folder}`" for folder in FOLDERS)
            raise BadOption("root", f"`{root}` has a folder `train`, so `{name}` must lie in one of {known}")
        found.setdefault(FOLDERS[top], []).append(name)
    return found


def _label(name: str) -> str:
    """The class of a picture: the folder that it lies in, "" for none."""
    folders = name.split("/")[:-1]
    return folders[-1] if folders and not (len(folders) == 1 and folders[0] in FOLDERS) else ""


def _check_labels(root: str, files: Mapping[str, Sequence[str]], names: Sequence[str], classes: int | None) -> None:
    if names:
        for split in files.values():
            for name in split:
                if not _label(name):
                    raise BadOption("root", f"`{name}` in `{root}` lies in no sub-folder, so it has no class")
    if classes is not None and classes != len(names):
        raise BadOption("classes", f"`classes` is {classes}, but `{root}` has {len(names)}: {', '.join(names)}")


def _spread(names: Sequence[str], limit: int | None) -> Sequence[str]:
    if limit is None or limit >= len(names):
        return names
    return [names[place * len(names) // limit] for place in range(limit)]


def _event(root: Path, name: str, sides: tuple[int, ...] | None, channels: int | None) -> Size:
    if sides is not None and channels is not None:
        return channels, *sides
    try:
        ((_, content),) = read_members(root, [name])
        picture = _opened(root, name, content)
    except ValueError as error:
        raise BadOption("root", str(error)) from error
    return event_of(picture, sides, channels)


def event_of(picture: Image.Image, sides: Sequence[int] | None, channels: int | None) -> Size:
    """[channels, height, width] as asked for, the rest as a picture has it."""
    grey = picture.mode in ("1", "L", "LA", "I;16")
    return channels or (1 if grey else 3), *(sides or (picture.height, picture.width))


def pixels_of(picture: Image.Image, event: Size) -> np.ndarray:  # -> c h w, uint8
    """The pixels of a picture that has the sides of the event, and its channels (MODES)."""
    return np.asarray(picture).reshape(*event[1:], event[0]).transpose(2, 0, 1)


def _opened(root: Path, name: str, content: bytes) -> Image.Image:
    """The picture with its header read alone."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # bounded here
            picture = Image.open(io.BytesIO(content), formats=("PNG", "JPEG"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = "empty" if not content else "no PNG or JPEG picture, or a broken one"
        raise ValueError(f"`{name}` in `{root}` is {reason}") from error
    if picture.width * picture.height > MOST_PIXELS:
        said = f"{picture.width} x {picture.height} pixels"
        raise ValueError(f"`{name}` in `{root}` says that it has {said}, and at most {MOST_PIXELS} are read")
    return picture


def _pixels(root: Path, names: Sequence[str], event: Size, fit: Fit) -> Tensor:  # -> n c h w, uint8
    places = dict[str, list[int]]()
    for number, name in enumerate(names):
        places.setdefault(name, []).append(number)
    pixels = np.empty((len(names), *event), np.uint8)
    for name, content in read_members(root, places):
        pixels[places[name]] = _decoded(root, name, content, event, fit)
    return torch.from_numpy(pixels)


def _decoded(root: Path, name: str, content: bytes, event: Size, fit: Fit) -> np.ndarray:  # -> c h w
    picture = _opened(root, name, content)
    wanted = (event[2], event[1])  # Pillow says width first
    if fit == "exact" and picture.size != wanted:
        raise ValueError(
            f"`{name}` in `{root}` has {picture.height} x {picture.width} pixels, the others {event[1]} x {event[2]}: "
            "write `fit: crop` or `fit: stretch`"
        )
    try:
        picture = picture.convert(MODES[event[0]])
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ValueError(f"`{name}` in `{root}` is a broken picture: {error}") from error
    if picture.size != wanted:
        picture = FITS[fit](picture, wanted)
    return pixels_of(picture, event)


FITS = {
    "crop": lambda picture, wanted: ImageOps.fit(picture, wanted, Image.Resampling.LANCZOS),
    "stretch": lambda picture, wanted: picture.resize(wanted, Image.Resampling.LANCZOS),
}
