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
def linear(site: Evaluator, span: Span, start: Operand, end: Operand, *, steps: Operand | None = None) -> Value:
    """From `start` to `end` in a straight line over `steps` steps of the stage (all of it unless given)."""
    return _schedule(site, span, schedules.linear, start, end, steps)


@form("cosine")
def cosine(site: Evaluator, span: Span, start: Operand, end: Operand, *, steps: Operand | None = None) -> Value:
    """From `start` to `end` along half a cosine over `steps` steps of the stage (all of it unless given)."""
    return _schedule(site, span, schedules.cosine, start, end, steps)


def _schedule(site: Evaluator, span: Span, curve: Any, start: Operand, end: Operand, steps: Operand | None) -> Value:  # noqa: ANN401
    clock = site.world.name("progress" if steps is None else "step", span)
    return site.tracer.call(curve, clock, start, end, 1 if steps is None else steps, span=span)
