"""The tracer: builds one graph, node by node.   Equal sub-expressions become one node; draws never do.

A tracer inside another builds the body of a loop: a node of the outer graph that it meets becomes a capture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from blocks.calculus import constant
from compose.diagnostics import Span
from compose.graph import BlockUse, Body, Edge, Graph, LeafLaw, Node, Operation, map_edges
from compose.values import Drawn, Model

__all__ = ["Tracer"]


class Tracer:
    """Builds `graph`.   `dynamics`: this is the body of a chain, whose blocks are in eval mode and write nothing."""

    def __init__(self, name: str, parent: Tracer | None = None, *, dynamics: bool = False) -> None:
        self.graph = Graph(name)
        self.parent = parent
        self.dynamics = dynamics or (parent is not None and parent.dynamics)
        self.captures: list[tuple[Edge, Node]] = []
        self.draws: dict[int, list[tuple[Model, Drawn]]] = {}
        self._shared: dict[Any, Node] = {}
        self._inner: dict[int, Node] = {}
        self._names: set[str] = set()
        self._paths: set[str] = set()
        self._ending = False

    # values -----------------------------------------------------------------------------------------------------------

    def emit(
        self,
        operation: Operation,
        *arguments: Any,  # noqa: ANN401  nested constants, nodes and edges
        options: Mapping[str, Any] | None = None,
        name: str | None = None,
        span: Span | None = None,
        use: BlockUse | None = None,
        bodies: tuple[Body, ...] = (),
        family: str | None = None,
        chain: str | None = None,
    ) -> Node:
        """The node of `operation` on these arguments: a new one, or the one that computes the same already."""
        arguments = self._edges(arguments, span)
        given: dict[str, Any] = self._edges(dict(options or {}), span)
        key = None if bodies else (operation, _key(arguments), _key(given), use)
        if key is not None and key in self._shared:
            return self._shared[key]
        node = Node(
            self._free_name(name or _default_name(operation, arguments, use)),
            operation, arguments, given, span, use, bodies, family, chain, graph=self.graph,
        )  # fmt: skip
        self.graph.nodes.append(node)
        if key is not None:
            self._shared[key] = node
        return node

    def call(
        self,
        function: Any,  # noqa: ANN401
        *arguments: Any,  # noqa: ANN401
        options: Mapping[str, Any] | None = None,
        name: str | None = None,
        span: Span | None = None,
        family: str | None = None,
        chain: str | None = None,
    ) -> Node:
        """The node of a Python function; its `rule`, if it has one, says how gradients and rows go through it."""
        rule = getattr(function, "rule", None)
        operation = Operation(
            "call",
            function,
            getattr(rule, "gradient", None),
            getattr(rule, "align", False),
            getattr(rule, "rows", "same"),
        )
        return self.emit(operation, *arguments, options=options, name=name, span=span, family=family, chain=chain)

    def method(
        self,
        called: str,
        value: Node,
        *arguments: Any,  # noqa: ANN401
        passes: tuple[bool, ...] | None = None,
        name: str | None = None,
        span: Span | None = None,
    ) -> Node:
        """The node of a method of a runtime value."""
        return self.emit(Operation("method", called, passes), value, *arguments, name=name, span=span)

    def field(self, value: Node, key: str | int, *, name: str | None = None, span: Span | None = None) -> Node:
        """The node of an attribute (a name) or an entry (a whole number) of a runtime value."""
        return self.emit(Operation("field", key), value, name=name, span=span)

    def block(
        self,
        use: BlockUse,
        method: str,
        *arguments: Any,  # noqa: ANN401
        passes: tuple[bool, ...] | None = None,
        options: Mapping[str, Any] | None = None,
        name: str | None = None,
        span: Span | None = None,
        family: str | None = None,
    ) -> Node:
        """The node of a call of a method of a block."""
        use = replace(use, chain=True) if self._ending else use
        operation = Operation("block", method, passes)
        return self.emit(operation, *arguments, options=options, name=name, span=span, use=use, family=family)

    @contextmanager
    def ending(self) -> Iterator[None]:
        """While the end of a chain is decoded: block calls are marked as part of it."""
        before, self._ending = self._ending, True
        try:
            yield
        finally:
            self._ending = before

    def stop(self, node: Node, span: Span | None = None, why: str = "sg") -> Node:
        """The same value, through an edge that stops the gradient; `why`: "sg", or "chain" at the end of one."""
        if node.family is not None:
            return self.call(constant, node, family=node.family, name=f"{node.name}_stopped", span=span)
        return self.emit(Operation("stop", why), Edge(node, True, span), name=f"{node.name}_stopped", span=span)

    # inputs -----------------------------------------------------------------------------------------------------------

    def leaf(self, law: LeafLaw, span: Span | None) -> Node:
        """A noise leaf: a new input of the program (of the body, in a loop whose kernel draws)."""
        while law.path in self._paths:  # two uses of one estimator: their noise differs all the same
            law = replace(law, path=f"{law.path}'")
        self._paths.add(law.path)
        word, short = "seed" if law.law == "seed" else "noise", law.path.split("/")[-1].removeprefix("kernel.")
        node = Node(
            self._free_name(f"{word}_{_identifier(short)}"),
            Operation("input", "noise"), span=span, leaf=law, chain=law.chain, graph=self.graph,
        )  # fmt: skip
        self.graph.nodes.append(node)
        return node

    def given(
        self,
        kind: str,
        name: str,
        span: Span | None = None,
        chain: str | None = None,
        origin: Node | None = None,
    ) -> Node:
        """An input of the program that is not noise: data, clock, shared, option or state; one node for each name."""
        key = ("given", kind, name)
        if key not in self._shared:
            node = Node(
                self._free_name(_identifier(name)),
                Operation("input", kind),
                (name,),
                span=span,
                chain=chain,
                graph=self.graph,
                origin=origin,
            )
            self.graph.nodes.append(node)
            self._shared[key] = node
        return self._shared[key]

    def bring(self, node: Node) -> Node:
        """`node`, as this graph sees it: itself, or the capture that stands for it."""
        if node.graph is self.graph:
            return node
        if id(node) not in self._inner:
            assert self.parent is not None, f"{node} belongs to a graph that does not enclose {self.graph.name}"
            outer = self.parent.bring(node)
            inner = Node(
                self._free_name(node.name), Operation("input", "capture"), (node.name,), span=node.span,
                family=node.family, chain=node.chain, graph=self.graph,
            )  # fmt: skip
            self.graph.nodes.append(inner)
            self.captures.append((Edge(outer, span=node.span), inner))
            self._inner[id(node)] = inner
        return self._inner[id(node)]

    def body(self, output: Node, state: Sequence[Node], *, differentiable: bool = True, about: str = "") -> Body:
        """What has been traced here, as the body of a loop of the parent."""
        self.graph.outputs = {"value": self.bring(output)}
        return Body(
            self.graph.name,
            self.graph,
            tuple(state),
            self.bring(output),
            self.captures,
            differentiable,
            self.dynamics,
            about,
        )

    # what the sizes must satisfy --------------------------------------------------------------------------------------

    def size(self, leaf: Node, like: Node | None, scalar: bool) -> None:
        """A leaf has the event of `like`, or is one number per sample."""
        if scalar:
            self.graph.scalars.append((leaf, leaf.span, True))
        elif like is not None:
            self.graph.alike.append((leaf, self.bring(like)))

    def expect_scalar(self, node: Node, span: Span | None) -> None:
        """`node` must be one number per sample: an energy."""
        self.graph.scalars.append((self.bring(node), span, False))

    # names and memories -----------------------------------------------------------------------------------------------

    def rename(self, node: Node, name: str) -> None:
        """Call `node` by the name of its line, unless another has the name already."""
        renamed = node.operation.kind != "input" or (node.leaf is not None and not node.named)
        if node.graph is self.graph and renamed and name not in self._names:
            self._names.discard(node.name)
            node.name, node.named = self._free_name(name), True

    def remember(self, model: Model, drawn: Drawn) -> None:
        """Keep a draw: its fields can be read, and its density at its own value needs no inversion."""
        if isinstance(drawn.value, Node):
            self.draws.setdefault(id(drawn.value), []).append((model, drawn))

    def drawn(self, node: Node) -> list[tuple[Model, Drawn]]:
        """The draws whose observed value `node` is, the outermost model last."""
        return self.draws.get(id(node), []) or (self.parent.drawn(node) if self.parent else [])

    def _edges(self, value: Any, span: Span | None) -> Any:  # noqa: ANN401
        if isinstance(value, Node):
            return Edge(self.bring(value), span=span)
        if isinstance(value, Edge):
            return Edge(self.bring(value.source), value.stop_gradient, value.span)
        if isinstance(value, Mapping):
            return {key: self._edges(part, span) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._edges(part, span) for part in value)
        return value

    def _free_name(self, wanted: str) -> str:
        name, count = wanted, 1
        while name in self._names:
            count += 1
            name = f"{wanted}_{count}"
        self._names.add(name)
        return name


def _key(value: Any) -> Any:  # noqa: ANN401
    """A hashable stand-in for nested arguments: edges count by source and flag, constants by type and value."""
    if isinstance(value, Edge):
        return ("edge", id(value.source), value.stop_gradient)
    if isinstance(value, Mapping):
        return tuple((key, _key(part)) for key, part in value.items())
    if isinstance(value, list | tuple):
        return (type(value).__name__, *(_key(part) for part in value))
    return (type(value).__name__, value)


RESULTS = {
    "add": "total", "subtract": "difference", "multiply": "product", "divide": "ratio", "negative": "negated",
    "power": "powered",
}  # fmt: skip


def _default_name(operation: Operation, arguments: Any, use: BlockUse | None) -> str:  # noqa: ANN401
    """A readable name for a node that no line names: `energy_x`, `encoder_z`, `squared_error`."""
    first = next((edge.source.name for edge in _first_edges(arguments)), "")
    if use is not None:
        word = use.block if operation.target == "forward" else f"{use.block}_{operation.target}"
    else:
        word = getattr(operation.target, "__name__", str(operation.target)).lower().strip("_")
    if word in RESULTS:
        return RESULTS[word]
    short = first if len(first) < 24 else ""
    if operation.kind in ("block", "method", "field", "call") and short:
        return _identifier(f"{word}_{short}")
    return _identifier({"call": f"{word}_value"}.get(operation.kind, word))


def _first_edges(arguments: Any) -> list[Edge]:  # noqa: ANN401
    found: list[Edge] = []
    map_edges(arguments, lambda edge: found.append(edge) or edge)
    return found


def _identifier(text: str) -> str:
    word = re.sub(r"\W+", "_", text).strip("_") or "value"
    return f"v_{word}" if word[0].isdigit() else word
