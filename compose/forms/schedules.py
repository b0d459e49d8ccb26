"""Forms of the clock:  linear and cosine schedules over the steps of a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blocks import schedules
from compose.diagnostics import Span
from compose.forms import form
from compose.values import Value

if TYPE_CHECKING:
    from compose.elaborate import Evaluator

__all__ = ["cosine", "linear"]

Operand = Any


@form("linear")
def linear(site: Evaluator, span: Span, start: Operand, end: Operand, *, steps: Operand) -> Value:
    """From `start` to `end` in a straight line over `steps` steps of the stage, then `end`."""
    return site.tracer.call(schedules.linear, site.world.name("step", span), start, end, steps, span=span)


@form("cosine")
def cosine(site: Evaluator, span: Span, start: Operand, end: Operand, *, steps: Operand) -> Value:
    """From `start` to `end` along half a cosine over `steps` steps of the stage, then `end`."""
    return site.tracer.call(schedules.cosine, site.world.name("step", span), start, end, steps, span=span)
