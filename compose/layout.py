"""Layout: an expression as nested pieces, laid out on one line or, where that is too long, over several."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

__all__ = ["Doc", "Group", "flat", "laid_out", "literal", "separated"]

WIDTH = 110


@dataclass(frozen=True)
class Group:
    """Items between two brackets: on one line with commas, or one item a line."""

    opening: str
    items: tuple[Doc, ...]
    closing: str


Doc = tuple["str | Group", ...]
"""Pieces of text in order, some of which can be broken."""


def separated(opening: str, items: list[Doc], closing: str) -> Group:
    """A group of items."""
    return Group(opening, tuple(items), closing)


def flat(doc: Doc) -> str:
    """The expression on one line."""
    return "".join(
        piece if isinstance(piece, str) else piece.opening + ", ".join(map(flat, piece.items)) + piece.closing
        for piece in doc
    )


def laid_out(head: str, doc: Doc, indent: str, tail: str = "") -> str:
    """`head` and the expression, broken at its widest brackets where it is too long."""
    line = indent + head + flat(doc) + tail
    groups = [at for at, piece in enumerate(doc) if isinstance(piece, Group) and piece.items]
    if len(line) <= WIDTH or not groups:
        return line
    widest = max(groups, key=lambda at: len(flat((doc[at],))))
    before, group, after = flat(doc[:widest]), doc[widest], flat(doc[widest + 1 :])
    assert isinstance(group, Group)
    rows = [laid_out("", item, indent + "    ", ",") for item in group.items]
    return "\n".join([indent + head + before + group.opening, *rows, indent + group.closing + after + tail])


def literal(value: object) -> str:
    """A constant as Python writes it."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)
