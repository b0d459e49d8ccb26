"""Bijections by an ordinary differential equation:  dx/dt = f(x, t) from noise (t = 0) to data (t = time).

    log |det dx(T)/dx(0)| = int_0^T trace df/dx dt       (Chen et al. 2018; thesis eq. 5.7 for f = -grad E)

Solved by torchdiffeq; gradients pass through the solver's steps. An adaptive solver chooses its steps for the whole
batch, so a sample's value moves with its neighbours, within the tolerances.
"""

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from blocks.events import sum_event
from blocks.noise import draw

__all__ = ["AdaptiveMethod", "FixedMethod", "GradientFlow", "OdeBijection", "TraceEstimate"]

AdaptiveMethod = Literal["dopri5", "dopri8", "bosh3", "adaptive_heun"]
FixedMethod = Literal["euler", "midpoint", "rk4"]
TraceEstimate = Literal["exact", "hutchinson"]

TOLERANCE = 1e-5  # thesis 5.4.1 (ODE toy)


class OdeBijection:
    """x(0) -> x(time) along dx/dt = field(x, t), for values "b *event"; t comes as a tensor without axes.

    method: adaptive ("dopri5", ..) by `rtol` and `atol`, or "euler", "midpoint", "rk4" with `steps` equal steps.
    trace: "exact" differentiates the field once for each entry of the event; "hutchinson" once in all, along a random
    direction of -1s and 1s that stays the same along the path: unbiased for the log-determinant.
    Both directions cost one solve; a log-determinant is computed only by the methods that return it.
    Raises ValueError for options that contradict each other.   Source: Chen et al. 2018; Grathwohl et al. 2019.
    """

    def __init__(
        self,
        field: Callable[[Tensor, Tensor], Tensor],
        time: float,
        *,
        method: AdaptiveMethod | FixedMethod = "dopri5",
        rtol: float = TOLERANCE,
        atol: float = TOLERANCE,
        trace: TraceEstimate = "exact",
        steps: int | None = None,
    ) -> None:
        fixed = method in get_args(FixedMethod)
        if not fixed and method not in get_args(AdaptiveMethod):
            known = ", ".join((*get_args(AdaptiveMethod), *get_args(FixedMethod)))
            raise ValueError(f"no solver is called `{method}`: write one of {known}")
        if fixed != (steps is not None):
            way_out = "give it `steps`" if fixed else "leave `steps` out, or write rk4"
            raise ValueError(f"`{method}` is {'a fixed-step' if fixed else 'an adaptive'} solver: {way_out}")
        if time <= 0:
            raise ValueError(f"`time` cannot be {time}: the flow runs for a positive time")
        if trace not in get_args(TraceEstimate):
            raise ValueError(f"`trace` cannot be `{trace}`: write exact or hutchinson")
        self.field, self.time, self.method, self.rtol, self.atol = field, time, method, rtol, atol
        self.trace, self.steps = trace, steps

    def forward(self, noise: Tensor) -> Tensor:  # b *event -> b *event
        """x(time) from x(0) = noise."""
        return self._solve(self._rate, (noise,), backwards=False)[0]

    def inverse(self, x: Tensor) -> Tensor:  # b *event -> b *event
        """x(0) from x(time) = x."""
        return self._solve(self._rate, (x,), backwards=True)[0]

    def forward_and_ladj(self, noise: Tensor, *, seed: int | None = None) -> tuple[Tensor, Tensor]:
        """x(time) and log |det dx(time)/dx(0)|.   Shapes: "b *event" -> "b *event", "b".

        `seed` makes Hutchinson's direction: raises ValueError if that estimate is asked for without one.
        """
        return self._solve_with_trace(noise, seed, backwards=False)

    def inverse_and_ladj(self, x: Tensor, *, seed: int | None = None) -> tuple[Tensor, Tensor]:
        """x(0) and log |det dx(0)/dx(time)|.   Shapes and `seed` as in `forward_and_ladj`."""
        return self._solve_with_trace(x, seed, backwards=True)

    def _solve_with_trace(self, start: Tensor, seed: int | None, backwards: bool) -> tuple[Tensor, Tensor]:
        if self.trace == "exact":
            divergence: Callable[[Tensor, Tensor], Tensor] = exact_divergence
        elif seed is None:
            raise ValueError("the trace is estimated along a random direction: it needs a `seed`")
        else:
            divergence = along(draw("rademacher", tuple(start.shape), seed, start.dtype, start.device))

        def rate(t: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            recorded = torch.is_grad_enabled()
            with torch.enable_grad():
                x = _tracked(state[0])
                speed = self.field(x, t)
                growth = divergence(speed, x)
            return (speed, growth) if recorded else (speed.detach(), growth.detach())

        value, ladj = self._solve(rate, (start, start.new_zeros(len(start))), backwards)
        return value, ladj

    def _rate(self, t: Tensor, state: tuple[Tensor]) -> tuple[Tensor]:
        return (self.field(state[0], t),)

    def _solve(self, rate: Callable, start: tuple[Tensor, ...], backwards: bool) -> tuple[Tensor, ...]:
        import torchdiffeq  # on use: it brings SciPy along

        ends = (self.time, 0.0) if backwards else (0.0, self.time)
        times = torch.tensor(ends, dtype=start[0].dtype, device=start[0].device)
        options = {} if self.steps is None else {"grid_constructor": self._grid}
        path = torchdiffeq.odeint(
            rate, start, times, rtol=self.rtol, atol=self.atol, method=self.method, options=options
        )
        return tuple(part[-1] for part in path)

    def _grid(self, rate: Callable, start: Tensor, times: Tensor) -> Tensor:  # -> steps + 1
        assert self.steps is not None
        return torch.linspace(float(times[0]), float(times[-1]), self.steps + 1, dtype=times.dtype, device=times.device)


class GradientFlow(OdeBijection):
    """x(0) -> x(time) along dx/dt = -grad E(x): `descend` in the limit of small steps (without its half).

    energy: "b *event" -> "b". Options as those of `OdeBijection`.   Source: thesis eqs. 5.5 to 5.7.
    """

    def __init__(
        self,
        energy: Callable[[Tensor], Tensor],
        time: float,
        *,
        method: AdaptiveMethod | FixedMethod = "dopri5",
        rtol: float = TOLERANCE,
        atol: float = TOLERANCE,
        trace: TraceEstimate = "exact",
        steps: int | None = None,
    ) -> None:
        def downhill(value: Tensor, t: Tensor) -> Tensor:
            recorded = torch.is_grad_enabled()
            with torch.enable_grad():
                x = _tracked(value)
                (gradient,) = torch.autograd.grad(energy(x).sum(), x, create_graph=recorded)
            return -gradient

        super().__init__(downhill, time, method=method, rtol=rtol, atol=atol, trace=trace, steps=steps)


def exact_divergence(speed: Tensor, x: Tensor) -> Tensor:  # b *event, b *event -> b
    """sum_i d speed_i / d x_i: one backward pass for each entry of the event."""
    total = x.new_zeros(len(x))
    if not speed.requires_grad:
        return total
    for i, column in enumerate(speed.flatten(1).unbind(1)):
        (row,) = torch.autograd.grad(column.sum(), x, create_graph=True, materialize_grads=True)
        total = total + row.flatten(1)[:, i]
    return total


def along(direction: Tensor) -> Callable[[Tensor, Tensor], Tensor]:  # b *event
    """Hutchinson's estimate of the divergence, e' (d speed / d x) e: one backward pass.   Source: Hutchinson 1989."""

    def divergence(speed: Tensor, x: Tensor) -> Tensor:  # b *event, b *event -> b
        if not speed.requires_grad:
            return x.new_zeros(len(x))
        (product,) = torch.autograd.grad(speed, x, direction, create_graph=True, materialize_grads=True)
        return sum_event(product * direction)

    return divergence


def _tracked(value: Tensor) -> Tensor:
    """`value`, differentiable: itself if it is already, else a leaf that shares its numbers."""
    return value if value.requires_grad else value.detach().requires_grad_()
