"""Levels of a diffusion chain: the number of all levels, `T`, in the place of the level `t` that is drawn."""

from __future__ import annotations

from collections.abc import Iterator

from compose.build import Composition
from compose.catalogue import Catalogue
from compose.dependencies import body_of
from compose.diagnostics import Finding, Span, finding
from compose.expressions import Attribute, Call, Expression, Name, walk
from compose.spec import Function, Program, Spec

__all__ = ["check_levels"]


def check_levels(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Params in the calls of a chain where a line or a parameter has the same name but for its case."""
    spec = composition.spec
    chains = {name for name, declared in composition.blocks.items() if declared.role == "chain"}
    for expression, scope in _scoped(spec):
        for part in walk(expression):
            match part:
                case Call(Attribute(Name(block), _), arguments) if block in chains:
                    for name in (held for each in arguments for held in walk(each.value) if isinstance(held, Name)):
                        twin = name.name.swapcase()
                        if name.name in spec.params and name.name not in scope and twin in scope:
                            yield fixed_level(name.span, name.name, spec.values.get(name.name), twin, block)
                case _:
                    pass


def _scoped(spec: Spec) -> Iterator[tuple[Expression, set[str]]]:
    """Every expression of the graph, of models and of samplers, and the names of lines and parameters known there."""
    lines = set(spec.graph)
    yield from ((line, lines) for line in spec.graph.values())
    for declared in (*spec.models.values(), *spec.samplers.values()):
        own = set(declared.parameters) if isinstance(declared, Function) else set()
        body = body_of(declared)
        if isinstance(body, Program):
            yield from ((line, own | set(body.lines)) for line in body.lines.values())
        else:
            yield body, own


@finding("N183", "warning")
def fixed_level(span: Span, name: str, value: object, twin: str, chain: str) -> Finding:
    """A chain is given a param as its level where a drawn level has the same name in the other case.

    Wrong: `x_t: ~chain.diffuse(x, T)` beside `t: ~chain.timestep`.   Right: `x_t: ~chain.diffuse(x, t)`.
    """
    return Finding(
        span=span,
        message=f"`{name}` is the number {value} for every sample, and `{twin}` is a level of each",
        help=f"did you mean `{twin}`? The last level of all is `~{chain}.terminal`",
    )
