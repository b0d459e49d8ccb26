"""Which way the terms push: a likelihood that is made small, a score that is pushed the same way on both sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from compose.build import Composition, StageGraphs, UpdateGraph
from compose.catalogue import Catalogue
from compose.checks.signs import expressions_of
from compose.checks.sums import parts, parts_of_terms
from compose.dependencies import mentions
from compose.diagnostics import Finding, Note, Span, finding
from compose.expressions import Attribute, Binary, Call, Expression, Name, Negative, unparse, walk
from compose.gradients import reach
from compose.graph import Node
from compose.spec import Function, Program

__all__ = ["check_directions"]

SCORES = ("discriminator", "energy")  # roles of blocks whose value is a score
DENSITIES = ("log_prob", "log_density")
MONOTONE = ("softplus", "relu", "sigmoid", "tanh", "exp")  # what is between a critic's score and its loss


class Score(NamedTuple):
    """A part of a term that is a monotone function of a score: its signs and functions, what scores, the whole text.

    `value`: the text without `sg`, which changes no value.
    """

    shape: tuple[str, ...]
    critic: str
    text: str
    value: str


def check_directions(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Likelihoods that an update minimizes; scores that all terms push the same way; products of scores."""
    critics = _critics(composition)
    for stage in composition.stages:
        seen: dict[Score, tuple[UpdateGraph, Span]] = {}
        for update in stage.updates:
            yield from _likelihoods(composition, update)
            yield from _pushes(composition, update, critics, seen)
        yield from _quarrels(composition, stage, critics)
    for expression in expressions_of(composition.spec):
        for part in walk(expression):
            if isinstance(part, Binary) and part.operator in "*/" and _of_scores(part, critics):
                yield odd_product(part.span, part.operator)


def _critics(composition: Composition) -> dict[str, str]:
    """What gives a score: energies, discriminators and functions of one line made of one; and the block behind it."""
    found = {name: name for name, declared in composition.blocks.items() if declared.role in SCORES}
    for name, declared in composition.spec.models.items():
        if isinstance(declared, Function) and not isinstance(declared.body, Program):
            called = declared.body.function if isinstance(declared.body, Call) else None
            if isinstance(called, Name) and called.name in found:
                found[name] = found[called.name]
    return found


def _pushes(
    composition: Composition,
    update: UpdateGraph,
    critics: Mapping[str, str],
    seen: dict[Score, tuple[UpdateGraph, Span]],
) -> Iterator[Finding]:
    """Blocks all of whose scores are pushed one way; scores that are pushed as the critic's own update pushes them."""
    sides: dict[str, list[tuple[Score | None, Span]]] = {}
    for block, score, span in _scores(composition, update, critics):
        sides.setdefault(block, []).append((score, span))
        if score is None:
            continue
        before, place = seen.setdefault(score, (update, span))
        if block in before.trains and block not in update.trains:
            yield shared_goal(span, block, place)
    for block, held in sides.items():
        scores = [score for score, _ in held if score is not None]
        one_way = len(scores) == len(held) and len({_direction(score) for score in scores}) == 1
        if block in update.trains and one_way and len({score.text for score in scores}) > 1:
            yield same_direction(held[1][1], block, held[0][1])


def _quarrels(composition: Composition, stage: StageGraphs, critics: Mapping[str, str]) -> Iterator[Finding]:
    """Scores of one value that terms of a stage push both ways, where each of them trains the critic."""
    pushed: dict[tuple[str, str], tuple[int, Span]] = {}
    for update in stage.updates:
        for block, score, span in _scores(composition, update, critics):
            if score is not None and block in update.trains:
                way, place = pushed.setdefault((block, score.value), (_direction(score), span))
                if way != _direction(score):
                    yield quarrel(span, block, place)


def _direction(score: Score) -> int:
    """1 if minimizing makes the score small, -1 if it makes it large."""
    return int(score.shape[0]) * (-1) ** score.shape.count("-")


def _scores(
    composition: Composition, update: UpdateGraph, critics: Mapping[str, str]
) -> Iterator[tuple[str, Score | None, Span]]:
    """(block, score, place) of the parts of an update's terms; None for a part that may push it in any direction."""
    both = [(1, update.spec.minimize.items()), (-1, update.spec.maximize.items())]
    for sign, name, term in ((sign, *item) for sign, items in both for item in items):
        if name not in update.terms or not reach(update.terms[name]).reached & set(update.trains):
            continue  # told elsewhere, as are parts that reach nothing
        lines = {part.span: part for line in (*composition.spec.graph.values(), term.value) for part in walk(line)}
        for part in list(lines.values()):
            if isinstance(part, Binary) and part.operator == "-" and isinstance(part.right, Negative):
                lines.pop(part.right.operand.span, None)  # told as a double sign
        for place, turn, node in parts(update.terms[name], term.value.span, sign):
            part = lines.get(place) if place is not None else None
            if part is not None and reach(node).reached & set(update.trains):
                yield from _score(composition, part, turn, critics)


def _score(
    composition: Composition, part: Expression, turn: int, critics: Mapping[str, str]
) -> Iterator[tuple[str, Score | None, Span]]:
    """What one part of a sum is to the critics in it."""
    shape, inner = _peeled(part)
    if isinstance(inner, Call) and isinstance(inner.function, Name) and inner.function.name in critics:
        critic = inner.function.name
        yield critics[critic], Score((str(turn), *shape), critic, unparse(inner), _value(inner)), part.span
    elif not any(_is_penalty(below) for below in walk(part)):
        named = {mention.name for mention in mentions(part)}
        lines = composition.spec.graph
        named |= {mention.name for each in named & set(lines) for mention in mentions(lines[each])}
        yield from ((critics[each], None, part.span) for each in named & set(critics))


def _value(call: Call) -> str:
    """The text of a call, its arguments without `sg` around them."""
    bare = [
        replace(each, value=each.value.positional[0])
        if isinstance(each.value, Call) and each.value.function == Name("sg") and each.value.positional
        else each
        for each in call.arguments
    ]
    return unparse(replace(call, arguments=tuple(bare)))


def _is_penalty(expression: Expression) -> bool:
    """Whether it is a power or a norm, which holds a score at a value and pushes it nowhere."""
    match expression:
        case Binary("**", _, _) | Call(Name("square" | "square_norm" | "norm"), _):
            return True
        case _:
            return False


def _peeled(expression: Expression) -> tuple[tuple[str, ...], Expression]:
    """The signs and monotone functions around an expression, and what is inside."""
    match expression:
        case Negative(inner):
            return ("-", *_peeled(inner)[0]), _peeled(inner)[1]
        case Call(Name(name), (only,)) if name in MONOTONE:
            return (name, *_peeled(only.value)[0]), _peeled(only.value)[1]
        case _:
            return (), expression


def _of_scores(both: Binary, critics: Mapping[str, str]) -> bool:
    return _is_score(both.left, critics) and _is_score(both.right, critics)


def _is_score(expression: Expression, critics: Mapping[str, str]) -> bool:
    """Whether it is a score or a log-density, or a power of one."""
    match expression:
        case Binary("**", base, _):
            return _is_score(base, critics)
        case Call(Name(name), _):
            return name in critics
        case Call(Attribute(_, name), _):
            return name in DENSITIES
        case _:
            return False


def _likelihoods(composition: Composition, update: UpdateGraph) -> Iterator[Finding]:
    """A model's log-density with a plus, where no other part of the terms holds it."""
    terms = list(parts_of_terms(update))
    for block in update.trains:
        held = [part for part in terms if block in reach(part.node).reached]
        if len(held) == 1 and held[0].sign > 0 and _is_likelihood(held[0].node, block):
            yield minimized_likelihood(held[0].node.span, block)


def _is_likelihood(node: Node, block: str) -> bool:
    """Whether a node is the log-density of a flow, or of the distribution that a block makes."""
    if node.operation.target != "log_prob":
        return False
    if node.use is not None:
        return node.use.block == block
    law = node.edges[0].source
    return law.use is not None and law.use.block == block


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


@finding("G290", "warning")
def quarrel(span: Span, critic: str, other: Span) -> Finding:
    """Two terms push the score of one value both ways, and both train the critic: mostly a `freeze` was forgotten.

    Wrong: `-energy(sg(gen))` and `energy(gen)`.   Right: `-energy(sg(gen))` and `freeze(energy)(gen)`.
    """
    return Finding(
        span=span,
        message=f"this trains `{critic}` against another term, which pushes the same score the other way",
        help=f"write freeze({critic})(..) where only the value is to change, or take `{critic}` out of its `train`",
        notes=(Note(other, "the other way"),),
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


@finding("T297", "warning")
def odd_product(span: Span, operator: str) -> Finding:
    """Two energies, scores of a critic or log-densities are multiplied or divided; they are compared by differences.

    Wrong: `energy(x) / energy(neg)`.   Right: `energy(x) - energy(neg)`.
    """
    what = "product" if operator == "*" else "quotient"
    return Finding(
        span=span,
        message=f"this is a {what} of two energies, scores or log-densities",
        help="write `-` for a comparison, `+` for a sum",
    )
