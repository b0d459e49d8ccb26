"""Forms that run chains:  langevin (a model), descend (a value)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from blocks import loops
from compose import faults
from compose.diagnostics import Span
from compose.forms import form
from compose.models import Dynamics, DynamicsModel
from compose.values import Drawn, Model, Noise, Value, as_value

if TYPE_CHECKING:
    from compose.elaborate import Evaluator
    from compose.graph import Node
    from compose.tracer import Tracer

__all__ = ["descend", "langevin"]

Target = Value
Operand = Any
Whole = int
Flag = bool
Space = str
Pair = tuple[float, float]


@form("langevin")
def langevin(
    site: Evaluator, span: Span, target: Target, init: Value | None = None, *, steps: Whole, step_size: Operand,
    noise_scale: Operand | None = None, clip: Operand | None = None, clamp: Pair | None = None,
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
    site: Evaluator, span: Span, target: Target, init: Value | None = None, *, steps: Whole, step_size: Operand,
    clip: Operand | None = None, clamp: Pair | None = None, keep: Whole | None = None, differentiable: Flag = False,
    space: Space = "noise",
) -> Value:  # fmt: skip
    """Noise-free dynamics: where the chain ends, a function of where it starts.   Source: thesis eq. 5.8."""
    options = {"steps": steps, "step_size": step_size, "clip": clip, "clamp": clamp, "keep": keep}
    dynamics = Dynamics(target, init, _given(options), differentiable, space, site, span)
    drawn_start = site.draws.draw(site.tracer, _Start(dynamics), span).noise if dynamics.random else None
    start = dynamics.start(site.tracer) if drawn_start is None else drawn_start
    drawn: Drawn = replace(dynamics.run(site.tracer, loops.descend, start, "descent", {}), noise=start)
    site.tracer.remember(_Descent(drawn), drawn)
    return drawn.value


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


class _Start(Model):
    """Where a descent starts that is told a model to start from: drawn as every draw of its line is."""

    def __init__(self, dynamics: Dynamics) -> None:
        self.name, self.dynamics = "the start", dynamics

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """A fresh start."""
        state = self.dynamics.start(tracer, path)
        return Drawn(as_value(state), state)

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The start that is given."""
        return Drawn(as_value(noise), noise)

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """Refused: a start is told, not measured."""
        raise faults.no_density(span, self.name, "a chain only begins there")


class _Descent(Model):
    """What a descent is remembered by, so that its `.state` and `.path` can be read; nothing is random."""

    def __init__(self, drawn: Drawn) -> None:
        self.name, self._drawn = "descend", drawn

    def draw(self, tracer: Any, path: str, span: Span | None) -> Drawn:  # noqa: ANN401
        """The descent."""
        return self._drawn

    at = draw  # type: ignore[assignment]

    def log_prob(self, tracer: Any, value: Value, span: Span | None) -> Any:  # noqa: ANN401
        """None."""
        raise NotImplementedError
