"""Dynamics in an energy: pure loops over a state, with or without noise   (thesis eqs. 5.3 and 5.8).

    langevin    v <- v - step_size / 2 * dU/dv + noise_scale * n       noise_scale = sqrt(step_size) unless given
    descend     v <- v - step_size / 2 * dU/dv

`dU/dv` is the gradient of the *sum* of the potentials, so that a sample's step does not depend on its batch. A step
costs one evaluation of the potential and one backward pass through it. The stationary law is exp(-U / T) in the limit
of small steps, with T = noise_scale^2 / step_size.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Potential", "Scalar", "State", "Trace", "descend", "langevin"]

State = Tensor | dict[str, Tensor]
"""What moves: one tensor "b *event", or several by name."""

Potential = Callable[[State], Tensor]
"""State -> "b": the energy of each sample."""

Scalar = float | Tensor
"""A number, or a tensor without axes (a schedule's value, a learned number)."""

Parts = list[Tensor]


class Trace(NamedTuple):
    """Where a chain ended, and on request how it got there.

    `path` stacks the states after every `keep`-th step ("n b *event"; the start is not among them). `noise` is what was
    injected, one state a step: given as `noise` to the same chain it replays it.
    """

    state: State
    path: State | None = None
    noise: tuple[State, ...] | None = None


def langevin(
    potential: Potential,
    init: State,
    *,
    steps: int,
    step_size: Scalar,
    noise_scale: Scalar | None = None,
    clip: float | None = None,
    clamp: tuple[float, float] | None = None,
    keep: int | None = None,
    seed: int | None = None,
    noise: Sequence[State] | None = None,
    record_noise: bool = False,
    differentiable: bool = False,
    prior: bool = False,
) -> Trace:
    """Unadjusted Langevin dynamics from `init`.

    prior: the potential is U(v) + |v|^2 / 2, as in noise space; the second part's gradient is v, and is never traced.
    clip: bounds each entry of the gradient by +-`clip`. clamp: bounds each entry of the state after each step. The
    noise is given (`noise`, one state a step) or drawn from one generator seeded with `seed`, step by step in the order
    of the state's keys. `differentiable=False`: the start is detached, the end carries no graph, no parameter gathers a
    gradient, and memory does not grow with the steps. `differentiable=True`: the gradient reaches the start, the
    potential's parameters, the step size and given noise, through every step, unless gradients are switched off.

    Raises ValueError where neither seed nor noise is given, or noise for fewer than `steps`.
    Source: thesis eqs. 5.3 and 1.18; the defaults are those of eq. 5.3.
    """
    names = None if isinstance(init, Tensor) else tuple(init)
    start = _parts(init, names)
    if noise is not None and len(noise) < steps:
        raise ValueError(f"{steps} steps need a noise each, and {len(noise)} were given")
    if noise is None and seed is None:
        raise ValueError("Langevin dynamics draws its noise from a `seed`, or is given the `noise`: it has neither")
    injected = _drawn(start, seed) if noise is None else (_parts(one, names) for one in noise)
    scale = step_size**0.5 if noise_scale is None else noise_scale
    chain = _Chain(potential, names, step_size / 2, scale, clip, clamp, prior)
    return _run(chain, start, injected, steps, keep, record_noise, differentiable)


def descend(
    potential: Potential,
    init: State,
    *,
    steps: int,
    step_size: Scalar,
    clip: float | None = None,
    clamp: tuple[float, float] | None = None,
    keep: int | None = None,
    differentiable: bool = False,
    prior: bool = False,
) -> Trace:
    """Noise-free dynamics, a function of `init`: `langevin` without its noise.   Source: thesis eqs. 5.8 and 5.9."""
    names = None if isinstance(init, Tensor) else tuple(init)
    chain = _Chain(potential, names, step_size / 2, 0.0, clip, clamp, prior)
    return _run(chain, _parts(init, names), repeat(None), steps, keep, False, differentiable)


@dataclass(slots=True)
class _Chain:
    """One step's arithmetic:   v <- clamp(v - drift * clip(dU/dv) + scale * n).   A gradient of None is zero."""

    potential: Potential
    names: tuple[str, ...] | None
    drift: Scalar
    scale: Scalar
    clip: float | None
    clamp: tuple[float, float] | None
    prior: bool
    ones: Tensor | None = None

    def gradients(self, parts: Parts, create_graph: bool) -> tuple[Tensor | None, ...]:
        """dU/dv of every part, None for one that the potential does not read; `prior` and `clip` are for `move`."""
        energies = self.potential(_state(parts, self.names))
        if self.ones is None:
            self.ones = torch.ones_like(energies)  # the gradient of the energies' sum, without the sum
        return torch.autograd.grad(energies, parts, self.ones, create_graph=create_graph, allow_unused=True)

    def move(self, part: Tensor, gradient: Tensor | None, noise: Tensor | None) -> Tensor:
        """Where one part goes, as a new tensor."""
        kept, gradient = self._pulled(part, gradient)
        if kept is not None:
            part = part * kept
        if gradient is not None:
            part = _plus(part, gradient, -self.drift)
        if noise is not None:
            part = _plus(part, noise, self.scale)
        return part if self.clamp is None else part.clamp(*self.clamp)

    def move_in_place(self, part: Tensor, gradient: Tensor | None, noise: Tensor | None) -> Tensor:
        """The same arithmetic on the part's own memory."""
        kept, gradient = self._pulled(part, gradient)
        if kept is not None:
            part.mul_(kept)
        if gradient is not None:
            _add(part, gradient, -self.drift)
        if noise is not None:
            _add(part, noise, self.scale)
        return part if self.clamp is None else part.clamp_(*self.clamp)

    def _pulled(self, part: Tensor, gradient: Tensor | None) -> tuple[Scalar | None, Tensor | None]:
        """The factor that `prior` shrinks a part by, and its gradient, clipped; a clip bounds both together."""
        if self.clip is None:
            return (1 - self.drift if self.prior else None), gradient
        if self.prior:
            gradient = part if gradient is None else gradient + part
        return None, None if gradient is None else gradient.clamp(-self.clip, self.clip)


def _run(
    chain: _Chain,
    start: Parts,
    injected: Iterable[Parts | None],
    steps: int,
    keep: int | None,
    record_noise: bool,
    differentiable: bool,
) -> Trace:
    """`steps` steps, recorded by autograd only if `differentiable` (and gradients are switched on)."""
    recorded = differentiable and torch.is_grad_enabled()
    path: list[Parts] = []
    noises: list[State] = []
    move = chain.move if recorded else chain.move_in_place
    if not recorded:
        injected = ([part.detach() for part in noise] if noise else None for noise in injected)
        chain.drift, chain.scale = _constant(chain.drift), _constant(chain.scale)
    with torch.enable_grad():  # for the potential: what is moved in place needs no gradient, so that nothing is kept
        parts = list(start) if recorded else [part.detach().clone() for part in start]  # the start stays what it was
        here = [part.detach().requires_grad_() for part in parts]  # leaves that share the memory of what is moved
        for step, noise in zip(range(1, steps + 1), injected, strict=False):
            if recorded:
                here = parts = [part if part.requires_grad else part.detach().requires_grad_() for part in parts]
            moved = zip(parts, chain.gradients(here, recorded), noise or repeat(None), strict=False)
            parts = [move(*one) for one in moved]
            if keep and step % keep == 0:
                path.append(parts if recorded else [part.clone() for part in parts])
            if record_noise and noise is not None:
                noises.append(_state(noise, chain.names))
    stacked = _state([torch.stack(states) for states in zip(*path, strict=True)], chain.names) if path else None
    return Trace(_state(parts, chain.names), stacked, tuple(noises) if record_noise else None)


def _constant(number: Scalar) -> Scalar:
    return number.detach() if isinstance(number, Tensor) else number


def _drawn(like: Parts, seed: int | None) -> Iterator[Parts]:
    """Standard normal noise for one step after another, without end."""
    assert seed is not None
    generator = torch.Generator(like[0].device).manual_seed(seed)
    while True:
        yield [torch.randn(v.shape, generator=generator, dtype=v.dtype, device=v.device) for v in like]


def _plus(value: Tensor, change: Tensor, factor: Scalar) -> Tensor:
    """value + factor * change, in one kernel."""
    if isinstance(factor, Tensor):
        return torch.addcmul(value, change, factor.to(value.dtype))
    return value.add(change, alpha=factor)


def _add(value: Tensor, change: Tensor, factor: Scalar) -> None:
    """value += factor * change, in one kernel."""
    if isinstance(factor, Tensor):
        value.addcmul_(change, factor.to(value.dtype))
    else:
        value.add_(change, alpha=factor)


def _parts(state: State, names: tuple[str, ...] | None) -> Parts:
    if isinstance(state, Tensor):
        return [state]
    return [state[name] for name in names or ()]


def _state(parts: Sequence[Tensor], names: tuple[str, ...] | None) -> State:
    return parts[0] if names is None else dict(zip(names, parts, strict=True))
