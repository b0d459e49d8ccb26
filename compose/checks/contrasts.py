"""Contrasts upside down: an energy is made large on the data, and small where dynamics have descended it already.

minimize s E(x) - s E(neg), where neg descends s E: s is 1 for dynamics in the energy, -1 for `tilt(gan, -critic(_))`
"""

from __future__ import annotations

from collections.abc import Iterator

from blocks import loops
from blocks.registry import OPERATORS
from compose.build import Composition
from compose.catalogue import Catalogue
from compose.checks.directions import MONOTONE, SCORES
from compose.checks.sums import Part, parts, parts_of_terms
from compose.diagnostics import Finding, Note, Span, finding
from compose.graph import Node

__all__ = ["check_contrasts"]

DESCENTS = (loops.langevin, loops.descend)
INCREASING = tuple(OPERATORS.find(name) for name in MONOTONE)


def check_contrasts(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Every trained energy or critic whose terms push its score the way that its own samples went."""
    for stage in composition.stages:
        for update in stage.updates:
            terms = [_peeled(part) for part in parts_of_terms(update)]
            for block in update.trains:
                if composition.blocks[block].role in SCORES:
                    yield from _contrast(block, [part for part in terms if _scores(part.node, block)])


def _contrast(block: str, scores: list[Part]) -> Iterator[Finding]:
    """The scores of samples that descended, where a score of other values is pushed the other way."""
    ways = [_way(part.node, block) for part in scores]
    for part, (way, place) in zip(scores, ways, strict=True):
        others = [other for other, (its, _) in zip(scores, ways, strict=True) if not its and other.sign == -part.sign]
        if part.sign * way > 0 and others:
            yield inverted_contrast(part.place, block, way, place, others[0].place)


def _peeled(part: Part) -> Part:
    """A part without the increasing functions and the signs around its score."""
    while part.node.operation.target in INCREASING and len(part.node.edges) == 1:
        inner = list(parts(part.node.edges[0].source, part.place, part.sign))
        if len(inner) != 1:
            break
        part = inner[0]._replace(place=part.place)
    return part


def _scores(node: Node, block: str) -> bool:
    """Whether a node is a call of the block, with its gradient."""
    use = node.use
    return use is not None and use.block == block and not use.frozen and node.operation.target == "forward"


def _way(score: Node, block: str) -> tuple[int, Span | None]:
    """1 if what is scored comes of dynamics down the block's own score, -1 if up, 0 if neither; and their place."""
    seen: set[int] = set()
    waiting = [edge.source for edge in score.edges]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        waiting += [edge.source for edge in node.edges] + ([node.origin] if node.origin is not None else [])
        if node.operation.target in DESCENTS:
            held = parts(node.bodies[0].output, formed=True)
            signs = {part.sign for part in held if part.node.use is not None and part.node.use.block == block}
            if len(signs) == 1:
                return signs.pop(), node.span
    return 0, None


@finding("G289", "warning")
def inverted_contrast(span: Span | None, block: str, way: int, dynamics: Span | None, other: Span | None) -> Finding:
    """The terms of an energy push it down where its own dynamics have gone down already, and up on other values.

    Wrong: `energy(neg) - energy(x)` with `neg: ~langevin(energy, ..)`.   Right: `energy(x) - energy(neg)`.
    """
    low, high = ("low", "high") if way > 0 else ("high", "low")
    places = ((dynamics, f"these dynamics have brought them {low}"), (other, f"and this makes others {high}"))
    return Finding(
        span=span,
        message=f"this makes `{block}` {low} on samples that dynamics in `{block}` have brought {low}: they run away",
        help="exchange the two signs, so that the data take the samples' place",
        notes=tuple(Note(place, words) for place, words in places if place is not None),
    )
