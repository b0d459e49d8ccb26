"""Places in Python: where the user's own line stands, and a document whose parts stand there."""

import itertools
import linecache
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path as FilePath

from compose.diagnostics import NOWHERE, Span
from compose.expressions import Expression, parse, walk
from compose.positions import Document, Entry, Node, Path, Source

__all__ = ["Written", "here", "placed", "shown"]

PACKAGE = __name__.rpartition(".")[0]


@dataclass(frozen=True)
class Written:
    """What stands at a path of a draft: the place of its name, the place of its value, the expression if it is one."""

    span: Span = NOWHERE
    name_span: Span = NOWHERE
    expression: Expression | None = None


def here() -> Span:
    """The expression of the user's that is being evaluated: its file, lines and columns; NOWHERE without a source."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(PACKAGE):
        frame = frame.f_back
    file = frame.f_code.co_filename
    if frame.f_lineno > len(linecache.getlines(file, frame.f_globals)):
        return NOWHERE  # typed at a prompt, or the file is not what it was
    found = next(itertools.islice(frame.f_code.co_positions(), frame.f_lasti // 2, None))
    line, end_line, column, end_column = found
    if line is None or end_line is None or column is None or end_column is None:
        line, end_line, column, end_column = frame.f_lineno, frame.f_lineno, 0, 0
    return Span(file, line, _characters(file, line, column), end_line, _characters(file, end_line, end_column))


def _characters(file: str, line: int, offset: int) -> int:
    """The column, from 1, of what Python counts in bytes of UTF-8."""
    return len(linecache.getline(file, line).encode()[:offset].decode(errors="ignore")) + 1


def placed(document: Document, written: Mapping[Path, Written]) -> Document:
    """The document whose parts stand where Python wrote them; what has no place in Python stays where it is."""
    return replace(document, root=_Placing(written).value(document.root, (), NOWHERE))


class _Placing:
    """Moves the parts of one document; a part without a place of its own is looked for within the one around it."""

    def __init__(self, written: Mapping[Path, Written]) -> None:
        self.written = written
        self.texts: dict[str, Source] = {}

    def value(self, node: Node, path: Path, around: Span) -> Node:
        """A value and all below it."""
        found = self.written.get(path, Written())
        span = around if found.span == NOWHERE else found.span
        value = node.value
        if isinstance(value, Mapping):
            value = {key: self.entry(entry, (*path, key), span) for key, entry in value.items()}
        elif isinstance(value, tuple):
            value = tuple(self.value(item, (*path, at), span) for at, item in enumerate(value))
        return self.moved(replace(node, value=value), span, found.expression)

    def entry(self, entry: Entry, path: Path, around: Span) -> Entry:
        """A key and its value: an argument by name, or a key of a mapping, is found by its text."""
        found = self.written.get(path, Written())
        span = found.name_span
        if span == NOWHERE and around != NOWHERE:
            span = self.named(str(path[-1]), around)
        return Entry(self.moved(entry.key, span, None), self.value(entry.value, path, span))

    def named(self, name: str, around: Span) -> Span:
        """Where an argument or key of this name stands within a place; the whole place if that is not sure."""
        source = self.source(around.file)
        start, end = _offsets(source, around)
        pattern = re.compile(rf"""\b{re.escape(name)}(?=\s*=[^=])|(?<=["']){re.escape(name)}(?=["']\s*:)""")
        found = list(pattern.finditer(source.text, start, end))
        if len(found) != 1:
            return around
        return replace(source.span(*found[0].span()), file=around.file)

    def moved(self, node: Node, span: Span, expression: Expression | None) -> Node:
        """A node that stands at a place in Python."""
        if span == NOWHERE:
            return node
        source = self.source(span.file)
        parts = _parts(node.text, expression) if expression is not None else {}
        return _PythonNode(
            source, *_offsets(source, span), node.value, node.text, node.style,
            {stretch: source.span(*_offsets(source, part)) for stretch, part in parts.items()},
        )  # fmt: skip

    def source(self, file: str) -> Source:
        """A file of the user's, by the name that messages use."""
        if file not in self.texts:
            self.texts[file] = Source(shown(Span(file, 1, 1, 1, 1)).file, "".join(linecache.getlines(file)))
        return self.texts[file]


@dataclass(frozen=True, eq=False)
class _PythonNode(Node):
    """A value that Python wrote: parts of its text stand where Python wrote them, others where the whole does."""

    parts: Mapping[tuple[int, int], Span] | None = None

    def text_span(self, start: int, end: int) -> Span:
        """The place of characters start .. end of the text that the value is written as."""
        return (self.parts or {}).get((start, end), self.span)


def _parts(text: str, expression: Expression) -> dict[tuple[int, int], Span]:
    """Stretches of the text of an expression, and where Python wrote the part that stands there."""
    read = walk(parse(text, lambda start, end: Span("", 1, start, 1, end)))
    return {
        (part.span.column, part.span.end_column): made.span
        for part, made in zip(read, walk(expression), strict=True)
        if made.span != NOWHERE
    }


def _offsets(source: Source, span: Span) -> tuple[int, int]:
    start = source.starts[span.line - 1] + span.column - 1
    return start, source.starts[span.end_line - 1] + span.end_column - 1


def shown(span: Span) -> Span:
    """A place as a message names it: the file from the current folder on, if it lies below."""
    path, folder = FilePath(span.file), FilePath.cwd()
    return replace(span, file=str(path.relative_to(folder))) if path.is_relative_to(folder) else span
