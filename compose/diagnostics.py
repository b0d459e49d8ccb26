"""Findings: what is wrong, where it stands, what to do about it; how they are shown and how they are written as data.

Span      a stretch of one file: lines and columns from 1, the end exclusive
Finding   a code, a severity, a place, one cause, one way out, and notes at other places
CODES     every code that the program can give, with the page that explains it (the docstring of its wording)
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, ParamSpec

from compose.spelling import nearest

__all__ = [
    "CODES",
    "NOWHERE",
    "Code",
    "Edit",
    "Finding",
    "Note",
    "Severity",
    "Span",
    "SpecError",
    "finding",
    "nearest",
    "refuse_errors",
    "render",
    "text_lines",
    "to_json",
    "told_as_one",
]

Severity = Literal["error", "warning", "hint"]
Given = ParamSpec("Given")


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of a file: from (line, column) up to, not including, (end_line, end_column); all count from 1."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def to(self, other: "Span") -> "Span":
        """The stretch from the start of this span to the end of `other`, in the same file."""
        return Span(self.file, self.line, self.column, other.end_line, other.end_column)


NOWHERE = Span("<python>", 1, 1, 1, 1)
"""The place of what was made in Python and stands in no file."""


@dataclass(frozen=True)
class Note:
    """Another place that belongs to a finding, and what is there."""

    span: Span
    message: str


@dataclass(frozen=True)
class Edit:
    """What to write in place of the text at `span`; it stands there only if that text is `old` (None: whatever is)."""

    span: Span
    new: str
    old: str | None = None


@dataclass(frozen=True, repr=False)
class Finding:
    """One cause, told once: `message` says what is wrong at `span`, `help` the way out, `notes` the other places.

    `fix` is the way out as edits, where it is the only one and cannot make another spec than the one that was meant.
    `about` is the value that is refused, where it is one: what reads the findings asks where it was made.
    Printed, it is shown as the command line shows it, with the lines of the files that are there.
    """

    code: str = ""
    severity: Severity = "error"
    span: Span | None = None
    message: str = ""
    help: str = ""
    notes: tuple[Note, ...] = ()
    fix: tuple[Edit, ...] = ()
    about: object = field(default=None, compare=False)

    def __str__(self) -> str:
        """As the command line shows it, in plain text."""
        spans = [span for span in (self.span, *(note.span for note in self.notes)) if span is not None]
        return render([self], _texts({span.file for span in spans}))

    def __repr__(self) -> str:
        """Its headline: place, severity, code, message."""
        return f"<{_headline(replace(self, help=''))}>"


@dataclass(frozen=True)
class Code:
    """One code of the language: its severity, the name of its wording function, and the page that explains it."""

    code: str
    severity: Severity
    name: str
    page: str


CODES: dict[str, Code] = {}


def finding(code: str, severity: Severity) -> Callable[[Callable[Given, Finding]], Callable[Given, Finding]]:
    """Declare a wording function: what it returns is stamped with `code` and `severity`, its docstring is the page.

    Raises ValueError if the code is taken by another function, or if there is no docstring.
    """

    def declare(wording: Callable[Given, Finding]) -> Callable[Given, Finding]:
        name = f"{wording.__module__}.{wording.__qualname__}"
        if code in CODES and CODES[code].name != name:
            raise ValueError(f"two findings have the code {code}: {CODES[code].name} and {name}")
        if not wording.__doc__:
            raise ValueError(f"the finding {code} ({name}) has no docstring, which is its page")
        CODES[code] = Code(code, severity, name, wording.__doc__)

        @functools.wraps(wording)
        def stamped(*args: Given.args, **kwargs: Given.kwargs) -> Finding:
            return replace(wording(*args, **kwargs), code=code, severity=severity)

        return stamped

    return declare


class SpecError(Exception):
    """The user's mistakes, all that were found: `findings`, sorted by place, and the `sources` they stand in.

    `status` is the exit status of a process that ends with them.
    """

    status = 2

    def __init__(self, findings: Iterable[Finding], sources: Mapping[str, str] | None = None) -> None:
        self.findings = tuple(sorted(dict.fromkeys(findings), key=_order))
        self.sources: dict[str, str] = dict(sources or {})
        super().__init__("\n".join(_headline(found) for found in self.findings))


def told_as_one(findings: Iterable[Finding], group: Iterable[Finding], place: Finding, cause: Finding) -> list[Finding]:
    """The findings, those of the `group` left out, but for the one whose `place` their common `cause` takes."""
    others = {id(found) for found in group if found is not place}
    return [cause if found is place else found for found in findings if id(found) not in others]


def refuse_errors(findings: Iterable[Finding], sources: Mapping[str, str]) -> None:
    """Raise SpecError with the errors among the findings, if there are any; `sources` are the texts they stand in."""
    errors = [found for found in findings if found.severity == "error"]
    if errors:
        raise SpecError(errors, sources)


def to_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """The findings as plain data, version 1; the shape does not change within a version."""
    return {
        "version": 1,
        "findings": [
            {
                "code": found.code,
                "severity": found.severity,
                **_place(found.span),
                "message": found.message,
                "help": found.help,
                "related": [{**_place(note.span), "message": note.message} for note in found.notes],
                "fix": [{**_place(edit.span), "replacement": edit.new} for edit in found.fix],
            }
            for found in sorted(findings, key=_order)
        ],
    }


def render(
    findings: Iterable[Finding],
    sources: Mapping[str, str],
    *,
    color: bool = False,
    width: int | None = None,
    encoding: str = "utf-8",
) -> str:
    """The findings for a reader: headline, place, the lines with what is meant underlined, and the way out.

    `sources` maps a file's name to its text; a finding in a file that is not there is shown without its lines. `color`:
    with ANSI colours, which change nothing else; `width`: columns of the terminal; `encoding`: what it can show.
    """
    from compose.rendering import Look, render_finding  # shown rarely: most runs have nothing to render

    look = Look(color, width, encoding)
    lines = {file: text_lines(text) for file, text in sources.items()}
    return "\n\n".join(render_finding(found, lines, look) for found in sorted(findings, key=_order))


def text_lines(text: str) -> list[str]:
    r"""The lines of a text as editors count them: \n, \r\n and \r end a line, nothing else does."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _texts(files: Iterable[str]) -> dict[str, str]:
    """The texts of the files that can be read."""
    texts = {}
    for file in files:
        with suppress(OSError, ValueError):
            texts[file] = Path(file).read_text(encoding="utf-8")
    return texts


def _order(found: Finding) -> tuple[Any, ...]:
    return (found.span is None, found.span or NOWHERE, found.code, found.message)


def _headline(found: Finding) -> str:
    place = f"{found.span.file}:{found.span.line}:{found.span.column}: " if found.span else ""
    return f"{place}{found.severity}[{found.code}]: {found.message}" + (f" (help: {found.help})" if found.help else "")


def _place(span: Span | None) -> dict[str, Any]:
    if span is None:
        return {"file": None, "line": None, "column": None, "end_line": None, "end_column": None}
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
