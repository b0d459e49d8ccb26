"""Likelihoods asked of values that lie where the law has nothing: of levels, and of data beyond their ends."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from blocks.types import Field
from compose.build import Composition
from compose.catalogue import Catalogue
from compose.diagnostics import Finding, Note, Span, finding
from compose.graph import Node, Operation
from compose.models.basic import DISCRETE

__all__ = ["check_supports"]

FIELD = Operation("input", "data")
UNIT = (0.0, 1.0)  # where the levels of a block that is a law over levels lie


def check_supports(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """A term measures, under a law over levels, a field of the data that nothing says to lie among them."""
    told = set()
    for stage in composition.stages:
        for update in stage.updates:
            for node in update.graph.needed(list(update.terms.values())):
                law, value = _measured(composition, node)
                yield from _counted(composition, node, law, value, told)
                field = _field(composition, value)
                ends = _ends(composition, law) if law is not None else None
                if law is None or value is None or field is None or ends is None or node.span in told:
                    continue
                known = field.low is not None and field.high is not None
                if not known or (composition.blocks[law].discrete and _beyond(field, ends)):
                    told.add(node.span)
                    yield outside(node.span, law, str(value.arguments[0]), ends, (field.low, field.high))


def _measured(composition: Composition, node: Node) -> tuple[str | None, Node | None]:
    """The block whose law over levels a node measures a value under, and the value."""
    if node.operation.target != "log_prob" or not node.edges:
        return None, None
    first = node.edges[0].source
    if node.use is not None:
        return (node.use.block, first) if composition.blocks[node.use.block].discrete else (None, None)
    if first.family not in DISCRETE or first.use is None or len(node.edges) < 2:
        return None, None
    return first.use.block, node.edges[1].source


def _counted(
    composition: Composition, node: Node, law: str | None, value: Node | None, told: set[Span | None]
) -> Iterator[Finding]:
    """A law over the numbers of another block's levels has as many as that."""
    if law is None or value is None or value.use is None or value.operation.target != "level" or node.span in told:
        return
    own, other = _levels(composition, law), _levels(composition, value.use.block)
    if own is not None and other is not None and own[1] != other[1]:
        told.add(node.span)
        declared = composition.spec.blocks
        span = declared[law].span(own[0]) or declared[law].span("kind")
        yield uneven(span, law, own, value.use.block, other, node.span)


def _levels(composition: Composition, block: str) -> tuple[str, int] | None:
    """The option that says how many levels a block has, and that number."""
    declared = composition.blocks[block]
    option = getattr(declared.block, "levels_option", None)
    if option is None:
        return None
    default = inspect.signature(declared.block).parameters[option].default
    return option, declared.options.get(option, default)


def _field(composition: Composition, value: Node | None) -> Field | None:
    """The field of the data that a value is, unchanged."""
    if value is None or value.operation != FIELD:
        return None
    return composition.fields.get(str(value.arguments[0]))


def _ends(composition: Composition, block: str) -> tuple[float, float] | None:
    """Where the levels of a block's law lie."""
    declared = composition.blocks[block]
    ranges = getattr(declared.block, "output_range", None)
    return UNIT if declared.discrete else ranges(declared.options) if ranges is not None else None


def _beyond(field: Field, ends: tuple[float, float]) -> bool:
    return field.low is not None and field.high is not None and (field.low < ends[0] or field.high > ends[1])


@finding("G411", "warning")
def outside(
    span: Span | None, law: str, field: str, ends: tuple[float, float], data: tuple[float | None, float | None]
) -> Finding:
    """A likelihood of levels is asked of data that do not lie among them, or of which nothing says that they do.

    Wrong: `output: bernoulli` for points of the plane.   Right: `output: normal`.
    """
    low, high = data
    lie = "have no ends that are known" if low is None or high is None else f"lie in [{low:g}, {high:g}]"
    return Finding(
        span=span,
        message=f"`{law}` has probabilities for levels in [{ends[0]:g}, {ends[1]:g}], and the data `{field}` {lie}",
        help="take a law without ends, as `output: normal` or a flow, or scale the data into these",
    )


@finding("G412", "error")
def uneven(
    span: Span | None, law: str, own: tuple[str, int], other: str, its: tuple[str, int], asked: Span | None
) -> Finding:
    """A law over the numbers of a codebook's codes has more levels than there are codes, or fewer.

    Wrong: `levels: 32` for a codebook of `codes: 64`.   Right: one param for both.
    """
    return Finding(
        span=span,
        message=f"`{law}` has `{own[0]}: {own[1]}`, and the values that it measures are of {its[1]}: `{other}` has "
        f"`{its[0]}: {its[1]}`",
        help=f"make them one number: `{own[0]}: {its[1]}`, or a param that both use",
        notes=(Note(asked, "measured here"),) if asked else (),
    )
