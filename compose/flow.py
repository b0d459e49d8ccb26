"""What autograd must record in one program: forward, what carries a gradient; backward, what needs one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from compose.graph import BlockUse, Body, Graph, Node, uses

__all__ = ["Flow", "depends"]

Trained = Callable[[BlockUse], bool]
DYNAMICS = ("langevin", "descend")  # loops that record only what they are told to


class Flow:
    """The answer for every node of one program, or of a body.

    requires: the value carries a gradient. paused: it would, and nobody needs it, so it is computed without recording.
    watchers: the users of a value v that a `grad(f, v)` differentiates through: those between v and f with no draw
    between. A draw is held fixed, so R1 of thesis eq. 6.16 is the partial derivative that it is written as; where v
    reaches f through draws alone, as noise does, they are passed. enabled: it lies between such a v and f in a program
    that may be run with recording switched off, so it switches it on.

    `given`: inputs that carry a gradient from outside. `recording`: autograd is known to be on where the program runs.
    """

    def __init__(
        self,
        graph: Graph,
        terms: list[Node],
        extra: list[Node],
        trained: Trained,
        *,
        given: Iterable[Node] = (),
        recording: bool = True,
    ) -> None:
        self.trained, self.recording = trained, recording
        nodes = graph.needed([*terms, *extra])
        self._needed = _backward(terms)
        self._watchers: dict[int, set[int]] = {}
        self._enabled: set[int] = set()
        for node in nodes:
            if node.operation.kind == "grad":
                f, v = (edge.source for edge in node.edges)
                between = _between(v, f)
                self._needed |= between
                self._enabled |= between if not recording else set()
                self._watchers.setdefault(id(v), set()).update({*between, id(node)})
        self._requires = {id(node) for node in given if id(node) in self._needed or not recording}
        self._paused: set[int] = set()
        for node in nodes:
            self._follow(node)

    def _follow(self, node: Node) -> None:
        """Whether `node` requires or is paused, its arguments being known."""
        blocked = node.operation.passes is not None and not any(node.operation.passes)
        own = not blocked and any(self.trained(use) for use in uses(node))
        carried = any(
            (id(edge.source) in self._requires or id(node) in self._watchers.get(id(edge.source), ()))
            and through and not edge.stop_gradient
            for edge, through in node.gradient_edges
        )  # fmt: skip
        if (own or carried) and (id(node) in self._needed or not self.recording):  # nothing is paused inside loops
            self._requires.add(id(node))
        elif self.recording and not blocked and node.operation.kind not in ("stop", "input"):
            loop = node.operation.kind == "loop" and node.operation.target.__name__ not in DYNAMICS
            if loop or own or any(id(edge.source) in self._requires for edge in node.edges):
                self._paused.add(id(node))

    def requires(self, node: Node) -> bool:
        """Whether the value carries a gradient."""
        return id(node) in self._requires

    def paused(self, node: Node) -> bool:
        """Whether the value is computed without recording, though its inputs (or its own loop) would record."""
        return id(node) in self._paused

    def enabled(self, node: Node) -> bool:
        """Whether the value is computed with recording switched on, though it may be off around it."""
        return id(node) in self._enabled

    def watchers(self, node: Node) -> set[int]:
        """The users of `node` that must read its watched twin; empty if nothing is differentiated by it."""
        return self._watchers.get(id(node), set())

    def inside(self, node: Node, body: Body) -> Flow:
        """The flow of the body of the loop `node`."""
        carried = self.requires(node)
        given = [inner for outer, inner in body.captures if self.requires(outer.source) and not outer.stop_gradient]
        if body.dynamics or any(self.requires(edge.source) for edge in node.edges):
            given += body.state
        ends, rest = ([body.output], []) if body.dynamics or carried else ([], [body.output])
        trained = self.trained if carried else _nothing
        return Flow(body.graph, ends, rest, trained, given=given, recording=False)


def depends(f: Node, v: Node) -> bool:
    """Whether a gradient of `f` comes to `v`."""
    return id(v) in _backward([f])


def _nothing(use: BlockUse) -> bool:
    return False


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
    """The nodes on the way from v to f, f included: those that no draw cuts off, or all if draws cut off every way."""
    return _ways(v, f, through_draws=False) or _ways(v, f, through_draws=True)


def _ways(v: Node, f: Node, *, through_draws: bool) -> set[int]:
    found: dict[int, bool] = {id(v): True}

    def on_the_way(node: Node) -> bool:
        if id(node) not in found:
            cut = node.operation.target == "at" and node is not f and not through_draws
            edges = [] if cut else [edge for edge, passes in node.gradient_edges if passes and not edge.stop_gradient]
            ways = [on_the_way(edge.source) for edge in edges]  # all of them: the others are on their way too
            found[id(node)] = any(ways)
        return found[id(node)]

    on_the_way(f)
    return {key for key, way in found.items() if way and key != id(v)}
