"""What a YAML syntax error is called, by the signs around its place."""

import re
from dataclasses import replace

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import ScalarEvent

from compose.diagnostics import Edit, Finding, Note, Span
from compose.positions import findings as say
from compose.positions.missing import end_of_content, missing_sign
from compose.positions.nodes import Source

__all__ = ["syntax_finding"]

INDENT = re.compile(r"^[ \t]*", re.MULTILINE)
TABS = (2, 4, 8)  # blanks between the stops, as editors have them


def syntax_finding(source: Source, offset: int, problem: MarkedYAMLError, flow: int | None, cut: int | None) -> Finding:
    """The finding for a syntax error, told by what stands at its place rather than by the parser's words.

    The parser read `source` from `offset` on. `flow` is where the innermost open mapping or list starts if it is one in
    brackets, `cut` where an expression in it starts whose own bracket is still open.
    """
    text = source.text
    mark = problem.problem_mark or problem.context_mark
    at = min((mark.index if mark else 0) + offset, len(text))
    opened = problem.context_mark.index + offset if problem.context_mark else at
    place = source.span(at, min(at + 1, len(text)))
    line = text[source.starts[place.line - 1] : at + 1]
    if cut is not None:
        end = _balanced(text, cut)
        return say.cut_expression(source.span(cut, end), text[cut:end])
    if "\t" in line and not line.strip():
        return say.tab(place, _without_tabs(source))
    across = flow is not None and source.span(flow, at).line < place.line
    ended = flow is not None and at >= len(text.rstrip())
    if not across and not ended and (found := missing_sign(source, at, flow is not None, problem, offset)):
        return found
    if flow is not None and (across or ended):
        end = end_of_content(source, max(_line_before(source, place.line), source.span(flow, flow).line))
        note = Note(source.span(end - 1, end), "perhaps it was to be closed behind this")
        return replace(say.unclosed(source.span(flow, flow + 1), text[flow]), notes=(note,))
    if at >= len(text.rstrip()) and opened < at:
        return say.unclosed(source.span(opened, opened + 1), text[opened : opened + 1])
    return _at_sign(source, at, place, line) or say.other_syntax(place, problem.problem or "it cannot be read")


def _without_tabs(source: Source) -> tuple[Edit, ...]:
    """Every indentation that holds a tab, in blanks: the narrowest tabs that leave no key without what is below it."""
    width = next((width for width in TABS if _readable(source.text, width)), 0)
    indents = [(start, INDENT.match(source.text, start)) for start in source.starts if width]
    return tuple(
        Edit(source.span(start, found.end()), found[0].expandtabs(width), found[0])
        for start, found in indents
        if found is not None and "\t" in found[0]
    )


def _readable(text: str, width: int) -> bool:
    events = YAML(typ="safe", pure=True).parse(INDENT.sub(lambda found: found[0].expandtabs(width), text))
    try:
        return all(not isinstance(event, ScalarEvent) or event.value or event.style for event in events)
    except YAMLError:
        return False


def _line_before(source: Source, line: int) -> int:
    """The number of the last line before `line` that holds more than a comment."""
    return next((n for n in range(line - 1, 1, -1) if end_of_content(source, n) > source.starts[n - 1]), 1)


def _at_sign(source: Source, at: int, place: Span, line: str) -> Finding | None:
    """The finding that the sign at (or just before) the place of a syntax error speaks for."""
    text, before = source.text, source.text[at - 1 : at]
    if at >= len(text):
        return None
    if text[at] in "@`%":
        return say.reserved_character(place, text[at])
    if text[at] == ":":
        return say.unexpected_colon(place)
    if text[at] in "*&" or (before and before in "*&"):
        return say.bad_alias(place, text[at] if text[at] in "*&" else before)
    if text[at] == "-" and line[:-1].strip():
        return say.list_in_line(place)
    if not line[:-1].strip():
        return say.indentation(place)
    if line[:-1].rstrip()[-1] in "'\"":
        return say.after_quotes(place)
    return None


def _balanced(text: str, start: int) -> int:
    """Where the brackets that open from `start` on are closed; the end of the line if they are not."""
    level = 0
    for at in range(start, len(text)):
        level += (text[at] in "([{") - (text[at] in ")]}")
        if text[at] == "\n" or (level == 0 and text[at] in ")]}"):
            return at + (text[at] != "\n")
    return len(text)
