"""A line that is a distribution where all that uses it wants a value: `z: q` for `z: ~q`.   Told once, at the line.

A draw at each use would be another draw each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from compose.build import Composition
from compose.dependencies import mentions, programs_of
from compose.diagnostics import Finding, Note, Span, finding
from compose.expressions import Call, Expression, Name, unparse
from compose.spec import Function

__all__ = ["undrawn"]

VALUES = ("T204", "T205", "T206")  # a number or a tensor is wanted, and something else is given
STANDARD = ("normal", "uniform")
Lines = Mapping[str, Expression]


def undrawn(findings: Sequence[Finding], composition: Composition, uses: Mapping[str, Sequence[Span]]) -> list[Finding]:
    """The findings, those at the uses of such a line made one.   `uses`: where expressions mention each global name."""
    told = list(findings)
    unbuilt = {(place.file, place.line) for name in composition.faulty for place in uses.get(name, ())}
    for name, expression, lines, places in _lines(composition, uses):
        group = [found for found in told if found.code in VALUES and found.span in places]
        alone = isinstance(expression, Call) and len(places) == 1  # the use may be what is wrong
        if (
            group
            and not alone
            and _is_random(composition, expression, lines)
            and _rest_unknown(places, group, told, unbuilt)
        ):
            told[told.index(group[0])] = undrawn_line(expression.span, name, unparse(expression), places)
            told = [found for found in told if not any(found is each for each in group)]
    return told


def _lines(
    composition: Composition, uses: Mapping[str, Sequence[Span]]
) -> Iterator[tuple[str, Expression, Lines, list[Span]]]:
    """Every line of `graph` and of programs: its name, what it says, the lines around it, where it is used."""
    spec = composition.spec
    for name, expression in spec.graph.items():
        yield name, expression, spec.graph, sorted(set(uses.get(name, ())))
    for program in programs_of(spec):
        inside = [mention for line in program.lines.values() for mention in mentions(line)]
        for name, expression in program.lines.items():
            yield name, expression, program.lines, [mention.span for mention in inside if mention.name == name]


def _is_random(composition: Composition, expression: Expression, lines: Lines, depth: int = 0) -> bool:
    """Whether an expression is a distribution by its looks: a model's name, a call of a block that gives one."""
    spec, blocks = composition.spec, composition.blocks
    if isinstance(expression, Call):
        called = expression.function.name if isinstance(expression.function, Name) else ""
        return called in STANDARD or (called in blocks and blocks[called].returns not in ("tensor", "scalar"))
    if not isinstance(expression, Name) or depth > len(lines):
        return False
    name = expression.name
    for around in (lines, spec.graph):
        if name in around:
            return _is_random(composition, around[name], around, depth + 1)
    if name in spec.models:
        return not isinstance(spec.models[name], Function)
    return name in STANDARD or (name in blocks and blocks[name].is_model)


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
def undrawn_line(span: Span | None, name: str, written: str, places: Sequence[Span]) -> Finding:
    """A line is a distribution, and all that uses it wants a value: the draw was forgotten where the line is made.

    Wrong: `z: q`.   Right: `z: ~q`.
    """
    return Finding(
        span=span,
        message=f"`{name}` is a distribution, and what uses it wants a value",
        help=f"draw it once, here: `{name}: ~{written}`",
        notes=tuple(Note(place, "a value is wanted here") for place in places),
    )
