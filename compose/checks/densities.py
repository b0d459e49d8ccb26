"""Densities of what has none: a flow fitted to values that are a few numbers, with gaps between them."""

from __future__ import annotations

from collections.abc import Iterator

from blocks.operators import arithmetic
from compose.build import Composition
from compose.catalogue import Catalogue
from compose.diagnostics import Finding, Span, finding
from compose.graph import Node, Operation

__all__ = ["check_discrete"]

DENSITIES = ("log_prob", "inverse_and_ladj")  # methods of a flow that measure a value of the data's side
FIELD = Operation("input", "data")
ARITHMETIC = (arithmetic.add, arithmetic.subtract, arithmetic.multiply, arithmetic.divide, arithmetic.negative)


def check_discrete(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """A term measures the density, under a flow, of data that are quantised."""
    told = set()
    for stage in composition.stages:
        for update in stage.updates:
            for node in update.graph.needed(list(update.terms.values())):
                flow = node.use.block if node.use is not None else None
                if flow is None or node.operation.target not in DENSITIES or not _is_density(composition, flow):
                    continue
                field = _plain_field(node.edges[0].source)
                levels = composition.fields[field].levels if field is not None and field in composition.fields else None
                if field is not None and levels is not None and node.span not in told:
                    told.add(node.span)
                    yield gaps_in_data(node.span, flow, field, levels)


def _is_density(composition: Composition, block: str) -> bool:
    """Whether a block is a model of values without gaps; one over levels has probabilities."""
    return composition.blocks[block].is_model and not composition.blocks[block].discrete


def _plain_field(node: Node) -> str | None:
    """The field of the data that a node is, moved and scaled by numbers at most; else None."""
    if node.operation == FIELD:
        return str(node.arguments[0])
    if node.operation.kind == "stop" or (node.operation.target in ARITHMETIC and len(node.edges) == 1):
        return _plain_field(node.edges[0].source)
    return None


@finding("G361", "warning")
def gaps_in_data(span: Span | None, flow: str, field: str, levels: int) -> Finding:
    """A flow's density is fitted to data of a few levels, so that it can grow without end by peaks on each of them.

    Wrong: `data: {source: digits}`.   Right: `data: {source: digits, dequantize: 17}`.
    """
    return Finding(
        span=span,
        message=f"`{field}` has {levels} levels with nothing between them, and `{flow}` is a density: its likelihood "
        "has no bound",
        help=f"fill the gaps with noise: data: {{source: .., dequantize: {levels}}}",
    )
