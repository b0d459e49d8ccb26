"""Images by halves: what convolutional encoders and decoders share.

halves(28, 3) = [28, 14, 7, 3]      an odd size loses a row on the way down and gets it back on the way up
"""

from collections.abc import Callable, Mapping
from math import gcd
from typing import Literal

from torch import nn

from blocks.types import Size, Taken

__all__ = ["IMAGE_NORMS", "ImageNorm", "halves", "image_of", "map_of"]

ImageNorm = Literal["none", "batch", "group"]
GROUPS = 8

IMAGE_NORMS: Mapping[str, Callable[[int], nn.Module]] = {
    "none": lambda channels: nn.Identity(),
    "batch": nn.BatchNorm2d,
    "group": lambda channels: nn.GroupNorm(gcd(GROUPS, channels), channels),
}
"""Norms of "b c h w" by the name a spec writes; "group" has at most 8 groups."""


def image_of(verb: str, size: Taken) -> tuple[int, int, int]:
    """Channels, height and width.   Raises ValueError for anything but an image."""
    if not isinstance(size, tuple) or len(size) != 3 or min(size) < 1:
        raise ValueError(f"it {verb} an image (channels, height, width), not {size}: `.mlp` blocks do any shape")
    return size[0], size[1], size[2]


def halves(pixels: int, levels: int) -> list[int]:
    """`pixels`, its half, the half of that, ..., rounded down, `levels` times.   Raises ValueError if none is left."""
    sizes = [pixels >> level for level in range(levels + 1)]
    if sizes[-1] < 1:
        most = pixels.bit_length() - 1
        raise ValueError(f"`channels` halves {pixels} pixels {levels} times, which leaves none: write at most {most}")
    return sizes


def map_of(size: Size | Taken, rows: int, columns: int, levels: int) -> int | None:
    """The channels of a code that is a map of `rows` x `columns`; None for a code that is a vector.

    Raises ValueError for a map of another size: encoder and decoder halve and double unlike often.
    """
    if not isinstance(size, tuple) or len(size) != 3:
        return None
    if size[1:] != (rows, columns):
        raise ValueError(
            f"its code is a map of {size[1]} x {size[2]}, but {levels} doublings to the image start from "
            f"{rows} x {columns}: give encoder and decoder as many `channels`"
        )
    return size[0]
