"""What autograd must record in one program: forward, what carries a gradient; backward, what needs one."""

from __future__ import annotations

from collections.abc import Callable

from compose.graph import BlockUse, Graph, Node, uses

__all__ = ["Flow", "nothing_recorded"]


class Flow:
    """The answer for every node of one program.

    requires: the value carries a gradient. paused: it would, and nobody needs it, so it is computed without recording.
    watchers: the users of a value v that a `grad(f, v)` differentiates through: those between v and f with no draw
    between. A draw is held fixed, so R1 of thesis eq. 6.16 is the partial derivative that it is written as.
    """

    def __init__(self, graph: Graph, terms: list[Node], extra: list[Node], trained: Callable[[BlockUse], bool]) -> None:
        nodes = graph.needed([*terms, *extra])
        self._needed = _backward(terms)
        for node in nodes:
            if node.operation.kind == "grad":
                self._needed |= _backward([node.edges[0].source])
        self._requires: set[int] = set()
        self._paused: set[int] = set()
        self._watchers: dict[int, set[int]] = {}
        for node in nodes:
            if node.operation.kind == "grad":
                f, v = (edge.source for edge in node.edges)
                self._watchers.setdefault(id(v), set()).update({*_between(v, f), id(node)})
        for node in nodes:
            blocked = node.operation.passes is not None and not any(node.operation.passes)
            own = not blocked and any(trained(use) for use in uses(node))
            carried = any(
                (id(edge.source) in self._requires or id(node) in self._watchers.get(id(edge.source), ())) and through and not edge.stop_gradient for edge, through in node.gradient_edges
            )
            if id(node) in self._needed and (own or carried):
                self._requires.add(id(node))
            elif not blocked and (own or any(id(edge.source) in self._requires for edge in node.edges)):
                self._paused.add(id(node))

    def requires(self, node: Node) -> bool:
        """Whether the value carries a gradient."""
        return id(node) in self._requires

    def paused(self, node: Node) -> bool:
        """Whether the value is computed without recording, though its inputs carry a gradient."""
        return id(node) in self._paused and node.operation.kind not in ("stop", "input")

    def watchers(self, node: Node) -> set[int]:
        """The users of `node` that must read its watched twin; empty if nothing is differentiated by it."""
        return self._watchers.get(id(node), set())

    def inside(self) -> Flow:
        """The flow inside a loop, which looks after itself."""
        return nothing_recorded()


def nothing_recorded() -> Flow:
    """The flow of a program in which nothing carries a gradient."""
    return Flow(Graph("nothing"), [], [], lambda use: False)


def _backward(ends: list[Node]) -> set[int]:
    seen: set[int] = set()
    waiting = list(ends)
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            waiting += [edge.source for edge, through in node.gradient_edges if through and not edge.stop_gradient]
    return seen


def _between(v: Node, f: Node) -> set[int]:
    """The nodes on the way from v to f, f included, that no draw cuts off."""
    depends: dict[int, bool] = {id(v): True}

    def on_the_way(node: Node) -> bool:
        if id(node) not in depends:
            drawn = node.operation.target == "at" and node is not f
            found = [] if drawn else [on_the_way(edge.source) for edge in node.edges if not edge.stop_gradient]
            depends[id(node)] = any(found)
        return depends[id(node)]

    on_the_way(f)
    return {key for key, found in depends.items() if found and key != id(v)}
