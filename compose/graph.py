"""The graph: nodes are values, edges are uses.   A value edge may stop the gradient, a parameter edge may be frozen.

A graph is built once by the tracer and then only read. Loops hold graphs of their own (`Body`); a value of the outer
graph that a body reads is one of its `captures`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from blocks.types import Size
from compose.diagnostics import Span

__all__ = [
    "BlockUse", "Body", "Distribution", "Edge", "Graph", "LeafLaw", "Node", "Operation", "Tensor", "Type", "edges_of",
]  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """The type of a tensor value.

    `batched`: its first axis is the batch, with `rows` entries for each row of it; else it is a constant. `dtype` is
    "float", "integer" or "boolean". A time step knows its `chain`, an index its number of `classes`.
    """

    event: Size
    batched: bool = True
    rows: int = 1
    dtype: str = "float"
    chain: str | None = None
    classes: int | None = None

    def __str__(self) -> str:
        if self.chain:
            return f"time step of {self.chain}"
        shape = " ".join(map(str, self.event)) or "one number"
        return f"[{shape}] per sample" if self.batched else f"[{shape}], constant"


@dataclass(frozen=True)
class Distribution:
    """A runtime distribution over values of type `value`; `family` is its law: "normal", "bernoulli", ..."""

    family: str
    value: Tensor

    def __str__(self) -> str:
        return f"{self.family} over {self.value}"


Type = Tensor | Distribution | None


@dataclass(frozen=True)
class LeafLaw:
    """What is known of a noise leaf before sizes are: its path in the spec, its law, and `high` of "integers"."""

    path: str
    law: str
    high: int = 0
    chain: str | None = None


@dataclass(frozen=True, eq=False)
class Edge:
    """A use of `source` as an argument; with `stop_gradient` the value passes and its gradient does not."""

    source: Node
    stop_gradient: bool = False
    span: Span | None = None


@dataclass(frozen=True)
class BlockUse:
    """A parameter edge: a call of `block`.

    `frozen`: its parameters are constants on this call; `average`: its EMA; `chain`: it decodes where a chain ended, in
    eval mode as the chain itself.
    """

    block: str
    frozen: bool = False
    average: bool = False
    span: Span | None = field(default=None, compare=False)
    chain: bool = False


OF_ROWS = "each"  # `Operation.rows` of a call on the rows of a constant, whose first axis is no event


@dataclass(frozen=True)
class Operation:
    """What a node does.

    kind is one of
      input     a value from outside (`target`: "data", "noise", "clock", "shared", "option", "state" or "capture")
      call      `target(*arguments, **options)`, a Python function
      block     method `target` of the block used
      method    method `target` of the first argument
      field     attribute `target` (or key) of the argument
      loop      `target(*bodies, *arguments, **options)`

    `passes`: for each argument, whether a gradient reaches it through this node (None: all do). `align`: batched
    arguments of different ranks are aligned from the left first. `samples`: rows of the result for each row taken.
    """

    kind: str
    target: Any
    passes: tuple[bool, ...] | None = None
    align: bool = False
    rows: str = "same"


@dataclass(eq=False)
class Body:
    """The graph inside a loop.   `state`: inputs that the loop supplies; `captures`: pairs (outer edge, inner node).

    `dynamics`: it is the potential of a chain or the field of a flow, whose blocks are in eval mode and write nothing.
    `about` says in a line what it computes.
    """

    name: str
    graph: Graph
    state: tuple[Node, ...]
    output: Node
    captures: list[tuple[Edge, Node]]
    differentiable: bool = True
    dynamics: bool = False
    about: str = ""


@dataclass(eq=False)
class Node:
    """One value: an operation on arguments (edges, constants, and tuples, lists or dicts of them).

    `family` is set on runtime distributions, `chain` on time steps, before any size is known; `type` once it is.
    `named`: the name is that of a line of the spec. `origin`: what a shared input is in the stage's shared graph.
    """

    name: str
    operation: Operation
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    span: Span | None = None
    use: BlockUse | None = None
    bodies: tuple[Body, ...] = ()
    family: str | None = None
    chain: str | None = None
    leaf: LeafLaw | None = None
    graph: Graph | None = field(default=None, repr=False)
    type: Type = None
    named: bool = False
    origin: Node | None = field(default=None, repr=False)

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The value edges of the node: those of its arguments and options, then what its bodies capture."""
        captured = [outer for body in self.bodies for outer, _ in body.captures]
        return (*edges_of((*self.arguments, *self.options.values())), *captured)

    @property
    def gradient_edges(self) -> list[tuple[Edge, bool]]:
        """Each value edge, and whether a gradient goes back through this node to it (the edge's own stop aside)."""
        rule = self.operation.passes
        found = []
        for index, argument in enumerate(self.arguments):
            passes = rule is None or rule[min(index, len(rule) - 1)]
            found += [(edge, passes) for edge in edges_of(argument)]
        further = rule is None or any(rule)
        found += [(edge, further) for edge in edges_of(self.options)]
        return found + [(outer, further) for body in self.bodies for outer, _ in body.captures]

    def __repr__(self) -> str:
        return f"<{self.name}: {self.type}>"


@dataclass(eq=False)
class Graph:
    """Nodes in an order in which they can be computed, the outputs among them, and what their sizes must satisfy."""

    name: str
    nodes: list[Node] = field(default_factory=list)
    outputs: dict[str, Node] = field(default_factory=dict)
    alike: list[tuple[Node, Node]] = field(default_factory=list)  # leaves with the event of another node
    scalars: list[tuple[Node, Span | None, bool]] = field(default_factory=list)  # one number per sample (True: a leaf)
    terms: dict[str, tuple[Node, Span | None]] = field(default_factory=dict)  # one number per sample, or one number

    def walk(self) -> Iterator[Node]:
        """Every node, those inside loops before the loop that holds them."""
        for node in self.nodes:
            for body in node.bodies:
                yield from body.graph.walk()
            yield node

    def needed(self, outputs: list[Node]) -> list[Node]:
        """The nodes that `outputs` depend on, in order; the others are dead."""
        live: set[int] = set()
        waiting = list(outputs)
        while waiting:
            node = waiting.pop()
            if id(node) not in live:
                live.add(id(node))
                waiting += [edge.source for edge in node.edges]
        return [node for node in self.nodes if id(node) in live]


def edges_of(value: Any) -> list[Edge]:  # noqa: ANN401  arguments are nested constants and edges
    """The edges inside a nested argument, in order."""
    if isinstance(value, Edge):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [edge for part in value for edge in edges_of(part)]
    return []


def map_edges(value: Any, change: Callable[[Edge], Any]) -> Any:  # noqa: ANN401
    """`value` with every edge inside replaced by `change(edge)`."""
    if isinstance(value, Edge):
        return change(value)
    if isinstance(value, Mapping):
        return {key: map_edges(part, change) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map_edges(part, change) for part in value)
    return value


def uses(node: Node) -> list[BlockUse]:
    """The parameter edges of a node: its own, and those of the graphs inside it."""
    inner = [use for body in node.bodies for held in body.graph.walk() for use in ([held.use] if held.use else [])]
    return ([node.use] if node.use else []) + inner
