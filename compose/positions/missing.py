"""A sign of YAML that is missing, told from what stands around the place where the parser gave up (Y13x).

missing_sign(source, at, flow, problem)   the finding, if a colon, a comma or a bracket was left out
"""

import re

from ruamel.yaml.error import MarkedYAMLError

from compose.diagnostics import Edit, Finding, Note, Span, finding
from compose.positions.nodes import Source

__all__ = ["end_of_content", "missing_sign", "no_comma"]

KEY = re.compile(r"(?P<lead>\s*(?:- +)*)(?P<key>[A-Za-z_]\w*(?:\([^()]*\))?)(?P<sign>[^\w\s]?)(?P<rest>.*)")
COMMENT = re.compile(r"(^|\s)#.*")
COLON = re.compile(r":(?=\s|$)")
CLOSING = {"}": "{", "]": "["}
FOREIGN = ("//", "/*")  # comments of another language: no value is written so


def missing_sign(source: Source, at: int, flow: bool, problem: MarkedYAMLError, offset: int) -> Finding | None:
    """The finding for a sign that is missing, or None.   `at`: where the parser gave up; `flow`: within brackets."""
    if not flow:
        return _colon(source, at, problem, offset) or _bracket(source, at)
    sign = source.text[at : at + 1]
    return _unopened(source, at) if sign in CLOSING else _comma(source, at) or _bracket(source, at)


def end_of_content(source: Source, line: int) -> int:
    """The offset behind the last character of a line (from 1) that is no comment."""
    return source.starts[line - 1] + len(COMMENT.sub("", _line(source, line)).rstrip())


def _line(source: Source, line: int) -> str:
    start = source.starts[line - 1]
    end = source.starts[line] if line < len(source.starts) else len(source.text)
    return source.text[start:end].rstrip("\r\n")


def _colon(source: Source, at: int, problem: MarkedYAMLError, offset: int) -> Finding | None:
    """A line of block style that has no colon: that of the key that the parser waits for, or the one before."""
    mark = problem.context_mark if problem.context == "while scanning a simple key" else None
    waits = mark is not None
    line = source.span(mark.index + offset if mark is not None else at, at).line
    if not waits and not re.match(r"[^:]*\{", _line(source, line)):  # its own line, if its first colon stands in braces
        line = next((n for n in range(line - 1, 0, -1) if COMMENT.sub("", _line(source, n)).strip()), 0)
    content = COMMENT.sub("", _line(source, line)).rstrip() if line else ""
    found = KEY.fullmatch(content) if line and source.starts[line - 1] >= offset else None
    if found is None or COLON.search(content.split("{")[0]):
        return None
    start, length = source.starts[line - 1], len(content)
    lead, key, sign, rest = found.group("lead", "key", "sign", "rest")
    span = source.span(start + len(lead), start + length)
    after = start + len(lead) + len(key)
    fix: tuple[Edit, ...] = ()
    if sign == ":":
        fix = (Edit(source.span(after, after + 1), ": ", ":"),)
    elif sign == "=":
        fix = (Edit(source.span(after, after + 1), ":", "="),)
    return no_colon(span, key, rest.strip(), fix)


def _bracket(source: Source, at: int) -> Finding | None:
    """A line with a second colon in one value, and a bracket that closes what was never opened."""
    line = source.span(at, at).line
    start, content = source.starts[line - 1], COMMENT.sub("", _line(source, line)).rstrip()
    before = max((found.end() for found in COLON.finditer(content[: at - start])), default=0)
    closing = next((sign for sign in CLOSING if content.count(sign) > content.count(CLOSING[sign])), None)
    if not before or closing is None:
        return None
    value = len(content) - len(content[before:].lstrip())
    end = start + content.rindex(closing)
    return never_opened(source.span(start + value, at), closing, CLOSING[closing], source.span(end, end + 1))


def _comma(source: Source, at: int) -> Finding | None:
    """Two entries within brackets with nothing but a blank between them."""
    text = source.text
    if text[at : at + 1] == ":":  # the key before the colon ran together with the value before it
        begin = max(text.rfind(sign, 0, at) for sign in ",{[\n") + 1
        begin = max(begin, max((begin + found.end() for found in COLON.finditer(text[begin:at])), default=0))
        words = text[begin:at].split()
        if len(words) < 2:
            return None
        at = text.rindex(words[-1], begin, at)
    before = len(text[:at].rstrip())
    word = re.match(r"[^\s,:{}\[\]]+|.", text[at:])
    if before == at or word is None or word[0].startswith(FOREIGN) or _lines_differ(source, before, at):
        return None
    return no_comma(
        source.span(at, at + word.end()),
        word[0],
        source.span(before - 1, before),
        (Edit(source.span(before, before), ","),),
    )


def _lines_differ(source: Source, first: int, second: int) -> bool:
    return source.span(first, second).line != source.span(second, second).line


def _unopened(source: Source, at: int) -> Finding | None:
    """A bracket within brackets of another kind, which it does not close."""
    closing = source.text[at]
    begin = source.starts[source.span(at, at).line - 1]
    opened = [found.end() for found in re.finditer(r":\s+|[\[{,]\s*", source.text[begin:at])]
    colons = [found.end() for found in re.finditer(r":\s+", source.text[begin:at])]
    start = begin + (colons or opened or [0])[-1]
    before, opening, other = source.text[begin:at], CLOSING[closing], "[" if closing == "}" else "{"
    if before.count(opening) > before.count(closing) and other in before:
        unclosed = begin + before.rindex(other)
        note = Note(source.span(at, at + 1), f"`{closing}` stands here before `{other}` is closed")
        return not_closed(source.span(unclosed, at), other, "]" if other == "[" else "}", note)
    return never_opened(source.span(start, at + 1), closing, CLOSING[closing], source.span(at, at + 1))


@finding("Y131", "error")
def no_colon(span: Span, key: str, rest: str, fix: tuple[Edit, ...]) -> Finding:
    """A line has no colon, or no blank behind it, so that YAML sees no key.

    Wrong: `compose 1`.   Right: `compose: 1`.
    """
    shown = rest if len(rest) < 40 else "..."
    there = bool(fix) and fix[0].old == ":"
    return Finding(
        span=span,
        message="no blank stands behind the colon" if there else f"no colon stands behind `{key}`",
        help=f"write `{f'{key}: {shown}'.rstrip()}`",
        fix=fix,
    )


@finding("Y132", "error")
def no_comma(span: Span, word: str, before: Span, fix: tuple[Edit, ...] = ()) -> Finding:
    """Two entries within `{ }` or `[ ]` are not divided by a comma.

    Wrong: `{kind: encoder.mlp latent: 8}`.   Right: `{kind: encoder.mlp, latent: 8}`.
    """
    return Finding(
        span=span,
        message=f"a comma is missing before `{word}`",
        help="put `,` between the two",
        notes=(Note(before, "behind this"),),
        fix=fix,
    )


@finding("Y133", "error")
def never_opened(span: Span, closing: str, opening: str, place: Span) -> Finding:
    """A bracket of YAML is closed that was never opened.

    Wrong: `data: source: digits}`.   Right: `data: {source: digits}`.
    """
    return Finding(
        span=span,
        message=f"`{opening}` is missing here: `{closing}` closes nothing",
        help=f"add `{opening}` before this, or remove the `{closing}`",
        notes=(Note(place, f"this `{closing}`"),),
    )


@finding("Y134", "error")
def not_closed(span: Span, opening: str, closing: str, note: Note) -> Finding:
    """A bracket of YAML is still open where one of another kind closes.

    Wrong: `{hidden: [64, 64}`.   Right: `{hidden: [64, 64]}`.
    """
    return Finding(span=span, message=f"`{opening}` is not closed", help=f"add `{closing}` behind it", notes=(note,))
