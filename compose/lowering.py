"""Lowering: a typed graph becomes one torch.fx module.   Dead nodes are gone, stops share the value they stop, and no
autograd graph is recorded where no gradient is needed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx, nn

from blocks.calculus import alias, as_row, gradient
from blocks.events import align_rank
from blocks.loops import SOLVER
from blocks.operators import arithmetic
from compose.fake_runs import of_constants
from compose.flow import Flow
from compose.graph import BlockUse, Body, Edge, Graph, LeafLaw, Node, Tensor, map_edges
from compose.passes.schedule import schedule
from compose.program import Input, Leaf
from compose.sizes import extra_axes

__all__ = ["Lowered", "Lowering", "View", "lower"]

View = Callable[[BlockUse, bool, bool], tuple[str, nn.Module]]
"""(use, inside a chain, that chain is differentiable) -> the view's name and module."""

PYTHON: Mapping[Any, Any] = {
    arithmetic.add: operator.add, arithmetic.subtract: operator.sub, arithmetic.multiply: operator.mul,
    arithmetic.divide: operator.truediv, arithmetic.power: operator.pow, arithmetic.negative: operator.neg,
    arithmetic.less: operator.lt, arithmetic.less_equal: operator.le, arithmetic.greater: operator.gt,
    arithmetic.greater_equal: operator.ge, arithmetic.equal: operator.eq,
}  # fmt: skip
"""Operators that Python's own compute: the same values and gradients, without a call."""


@dataclass(frozen=True)
class Lowered:
    """A module and its inputs in order."""

    module: fx.GraphModule
    inputs: tuple[Input, ...]


def lower(
    graph: Graph,
    wanted: list[Node],
    flow: Flow,
    view: View,
    finish: Callable[[Lowering], Any],
    follow: Callable[[Lowering, Node], None] = lambda lowering, node: None,
    quiet: frozenset[int] = frozenset(),
) -> Lowered:
    """`graph` as a module whose result `finish` makes of the lowered nodes.

    `follow` may add to each node as soon as it is lowered. `quiet` are nodes that are only looked at: their blocks are
    constants and write nothing.
    """
    lowering = Lowering(graph.name, view, flow, quiet=quiet)
    nodes = graph.needed(wanted)
    inputs = tuple(lowering.input(node) for node in nodes if node.operation.kind == "input")
    for node in nodes:
        if node.operation.kind != "input":
            lowering.node(node)
        follow(lowering, node)
    return Lowered(lowering.module(finish(lowering)), inputs)


class Lowering:
    """Builds one fx graph: `made` holds the fx node of each node.

    `root` collects the blocks' views and the bodies of loops; `attached` holds them by name for the whole program, so
    that a name means one module in all of its functions.
    """

    def __init__(
        self,
        name: str,
        view: View,
        flow: Flow,
        dynamics: tuple[bool, bool] = (False, False),
        attached: dict[str, nn.Module] | None = None,
        quiet: frozenset[int] = frozenset(),
    ) -> None:
        self.name, self.view, self.flow, self.dynamics, self.quiet = name, view, flow, dynamics, quiet
        self.attached = {} if attached is None else attached
        self.root = nn.Module()
        self.graph = fx.Graph()
        self.made: dict[int, fx.Node] = {}
        self.detached: dict[fx.Node, fx.Node] = {}
        self.watched: dict[tuple[int, int], fx.Node] = {}
        self.region = "plain"  # or "paused", or "enabled"
        self.before: fx.Node | None = None  # whether autograd was on before an enabled region

    def module(self, output: Any, about: str = "") -> fx.GraphModule:  # noqa: ANN401  nested fx nodes
        """What has been built, as a module with this result."""
        self.enter("plain")
        self.graph.output(output)
        schedule(self.graph)
        module = fx.GraphModule(self.root, self.graph, class_name=self.name)
        module.graph.lint()
        module.meta["about"] = about
        return module

    def input(self, node: Node) -> Input:
        """A placeholder, and what the runner must put there."""
        placeholder = self.placeholder(node)
        if node.leaf is not None:
            return Input(placeholder.name, "noise", _leaf(node.leaf, node))
        name = str(node.arguments[0]) if node.arguments else node.name
        gradient = node.origin is not None and self.flow.requires(node)
        return Input(name, node.operation.target, default=node.options.get("default"), gradient=gradient)

    def placeholder(self, node: Node) -> fx.Node:
        """A parameter of the function."""
        self.made[id(node)] = self.graph.placeholder(node.name)
        self._watch(node)
        return self.made[id(node)]

    def node(self, node: Node) -> None:
        """The fx node of one node of the graph."""
        if node.operation.kind != "field":  # nothing to record
            self.enter("paused" if self.flow.paused(node) else "enabled" if self.flow.enabled(node) else "plain")
        axes, lone = extra_axes(node), of_constants(node)

        def value(edge: Edge) -> fx.Node:
            held = self.use(edge, node)
            held = self.graph.call_function(as_row, (held,)) if lone else held
            return self.graph.call_function(align_rank, (held, axes[id(edge)])) if id(edge) in axes else held

        arguments = map_edges(node.arguments, value)
        options = map_edges({key: part for key, part in node.options.items() if part is not None}, value)
        made = LOWER[node.operation.kind](self, node, arguments, options)
        made = self.graph.call_function(operator.getitem, (made, 0)) if lone else made
        self.made[id(node)] = made
        made.meta.setdefault("source", node)
        own = node.operation.kind != "stop" or (node.named and made.op != "placeholder" and not made.meta["named"])
        if own:
            _rename(made, node.name, named=node.named)
        self._watch(node)

    def use(self, edge: Edge, user: Node) -> fx.Node:
        """The value of an edge: detached where the edge stops a gradient that there is."""
        source = self.watched.get((id(edge.source), id(user))) or self.made[id(edge.source)]
        blocked = user.bodies and user.operation.passes is not None
        if not (edge.stop_gradient or blocked) or not self.flow.requires(edge.source) or self.region == "paused":
            return source
        return self.detach(source)

    def detach(self, value: fx.Node) -> fx.Node:
        """The value without its gradient: made once."""
        if value not in self.detached:
            self.detached[value] = self.graph.call_method("detach", (value,))
            _rename(self.detached[value], f"{value.name}_detached")
        return self.detached[value]

    def enter(self, region: str) -> None:
        """Leave the present region and enter another: paused (autograd records nothing), enabled (it does), plain."""
        if region == self.region:
            return
        if self.region != "plain":
            leave = self._set_recording(self.before if self.before is not None else True)
            leave.meta["region"], self.before = "leave", None
        if region == "enabled":
            self.before = self.graph.call_function(torch.is_grad_enabled)
        if region != "plain":
            self._set_recording(region == "enabled").meta["region"] = region
        self.region = region

    def _set_recording(self, on: bool | fx.Node) -> fx.Node:
        return self.graph.call_function(torch._C._set_grad_enabled, (on,))

    def _attach(self, name: str, module: nn.Module) -> str:
        while self.attached.setdefault(name, module) is not module:
            name += "_"
        setattr(self.root, name, module)
        return name

    def _watch(self, node: Node) -> None:
        """A value that something is differentiated by gets a twin, which only what is differentiated reads."""
        users = self.flow.watchers(node)
        if not users:
            return
        value = self.made[id(node)]
        if self.flow.requires(node):
            self.enter("plain" if self.flow.recording else "enabled")
            watched = self.graph.call_function(alias, (value,))
        else:
            watched = self.graph.call_method("requires_grad_", (self.graph.call_method("detach", (value,)),))
        _rename(watched, f"{node.name}_watched")
        watched.meta["comment"] = "to differentiate by: draws made of it keep it as it is"
        self.watched |= {(id(node), user): watched for user in users}

    # one method a kind of operation -----------------------------------------------------------------------------------

    def _call(self, node: Node, arguments: Any, options: dict[str, Any]) -> fx.Node:  # noqa: ANN401
        function = node.operation.target
        return self.graph.call_function(PYTHON.get(function, function), arguments, options)

    def _stop(self, node: Node, arguments: Any, options: dict[str, Any]) -> fx.Node:  # noqa: ANN401
        return arguments[0]

    def _block(self, node: Node, arguments: Any, options: dict[str, Any]) -> fx.Node:  # noqa: ANN401
        assert node.use is not None
        chain, differentiable = self.dynamics
        use = replace(node.use, frozen=True) if id(node) in self.quiet else node.use
        ends = use.chain and self.flow.requires(node)
        view, module = self.view(use, chain or use.chain, differentiable or ends)
        name = self._attach(view, module)
        if node.operation.target == "forward":
            made = self.graph.call_module(name, arguments, options)
        else:
            made = self.graph.call_method(node.operation.target, (self.graph.get_attr(name), *arguments), options)
        own = any(parameter.requires_grad for parameter in module.parameters(recurse=False))
        lent = own and self.region == "paused" and isinstance(node.type, Tensor)  # it may be the parameter itself
        return self.graph.call_method("detach", (made,)) if lent else made

    def _method(self, node: Node, arguments: Any, options: dict[str, Any]) -> fx.Node:  # noqa: ANN401
        return self.graph.call_method(node.operation.target, arguments, options)

    def _field(self, node: Node, arguments: Any, options: dict[str, Any]) -> fx.Node:  # noqa: ANN401
        source = node.edges[0].source
        entry = isinstance(node.operation.target, int) or source.operation.kind == "field"
        return self.graph.call_function(operator.getitem if entry else getattr, (arguments[0], node.operation.target))

    def _grad(self, node: Node, arguments: Any, options: dict[str, Any]) -> fx.Node:  # noqa: ANN401
        keep: dict[str, Any] = {"create_graph": True} if self.flow.requires(node) else {}
        return self.graph.call_function(gradient, arguments, keep)

    def _loop(self, node: Node, arguments: Any, options: dict[str, Any]) -> fx.Node:  # noqa: ANN401
        (body,) = node.bodies
        if not self.flow.requires(node):
            options.pop("differentiable", None)
        if "settings" in options:
            told = {name: value for name, value in options["settings"].items() if value != SOLVER.get(name, ...)}
            options["settings"] = told
        leaves = [held for held in body.graph.nodes if held.leaf is not None]
        if leaves:
            options["leaves"] = {leaf.path: _law(leaf) for leaf in (_leaf(h.leaf, h) for h in leaves if h.leaf)}
        name = self._attach(body.name, self.body(node, body, leaves))
        captures = tuple(self.use(outer, node) for outer, _ in body.captures)
        if captures:
            options["captures"] = captures
        return self.graph.call_function(node.operation.target, (self.graph.get_attr(name), *arguments), options)

    def body(self, node: Node, body: Body, leaves: list[Node]) -> fx.GraphModule:
        """The body of a loop as a module of its own: state, noise, captures -> output."""
        dynamics = (True, body.differentiable and self.flow.requires(node)) if body.dynamics else self.dynamics
        nodes = [held for held in body.graph.needed([body.output]) if held.operation.kind != "input"]
        quiet = frozenset(map(id, nodes)) if id(node) in self.quiet else frozenset()
        inner = Lowering(body.name, self.view, self.flow.inside(node, body), dynamics, self.attached, quiet)
        for given in (*body.state, *leaves, *(captured for _, captured in body.captures)):
            inner.placeholder(given)
        for held in nodes:
            inner.node(held)
        return inner.module(inner.made[id(body.output)], body.about)


LOWER: Mapping[str, Callable[..., fx.Node]] = {
    "call": Lowering._call, "stop": Lowering._stop, "block": Lowering._block, "method": Lowering._method,
    "field": Lowering._field, "grad": Lowering._grad, "loop": Lowering._loop,
}  # fmt: skip


def _leaf(law: LeafLaw, node: Node) -> Leaf:
    known = node.type
    if not isinstance(known, Tensor):
        return Leaf(law.path, law.law)
    return Leaf(law.path, law.law, known.event, law.high, known.rows)


def _law(leaf: Leaf) -> tuple[Any, ...]:
    return (leaf.law, leaf.event, leaf.high) if leaf.high else (leaf.law, leaf.event)


def _rename(made: fx.Node, name: str, *, named: bool = False) -> None:
    made.meta["named"] = named
    if made.name != name:
        made._rename(name)
