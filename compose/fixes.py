"""Fixes: the edits that findings carry, made in the text itself, so that comments and layout stay.

text_at(span, sources)          what stands at a place
mended(text, edits)             the text with every edit made that still fits and overlaps no other
settled(text, file, findings)   the text mended until nothing is left that is safe to mend
"""

from collections.abc import Callable, Iterable, Mapping

from compose.diagnostics import Edit, Finding, Span

__all__ = ["mended", "settled", "text_at"]

ROUNDS = 20  # of mending and looking again: a syntax error hides what comes after it


def settled(text: str, file: str, findings_of: Callable[[str], Iterable[Finding]]) -> tuple[str, int]:
    """The text with all fixes of its own findings made, those that come up afterwards too, and how many there were.

    Only edits in `file` are made, and a finding's edits are made together or not at all.
    """
    total, seen = 0, {text}
    for _ in range(ROUNDS):
        fixes = [found.fix for found in findings_of(text) if found.fix]
        text, count = mended(text, (edit for fix in fixes if all(e.span.file == file for e in fix) for edit in fix))
        if not count or text in seen:
            break
        total += count
        seen.add(text)
    return text, total


def text_at(span: Span, sources: Mapping[str, str]) -> str:
    """The text at a span; nothing if its file is not there."""
    text = sources.get(span.file)
    if text is None:
        return ""
    starts = _starts(text)
    return text[_offset(starts, span.line, span.column) : _offset(starts, span.end_line, span.end_column)]


def mended(text: str, edits: Iterable[Edit]) -> tuple[str, int]:
    """The text with the edits made, and how many were: each where its `old` text stands, the first of two that meet."""
    starts = _starts(text)
    placed: list[tuple[int, int, str]] = []
    for edit in dict.fromkeys(edits):
        start = _offset(starts, edit.span.line, edit.span.column)
        end = _offset(starts, edit.span.end_line, edit.span.end_column)
        fits = edit.old is None or text[start:end] == edit.old
        if fits and not any((start < other_end and other < end) or start == other for other, other_end, _ in placed):
            placed.append((start, end, edit.new))
    for start, end, new in sorted(placed, reverse=True):
        text = text[:start] + new + text[end:]
    return text, len(placed)


def _starts(text: str) -> list[int]:
    """The offset of the first character of every line; `\\r\\n`, `\\n` and `\\r` end one."""
    starts = [0]
    for at, character in enumerate(text):
        if character == "\n" or (character == "\r" and text[at + 1 : at + 2] != "\n"):
            starts.append(at + 1)
    return starts


def _offset(starts: list[int], line: int, column: int) -> int:
    return starts[min(line, len(starts)) - 1] + column - 1
