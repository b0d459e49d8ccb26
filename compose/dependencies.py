"""Which lines use which names, read off the expressions alone: nothing is evaluated.

body_of(declared)   what a definition computes
programs_of(spec)   the programs of models and samplers
definitions(spec)   every named line of `graph`, `models` and `samplers`, with the names that it uses
cycles(spec)        the circles among them, each as the uses that close it
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING

from compose.diagnostics import Finding, Note, Span, finding
from compose.expressions import Attribute, Call, Expression, Name, children
from compose.spec import Definition, Function, Program, Spec

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Mention", "body_of", "cycles", "definitions", "mentions", "programs_of"]

WORDS = ("space", "method", "trace")  # arguments of forms that are words of the language
CONVERSION = ("source", "target")  # the same, of a chain's method `convert`


@dataclass(frozen=True)
class Mention:
    """One use of a global name."""

    name: str
    span: Span


def body_of(declared: Definition) -> Expression | Program:
    """What a definition computes: of a function its body, else itself."""
    return declared.body if isinstance(declared, Function) else declared


def programs_of(spec: Spec) -> Iterator[Program]:
    """The programs of models and samplers, with parameters or without."""
    bodies = map(body_of, (*spec.models.values(), *spec.samplers.values()))
    return (body for body in bodies if isinstance(body, Program))


def mentions(declared: Definition) -> Iterator[Mention]:
    """Every global name that a definition uses, in order; its own lines and parameters are no global names."""
    if isinstance(declared, Function):
        inside = frozenset(declared.parameters)
        for default in declared.defaults.values():
            yield from _names(default, frozenset())
        yield from _body(declared.body, inside)
    else:
        yield from _body(declared, frozenset())


def _body(declared: Expression | Program, local: frozenset[str]) -> Iterator[Mention]:
    if not isinstance(declared, Program):
        yield from _names(declared, local)
        return
    for name, line in declared.lines.items():
        yield from _names(line, local)
        local |= {name}


def _names(expression: Expression, local: frozenset[str]) -> Iterator[Mention]:
    if isinstance(expression, Name):
        if expression.name not in local:
            yield Mention(expression.name, expression.span)
    elif isinstance(expression, Call):
        yield from _names(expression.function, local)
        converts = isinstance(expression.function, Attribute) and expression.function.name == "convert"
        words = (*WORDS, *CONVERSION) if converts else WORDS
        for argument in expression.arguments:
            if not (argument.name in words and isinstance(argument.value, Name)):
                yield from _names(argument.value, local)
    else:
        for part in children(expression):
            yield from _names(part, local)


def definitions(spec: Spec) -> dict[str, list[Mention]]:
    """The names that each line of `graph` and each model uses."""
    return {name: list(mentions(declared)) for name, declared in (*spec.graph.items(), *spec.models.items())}


def cycles(spec: Spec) -> tuple[list[Finding], set[str]]:
    """A finding for each circle of lines and models, and the names in them, which have no value."""
    lines = definitions(spec)
    places: dict[tuple[str, str], Span] = {}
    for name, used in lines.items():
        for mention in used:
            if mention.name in lines:
                places.setdefault((name, mention.name), mention.span)
    if _ordered(places):
        return [], set()
    import networkx as nx  # it takes long to import

    network = nx.DiGraph(list(places))
    findings, caught = [], set()
    for component in nx.strongly_connected_components(network):
        part = network.subgraph(component)
        if part.number_of_edges():
            caught |= component
            first = min(component, key=list(lines).index)
            path = _circle(part, first)
            findings.append(cycle(path, [places[edge] for edge in pairwise(path)]))
    return findings, caught


def _ordered(uses: Iterable[tuple[str, str]]) -> bool:
    """Whether no line uses itself, be it through others."""
    order: TopologicalSorter[str] = TopologicalSorter()
    for name, used in uses:
        order.add(name, used)
    try:
        order.prepare()
    except CycleError:
        return False
    return True


def _circle(network: nx.DiGraph, first: str) -> list[str]:
    """The shortest way from `first` back to it."""
    import networkx as nx

    if network.has_edge(first, first):
        return [first, first]
    ways = [nx.shortest_path(network, after, first) for after in network.successors(first)]
    return [first, *min(ways, key=len)]


@finding("D101", "error")
def cycle(path: list[str], places: list[Span]) -> Finding:
    """Lines or models use each other in a circle, so that none of them can be computed first.

    Wrong: `a: decoder(b)` and `b: encoder(a)`.   Right: one of the two uses something else.
    """
    notes = tuple(
        Note(place, f"`{user}` uses `{used}` here")
        for user, used, place in zip(path[1:], path[2:], places[1:], strict=False)
    )
    return Finding(
        span=places[0],
        message=f"`{path[0]}` depends on itself: {' -> '.join(path)}",
        help=f"let `{path[0]}` use something that is known before it",
        notes=notes,
    )
