"""Memories and chains: in which space starts are read, and in which what is stored was written.   Changes nothing.

A chain in a model's noise space starts at noise and makes values; stored values are no noise, even of the same size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from compose.build import Composition
from compose.catalogue import Catalogue
from compose.diagnostics import Finding, Note, Span, finding
from compose.expressions import Attribute, Expression, Name
from compose.graph import Graph, Node, edges_of

__all__ = ["check_memories"]

PASSING = ("stop",)  # kinds of operations that give the very value that they take


@dataclass(frozen=True)
class Start:
    """A chain that starts at what a memory holds: the leaf of its state that does ("": its one state), its space."""

    memory: str
    chain: Node
    leaf: str

    @property
    def noise(self) -> bool:
        """Whether it runs in a model's noise space."""
        return _in_noise(self.chain)


def check_memories(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """What updates write into a memory against the space of the chains that start there."""
    starts = {held.memory: held for graph in composition.graphs() for held in _starts(graph)}
    for stage in composition.stages:
        for update in stage.updates:
            for name, node in update.write.items():
                start, expression = starts.get(name), update.spec.write[name]
                if start is None:
                    continue
                ends = _ends(_origin(node))
                state = len(ends) == 1 and ends[0] is _origin(node)
                if start.noise and not state and any(_in_noise(_chain(end)) for end in ends):
                    way = ".".join(filter(None, [_root(expression), "state", start.leaf]))
                    yield other_space(expression.span, name, "values", "noise", way, start.chain.span)
                elif not start.noise and state and _in_noise(_chain(ends[0])) and _is_mapped(ends[0]):
                    yield other_space(expression.span, name, "noise", "values", _root(expression), start.chain.span)


def _starts(graph: Graph) -> Iterator[Start]:
    for node in graph.walk():
        if node.operation.kind == "loop" and node.arguments:
            first = node.arguments[0]
            for leaf, held in first.items() if isinstance(first, dict) else [("", first)]:
                for edge in edges_of(held):
                    source = _origin(edge.source)
                    if source.use is not None and source.operation.target == "read":
                        yield Start(source.use.block, node, leaf)


def _origin(node: Node) -> Node:
    """The node itself, behind stops and behind the door of the stage's shared values."""
    while node.origin is not None or node.operation.kind in PASSING:
        node = node.origin or node.edges[0].source
    return node


def _ends(node: Node) -> list[Node]:
    """The states, where chains ended, that a value is made of: each `.state` of a loop, or a part of it."""
    found, seen, waiting = [], set(), [node]
    while waiting:
        held = _origin(waiting.pop())
        if id(held) in seen:
            continue
        seen.add(id(held))
        if _holder(held) is not None:
            found.append(held)
        elif not held.bodies:
            waiting += [edge.source for edge in held.edges]
    return found


def _holder(node: Node) -> Node | None:
    """The loop whose `.state` this is, or is a part of."""
    last, held = None, node
    while held.operation.kind == "field":
        last, held = held, held.edges[0].source
    return held if last is not None and last.operation.target == "state" and held.bodies else None


def _chain(state: Node) -> Node:
    chain = _holder(state)
    assert chain is not None
    return chain


def _in_noise(chain: Node) -> bool:
    return bool(chain.options.get("prior"))


def _is_mapped(state: Node) -> bool:
    """Whether the value of a draw is another one than the noise it was made of."""
    assert state.graph is not None
    users = [node for node in state.graph.nodes if any(edge.source is state for edge in node.edges)]
    return any(node.operation.kind not in ("stop", "field") for node in users)


def _root(expression: Expression) -> str:
    """The name that an expression reads: `neg` of `neg.state.z`; CHAIN of anything else."""
    while isinstance(expression, Attribute):
        expression = expression.value
    return expression.name if isinstance(expression, Name) else "CHAIN"


@finding("T279", "warning")
def other_space(span: Span | None, memory: str, written: str, read: str, way: str, place: Span | None) -> Finding:
    """A memory is written in one space and read as the start of a chain in another: values against a model's noise.

    Wrong: `write: {memory: neg}` of a chain in a tilted model.   Right: `write: {memory: neg.state}`.
    """
    return Finding(
        span=span,
        message=f"`{memory}` stores {written} here, and a chain takes them for {read} to start at",
        help=f"write: {{{memory}: {way}}}",
        notes=(Note(place, f"this chain starts at `{memory}`, in the space of the {read}"),) if place else (),
    )
