"""Which way the terms push: a likelihood that is made small, a critic that is given the same loss on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from blocks.operators import arithmetic
from compose.build import Composition, UpdateGraph
from compose.catalogue import Catalogue
from compose.checks.gradients import SUMS
from compose.diagnostics import Finding, Note, Span, finding
from compose.expressions import Call, Expression, Name, Negative, unparse
from compose.gradients import reach
from compose.graph import Edge, Node
from compose.spec import Term

__all__ = ["check_directions"]

CRITICS = ("discriminator",)
MONOTONE = ("softplus", "relu", "sigmoid", "tanh", "exp")  # what is between a critic's score and its loss


class Score(NamedTuple):
    """A term that is a monotone function of a critic's score: its signs and functions, the critic, the whole text."""

    shape: tuple[str, ...]
    critic: str
    text: str


def check_directions(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Likelihoods that an update minimizes; critics whose terms all push the same way, or as the generator's do."""
    for stage in composition.stages:
        seen: dict[Score, tuple[UpdateGraph, Span]] = {}
        for update in stage.updates:
            yield from _likelihoods(composition, update)
            sides: dict[tuple[tuple[str, ...], str], Span] = {}
            for score, term in _scores(composition, update):
                before = seen.setdefault(score, (update, term.value.span))
                same = sides.get((score.shape, score.critic)) if score.critic in update.trains else None
                if same is not None:
                    yield same_direction(term.value.span, score.critic, same)
                elif before[0] is not update and not set(before[0].trains) & set(update.trains):
                    yield shared_goal(term.value.span, score.critic, before[1])
                sides.setdefault((score.shape, score.critic), term.value.span)


def _scores(composition: Composition, update: UpdateGraph) -> Iterator[tuple[Score, Term]]:
    for sign, terms in (("", update.spec.minimize), ("max", update.spec.maximize)):
        for term in terms.values():
            shape, inner = _peeled(term.value)
            if isinstance(inner, Call) and isinstance(inner.function, Name):
                declared = composition.blocks.get(inner.function.name)
                if declared is not None and declared.role in CRITICS:
                    yield Score((sign, *shape), inner.function.name, unparse(inner)), term


def _peeled(expression: Expression) -> tuple[tuple[str, ...], Expression]:
    """The signs and monotone functions around an expression, and what is inside."""
    match expression:
        case Negative(inner):
            return ("-", *_peeled(inner)[0]), _peeled(inner)[1]
        case Call(Name(name), (only,)) if name in MONOTONE:
            return (name, *_peeled(only.value)[0]), _peeled(only.value)[1]
        case _:
            return (), expression


def _likelihoods(composition: Composition, update: UpdateGraph) -> Iterator[Finding]:
    """A model's log-density with a plus, where no other part of the terms holds it."""
    parts = [
        (sign * update.signs[name], part)
        for name, node in update.terms.items()
        for sign, part in _signed(node, 1.0)
    ]
    for block in update.trains:
        held = [(sign, part) for sign, part in parts if block in reach(part).reached]
        if len(held) == 1 and composition.blocks[block].is_model:
            [(sign, part)] = held
            if sign > 0 and part.use is not None and (part.use.block, part.operation.target) == (block, "log_prob"):
                yield minimized_likelihood(part.span, block)


def _signed(node: Node, sign: float) -> Iterator[tuple[float, Node]]:
    """The parts of a sum, each with its sign; constant factors aside."""
    target = node.operation.target
    if target is arithmetic.negative:
        sign = -sign
    if target in (*SUMS, arithmetic.negative, arithmetic.multiply, arithmetic.divide):
        values = [argument for argument in node.arguments if isinstance(argument, Edge)]
        factors = [argument for argument in node.arguments if isinstance(argument, int | float)]
        if target in SUMS or len(values) == 1:
            scale = -1.0 if target not in SUMS and any(factor < 0 for factor in factors) else 1.0
            for edge in values:
                second = target is arithmetic.subtract and edge is node.arguments[1]
                yield from _signed(edge.source, -sign if second else sign * scale)
            return
    yield sign, node


@finding("G257", "warning")
def same_direction(span: Span, critic: str, other: Span) -> Finding:
    """A critic is trained by the same loss on two values: both scores are pushed the same way.

    Wrong: `softplus(critic(x))` and `softplus(critic(fake))`.
    Right: `softplus(-critic(x))` and `softplus(critic(fake))`.
    """
    return Finding(
        span=span,
        message=f"this pushes the score of `{critic}` the same way as another term does",
        help="one of the two needs the other sign",
        notes=(Note(other, "the same loss of another value"),),
    )


@finding("G258", "warning")
def shared_goal(span: Span, critic: str, other: Span) -> Finding:
    """A generator minimizes the very term that the critic's update minimizes, so that it helps the critic.

    Wrong: `softplus(critic(fake))` in both updates.   Right: `softplus(-critic(fake))` in the generator's.
    """
    return Finding(
        span=span,
        message=f"an update that does not train `{critic}` minimizes what the update of `{critic}` minimizes",
        help="one of the two needs the other sign",
        notes=(Note(other, "the same term"),),
    )


@finding("G259", "warning")
def minimized_likelihood(span: Span | None, block: str) -> Finding:
    """The likelihood of a model is minimized, and nothing else trains the model: it flees from the data.

    Wrong: `minimize: {nll: flow.log_prob(x)}`.   Right: `minimize: {nll: -flow.log_prob(x)}`.
    """
    return Finding(
        span=span,
        message=f"the likelihood of `{block}` is minimized, and no other term holds `{block}`",
        help="put a `-` before it, or write the term under `maximize`",
    )
