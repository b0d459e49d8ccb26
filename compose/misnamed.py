"""A name that is wrong where it is declared: its uses find nothing, and nothing uses what is declared.   Told once.

misnamed(findings, uses, unused, sources)   the findings, those of one such cause made one
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from compose.diagnostics import Edit, Finding, Note, Span, told_as_one
from compose.fixes import text_at
from compose.spelling import sole
from compose.suggestions import MANY

__all__ = ["misnamed"]

UNKNOWN = (
    "N101",
    "N106",
    "N107",
    "N115",
    "N118",
    "Y312",
)  # nothing is called so: in expressions, lists, `like:`, numbers
IDLE = "N130"
SHORT = 2  # letters of a name in which a wrong one leaves nothing to recognise
SHOWN = 4  # places of use that are shown


def misnamed(
    findings: Sequence[Finding],
    uses: Mapping[str, Sequence[Span]],
    unused: Mapping[str, Span],
    sources: Mapping[str, str],
    own: str,
) -> list[Finding]:
    """The findings in which a name that was declared with a slip, and is used as it was meant, is one cause.

    What is unused besides is not told while a name is wrong, which may stand for it. `uses`: every place at which an
    expression names something; `unused`: what is declared and named nowhere; `own`: the file that is checked, which
    is more likely to be wrong than one that it extends.
    """
    wrong: dict[str, list[Finding]] = {}
    for found in findings:
        if found.code in UNKNOWN and found.span is not None:
            wrong.setdefault(text_at(found.span, sources), []).append(found)
    told = list(findings)
    free = dict(unused)
    for name, group in islice(wrong.items(), MANY):
        near = _declared(name, free)
        if near is not None:
            places = sorted({*uses.get(name, ()), *(found.span for found in group if found.span)})
            told = told_as_one(told, group, group[0], _one(group[0], name, near, free.pop(near), places, own))
    return [found for found in told if found.code != IDLE or not wrong]


def _declared(name: str, free: Mapping[str, Span]) -> str | None:
    """Which of the unused names was meant to be `name`: a slip away, or the only one as short."""
    short = [each for each in free if len(each) <= SHORT] if len(name) <= SHORT else []
    slips = [each for each in free if sole(each, [name]) or sole(name, [each])]
    return next((found[0] for found in (slips, short) if len(found) == 1), None)


def _one(first: Finding, name: str, near: str, declared: Span, places: Sequence[Span], own: str) -> Finding:
    below = declared.file != own
    if below or (len(places) == 1 and places[0].file == own):  # else it is wrong where it is declared
        return replace(
            first,
            help=f"did you mean `{near}`?" if below else f"did you mean `{near}` here, or `{name}` there?",
            notes=(Note(declared, "this is declared, and nothing uses it"),),
            fix=tuple(Edit(place, near, name) for place in places if place.file == own),
        )
    return replace(
        first,
        span=declared,
        message=f"`{near}` is declared here and never used, and `{name}`, which is used, is declared nowhere",
        help=f"did you mean `{name}`?",
        notes=tuple(Note(place, f"`{name}` is used here") for place in places[:SHOWN]),
        fix=(Edit(declared, name, near),),
    )
