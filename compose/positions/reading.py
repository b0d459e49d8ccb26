"""From the events of a pure YAML parser to a tree of nodes, without recursion; every refusal is a placed finding."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from compose.diagnostics import Finding, Span, SpecError
from compose.positions import findings as say
from compose.positions.faults import syntax_finding
from compose.positions.missing import no_comma
from compose.positions.nodes import Document, Entry, Node, Source
from compose.positions.scalars import resolve

__all__ = ["load", "loads", "read_node", "read_text", "survey"]

DEEPEST = 64  # mappings and lists within each other; no spec comes near
LARGEST = 10_000  # nodes, with every alias written out; the largest spec of the library has 300
LONGEST = 256 * 1024  # characters and bytes
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
NUMBERS = re.compile(r"([-+.\deE\s]*\d\s+)([-+.]?\d[-+.\deE]*)")  # numbers with blanks between them, and the last
ANCHOR = re.compile(r"(?:[&!]\S*\s+)*")


def load(path: str | FilePath) -> Document:
    """The document in the file at `path`, YAML or JSON.   Raises SpecError with placed findings."""
    return loads(read_text(path), str(path))


def read_text(path: str | FilePath) -> str:
    """The text of a file in UTF-8.   Raises SpecError if it cannot be read."""
    raw = _read_bytes(FilePath(path))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        good = Source(str(path), raw[: problem.start].decode("utf-8-sig"))
        place = good.span(len(good.text), len(good.text) + 1)
        shown = {good.file: raw.decode("utf-8-sig", errors="replace")}
        raise SpecError([say.not_utf8(place, raw[problem.start])], shown) from None


def _read_bytes(path: FilePath) -> bytes:
    """The bytes of a regular file of bounded size; a pipe or a device, which might never end, is not opened to read."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode):
                raise SpecError([say.unreadable_file(str(path), "it is no regular file")])
            raw = file.read(LONGEST + 1)
    except (OSError, ValueError) as problem:  # ValueError: a path with NUL in it
        raise SpecError([say.unreadable_file(str(path), getattr(problem, "strerror", str(problem)))]) from None
    if path.suffix == ".py":
        raise SpecError([say.python_file(str(path))])
    if len(raw) > LONGEST:
        raise SpecError([say.too_long(Span(str(path), 1, 1, 1, 1), max(about.st_size, len(raw)), LONGEST)])
    return raw


def loads(text: str, file: str = "<text>") -> Document:
    """The document that `text` holds: one mapping or list.   Raises SpecError with all findings that can be told."""
    document = survey(text, file)
    if document.findings:
        raise SpecError(document.findings, document.sources)
    return document


def survey(text: str, file: str = "<text>") -> Document:
    """As `loads`, but mistakes that leave the rest readable are kept in `findings`.   Raises SpecError for others."""
    source = Source(file, text.removeprefix("\ufeff"))
    reader = _read(source, 0)
    root = reader.root
    if root is None or not isinstance(root.value, dict | tuple):
        found = [say.scalar_file(root.span, root.text)] if root else []
        raise SpecError([*reader.found, *found], {file: source.text})
    return Document(file, source.text, root, tuple(reader.found))


def read_node(source: Source, start: int = 0) -> Node:
    """The one value that stands in a source from offset `start` on: a scalar too.   Raises SpecError."""
    reader = _read(source, start)
    if reader.found or reader.root is None:
        raise SpecError(reader.found, {source.file: source.text})
    return reader.root


def _read(source: Source, start: int) -> "_Reader":
    """A reader that has read the source, with its root and what it found; nothing readable is a SpecError."""
    reader = _Reader(source, start)
    if len(source.text) > LONGEST:
        reader.stop(say.too_long(source.span(start, start), len(source.text), LONGEST))
    control = CONTROL.search(source.text, start)
    if control:
        reader.stop(say.control_character(source.span(*control.span()), control[0]))
    try:
        for event in _events(source.text[start:]):
            reader.take(event)
    except MarkedYAMLError as problem:
        reader.stop(reader.syntax(problem))
    except (YAMLError, ValueError, OverflowError, IndexError):  # the parser's own slips, on escapes and directives
        reader.stop(say.other_syntax(source.span(reader.last, reader.last + 1), "what follows cannot be read"))
    if not reader.found and reader.root is None:
        reader.found.append(say.empty_file(source.span(start, start)))
    return reader


def _events(text: str) -> Iterator[Event]:
    flow = text.lstrip()[:1] in ("{", "[")  # JSON may be indented by tabs, which this parser refuses
    return YAML(typ="safe", pure=True).parse(text.replace("\t", " ") if flow else text)


@dataclass(eq=False)
class _Frame:
    """A mapping or list that is still open."""

    start: int
    flow: bool
    anchor: str | None
    entries: dict[str, Entry] | None  # None: a list
    items: list[Node] = field(default_factory=list)
    key: Node | None = None
    cut: Node | None = None  # an expression whose bracket is still open
    count: int = 1


class _Reader:
    """Takes the events one by one; keeps the open frames on its own stack, and what it has found wrong."""

    def __init__(self, source: Source, offset: int) -> None:
        self.source, self.offset, self.last = source, offset, offset
        self.stack: list[_Frame] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.root: Node | None = None
        self.found: list[Finding] = []
        self.total = 0
        self.documents = 0

    def take(self, event: Event) -> None:
        """One event of the parser."""
        start, end = event.start_mark.index + self.offset, event.end_mark.index + self.offset
        self.last = max(self.last, min(end, len(self.source.text)))
        if isinstance(event, DocumentStartEvent):
            self._document(event, start, end)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._open(event, start)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._close(end)
        elif isinstance(event, AliasEvent):
            self._alias(event.anchor, start, end)
        elif isinstance(event, ScalarEvent):
            self._scalar(event, start, end)

    def _document(self, event: DocumentStartEvent, start: int, end: int) -> None:
        self.documents += 1
        if self.documents > 1:
            self.stop(say.several_documents(self.source.span(start, end)))
        if event.version not in (None, (1, 2)) or event.tags:
            self.found.append(say.directive(self.source.span(self.offset, self.offset + 1)))

    def _open(self, event: MappingStartEvent | SequenceStartEvent, start: int) -> None:
        after = self._undecorated(event, start)
        if len(self.stack) >= DEEPEST:
            self.stop(say.too_deep(self.source.span(after, after + 1), DEEPEST))
        entries = {} if isinstance(event, MappingStartEvent) else None
        self.stack.append(_Frame(after, bool(event.flow_style), event.anchor, entries))

    def _close(self, end: int) -> None:
        frame = self.stack.pop()
        parts = frame.items if frame.entries is None else [entry.value for entry in frame.entries.values()]
        last = end if frame.flow or not parts else max(frame.start, *(p.end for p in parts if p.source is self.source))
        value = tuple(frame.items) if frame.entries is None else frame.entries
        self._place(Node(self.source, frame.start, last, value), frame.anchor, frame.count)

    def _alias(self, anchor: str, start: int, end: int) -> None:
        if any(frame.anchor == anchor for frame in self.stack):
            self.stop(say.alias_of_itself(self.source.span(start, end), anchor))
        if anchor not in self.anchors:
            self.stop(say.unknown_alias(self.source.span(start, end), anchor, tuple(self.anchors)))
        node, count = self.anchors[anchor]
        if self.total + count > LARGEST:
            self.stop(say.too_large(self.source.span(start, end), LARGEST))
        self.total += count
        self._place(node, None, count)

    def _scalar(self, event: ScalarEvent, start: int, end: int) -> None:
        start, text, style = self._undecorated(event, start), event.value, event.style
        if style in ("|", ">"):
            end = start + len(self.source.text[start:end].rstrip())
        value: str | int | float | bool | None = text
        try:
            text = value = text.encode("utf-16", "surrogatepass").decode("utf-16")  # JSON writes pairs
            value = resolve(text) if style is None else text
        except UnicodeDecodeError:
            self.found.append(say.half_character(self.source.span(start, end)))
            value = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\ufffd", "_")
        except ValueError:
            self.found.append(say.long_number(self.source.span(start, end)))
            value = 1  # read on with any number
        if style is None and self.stack and self.stack[-1].flow and (words := NUMBERS.fullmatch(text)):
            at = start + words.start(2)
            before = start + len(words[1].rstrip())
            self.found.append(no_comma(self.source.span(at, end), words[2], self.source.span(before - 1, before)))
        self._place(Node(self.source, start, end, value, text, style), event.anchor, 1)

    def _undecorated(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent, start: int) -> int:
        """Where the value itself starts, behind its anchor; a tag is refused."""
        if event.tag is not None:
            written = self.source.text[start:].split(maxsplit=1)[0]
            self.found.append(say.tag(self.source.span(start, start + len(written)), written))
        if event.anchor is None and event.tag is None:
            return start
        decoration = ANCHOR.match(self.source.text, start)
        return decoration.end() if decoration else start

    def _place(self, node: Node, anchor: str | None, count: int) -> None:
        """Put a finished value where it belongs: the root, an item, a key, or the value of the key before it."""
        self.total += 1
        if self.total > LARGEST:
            self.stop(say.too_large(node.span, LARGEST))
        if anchor is not None:
            self.anchors[anchor] = (node, count)
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        frame.count += count
        if frame.entries is None:
            if not (frame.flow and self._cut(frame, node)):
                frame.items.append(node)
        elif frame.key is None:
            frame.key = node
        else:
            key, frame.key = frame.key, None
            self._entry(frame, frame.entries, key, self._behind(key, node))

    def _behind(self, key: Node, value: Node) -> Node:
        """The value of a key; one of which nothing is written stands behind the key's colon."""
        colon = self.source.text.find(":", key.end, value.start) if value.start == value.end else -1
        return value if colon < 0 else replace(value, start=colon + 1, end=colon + 1)

    def _entry(self, frame: _Frame, entries: dict[str, Entry], key: Node, value: Node) -> None:
        bare = frame.flow and value.start == value.end and ":" not in self.source.text[key.end : value.start + 1]
        if bare and self._cut(frame, key):
            return
        if frame.flow and not bare:
            self._cut(frame, value)
        if bare:
            self.found.append(say.key_without_value(key.span, key.text or "", _whole_part(entries, key)))
        elif isinstance(key.value, dict | tuple):
            self.found.append(say.key_not_text(key.span, "a list" if isinstance(key.value, tuple) else "a mapping"))
        elif not isinstance(key.value, str):
            empty = key.start == key.end and self.source.text[key.start - 1 : key.start] == ":"
            span = self.source.span(key.start - 1, key.end) if empty else key.span
            what = "missing" if empty else f"the value `{key.text or 'null'}`"
            self.found.append(say.key_not_text(span, what, key.text))
        elif key.value in entries:
            self.found.append(say.duplicate_key(key.span, key.value, entries[key.value].key.span))
        else:
            entries[key.value] = Entry(key, value)

    def _cut(self, frame: _Frame, node: Node) -> bool:
        """Whether `node` is a piece of the expression before it, which a comma cut; keeps track of open brackets."""
        plain = node.style is None and isinstance(node.value, str)
        if frame.cut is None:
            if plain and node.text.count("(") > node.text.count(")"):
                frame.cut = node
            return False
        first = frame.cut
        whole = self.source.text[first.start : node.end]
        if whole.count(")") >= whole.count("("):
            frame.cut = None
            self.found.append(say.cut_expression(self.source.span(first.start, node.end), whole))
            meant = Node(self.source, first.start, node.end, whole, whole)  # read on with what was meant
            frame.items = [meant if item is first else item for item in frame.items]
            for key, entry in (frame.entries or {}).items():
                if entry.value is first:
                    frame.entries = {**(frame.entries or {}), key: Entry(entry.key, meant)}
        return True

    def syntax(self, problem: MarkedYAMLError) -> Finding:
        """The finding for what the parser could not read."""
        frame = self.stack[-1] if self.stack and self.stack[-1].flow else None
        cut = frame.cut.start if frame and frame.cut else None
        return syntax_finding(self.source, self.offset, problem, frame.start if frame else None, cut)

    def stop(self, found: Finding) -> NoReturn:
        """Nothing after this can be read."""
        before = [
            each for each in self.found if _start(each.span) < _start(found.span)
        ]  # what is later follows from it
        raise SpecError([*before, found], {self.source.file: self.source.text})


def _whole_part(entries: dict[str, Entry], digits: Node) -> Node | None:
    """The number of which `digits` are the fraction, behind a comma without a blank; else None."""
    last = list(entries.values())[-1].value if entries else None
    if last is None or last.end + 1 != digits.start or not digits.text.isdigit():
        return None
    return last if last.text.lstrip("-").isdigit() else None


def _start(span: Span | None) -> tuple[int, int]:
    return (span.line, span.column) if span else (0, 0)
