"""The tree of a text: sources, nodes that know their source, and the document that is asked by path."""

import bisect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from compose.diagnostics import Finding, Span
from compose.positions.scalars import places

__all__ = ["Document", "Entry", "Node", "Path", "Source", "line_starts"]

Path = tuple[str | int, ...]
"""The way to a value: keys of mappings and indices of sequences, from the root."""

LINE_END = re.compile(r"\r\n|\n|\r")

Plain = str | int | float | bool | None


@lru_cache(maxsize=8)
def line_starts(text: str) -> list[int]:
    """The offset of the first character of every line; `\\r\\n`, `\\n` and `\\r` end one. Not to be changed."""
    return [0, *(end.end() for end in LINE_END.finditer(text))]


@dataclass(frozen=True, eq=False)
class Source:
    """One text and its name; turns offsets into lines and columns."""

    file: str
    text: str

    @cached_property
    def starts(self) -> list[int]:
        """The offset of the first character of every line."""
        return line_starts(self.text)

    def span(self, start: int, end: int) -> Span:
        """The place of characters start .. end (exclusive)."""
        line, column = self._position(start)
        return Span(self.file, line, column, *self._position(max(end, start)))

    def _position(self, at: int) -> tuple[int, int]:
        line = bisect.bisect_right(self.starts, at)
        return line, at - self.starts[line - 1] + 1


@dataclass(frozen=True, eq=False)
class Node:
    """One value of a text: characters start .. end of its source.

    `value` is a plain scalar, a tuple of nodes, or a mapping of entries; `style` is the quote or the block sign (`|`,
    `>`) of a scalar, None if it is plain.
    """

    source: Source
    start: int
    end: int
    value: "Plain | tuple[Node, ...] | Mapping[str, Entry]"
    text: str = ""
    style: str | None = None

    @property
    def span(self) -> Span:
        """The place of the value."""
        return self.source.span(self.start, self.end)

    @cached_property
    def data(self) -> Any:  # noqa: ANN401  dict, list or scalar, as the text says
        """The value as plain data."""
        if isinstance(self.value, Mapping):
            return {key: entry.value.data for key, entry in self.value.items()}
        if isinstance(self.value, tuple):
            return [item.data for item in self.value]
        return self.value

    def text_span(self, start: int, end: int) -> Span:
        """The place of characters start .. end of a scalar's text."""
        first = self._places[start] if start < len(self._places) else self._after
        last = self._places[end - 1] + 1 if start < end <= len(self._places) else first if end <= start else self._after
        return self.source.span(first, max(first, last))

    @cached_property
    def _places(self) -> list[int]:
        return places(self.source.text, self.start, self.end, self.style, self.text)

    @property
    def _after(self) -> int:
        return self._places[-1] + 1 if self._places else self.start


@dataclass(frozen=True, eq=False)
class Entry:
    """One key of a mapping and its value."""

    key: Node
    value: Node


@dataclass(frozen=True, eq=False)
class Document:
    """A text as data; `span` and `text_span` say where each part stands, in the file that it came from.

    `findings` are mistakes that did not keep the text from being read, such as a key that stands twice. `doubtful` are
    keys that are new beside those of an extended file and look like one of them: place, key, the one they look like.
    """

    file: str
    source: str
    root: Node
    findings: tuple[Finding, ...] = ()
    doubtful: tuple[tuple[Span, str, str], ...] = ()

    @property
    def data(self) -> Any:  # noqa: ANN401  as the text says
        """The whole text as plain dicts, lists and scalars."""
        return self.root.data

    @cached_property
    def sources(self) -> dict[str, str]:
        """Every text that a part of the document stands in, by its name."""
        return {self.file: self.source} | {node.source.file: node.source.text for node in _nodes(self.root)}

    def node(self, path: Path) -> Node:
        """The value at `path`.   Raises KeyError."""
        found, key = self._find(path)
        if found is None or len(key) != len(path):
            raise KeyError(path)
        return found.value

    def span(self, path: Path, key: bool = False) -> Span:
        """The place of the value at `path`, or of its key; of the deepest part that exists if `path` does not."""
        found, reached = self._find(path)
        if found is None:
            return _first(self.root).span if path or key else self.root.span
        return found.key.span if key or len(reached) < len(path) else found.value.span

    def text_span(self, path: Path, start: int, end: int, key: bool = False) -> Span:
        """The place of characters start .. end (exclusive) of the text at `path`, or of its key.

        Exact in plain, quoted, folded and literal scalars; within escapes of double quotes as near as can be.
        """
        found, reached = self._find(path)
        if found is None or len(reached) < len(path):
            return self.span(path, key)
        return (found.key if key else found.value).text_span(start, end)

    def raw(self, path: Path) -> str:
        """The text of the scalar at `path`: unquoted and unfolded, but not read as a number.   Raises KeyError."""
        return self.node(path).text

    def _find(self, path: Path) -> tuple[Entry | None, Path]:
        """The entry at the longest part of `path` that exists, and that part (an item of a list is its own key)."""
        entry: Entry | None = None
        here = self.root
        for depth, step in enumerate(path):
            if isinstance(here.value, Mapping) and step in here.value:
                entry = here.value[step]  # type: ignore[index]
            elif isinstance(here.value, tuple) and isinstance(step, int) and -1 < step < len(here.value):
                entry = Entry(here.value[step], here.value[step])
            else:
                return entry, path[:depth]
            here = entry.value
        return entry, path


def _nodes(root: Node) -> Iterator[Node]:
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        yield node
        if isinstance(node.value, Mapping):
            waiting += [part for entry in node.value.values() for part in (entry.key, entry.value)]
        elif isinstance(node.value, tuple):
            waiting += node.value


def _first(root: Node) -> Node:
    return next((entry.key for entry in root.value.values()), root) if isinstance(root.value, Mapping) else root
