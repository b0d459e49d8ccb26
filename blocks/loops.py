"""Loops as compiled programs call them: a body (a function of the state and of what it captured), then the loop's inputs.

The arithmetic is in `dynamics` and `flow_ode`; here a body with positional tensors becomes the function they want.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from blocks import dynamics
from blocks.flow_ode import GradientFlow, OdeBijection
from blocks.noise import draw, leaf_seed

__all__ = ["Scanned", "descend", "flow", "flow_inverse", "flow_inverse_with_ladj", "flow_with_ladj", "langevin", "scan"]

Body = Callable[..., Tensor]
KernelLeaf = tuple[str, str, tuple[int, ...], int]  # name, law, event, high


def langevin(
    potential: Body,
    captures: Sequence[Any],
    init: Mapping[str, Tensor],
    *,
    steps: int,
    step_size: float | Tensor,
    noise_scale: float | Tensor | None = None,
    clip: float | None = None,
    clamp: tuple[float, float] | None = None,
    keep: int | None = None,
    seed: int | None = None,
    noise: Mapping[str, Tensor] | None = None,
    differentiable: bool = False,
    prior: bool = False,
) -> dynamics.Trace:
    """Langevin dynamics in `potential(*state, *captures)`, plus |state|^2 / 2 with `prior`.   `noise` by name is "b steps *event" each."""
    given = None if noise is None else [{name: part[:, i] for name, part in noise.items()} for i in range(steps)]
    trace = dynamics.langevin(
        _of_state(potential, captures), dict(init), steps=steps, step_size=step_size, noise_scale=noise_scale, clip=clip,
        clamp=clamp, keep=keep, seed=seed, noise=given, differentiable=differentiable,
        prior=prior,
    )  # fmt: skip
    return _rows_first(trace)


def descend(
    potential: Body,
    captures: Sequence[Any],
    init: Mapping[str, Tensor],
    *,
    steps: int,
    step_size: float | Tensor,
    clip: float | None = None,
    clamp: tuple[float, float] | None = None,
    keep: int | None = None,
    differentiable: bool = False,
    prior: bool = False,
) -> dynamics.Trace:
    """Noise-free descent of `potential(*state, *captures)`, plus |state|^2 / 2 with `prior`."""
    trace = dynamics.descend(
        _of_state(potential, captures), dict(init), steps=steps, step_size=step_size, clip=clip, clamp=clamp, keep=keep,
        differentiable=differentiable, prior=prior,
    )  # fmt: skip
    return _rows_first(trace)


class Scanned(NamedTuple):
    """Where a scan ended, and on request the values on the way, "b n *event"."""

    state: Tensor
    path: Tensor | None


def scan(
    kernel: Body,
    captures: Sequence[Any],
    init: Tensor,
    *,
    start: int,
    leaves: Sequence[KernelLeaf] = (),
    keep: int | None = None,
    seed: int | None = None,
    noise: Mapping[str, Tensor] | None = None,
) -> Scanned:
    """x <- kernel(x, t, *noise, *captures) for t = start .. 1.   The kernel's noise is drawn from `seed`, or given, "b start *event"."""
    state, path = init, []
    for i, level in enumerate(range(start, 0, -1)):
        time = torch.full((len(state),), level, dtype=torch.int64, device=state.device)
        made = [
            noise[name][:, i] if noise is not None
            else draw(law, (len(state), *event), leaf_seed(seed or 0, level, name), state.dtype, state.device, high)
            for name, law, event, high in leaves
        ]  # fmt: skip
        state = kernel(state, time, *made, *captures)
        if keep and (i + 1) % keep == 0:
            path.append(state)
    return Scanned(state, torch.stack(path, 1) if path else None)


def flow(field: Body, captures: Sequence[Any], noise: Tensor, *, settings: Mapping[str, Any]) -> Tensor:
    """The flow's map, noise to data."""
    return _bijection(field, captures, settings).forward(noise)


def flow_inverse(field: Body, captures: Sequence[Any], value: Tensor, *, settings: Mapping[str, Any]) -> Tensor:
    """The inverse map, data to noise."""
    return _bijection(field, captures, settings).inverse(value)


def flow_with_ladj(
    field: Body, captures: Sequence[Any], noise: Tensor, *, settings: Mapping[str, Any], seed: int | None = None
) -> tuple[Tensor, Tensor]:
    """The map and its log-determinant."""
    return _bijection(field, captures, settings).forward_and_ladj(noise, seed=seed)


def flow_inverse_with_ladj(
    field: Body, captures: Sequence[Any], value: Tensor, *, settings: Mapping[str, Any], seed: int | None = None
) -> tuple[Tensor, Tensor]:
    """The inverse map and its log-determinant."""
    return _bijection(field, captures, settings).inverse_and_ladj(value, seed=seed)


FLOWS: Mapping[str, Callable[..., OdeBijection]] = {"gradient_flow": GradientFlow, "ode": OdeBijection}


def _bijection(field: Body, captures: Sequence[Any], settings: Mapping[str, Any]) -> OdeBijection:
    options = {name: value for name, value in settings.items() if name not in ("follows", "time")}
    return FLOWS[settings["follows"]](lambda *values: field(*values, *captures), settings["time"], **options)


def _rows_first(trace: dynamics.Trace) -> dynamics.Trace:
    """The trace with its path as "b n *event": rows first, as every value of a program."""
    if trace.path is None:
        return trace
    assert isinstance(trace.path, dict)
    return trace._replace(path={name: part.movedim(0, 1) for name, part in trace.path.items()})


def _of_state(potential: Body, captures: Sequence[Any]) -> dynamics.Potential:
    def of_state(state: dynamics.State) -> Tensor:
        assert isinstance(state, dict)
        return potential(*state.values(), *captures)

    return of_state
