"""Data sets of Hugging Face's library `datasets`, from where they were saved on disk.   Nothing is downloaded."""

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from blocks.types import Size
from runners.datasets.images import MODES, event_of, pixels_of
from runners.datasets.options import BadOption, check_positive
from runners.datasets.source import Source, dataset
from runners.datasets.splits import Range, hold_out, image_field, in_range, label_field

__all__ = ["huggingface"]

LIBRARY = "datasets"
PEAK = 255.0


@dataset("huggingface")
def huggingface(
    *,
    root: str,
    image: str | None = None,
    label: str | None = None,
    size: Sequence[int] | None = None,
    channels: Literal[1, 3] | None = None,
    range: Range = "unit",
    limit: int | None = None,
    validation: float = 0.0,
    test_size: float = 0.0,
) -> Source:
    """A data set that `datasets` saved to disk (`save_to_disk`): a picture column as `x`, a class column as `y`.

    `root`: the folder that was saved, a data set (all to train on) or one of several splits, of which `train` must be
    one. `image`, `label`: the columns, by default the first of pictures, and the first of classes, if there is one.
    `size`: [height, width], and `channels`, by default those of the first picture; all must have them. `limit`: at most
    so many rows of each split, the first. `validation`, `test_size`: the share (or number) of the training rows held
    out, where there is no such split.
    The library is optional: `pip install datasets`. It is asked for nothing that is not on this disk.
    Raises ValueError, naming folder and row, for a picture of another size or a broken one.
    """
    library = _library()
    check_positive(limit=limit)
    splits = {name: rows for name, rows in _opened(library, root).items() if len(rows)}
    if "train" not in splits:
        raise BadOption(
            "root", f"`{root}` has the splits {', '.join(map(str, splits)) or 'none'}, and `train` is needed"
        )
    features = splits["train"].features
    image = _column("image", image, features, library.Image, root)
    label = _column("label", label, features, library.ClassLabel, root, needed=False)
    assert image is not None  # needed
    event = _event(splits["train"], image, size, channels, root)
    fields = {"x": image_field(event, range)}
    if label is not None:
        classes = features[label].num_classes
        fields["y"] = label_field(classes)
    counts = {name: min(len(rows), limit or len(rows)) for name, rows in splits.items()}

    def load(split: str) -> Mapping[str, Tensor]:
        table = splits[split].select(np.arange(counts[split]))
        rows = {"x": in_range(_pixels(table, image, event, f"`{split}` of `{root}`"), PEAK, range)}
        return rows | ({"y": torch.tensor(table[label][:], dtype=torch.int64)} if label is not None else {})

    return Source(fields, *hold_out(counts, load, validation, test_size))


def _library() -> ModuleType:
    """The library.   Raises BadOption with the command that installs it."""
    if importlib.util.find_spec(LIBRARY) is None:
        raise BadOption("source", "it needs the library `datasets`, which is not installed: run `pip install datasets`")
    return importlib.import_module(LIBRARY)


def _opened(library: ModuleType, root: str) -> Mapping[str, Any]:
    """The splits by name, as tables that are mapped from disk."""
    if not Path(root).is_dir():
        raise BadOption("root", f"`{root}` must be a folder that `save_to_disk` wrote, and there is no such folder")
    try:
        found = library.load_from_disk(root)
    except (ValueError, OSError, KeyError, TypeError) as error:  # pyarrow's errors are ValueErrors
        raise BadOption(
            "root", f"`{root}` is no data set that `save_to_disk` wrote, or a damaged one: {error}"
        ) from error
    return {str(name): rows for name, rows in found.items()} if isinstance(found, dict) else {"train": found}


def _column(
    option: str, name: str | None, features: Mapping[str, Any], kind: type, root: str, needed: bool = True
) -> str | None:
    fitting = [column for column, feature in features.items() if isinstance(feature, kind)]
    if name is None and (fitting or not needed):
        return fitting[0] if fitting else None
    if name not in fitting:
        listed = ", ".join(f"`{column}`" for column in fitting) or "none"
        asked = f"`{option}` is `{name}`, but of" if name else "of"
        raise BadOption(option if name else "root", f"{asked} the columns of `{root}`, {listed} can be the {option}")
    return name


def _event(rows: Any, column: str, size: Sequence[int] | None, channels: int | None, root: str) -> Size:  # noqa: ANN401
    if size is not None and len(size) != 2:
        raise BadOption("size", f"`size` is {list(size)}, but it must be [height, width]")
    if size is not None and channels is not None:
        return channels, *size
    first = _picture(rows, column, 0, f"`train` of `{root}`")
    return event_of(first, size, channels)


def _picture(rows: Any, column: str, number: int, where: str) -> Image.Image:  # noqa: ANN401  the library is optional
    try:
        picture = rows[number][column]
        if picture is None:
            raise ValueError("there is none")
        picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"the picture `{column}` in row {number} of {where} is broken: {error}") from error
    return picture


def _pixels(rows: Any, column: str, event: Size, where: str) -> Tensor:  # noqa: ANN401  -> n c h w, uint8
    pixels = np.empty((len(rows), *event), np.uint8)
    for number in np.arange(len(rows)).tolist():
        picture = _picture(rows, column, number, where)
        if (picture.height, picture.width) != event[1:]:
            raise ValueError(
                f"the picture in row {number} of {where} has {picture.height} x {picture.width} pixels, "
                f"but {event[1]} x {event[2]} are promised"
            )
        pixels[number] = pixels_of(picture.convert(MODES[event[0]]), event)
    return torch.from_numpy(pixels)
