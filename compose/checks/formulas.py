"""Formulas that nobody means, though each is well-formed: one wrong sign makes them of ones that are meant."""

from __future__ import annotations

from collections.abc import Iterator

from blocks import discretised, distributions
from blocks.operators import arithmetic, losses, reductions
from compose.build import Composition
from compose.catalogue import Catalogue
from compose.checks.sums import SUMS, is_written
from compose.diagnostics import Finding, Span, finding
from compose.gradients import reach
from compose.graph import Edge, Node, Tensor, uses

__all__ = ["check_formulas"]

NEVER_NEGATIVE = (
    losses.squared_error, losses.mse, losses.l1, reductions.square_norm, reductions.norm, distributions.kl_standard,
    distributions.kl_normal, distributions.kl_bernoulli, discretised.kl_categorical,
)  # fmt: skip


def check_formulas(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Constant summands and losses below the line of terms; numbers to the power of a value, anywhere."""
    for stage in composition.stages:
        for update in stage.updates:
            for node in update.terms.values():
                trained = reach(node).reached & set(update.trains)
                yield from (constant_summand(node.span, number) for number in _weights(node) if trained)
                if trained and _inverts(node):
                    yield inverted_loss(node.span)
    told = set()
    for graph in composition.graphs():
        for node in graph.walk():
            if node.operation.target is arithmetic.power and node.span not in told and _exponential(node):
                told.add(node.span)
                yield odd_power(node.span, node.arguments[0])


def _weights(node: Node) -> Iterator[float]:
    """The plain numbers right before a `+` of a sum as the user wrote it, where a weight stands before a `*`.

    Not 0 and 1, which are no weights. Elsewhere numbers are written on purpose: `margin - critic(fake)`,
    `exp(r) - 1 - r`, `bits + 8`.
    """
    scaled = node.operation.target in (arithmetic.negative, arithmetic.multiply) and len(node.edges) == 1
    if not is_written(node) or not (scaled or node.operation.target in SUMS):
        return
    if node.operation.target is arithmetic.add:
        before = node.arguments[0]
        if isinstance(before, Edge) and before.source.operation.target in SUMS and is_written(before.source):
            before = before.source.arguments[1]
        if isinstance(before, int | float) and before not in (0, 1):
            yield before
    for edge in node.edges:
        yield from _weights(edge.source)


def _inverts(node: Node) -> bool:
    """Whether a term is a number over a loss that is never negative."""
    if node.operation.target is not arithmetic.divide or not isinstance(node.arguments[0], int | float):
        return False
    below = node.arguments[1]
    return isinstance(below, Edge) and _never_negative(below.source)


def _never_negative(node: Node) -> bool:
    """Whether a value is a loss that is never negative, an even power, or a sum of such."""
    if node.operation.target is arithmetic.power:
        return isinstance(node.arguments[1], int) and node.arguments[1] % 2 == 0
    if node.operation.target is arithmetic.add:
        return len(node.edges) == 2 and all(_never_negative(edge.source) for edge in node.edges)
    return node.operation.target in NEVER_NEGATIVE


def _exponential(node: Node) -> bool:
    """Whether a plain number is raised to a value of several entries, or one that blocks make."""
    base, exponent = node.arguments[:2]
    if not isinstance(base, int | float) or not isinstance(exponent, Edge):
        return False
    kind, source = exponent.source.type, exponent.source
    entries = isinstance(kind, Tensor) and bool(kind.event) and kind.dtype == "float"
    return entries or any(uses(held) for held in (source.graph.needed([source]) if source.graph else ()))


@finding("G255", "warning")
def constant_summand(span: Span | None, number: float) -> Finding:
    """A number stands before a `+` in a term: its gradient is 0, so it changes nothing; mostly a `*` was meant.

    Wrong: `0.005 + kl(q, normal)`.   Right: `0.005 * kl(q, normal)`.
    """
    return Finding(
        span=span,
        message=f"the number {number:g} is a summand of this term, so it changes nothing",
        help="multiply by it, or remove it",
    )


@finding("G256", "warning")
def inverted_loss(span: Span | None) -> Finding:
    """A term is a number over a loss, so that the loss grows where the term is minimized; mostly a `*` was meant.

    Wrong: `0.005 / kl(q, normal)`.   Right: `0.005 * kl(q, normal)`.
    """
    return Finding(
        span=span,
        message="the loss stands below the line, so minimizing the term makes the loss large",
        help="multiply the loss by the number; a loss that is to grow belongs to `maximize`",
    )


@finding("T296", "warning")
def odd_power(span: Span | None, base: float) -> Finding:
    """A plain number is raised to the power of a value; mostly a `*` was meant, or the other order.

    Wrong: `energy(focus ** v)` with `focus: 4`.   Right: `energy(focus * v)`.
    """
    return Finding(
        span=span,
        message=f"the number {base:g} is raised to the power of a value",
        help="write `*` for a product; for an exponential of base e write `exp(..)`",
    )
