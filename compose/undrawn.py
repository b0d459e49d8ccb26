"""A line that is a distribution where all that uses it wants a value: `z: q` for `z: ~q`.   Told once, at the line.

A draw at each use would be another draw each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from compose.build import Composition
from compose.dependencies import mentions, programs_of
from compose.diagnostics import Finding, Note, Span, finding, told_as_one
from compose.expressions import Call, Draw, Expression, Name, unparse
from compose.faults.declaring import describe
from compose.graph import Node
from compose.values import BlockValue, Model

__all__ = ["undrawn"]

VALUES = ("T204", "T205", "T206", "T234", "T246")  # a number or a tensor is wanted, and something else is given
FIELD = "N102"  # what a distribution lacks, its draw may have


def undrawn(findings: Sequence[Finding], composition: Composition, uses: Mapping[str, Sequence[Span]]) -> list[Finding]:
    """The findings, those that such a line has caused made one.   `uses`: where expressions mention each global name.

    A finding is caused by the line that its expression names, else by the line that made the value which it refuses:
    that may have gone through a function, a draw of a program or a kernel.
    """
    told = list(findings)
    lines = list(_lines(composition, uses))
    named = {place for _, _, places in lines for place in places}
    unbuilt = {(place.file, place.line) for name in composition.faulty for place in uses.get(name, ())}
    unbuilt |= {(e.span.file, e.span.line) for name, e in composition.spec.graph.items() if name in composition.faulty}
    for name, expression, places in lines:
        group = [
            found
            for found in told
            if found.code in (*VALUES, FIELD)
            and _is_random(found.about, composition)
            and (found.span in places or (found.span not in named and _made(found.about) == expression.span))
        ]
        called = expression.function if isinstance(expression, Call) else None
        alone = isinstance(called, Name) and called.name in composition.blocks and len(places) == 1
        wanted = [found for found in group if found.code in VALUES]
        if wanted and not alone and _rest_unknown(places, group, told, unbuilt):
            seen = [found.span for found in wanted if found.span is not None]
            cause = undrawn_line(expression, name, wanted[0].about, seen)
            told = told_as_one(told, group, wanted[0], cause)
    return told


def _lines(
    composition: Composition, uses: Mapping[str, Sequence[Span]]
) -> Iterator[tuple[str, Expression, Sequence[Span]]]:
    """Every line of `graph` and of programs that does not draw: its name, what it says, where it is used."""
    spec = composition.spec
    for name, expression in spec.graph.items():
        if not isinstance(expression, Draw):
            yield name, expression, sorted(set(uses.get(name, ())))
    for program in programs_of(spec):
        inside = [mention for line in program.lines.values() for mention in mentions(line)]
        for name, expression in program.lines.items():
            if not isinstance(expression, Draw):
                yield name, expression, [mention.span for mention in inside if mention.name == name]


def _is_random(value: object, composition: Composition) -> bool:
    """Whether a value can be drawn."""
    if isinstance(value, BlockValue):
        return composition.blocks[value.name].is_model
    return value.family is not None if isinstance(value, Node) else isinstance(value, Model) and not value.weighted


def _made(value: object) -> Span | None:
    """Where a distribution or a model was made."""
    return value.span if isinstance(value, Node | Model) else None


def _rest_unknown(
    places: Sequence[Span], group: Sequence[Finding], told: Sequence[Finding], unbuilt: set[tuple[str, int]]
) -> bool:
    """Whether no use is seen to take a distribution: where it is not refused, something else on the line is wrong."""
    refused = {found.span for found in group}
    broken = unbuilt | {
        (found.span.file, found.span.line) for found in told if found.severity == "error" and found.span
    }
    return all(place in refused or (place.file, place.line) in broken for place in places)


@finding("T280", "error")
def undrawn_line(line: Expression, name: str, value: object, places: Sequence[Span]) -> Finding:
    """A line is a distribution or a model, and what uses it wants a value: the draw was forgotten where it is made.

    Wrong: `z: q`.   Right: `z: ~q`.
    """
    return Finding(
        span=line.span,
        message=f"`{name}` is {describe(value)}, and what uses it wants a value",
        help=f"draw it once, here: `{name}: ~{unparse(line)}`",
        notes=tuple(Note(place, "a value is wanted here") for place in places),
    )
