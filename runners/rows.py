"""How many rows fill a picture, by the shape of a row."""

from blocks.types import Size

__all__ = ["IMAGES", "PATHS", "POINTS", "is_image", "is_point", "rows_of_picture"]

IMAGES, POINTS, LINES, PATHS = 64, 2000, 8, 64


def rows_of_picture(event: Size, fold: int = 1) -> int | None:
    """How many rows fill the picture of an event, `fold` of whose values belong to one row; None if it has none."""
    if is_image(event):
        return IMAGES if fold == 1 else LINES
    if is_point(event):
        return POINTS if fold == 1 else PATHS
    if is_image(event[1:]):
        return LINES
    return PATHS if is_point(event[1:]) else None


def is_image(event: Size) -> bool:
    """Whether an event is a picture, grey or in colours."""
    return len(event) == 3 and event[0] in (1, 3)


def is_point(event: Size) -> bool:
    """Whether an event is a point of the plane."""
    return tuple(event) == (2,)
