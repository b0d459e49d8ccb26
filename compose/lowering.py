"""Lowering: a typed graph becomes one torch.fx module.   Dead nodes are gone, stops share the value they stop, and no
autograd graph is recorded where no gradient is needed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from blocks.calculus import alias, gradient
from blocks.events import align_rank
from compose.flow import Flow
from compose.graph import BlockUse, Body, Edge, Graph, LeafLaw, Node, Tensor, map_edges
from compose.program import Input, Leaf
from compose.sizes import extra_axes

__all__ = ["Lowered", "lower"]

View = Callable[[BlockUse, bool, bool], tuple[str, nn.Module]]
"""(use, inside a chain, that chain is differentiable) -> the view's name and module."""


@dataclass(frozen=True)
class Lowered:
    """A module and its inputs in order."""

    module: fx.GraphModule
    inputs: tuple[Input, ...]


def lower(
    graph: Graph, wanted: list[Node], flow: Flow, view: View, finish: Callable[[_Lowering], Any]
) -> Lowered:
    """`graph` as a module whose result `finish` makes of the lowered nodes."""
    lowering = _Lowering(graph.name, view, flow)
    nodes = graph.needed(wanted)
    inputs = tuple(lowering.input(node) for node in nodes if node.operation.kind == "input")
    for node in nodes:
        if node.operation.kind != "input":
            lowering.node(node)
    lowering.region(False)
    lowering.graph.output(finish(lowering))
    return Lowered(lowering.module(), inputs)


class _Lowering:
    """Builds one fx graph.   `root` collects the blocks' views and the bodies of loops."""

    def __init__(self, name: str, view: View, flow: Flow, dynamics: tuple[bool, bool] = (False, False)) -> None:
        self.name, self.view, self.flow, self.dynamics = name, view, flow, dynamics
        self.root = nn.Module()
        self.graph = fx.Graph()
        self.made: dict[int, fx.Node] = {}
        self.detached: dict[fx.Node, fx.Node] = {}
        self.watched: dict[tuple[int, int], fx.Node] = {}
        self.paused = False

    def module(self) -> fx.GraphModule:
        """What has been built, as a module."""
        module = fx.GraphModule(self.root, self.graph, class_name=self.name)
        module.graph.lint()
        return module

    def input(self, node: Node) -> Input:
        """A placeholder, and what the runner must put there."""
        placeholder = self.graph.placeholder(node.name)
        self.made[id(node)] = placeholder
        name = str(node.arguments[0]) if node.arguments else node.name
        self._watch(node)
        if node.leaf is not None:
            return Input(placeholder.name, "noise", _leaf(node.leaf, node))
        return Input(name, node.operation.target, default=node.options.get("default"))

    def node(self, node: Node) -> None:
        """The fx node of one node of the graph."""
        self.region(self.flow.paused(node))
        axes = extra_axes(node)

        def value(edge: Edge) -> fx.Node:
            held = self.use(edge, node)
            return self.graph.call_function(align_rank, (held, axes[id(edge)])) if id(edge) in axes else held

        arguments = map_edges(node.arguments, value)
        options = map_edges({key: part for key, part in node.options.items() if part is not None}, value)
        made = LOWER[node.operation.kind](self, node, arguments, options)
        self.made[id(node)] = made
        self._rename(made, node.name)
        self._watch(node)

    def use(self, edge: Edge, user: Node | None = None) -> fx.Node:
        """The value of an edge: detached where the edge stops a gradient that there is."""
        source = self.watched.get((id(edge.source), id(user))) or self.made[id(edge.source)]
        blocked = user is not None and user.bodies and user.operation.passes is not None
        if not (edge.stop_gradient or blocked) or not self.flow.requires(edge.source) or self.paused:
            return source
        if source not in self.detached:
            self.detached[source] = self.graph.call_method("detach", (source,))
            self._rename(self.detached[source], f"{source.name}_detached")
        return self.detached[source]

    def region(self, paused: bool) -> None:
        """Enter or leave a stretch where autograd records nothing."""
        if paused != self.paused:
            self.graph.call_function(torch._C._set_grad_enabled, (not paused,))
            self.paused = paused

    def attribute(self, name: str, module: nn.Module) -> fx.Node:
        """The node of a submodule as a value."""
        setattr(self.root, name, module)
        return self.graph.get_attr(name)

    def _watch(self, node: Node) -> None:
        """A value that something is differentiated by gets a twin, which only what is differentiated reads."""
        users = self.flow.watchers(node)
        if users:
            self.region(False)
            plain = self.graph.call_method("detach", (self.made[id(node)],))
            fresh = not self.flow.requires(node)
            watched = self.graph.call_method("requires_grad_", (plain,)) if fresh else self.graph.call_function(alias, (self.made[id(node)],))
            if not fresh:
                self.graph.erase_node(plain)
            self._rename(watched, f"{node.name}_watched")
            self.watched |= {(id(node), user): watched for user in users}

    def _rename(self, made: fx.Node, name: str) -> None:
        if made.name != name and made.op not in ("placeholder", "get_attr"):
            made._rename(name)

    # one method a kind of operation -----------------------------------------------------------------------------------

    def _call(self, node: Node, arguments: Any, options: dict[str, Any]) -> fx.Node:  # noqa: ANN401
        return self.graph.call_function(node.operation.target, arguments, options)

    def _stop(self, node: Node, arguments: Any, options: dict[str, Any]) -> fx.Node:  # noqa: ANN401
        return arguments[0]

    def _block(self, node: Node, arguments: Any, options: dict[str, Any]) -> fx.Node:  # noqa: ANN401
        assert node.use is not None
        name, module = self.view(node.use, *self.dynamics)
        if node.operation.target == "forward":
            setattr(self.root, name, module)
            return self.graph.call_module(name, arguments, options)
        return self.graph.call_method(node.operation.target, (self.attribute(name, module), *arguments), options)

    def _method(self, node: Node, arguments: Any, options: dict[str, Any]) -> fx.Node:  # noqa: ANN401
        return self.graph.call_method(node.operation.target, arguments, options)

    def _field(self, node: Node, arguments: Any, options: dict[str, Any]) -> fx.Node:  # noqa: ANN401
        source = node.edges[0].source
        entry = isinstance(node.operation.target, int) or source.operation.kind == "field"
        return self.graph.call_function(operator.getitem if entry else getattr, (arguments[0], node.operation.target))

    def _grad(self, node: Node, arguments: Any, options: dict[str, Any]) -> fx.Node:  # noqa: ANN401
        keep = {"create_graph": True} if self.flow.requires(node) else {}
        return self.graph.call_function(gradient, arguments, keep)

    def _loop(self, node: Node, arguments: Any, options: dict[str, Any]) -> fx.Node:  # noqa: ANN401
        (body,) = node.bodies
        leaves = [held for held in body.graph.nodes if held.leaf is not None]
        if leaves:
            options["leaves"] = tuple((h.name, h.leaf.law, h.type.event, h.leaf.high) for h in leaves)  # type: ignore[union-attr]
        name = body.name if not hasattr(self.root, body.name) else f"{body.name}_{len(self.made)}"
        inner = self.attribute(name, self.body(body, leaves))
        captures = tuple(self.use(outer, node) for outer, _ in body.captures)
        return self.graph.call_function(node.operation.target, (inner, captures, *arguments), options)

    def body(self, body: Body, leaves: list[Node]) -> fx.GraphModule:
        """The body of a loop as a module of its own: state, noise, captures -> output."""
        inner = _Lowering(body.name, self.view, self.flow.inside(), (True, body.differentiable) if body.dynamics else self.dynamics)
        for node in (*body.state, *leaves, *(captured for _, captured in body.captures)):
            inner.made[id(node)] = inner.graph.placeholder(node.name)
        for node in body.graph.needed([body.output]):
            if node.operation.kind != "input":
                inner.node(node)
        inner.graph.output(inner.made[id(body.output)])
        return inner.module()


LOWER: Mapping[str, Callable[..., fx.Node]] = {
    "call": _Lowering._call, "stop": _Lowering._stop, "block": _Lowering._block, "method": _Lowering._method,
    "field": _Lowering._field, "grad": _Lowering._grad, "loop": _Lowering._loop,
}  # fmt: skip


def _leaf(law: LeafLaw, node: Node) -> Leaf:
    known = node.type
    if not isinstance(known, Tensor):
        return Leaf(law.path, law.law)
    return Leaf(law.path, law.law, known.event, law.high, known.rows)

