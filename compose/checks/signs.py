"""Signs that are written twice: `a -- b` is a sum, which nobody writes so."""

from __future__ import annotations

from collections.abc import Iterator

from compose.build import Composition
from compose.catalogue import Catalogue
from compose.checks.names import updates
from compose.diagnostics import Finding, Span, finding
from compose.expressions import Expression, Negative, walk
from compose.fixes import text_at
from compose.spec import Function, Program, Spec

__all__ = ["check_signs"]


def check_signs(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Every minus that follows another one without a blank between them."""
    sources = composition.spec.sources
    for expression in _expressions(composition.spec):
        for part in walk(expression):
            if isinstance(part, Negative) and part.span.column > 1:
                span = part.span
                both = Span(span.file, span.line, span.column - 1, span.line, span.column + 1)
                if text_at(both, sources) == "--":
                    yield double_minus(both)


def _expressions(spec: Spec) -> Iterator[Expression]:
    for section in (spec.graph, spec.models, spec.samplers, spec.evaluate):
        for declared in section.values():
            body = declared.body if isinstance(declared, Function) else declared
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
