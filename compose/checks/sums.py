"""The parts of a sum as the user wrote it:  a - 0.5 * (b + 3)  is  a, -b and -3.   What a form made is one part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from blocks.operators import arithmetic
from compose.build import UpdateGraph
from compose.diagnostics import Span
from compose.graph import Edge, Node

__all__ = ["SUMS", "Part", "is_written", "parts", "parts_of_terms"]

SUMS = (arithmetic.add, arithmetic.subtract)


class Part(NamedTuple):
    """A part of a sum: where it stands, 1 or -1, and what it is; constant factors are left out, but for their sign."""

    place: Span | None
    sign: int
    node: Node


def parts(node: Node, place: Span | None = None, sign: int = 1, *, formed: bool = False) -> Iterator[Part]:
    """The parts of a sum that are no plain numbers; `place` is where the whole stands.   `formed`: of a form's too."""
    target, first = node.operation.target, node.arguments[0] if node.arguments else None
    values = [argument for argument in node.arguments if isinstance(argument, Edge)]
    scaled = target in (arithmetic.negative, arithmetic.multiply) or (target is arithmetic.divide and first in values)
    if not (formed or is_written(node)) or not (target in SUMS or (scaled and len(values) == 1)):
        yield Part(place or node.span, sign, node)
        return
    if target is arithmetic.negative or (scaled and any(_is_negative(argument) for argument in node.arguments)):
        sign = -sign
    for at, argument in enumerate(node.arguments):
        if isinstance(argument, Edge):
            second = target is arithmetic.subtract and at == 1
            yield from parts(argument.source, argument.span, -sign if second else sign, formed=formed)


def parts_of_terms(update: UpdateGraph) -> Iterator[Part]:
    """The parts of all that an update minimizes; those of what it maximizes have the other sign."""
    for name, node in update.terms.items():
        yield from parts(node, sign=int(update.signs[name]))


def is_written(node: Node) -> bool:
    """Whether the operands of a node stand where the user wrote them, apart from the whole."""
    return all(edge.span is not None and edge.span != node.span for edge in node.edges)


def _is_negative(argument: object) -> bool:
    return isinstance(argument, int | float) and argument < 0
