"""At which level of a chain a value is, and at which level a method of the chain takes it.

diffuse(x, t)          takes the data (level 0), gives level t
step(x, t)             takes level t - 1, gives level t
posterior(x0, x_t, t)  takes the data and level t, gives level t - 1

What a block or an operator makes of a value is at no known level, and fits anywhere.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from blocks import loops
from blocks.diffusion import VPChain
from blocks.operators import arithmetic
from compose.build import Composition
from compose.catalogue import Catalogue
from compose.diagnostics import Finding, Span, finding
from compose.graph import Edge, Node

__all__ = ["check_noising"]

ORDER = {  # the arguments of each method, behind `self`
    name: tuple(inspect.signature(getattr(VPChain, name)).parameters)[1:] for name in VPChain.methods
}
TAKES = {  # each argument, with its level less t; None is the data
    "diffuse": {"x": None}, "step": {"x": -1}, "posterior": {"x0": None, "x_t": 0}, "convert": {"x_t": 0},
}  # fmt: skip
GIVES = {"diffuse": 0, "step": 0, "posterior": -1}


class Level(NamedTuple):
    """A level: of a time step by its name, so many more; without one, the number itself.   0 is the data."""

    time: str
    more: int

    def __str__(self) -> str:
        if not self.time:
            return str(self.more)
        return self.time + (f" {'+' if self.more > 0 else '-'} {abs(self.more)}" if self.more else "")


DATA = Level("", 0)


def check_noising(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Every call of a chain of several levels that is given a value of another level."""
    chains = {name for name, held in composition.blocks.items() if held.role == "chain" and held.options["steps"] > 1}
    for graph in composition.graphs():
        scanned = _scanned(list(graph.walk()))
        for node in graph.walk():
            if node.use is not None and node.use.block in chains and node.operation.target in ORDER:
                yield from _call(node, node.use.block, scanned)


def _scanned(nodes: list[Node]) -> dict[int, Node]:
    """The values that scans hand to their kernels, by identity, each with its time step."""
    bodies = [body for node in nodes if node.operation.target is loops.scan for body in node.bodies]
    return {id(body.state[0]): body.state[1] for body in bodies}


def _call(node: Node, chain: str, scanned: Mapping[int, Node]) -> Iterator[Finding]:
    method, given = str(node.operation.target), _arguments(node)
    at = _time(given.get("t"))
    for name, less in TAKES[method].items():
        argument = given.get(name)
        if at is None or not isinstance(argument, Edge):
            continue
        level, wanted = _level(argument.source, scanned), DATA if less is None else at._replace(more=at.more + less)
        if level is None or level == wanted or (level.time != wanted.time and DATA not in (level, wanted)):
            continue
        if method == "posterior" and less is None and level == at:
            yield swapped(argument.span, chain, level)
            return
        yield other_level(argument.span, f"{chain}.{method}", wanted, level)


def _arguments(node: Node) -> dict[str, Any]:
    return {**dict(zip(ORDER[str(node.operation.target)], node.arguments, strict=False)), **node.options}


def _level(node: Node, scanned: Mapping[int, Node]) -> Level | None:
    """At which level a value is, if it was made by the chain itself, or read from the data."""
    if node.origin is not None:
        return _level(node.origin, scanned)
    if id(node) in scanned:
        return _time(Edge(scanned[id(node)]))
    if node.operation.target == "data":
        return DATA
    if node.operation.kind == "stop":
        return _level(node.edges[0].source, scanned)
    law = node.edges[0].source if node.operation.target == "at" and node.edges else None
    if law is None or law.use is None or law.operation.target not in GIVES or any(_call(law, "", scanned)):
        return None  # what a wrong call gives is at no level: its cause is told there
    at = _time(_arguments(law).get("t"))
    return at._replace(more=at.more + GIVES[str(law.operation.target)]) if at is not None else None


def _time(given: object) -> Level | None:
    """The level that the argument `t` of a call names."""
    if isinstance(given, int):
        return Level("", given)
    if not isinstance(given, Edge):
        return None
    node = given.source.origin or given.source
    if node.operation.kind == "input":
        return Level(node.name, 0)
    if node.operation.target not in (arithmetic.add, arithmetic.subtract):
        return None
    time, number = node.arguments
    below = _time(time) if isinstance(time, Edge) and isinstance(number, int) else None
    sign = 1 if node.operation.target is arithmetic.add else -1
    return below._replace(more=below.more + sign * number) if below is not None else None


@finding("T327", "warning")
def other_level(span: Span | None, method: str, wanted: Level, level: Level) -> Finding:
    """A chain is given a value at another level than the one that its method starts from.

    Wrong: `x_t: ~chain.step(x_prev, t)` with `x_prev: ~chain.diffuse(x, t)`.   Right: `~chain.diffuse(x, t - 1)`.
    """
    return Finding(
        span=span,
        message=f"`{method}` takes a value at level {wanted} here, and this one is at level {level}",
        help=f"give it the value at level {wanted}, or change its time step",
    )


@finding("T328", "warning")
def swapped(span: Span | None, chain: str, level: Level) -> Finding:
    """The posterior of a chain is given the noisy value where it takes the clean one.

    Wrong: `chain.posterior(x_t, x0, t)`.   Right: `chain.posterior(x0, x_t, t)`.
    """
    return Finding(
        span=span,
        message=f"`{chain}.posterior` takes the clean value first, and this one is at level {level}",
        help=f"exchange the two: {chain}.posterior(x0, x_t, t)",
    )
