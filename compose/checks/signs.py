"""Signs that nobody writes so: `a -- b` is a sum, `gamma // 2` of a fraction is rounded down."""

from __future__ import annotations

from collections.abc import Iterator

from compose.build import Composition
from compose.catalogue import Catalogue
from compose.checks.names import updates
from compose.dependencies import body_of
from compose.diagnostics import Finding, Span, SpecError, finding
from compose.expressions import Binary, Expression, Negative, unparse, walk
from compose.fixes import text_at
from compose.spec import Program, Spec
from compose.spec.numbers import evaluate_constant, is_constant

__all__ = ["check_signs", "expressions_of"]


def check_signs(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Every minus that follows another one without a blank between them; every `//` of a fraction."""
    sources = composition.spec.sources
    for expression in expressions_of(composition.spec):
        for part in walk(expression):
            if isinstance(part, Binary) and part.operator == "//":
                yield from _rounded(part, composition.spec)
            if isinstance(part, Negative) and part.span.column > 1:
                span = part.span
                both = Span(span.file, span.line, span.column - 1, span.line, span.column + 1)
                if text_at(both, sources) == "--":
                    yield double_minus(both)


def _rounded(part: Binary, spec: Spec) -> Iterator[Finding]:
    """A quotient of known numbers, one of which is a fraction."""
    try:
        known = [evaluate_constant(each, spec.values) for each in (part.left, part.right)
                 if is_constant(each, spec.values)]  # fmt: skip
    except SpecError:
        return  # told where the numbers are read
    if any(value % 1 for value in known):
        yield rounded_fraction(part.span, unparse(part), f"{unparse(part.left)} / {unparse(part.right)}")


def expressions_of(spec: Spec) -> Iterator[Expression]:
    """Every expression of a spec, line by line."""
    for section in (spec.graph, spec.models, spec.samplers, spec.evaluate.lines):
        for declared in section.values():
            body = body_of(declared)
            yield from body.lines.values() if isinstance(body, Program) else (body,)
    for stage in spec.stages:
        for part in updates(stage):
            yield from (term.value for term in (*part.minimize.values(), *part.maximize.values()))
            yield from (*part.monitor.values(), *part.write.values())


@finding("Y226", "warning")
def double_minus(span: Span) -> Finding:
    """Two minus signs stand side by side, and cancel each other.

    Wrong: `energy(x) -- energy(neg)`.   Right: `energy(x) - energy(neg)`.
    """
    return Finding(span=span, message="two minus signs cancel each other", help="write one `-`, or `+`")


@finding("Y382", "warning")
def rounded_fraction(span: Span, written: str, exact: str) -> Finding:
    """`//` divides and rounds down, and stands beside a fraction, of which hardly anything is left.

    Wrong: `gamma // 2` with `gamma: 0.05`, which is 0.   Right: `gamma / 2`.
    """
    return Finding(span=span, message=f"`{written}` is rounded down to a whole number", help=f"write `{exact}`")
