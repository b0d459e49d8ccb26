"""Forms that run chains:  langevin (a model), descend (a value if it starts from one, else a model)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compose.diagnostics import Span
from compose.forms import form
from compose.models import DescentModel, Dynamics, DynamicsModel, Start
from compose.values import Value

if TYPE_CHECKING:
    from compose.elaborate import Evaluator

__all__ = ["descend", "langevin"]

Target = Value
Positive = Any
NotNegative = Any
Whole = int
Flag = bool
Space = str
Pair = tuple[float, float]


@form("langevin")
def langevin(
    site: Evaluator, span: Span, target: Target, init: Start | None = None, *, steps: Whole, step_size: Positive,
    noise_scale: NotNegative | None = None, clip: Positive | None = None, clamp: Pair | None = None,
    keep: Whole | None = None, differentiable: Flag = False, space: Space = "noise",
) -> Value:  # fmt: skip
    """Langevin dynamics in a model's noise space (or its values), or in an energy.   Source: thesis eqs. 1.18, 4.19."""
    options = {
        "steps": steps,
        "step_size": step_size,
        "noise_scale": noise_scale,
        "clip": clip,
        "clamp": clamp,
        "keep": keep,
    }
    return DynamicsModel(Dynamics(target, init, _given(options), differentiable, space, site, span))


@form("descend")
def descend(
    site: Evaluator, span: Span, target: Target, init: Start | None = None, *, steps: Whole, step_size: Positive,
    clip: Positive | None = None, clamp: Pair | None = None, keep: Whole | None = None, differentiable: Flag = False,
    space: Space = "noise",
) -> Value:  # fmt: skip
    """Noise-free dynamics: of a value, where its chain ends; of a model, a model.   Source: thesis eq. 5.8."""
    options = {"steps": steps, "step_size": step_size, "clip": clip, "clamp": clamp, "keep": keep}
    model = DescentModel(Dynamics(target, init, _given(options), differentiable, space, site, span))
    if model.dynamics.random:
        return model
    drawn = model.at(site.tracer, model.dynamics.start(site.tracer), span)
    site.tracer.remember(model, drawn)  # its `.state` and `.path` can be read; nothing is random
    return drawn.value


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
