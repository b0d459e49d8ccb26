"""How one finding is drawn: its headline, its lines between a gutter and carets, its notes, its help."""

import re
import textwrap
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from compose.diagnostics import Finding, Span

__all__ = ["Look", "render_finding"]

NARROWEST = 40  # columns: a terminal that is narrower has to wrap by itself
DOTS = "..."
WIDEST = 140  # columns of a source line that are shown; a longer one is cut around what is underlined
PLACES = 8  # notes of one finding that are shown
TALLEST = 6  # lines of one span that are shown before the rest is left out
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")  # controls, turned order
PAINT = {"error": "1;31", "warning": "1;33", "hint": "1;36", "note": "1;34", "bold": "1", "help": "1;32"}

Paint = Callable[[str, str], str]
"""From a style and a text to the text in that style."""


class Look(NamedTuple):
    """How text is to look: with ANSI colours, in so many columns (None: as long as it is), in what a stream encodes."""

    color: bool = False
    width: int | None = None
    encoding: str = "utf-8"


Mark = tuple[int, int, str, str]
"""What is underlined on one line: first column, end column (from 0, in characters), label, "primary" or "note"."""


def render_finding(found: Finding, lines: Mapping[str, Sequence[str]], look: Look) -> str:
    """One finding as text.   `lines` holds the lines of each file by its name."""
    paint, left = _painter(look.color), len(found.notes) - PLACES
    found = _harmless(replace(found, notes=found.notes[:PLACES]))
    label = f"{found.severity}[{found.code}]"
    first, *rest = _wrapped(f"{label}: {found.message}", look.width, "  ")
    shown = [paint(found.severity, label) + paint("bold", first[len(label) :]), *(paint("bold", line) for line in rest)]
    marks = _marks(found)
    width = max((len(str(line)) for _, line in marks), default=1)
    files = ([found.span.file] if found.span else []) + [note.span.file for note in found.notes]
    for file in dict.fromkeys(files):
        shown.append(_arrow(found, file, width, paint))
        here = {line: marks[name, line] for name, line in sorted(marks) if name == file}
        most = min(WIDEST, max((look.width or WIDEST) - width - 3, NARROWEST))
        shown += _snippet(here, lines.get(file), width, found.severity, paint, most)
    if left > 0:
        shown.append(f"{' ' * width} {paint('note', '=')} note: and in {left} more place{'s' * (left > 1)}")
    if found.help:
        start = f"{' ' * width} = help: "
        first, *rest = _wrapped(f"{start}{found.help}", look.width, " " * len(start))
        shown += [f"{' ' * width} {paint('note', '=')} {paint('help', 'help')}{first[len(start) - 2 :]}", *rest]
    return "\n".join(_encodable(line, look.encoding) for line in shown)


def _wrapped(text: str, width: int | None, indent: str) -> list[str]:
    """The text in lines of at most `width` columns, of which all but the first are indented; words stay whole."""
    if width is None or len(text) <= width:
        return [text]
    head = text[: len(text) - len(text.lstrip())]  # `textwrap` would drop the blanks that a line begins with
    made = textwrap.wrap(
        text, max(width, NARROWEST), initial_indent=head, subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return [head + made[0].lstrip(), *made[1:]]


def _encodable(text: str, encoding: str) -> str:
    """The text with `?` for what the encoding has not, so that everything stays below what it belongs to."""
    return text.encode(encoding, "replace").decode(encoding)


def _harmless(found: Finding) -> Finding:
    """The same finding without characters that a terminal would obey; texts in quotes may hold any."""
    notes = tuple(replace(note, message=_plain(note.message)) for note in found.notes)
    return replace(found, message=_plain(found.message), help=_plain(found.help), notes=notes)


def _plain(text: str) -> str:
    return UNSAFE.sub("\ufffd", text)


def _painter(color: bool) -> Paint:
    return lambda style, text: f"\x1b[{PAINT[style]}m{text}\x1b[0m" if color and text else text


def _arrow(found: Finding, file: str, width: int, paint: Paint) -> str:
    primary = found.span is not None and found.span.file == file
    span = found.span if primary else next(note.span for note in found.notes if note.span.file == file)
    assert span is not None
    return f"{' ' * width}{paint('note', '-->' if primary else ':::')} {file}:{span.line}:{span.column}"


def _marks(found: Finding) -> dict[tuple[str, int], list[Mark]]:
    """What is underlined on each line of each file."""
    marks: dict[tuple[str, int], list[Mark]] = {}
    spans: list[tuple[Span, str, str]] = [(found.span, "", "primary")] if found.span else []
    spans += [(note.span, note.message, "note") for note in found.notes]
    for span, label, style in spans:
        last = min(span.end_line, span.line + TALLEST - 1)
        for line in range(span.line, last + 1):
            start = span.column - 1 if line == span.line else 0
            end = span.end_column - 1 if line == span.end_line else -1  # -1: to the end of the line
            if line > span.line and line == span.end_line and end == 0:
                continue
            label_here = label if line == last or (line + 1 == last and span.end_column == 1) else ""
            marks.setdefault((span.file, line), []).append((start, end, label_here, style))
    return marks


def _snippet(
    here: Mapping[int, list[Mark]], lines: Sequence[str] | None, width: int, severity: str, paint: Paint, most: int
) -> list[str]:
    if not lines:
        return [
            f"{' ' * width} {paint('note', '=')} note: {label}"
            for marks in here.values()
            for *_, label, _ in marks
            if label
        ]
    bar, shown = paint("note", "|"), [f"{' ' * width} {paint('note', '|')}"]
    for before, line in pairwise([0, *here]):
        if before and line > before + 1:
            shown.append(paint("note", "..."))
        text = _plain(lines[line - 1]) if line <= len(lines) else ""
        marks = [_closed(mark, text) for mark in here[line]]
        text, marks = _cut(text, marks, most)
        shown.append(f"{paint('note', f'{line:>{width}}')} {bar} {text.expandtabs(4)}".rstrip())
        for start, end, label, style in sorted(marks, key=lambda mark: (mark[3] != "primary", mark[0])):
            pad, long = _columns(text, 0, start), max(_columns(text, start, end), 1)
            sign = ("^" if style == "primary" else "-") * long + (f" {label}" if label else "")
            shown.append(f"{' ' * width} {bar} {' ' * pad}{paint(severity if style == 'primary' else 'note', sign)}")
    return shown


def _closed(mark: Mark, text: str) -> Mark:
    """The mark within its line, without the blanks at either end of a line that it covers to the end."""
    start, end, label, style = mark
    if end < 0 or end > len(text):
        end = max(len(text.rstrip()), start)
    if start == 0 and end > 0:
        start = min(len(text) - len(text.lstrip()), end)
    return start, end, label, style


def _cut(text: str, marks: list[Mark], most: int) -> tuple[str, list[Mark]]:
    """A line of more than `most` characters, cut around what it is about, and the marks moved along."""
    if len(text) <= most:
        return text, marks
    room = most - 2 * len(DOTS)
    primary = [start for start, *_, style in marks if style == "primary"]
    first = max(min(primary or [start for start, *_ in marks]) - room // 3, 0)
    left, right = (DOTS if first else ""), (DOTS if first + room < len(text) else "")
    moved = len(left) - first
    piece = left + text[first : first + room] + right
    return piece, [
        (min(max(s + moved, 0), len(piece)), min(max(e + moved, 0), len(piece)), label, style)
        for s, e, label, style in marks
    ]


def _columns(text: str, start: int, end: int) -> int:
    """How many terminal columns text[start:end] takes, tabs as shown and wide characters counted twice."""

    def wide(piece: str) -> int:
        shown = piece.expandtabs(4)
        return len(shown) + sum(unicodedata.east_asian_width(each) in "WF" for each in shown) - sum(map(_joins, shown))

    return wide(text[:end]) - wide(text[:start]) + max(end - max(len(text), start), 0)


def _joins(character: str) -> bool:
    return unicodedata.combining(character) > 0
