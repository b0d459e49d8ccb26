"""Loops as compiled programs call them: a body (a function of the state and what it captured), then the loop's inputs.

The arithmetic is in `dynamics` and `flow_ode`; here a body with positional tensors becomes the function they want. A
state is one tensor, or several by name. A potential that has a `slope` gives its own gradient.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from blocks import dynamics
from blocks.flow_ode import TOLERANCE, GradientFlow, OdeBijection
from blocks.noise import draw, leaf_seed

__all__ = ["Scanned", "descend", "flow", "flow_inverse", "flow_inverse_with_ladj", "flow_with_ladj", "langevin", "scan"]

Body = Callable[..., Tensor]
State = dynamics.State
KernelLeaf = tuple[str, tuple[int, ...]] | tuple[str, tuple[int, ...], int]  # law, event, and `high` of "integers"


def langevin(
    potential: Body,
    init: State,
    *,
    steps: int,
    step_size: float | Tensor,
    noise_scale: float | Tensor | None = None,
    clip: float | None = None,
    clamp: tuple[float, float] | None = None,
    keep: int | None = None,
    seed: int | None = None,
    noise: State | None = None,
    differentiable: bool = False,
    prior: bool = False,
    captures: Sequence[Any] = (),
) -> dynamics.Trace:
    """Langevin dynamics in `potential(*state, *captures)`, plus |state|^2 / 2 with `prior`.

    `noise` is "b steps *event" for each part of the state. Options and result as in `dynamics.langevin`, but a path is
    "b n *event", rows first as every value of a program.
    """
    trace = dynamics.langevin(
        _of_state(potential, captures, init), init, steps=steps, step_size=step_size, noise_scale=noise_scale,
        clip=clip, clamp=clamp, keep=keep, seed=seed, noise=None if noise is None else _by_step(noise, steps),
        differentiable=differentiable, prior=prior, slope=_slope(potential, captures),
    )  # fmt: skip
    return _rows_first(trace)


def descend(
    potential: Body,
    init: State,
    *,
    steps: int,
    step_size: float | Tensor,
    clip: float | None = None,
    clamp: tuple[float, float] | None = None,
    keep: int | None = None,
    differentiable: bool = False,
    prior: bool = False,
    captures: Sequence[Any] = (),
) -> dynamics.Trace:
    """Noise-free descent of `potential(*state, *captures)`, plus |state|^2 / 2 with `prior`; a path is "b n *event"."""
    trace = dynamics.descend(
        _of_state(potential, captures, init), init, steps=steps, step_size=step_size, clip=clip, clamp=clamp, keep=keep,
        differentiable=differentiable, prior=prior, slope=_slope(potential, captures),
    )  # fmt: skip
    return _rows_first(trace)


class Scanned(NamedTuple):
    """Where a scan ended, and on request the values on the way, "b n *event"."""

    state: Tensor
    path: Tensor | None


def scan(
    kernel: Body,
    init: Tensor,
    *,
    start: int,
    leaves: Mapping[str, KernelLeaf] | None = None,
    keep: int | None = None,
    seed: int = 0,
    noise: Mapping[str, Tensor] | None = None,
    captures: Sequence[Any] = (),
) -> Scanned:
    """x <- kernel(x, t, *noise, *captures) for t = start .. 1.

    The kernel's noise is made from `seed`, the level and the leaf's path, or given: by path, "b start *event".
    """
    state, path = init, []
    for i, level in enumerate(range(start, 0, -1)):
        time = torch.full((len(state),), level, dtype=torch.int64, device=state.device)
        made = [
            noise[name.removeprefix(KERNEL).removeprefix(".")][:, i] if noise is not None
            else leaf_seed(seed, level, name) if law == "seed"
            else draw(law, (len(state), *event), leaf_seed(seed, level, name), state.dtype, state.device, *high)
            for name, (law, event, *high) in (leaves or {}).items()
        ]  # fmt: skip
        state = kernel(state, time, *made, *captures)
        if keep and (i + 1) % keep == 0:
            path.append(state)
    return Scanned(state, torch.stack(path, 1) if path else None)


KERNEL = "kernel"  # what the paths of a kernel's leaves begin with


def flow(field: Body, noise: Tensor, *, settings: Mapping[str, Any], captures: Sequence[Any] = ()) -> Tensor:
    """The flow's map, noise to data.   `settings`: the equation it `follows`, its `time`, and options of the solver."""
    return _bijection(field, captures, settings).forward(noise)


def flow_inverse(field: Body, value: Tensor, *, settings: Mapping[str, Any], captures: Sequence[Any] = ()) -> Tensor:
    """The inverse map, data to noise."""
    return _bijection(field, captures, settings).inverse(value)


def flow_with_ladj(
    field: Body, noise: Tensor, *, settings: Mapping[str, Any], seed: int | None = None, captures: Sequence[Any] = ()
) -> tuple[Tensor, Tensor]:
    """The map and its log-determinant."""
    return _bijection(field, captures, settings).forward_and_ladj(noise, seed=seed)


def flow_inverse_with_ladj(
    field: Body, value: Tensor, *, settings: Mapping[str, Any], seed: int | None = None, captures: Sequence[Any] = ()
) -> tuple[Tensor, Tensor]:
    """The inverse map and its log-determinant."""
    return _bijection(field, captures, settings).inverse_and_ladj(value, seed=seed)


SOLVER: Mapping[str, Any] = {"method": "dopri5", "rtol": TOLERANCE, "atol": TOLERANCE, "trace": "exact", "steps": None}
"""What `settings` need not say: the solver's own defaults."""

FLOWS: Mapping[str, Callable[..., OdeBijection]] = {"gradient_flow": GradientFlow, "ode": OdeBijection}


def _bijection(field: Body, captures: Sequence[Any], settings: Mapping[str, Any]) -> OdeBijection:
    options = {name: value for name, value in settings.items() if name not in ("follows", "time")}
    return FLOWS[settings["follows"]](_closed(field, captures), settings["time"], **options)


def _closed(body: Body, captures: Sequence[Any]) -> Body:
    """The body as a function of its state alone; a module's own forward, which spares a call in every step."""
    called = body.forward if isinstance(body, nn.Module) else body
    return (lambda *state: called(*state, *captures)) if captures else called


def _of_state(potential: Body, captures: Sequence[Any], init: State) -> dynamics.Potential:
    closed = _closed(potential, captures)
    if isinstance(init, Tensor):
        return closed

    def of_parts(state: State) -> Tensor:
        assert isinstance(state, dict)
        return closed(*state.values())

    return of_parts


def _slope(potential: Body, captures: Sequence[Any]) -> dynamics.Slope | None:
    """The gradient that a body brings with it, as `slope(parts, captures, create_graph)`, if it does."""
    given = getattr(potential, "slope", None)
    return None if given is None else lambda parts, create_graph: given(parts, captures, create_graph)


def _by_step(noise: State, steps: int) -> list[State]:
    if isinstance(noise, Tensor):
        return [noise[:, i] for i in range(steps)]
    return [{name: part[:, i] for name, part in noise.items()} for i in range(steps)]


def _rows_first(trace: dynamics.Trace) -> dynamics.Trace:
    path = trace.path
    if path is None:
        return trace
    if isinstance(path, Tensor):
        return trace._replace(path=path.movedim(0, 1))
    return trace._replace(path={name: part.movedim(0, 1) for name, part in path.items()})
