"""Forms over distributions:  normal and uniform with parameters, kl."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor

from blocks import discretised, distributions
from blocks.operators import arithmetic
from compose import faults
from compose.diagnostics import Span
from compose.forms import form
from compose.graph import Node, Operation
from compose.models import DistributionModel, NumberedNormal, StandardModel
from compose.values import Model, Value

if TYPE_CHECKING:
    from compose.elaborate import Evaluator

__all__ = ["divergence", "normal", "uniform"]

CLOSED_FORMS = {
    ("normal", "normal"): distributions.kl_normal,
    ("bernoulli", "bernoulli"): distributions.kl_bernoulli,
    ("categorical", "categorical"): discretised.kl_categorical,
}


@form("normal")
def normal(
    site: Evaluator, span: Span, mean: Operand | None = None, std: Operand = 1.0, *, like: Node | None = None
) -> Value:
    """A normal: standard and shaped `like` a value, or of this mean and standard deviation."""
    if mean is None:
        return StandardModel("normal", like)
    made = _made(site, distributions.Normal, mean, std, span, "normal")
    if isinstance(mean, Node) or isinstance(std, Node):
        model = DistributionModel(made)
    else:
        model = NumberedNormal(made, mean, std)
    model.like = like
    return model


@form("uniform")
def uniform(site: Evaluator, span: Span, low: Operand = 0.0, high: Operand = 1.0, *, like: Node | None = None) -> Value:
    """A uniform between two ends: one number per sample, or shaped `like` a value."""
    if low == 0.0 and high == 1.0:
        return StandardModel("uniform", like, scalar=like is None)
    model = DistributionModel(_made(site, distributions.Uniform, low, high, span, "uniform"))
    model.like, model.scalar = like, like is None
    return model


def _made(site: Evaluator, law: Any, first: Operand, second: Operand, span: Span, family: str) -> Node:  # noqa: ANN401
    """The distribution of two parameters, which meet as the operands of an operator do."""
    return site.tracer.emit(Operation("call", law, align=True), first, second, span=span, family=family)


@form("kl")
def divergence(site: Evaluator, span: Span, q: Model, p: Model, *, at: Node | None = None) -> Value:
    """KL(q || p) per sample, in closed form; with `at=z`, its one-sample estimate log q(z) - log p(z)."""
    if at is not None:
        log_q, log_p = (_density(site, model, at, span) for model in (q, p))
        return site.tracer.call(arithmetic.subtract, log_q, log_p, span=span)
    closed = _closed(q, p)
    if closed is None:
        raise faults.no_closed_form(span, q.name, p.name, _closed(p, q) is not None)
    law, nodes = closed
    return site.tracer.call(law, *nodes, span=span)


def _closed(q: Model, p: Model) -> tuple[Callable[..., Tensor], list[Node]] | None:
    """The closed form of KL(q || p), and the distributions that it takes."""
    if not isinstance(q, DistributionModel):
        return None
    if q.node.family == "normal" and isinstance(p, StandardModel) and p.law == "normal":
        return distributions.kl_standard, [q.node]
    if not isinstance(p, DistributionModel):
        return None
    law = CLOSED_FORMS.get((str(q.node.family), str(p.node.family)))
    return (law, [q.node, p.node]) if law else None


def _density(site: Evaluator, model: Model, value: Node, span: Span) -> Node:
    for drawer, drawn in site.tracer.drawn(value):
        if drawer.same_as(model):
            return model.log_prob_at(site.tracer, drawn.noise, span)
    return model.log_prob(site.tracer, value, span)


Operand = Node | float | int
