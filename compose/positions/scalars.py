"""Scalars: what a plain one means in YAML 1.2's core schema, and where each character of a text stands."""

import math
import re

__all__ = ["LONGEST_NUMBER", "places", "resolve"]

LONGEST_NUMBER = 400  # digits; Python itself refuses to read more than 4300
LARGEST_BITS = 1024  # where floating point ends

NULL = {"", "~", "null", "Null", "NULL"}
BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
DECIMAL = re.compile(r"[-+]?[0-9]+")
OCTAL = re.compile(r"0o[0-7]+")
HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
INFINITY = re.compile(r"[-+]?\.(inf|Inf|INF)")
NOT_A_NUMBER = {".nan", ".NaN", ".NAN"}

ESCAPES = {"x": 4, "u": 6, "U": 10}  # how long an escape is; every other one takes two characters
BLANK = " \t\r\n"


def resolve(text: str) -> str | int | float | bool | None:
    """What a plain scalar means: null, true, false, a whole number, a number, else the text itself.

    Source: YAML 1.2.2, section 10.3.2. Raises ValueError for a whole number of more than `LONGEST_NUMBER` characters,
    and for one that ends beyond the range of floating point.
    """
    if text in NULL:
        return None
    if text in BOOLEAN:
        return BOOLEAN[text]
    for pattern, base in ((DECIMAL, 10), (OCTAL, 8), (HEXADECIMAL, 16)):
        if pattern.fullmatch(text):
            if len(text) > LONGEST_NUMBER:
                raise ValueError("too many digits")
            whole = int(text.replace("0o", "") if base == 8 else text, base)
            if whole.bit_length() > LARGEST_BITS:
                raise ValueError("too large")
            return whole
    if FLOAT.fullmatch(text):
        if math.isinf(float(text)):
            raise ValueError("too large")
        return float(text)
    if INFINITY.fullmatch(text):
        return float(text.replace(".", ""))
    return float("nan") if text in NOT_A_NUMBER else text


def places(source: str, start: int, end: int, style: str | None, value: str) -> list[int]:
    """The offset in `source` of each character of `value`, a scalar that stands at start .. end in this `style`.

    Everything but blanks is the same, in the same order, in the source and in the value; so both are walked together,
    and folded blanks are skipped.
    """
    at = _content(source, start, end, style)
    found = []
    for character in value:
        escape = _escape(source, at, end, character) if style == '"' else 0
        if not escape and character in BLANK:
            found.append(at)
            at += _same_blank(source, at, end, character)
            continue
        if not escape:
            at = _skip(source, at, end, style)
            escape = _escape(source, at, end, character) if style == '"' else 0
        found.append(min(at, end))
        doubled = style == "'" and source[at : at + 2] == "''"
        at += escape or (2 if doubled else 1)
    return found


def _content(source: str, start: int, end: int, style: str | None) -> int:
    if style in ("'", '"'):
        return start + 1
    if style in ("|", ">"):
        line_end = source.find("\n", start, end)
        return end if line_end < 0 else line_end + 1
    return start


def _escape(source: str, at: int, end: int, character: str) -> int:
    """The length of the escape at `at`, 0 if there is none (a `\\` at the end of a line only joins lines)."""
    if at + 1 >= end or source[at] != "\\" or source[at + 1] in "\r\n":
        return 0
    length = ESCAPES.get(source[at + 1], 2)
    pair = source[at + 1] == "u" and ord(character) > 0xFFFF
    return 2 * length if pair else length


def _same_blank(source: str, at: int, end: int, character: str) -> int:
    if source[at : at + 2] == "\r\n" and character == "\n":
        return 2
    return int(at < end and (source[at] == character or (character == "\n" and source[at] == "\r")))


def _skip(source: str, at: int, end: int, style: str | None) -> int:
    while at < end and (source[at] in BLANK or (style == '"' and source[at] == "\\" and source[at + 1] in "\r\n")):
        at += 1
    return at
