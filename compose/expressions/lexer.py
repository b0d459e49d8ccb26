"""The words of an expression, each with the characters it stands at."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from compose.diagnostics import Finding, Span, SpecError
from compose.expressions import findings as say

__all__ = ["Locate", "Token", "tokenize"]

Locate = Callable[[int, int], Span]
"""From characters start .. end (exclusive) of an expression's text to their place in the file."""

TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n]+)
    | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<text>'(?:[^']|'')*')
    | (?P<sign>\*\*|//|<=|>=|==|!=|[-+*/~.,()\[\]<>=])""",
    re.VERBOSE,
)
LONGEST_NUMBER = 400  # characters; longer ones are a mistake, and Python refuses to read them


@dataclass(frozen=True, slots=True)
class Token:
    """One word: what kind it is, its text, and where it starts and ends."""

    kind: Literal["number", "name", "text", "sign", "end"]
    text: str
    start: int
    end: int


def tokenize(text: str, locate: Locate) -> Iterator[Token]:
    """The words of `text`, and one of kind `end` after them.   Raises SpecError at what is no word."""
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None or found[0] == "!=":
            raise SpecError([_refusal(text, at, locate)])
        if found.lastgroup == "number":
            _check_number(found[0], locate(at, found.end()))
        if found.lastgroup != "blank":
            yield Token(found.lastgroup, found[0], at, found.end())  # type: ignore[arg-type]
        at = found.end()
    yield Token("end", "", len(text), len(text))


def _check_number(text: str, span: Span) -> None:
    if len(text) > LONGEST_NUMBER or float(text) == float("inf"):
        raise SpecError([say.number_too_large(span, text)])
    if text.isdigit() and len(text) > 1 and text[0] == "0":
        raise SpecError([say.leading_zero(span, text)])


def _refusal(text: str, at: int, locate: Locate) -> Finding:
    span = locate(at, at + 1)
    if text[at] == "'":
        return say.unclosed_text(locate(at, len(text)))
    if text[at] == '"':
        return say.double_quotes(span)
    if text[at] == "^":
        return say.caret(span)
    if text.startswith("!=", at):
        return say.not_equal(locate(at, at + 2))
    return say.unexpected_character(span, text[at])
