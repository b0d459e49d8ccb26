"""Gradient flow: which block does each term of an update reach?   Computed on the graph's edges alone.

reaches     a path of value edges that pass, to a call of the block whose parameter edge is not frozen
frozen      such a path exists, but only to frozen calls
stopped     every path is stopped: by `sg`, a discrete draw, or dynamics that are not differentiable
no path     the term does not depend on the block
untrained   the block is not in `train`
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from compose.diagnostics import Span
from compose.graph import Edge, Node, uses

__all__ = ["Cause", "Reach", "Stop", "carried", "matrix", "reach", "verdicts"]

Cause = Literal["sg", "chain", "draw", "other"]
CAUSES: Mapping[Any, Cause] = {"sg": "sg", "chain": "chain", "at": "draw"}  # by what a node calls


@dataclass(frozen=True)
class Stop:
    """Where a gradient is cut, and by what: `sg`, a chain that is not differentiable, a discrete draw, or else."""

    span: Span | None
    cause: Cause


@dataclass
class Reach:
    """What one term reaches: blocks, and for the others the places where the gradient is cut."""

    reached: set[str] = field(default_factory=set)
    frozen: dict[str, list[Span | None]] = field(default_factory=dict)
    stopped: dict[str, list[Stop]] = field(default_factory=dict)

    def verdict(self, block: str) -> str:
        """`reaches`, `frozen`, `stopped` or `no path`."""
        if block in self.reached:
            return "reaches"
        if block in self.frozen:
            return "frozen"
        return "stopped" if block in self.stopped else "no path"


def reach(term: Node) -> Reach:
    """What the gradient of `term` reaches."""
    found = Reach()
    live = _backward(term, found)
    for node, stop in _behind(live).items():
        for use in uses(node):
            stops = found.stopped.setdefault(use.block, [])
            if stop not in stops:
                stops.append(stop)
    return found


def carried(terms: Iterable[Node], trains: Iterable[str]) -> dict[str, set[str]]:
    """shared value -> the blocks of `trains` that the gradient of `terms` reaches through it, those that it must carry.

    At most one call of an update in a step may have one: it steps what the value was made with (finding G107). So no
    part of what the shared program records is ever gone through twice.
    """
    found: dict[str, set[str]] = {}
    for term in terms:
        for node in _backward(term, Reach()).values():
            blocks = reach(node.origin).reached & set(trains) if node.origin is not None else set()
            if blocks:
                found.setdefault(str(node.arguments[0]), set()).update(blocks)
    return found


def verdicts(found: Reach, trains: Iterable[str], blocks: Iterable[str]) -> dict[str, str]:
    """block -> verdict of one term, in an update that trains `trains`."""
    return {block: found.verdict(block) if block in trains else "untrained" for block in blocks}


def matrix(terms: Mapping[str, Node], trains: tuple[str, ...], blocks: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """term -> block -> verdict, for the blocks that have parameters."""
    return {name: verdicts(reach(term), trains, blocks) for name, term in terms.items()}


def _backward(term: Node, found: Reach) -> dict[int, Node]:
    """The nodes that the gradient of `term` passes through; notes the parameter edges that it meets."""
    live: dict[int, Node] = {}
    waiting = [term]
    while waiting:
        node = waiting.pop()
        if id(node) in live:
            continue
        live[id(node)] = node
        passes = node.operation.passes
        blocked = passes is not None and not any(passes)
        if node.use is not None and not blocked:
            _note(node, found)
        waiting += [edge.source for edge, through in node.gradient_edges if through and not edge.stop_gradient]
        waiting += [node.origin] if node.origin is not None else []
        for body in node.bodies:
            if not blocked:
                waiting.append(body.output)
    return live


def _note(node: Node, found: Reach) -> None:
    use = node.use
    assert use is not None
    if use.frozen:
        found.frozen.setdefault(use.block, []).append(use.span)
    else:
        found.reached.add(use.block)


def _behind(live: Mapping[int, Node]) -> dict[Node, Stop]:
    """Every node that the term depends on only through a stop, with the first stop on the way."""
    behind: dict[Node, Stop] = {}
    waiting: list[tuple[Node, Stop]] = []
    for node in live.values():
        for edge, through in node.gradient_edges:
            if edge.stop_gradient or not through:
                waiting.append((edge.source, _stop(node, edge)))
        if node.operation.passes is not None and not any(node.operation.passes):
            behind[node] = Stop(node.span, _cause(node))
            waiting += [(body.output, behind[node]) for body in node.bodies]
    while waiting:
        node, stop = waiting.pop()
        if node in behind:
            continue
        behind[node] = stop
        waiting += [(edge.source, stop) for edge in node.edges]
        waiting += [(node.origin, stop)] if node.origin is not None else []
        waiting += [(body.output, stop) for body in node.bodies]
    return behind


def _stop(node: Node, edge: Edge) -> Stop:
    return Stop(edge.span or node.span, _cause(node))


def _cause(node: Node) -> Cause:
    return "chain" if node.bodies else CAUSES.get(node.operation.target, "other")
