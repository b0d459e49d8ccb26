"""Fixes: the edits that findings carry, made in the text itself, so that comments and layout stay.

text_at(span, sources)          what stands at a place
foreseen(text, file, findings)  what would be found, and mended, once what is found now is mended
mended(text, edits)             the text with every edit made that still fits and overlaps no other
settled(text, file, findings)   the text mended until nothing is left that is safe to mend
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from time import process_time

from compose.diagnostics import Edit, Finding, Note, Span
from compose.positions.nodes import Source, line_starts

__all__ = ["foreseen", "mended", "settled", "text_at"]

Placed = tuple[int, int, str]
"""From where to where in a text something else is written, and what."""
FindingsOf = Callable[[str], Iterable[Finding]]

ROUNDS = 20  # of mending and looking again: a syntax error hides what comes after it
LOOKING = 0.5  # seconds of processor time after which no other round of looking ahead begins


def settled(text: str, file: str, findings_of: FindingsOf) -> tuple[str, int]:
    """The text with all fixes of its own findings made, those that come up afterwards too, and how many there were.

    Only edits in `file` are made, and a finding's edits are made together or not at all.
    """
    total = 0
    for _, placed in _rounds(text, file, findings_of):
        text, total = _written(text, placed), total + len(placed)
    return text, total


def foreseen(text: str, file: str, found: Sequence[Finding], findings_of: FindingsOf) -> list[Finding]:
    """What the later rounds of `settled` find, placed in the text as it is; `found` is its first round.

    That is what they mend; and other errors too, as long as all errors before were mended and none follows from them.
    A long file of many slips costs much each round: what `LOOKING` leaves no time for is not told yet.
    """
    end = process_time() + LOOKING
    told, later, clean = {_told(one) for one in found}, [], True
    made: list[tuple[str, list[Placed]]] = []
    for findings, placed in _rounds(text, file, findings_of, found):
        for finding in findings if made else ():
            back = _back(finding, file, text, made)
            if (finding.fix or (clean and finding.severity == "error")) and _told(back) not in told:
                told.add(_told(back))
                later.append(back)
        clean = clean and all(one.fix for one in findings if one.severity == "error")
        made.append((_written(made[-1][0] if made else text, placed), placed))
        if process_time() > end:
            break
    return later


def _rounds(
    text: str, file: str, findings_of: FindingsOf, found: Iterable[Finding] | None = None
) -> Iterator[tuple[Iterable[Finding], list[Placed]]]:
    """What is found, and what is then written in the text; until nothing is left, or a text comes up again."""
    seen = {text}
    for _ in range(ROUNDS):
        findings = findings_of(text) if found is None else found
        fixes = [one.fix for one in findings if one.fix]
        placed = _placed(text, (edit for fix in fixes if all(e.span.file == file for e in fix) for edit in fix))
        yield findings, placed
        if not placed:
            return
        text, found = _written(text, placed), None
        if text in seen:
            return
        seen.add(text)


def _told(found: Finding) -> tuple[str, str, tuple[int, int] | None]:
    return found.code, found.message, (found.span.line, found.span.column) if found.span else None


def _back(found: Finding, file: str, text: str, made: Sequence[tuple[str, list[Placed]]]) -> Finding:
    """A finding of the text that was made last, placed in the text that it was made of."""
    starts, source = line_starts(made[-1][0]), Source(file, text)

    def placed(span: Span) -> Span:
        if span.file != file:
            return span
        ends = [_offset(starts, span.line, span.column), _offset(starts, span.end_line, span.end_column)]
        for _, edits in reversed(made):
            ends = [_before(at, edits) for at in ends]
        return source.span(ends[0], max(ends[1], min(ends[0] + 1, len(text))))

    return replace(
        found,
        span=placed(found.span) if found.span is not None else None,
        notes=tuple(Note(placed(note.span), note.message) for note in found.notes),
        fix=tuple(replace(edit, span=placed(edit.span)) for edit in found.fix),
    )


def _before(at: int, edits: Iterable[Placed]) -> int:
    """Where a place of the written text was before the edits."""
    more = 0
    for start, end, new in sorted(edits):
        if at < start + more:
            break
        if at < start + more + len(new):
            return min(at - more, end)
        more += len(new) - (end - start)
    return at - more


def text_at(span: Span, sources: Mapping[str, str]) -> str:
    """The text at a span; nothing if its file is not there."""
    text = sources.get(span.file)
    if text is None:
        return ""
    starts = line_starts(text)
    return text[_offset(starts, span.line, span.column) : _offset(starts, span.end_line, span.end_column)]


def mended(text: str, edits: Iterable[Edit]) -> tuple[str, int]:
    """The text with the edits made, and how many were: each where its `old` text stands, the first of two that meet."""
    placed = _placed(text, edits)
    return _written(text, placed), len(placed)


def _placed(text: str, edits: Iterable[Edit]) -> list[Placed]:
    starts = line_starts(text)
    placed: list[Placed] = []
    for edit in dict.fromkeys(edits):
        start = _offset(starts, edit.span.line, edit.span.column)
        end = _offset(starts, edit.span.end_line, edit.span.end_column)
        fits = edit.old is None or text[start:end] == edit.old
        if fits and not any((start < other_end and other < end) or start == other for other, other_end, _ in placed):
            placed.append((start, end, edit.new))
    return placed


def _written(text: str, placed: Iterable[Placed]) -> str:
    for start, end, new in sorted(placed, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _offset(starts: list[int], line: int, column: int) -> int:
    return starts[min(line, len(starts)) - 1] + column - 1
