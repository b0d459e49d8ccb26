"""Forms that make models of models:  tilt, condition, push, mixture, product, aggregate, reverse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from compose import faults
from compose.diagnostics import Span
from compose.forms import form
from compose.graph import OF_ROWS, BlockUse, Node, Operation
from compose.models import (
    AggregateModel,
    ConditionedModel,
    MixtureModel,
    ProductModel,
    ProgramModel,
    PushedModel,
    ReverseModel,
    TiltedModel,
)
from compose.values import BlockValue, Model, Value

if TYPE_CHECKING:
    from compose.elaborate import Evaluator

__all__ = ["aggregate", "condition", "mixture", "product", "push", "reverse", "tilt"]

Callable = Value
Chain = BlockValue
Weights = tuple
Whole = int


@form("tilt")
def tilt(site: Evaluator, span: Span, model: Model, energy: Callable) -> Value:
    """Density proportional to model(x) exp(-energy(x)).   Source: thesis eq. 4.1."""
    return TiltedModel(model, energy, site, span)


@form("condition", open_fields=True)
def condition(site: Evaluator, span: Span, model: ProgramModel, *, fields: Mapping[str, Value]) -> Value:
    """The model with some of its drawn lines at given values; its weight is their density."""
    for name in fields:
        if name not in model.drawn_lines():
            raise faults.no_such_line(span, model.name, name, model.drawn_lines())
    return ConditionedModel(model, fields)


@form("push")
def push(site: Evaluator, span: Span, model: Model, function: Callable) -> Value:
    """The model's draws mapped by a function; with a density if that is a bijection."""
    return PushedModel(model, function, site)


@form("mixture")
def mixture(site: Evaluator, span: Span, *models: Model, weights: Weights | None = None) -> Value:
    """One of the models by chance, with probabilities in proportion to `weights` (alike, if there are none)."""
    if len(models) < 2:
        raise faults.lone_part(span, "mixture", len(models))
    for model in models:
        if model.weighted:
            raise faults.weighted_part(model.span or span, model.name)
    shares = weights or (1.0,) * len(models)
    if len(shares) != len(models):
        raise faults.unlike_weights(span, len(models), len(shares))
    return MixtureModel(models, shares)


@form("aggregate")
def aggregate(site: Evaluator, span: Span, encoder: BlockValue, rows: Node) -> Value:
    """The average of encoder(u) over the rows u of a parameter.   Source: Tomczak and Welling 2018 (VampPrior)."""
    declared = site.world.blocks[encoder.name]
    if declared.returns != "normal":
        raise faults.not_a_normal(span, encoder.name, declared.returns)
    use = BlockUse(encoder.name, encoder.frozen, encoder.average, span)
    operation = Operation("block", "forward", rows=OF_ROWS)
    law = site.tracer.emit(operation, rows, span=span, use=use, family="normal", name=f"{encoder.name}_of_rows")
    return AggregateModel(law, encoder.name)


@form("product")
def product(site: Evaluator, span: Span, *models: Model) -> Value:
    """Density proportional to the product of the models' densities, to be drawn by dynamics from the first one's."""
    if len(models) < 2:
        raise faults.lone_part(span, "product", len(models))
    made = models[0]
    for model in models[1:]:
        made = ProductModel(made, model, span)
    return made


@form("reverse")
def reverse(
    site: Evaluator, span: Span, chain: Chain, kernel: Callable, *, start: Whole | None = None,
    init: Value | None = None, keep: Whole | None = None,
) -> Value:  # fmt: skip
    """The kernel scanned from the terminal law (or `init`, at level `start`) to level 0.   Source: thesis eq. 6.6."""
    levels = site.world.blocks[chain.name].options["steps"]
    if start is not None and start > levels:
        raise faults.no_such_level(span, chain.name, start, levels)
    if keep is not None and keep > (start or levels):
        raise faults.keeps_nothing(span, keep, start or levels)
    return ReverseModel(chain, kernel, site, start=start or levels, init=init, keep=keep, span=span)
