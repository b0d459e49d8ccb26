"""Parameters that start from data: set by the first batch that is seen, once, before anything is trained.

A part that does so is a `StartsFromData`; its block says `needs_data`. Whoever trains runs the first batch within
`first_batch`; nobody else sets them, so that a block which is loaded, copied or drawn from stays as it is.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["StartsFromData", "first_batch"]


class StartsFromData(nn.Module):
    """A part that sets its parameters by the first values that it meets while `waiting`, and then waits no more."""

    waiting: bool = False


@contextmanager
def first_batch(blocks: Iterable[nn.Module]) -> Iterator[None]:
    """Within, each part of the blocks that starts from data does so at its first call."""
    parts = [part for block in blocks for part in block.modules() if isinstance(part, StartsFromData)]
    for part in parts:
        part.waiting = True
    try:
        yield
    finally:
        for part in parts:
            part.waiting = False
