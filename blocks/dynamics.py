"""Dynamics in an energy: pure loops over a state, with or without noise   (thesis eqs. 5.3 and 5.8).

    langevin    v <- v - step_size / 2 * dU/dv + noise_scale * n       noise_scale = sqrt(step_size) unless given
    descend     v <- v - step_size / 2 * dU/dv

`dU/dv` is the gradient of the *sum* of the potentials, so that a sample's step does not depend on its batch. A step
costs one evaluation of the potential and one backward pass through it. The stationary law is exp(-U / T) in the limit
of small steps, with T = noise_scale^2 / step_size.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import NamedTuple

import torch
from torch import Tensor

from blocks.shares import SHARE

__all__ = ["Potential", "Scalar", "Slope", "State", "Trace", "descend", "langevin"]

State = Tensor | dict[str, Tensor]
"""What moves: one tensor "b *event", or several by name."""

Potential = Callable[[State], Tensor]
"""State -> "b": the energy of each sample."""

Slope = Callable[[Sequence[Tensor], bool], Sequence[Tensor | None]]
"""(parts of the state, whether the result is differentiated again) -> dU/dv of each part, None where U reads none."""

Scalar = float | Tensor
"""A number, or a tensor without axes (a schedule's value, a learned number)."""

Parts = list[Tensor]

LEAST_BYTES = 4  # of an entry, for a factor to be one too


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
    slope: Slope | None = None,
) -> Trace:
    """Unadjusted Langevin dynamics from `init`.

    prior: the potential is U(v) + |v|^2 / 2, as in noise space; the second part's gradient is v, and is never traced.
    clip: bounds each entry of the gradient by +-`clip`. clamp: bounds each entry of the state after each step. The
    noise is given (`noise`, one state a step) or drawn from one generator seeded with `seed`, step by step in the order
    of the state's keys. `differentiable=False`: the start is detached, the end carries no graph, no parameter gathers a
    gradient, and memory does not grow with the steps. `differentiable=True`: the gradient reaches the start, the
    potential's parameters, the step size and given noise, through every step, unless gradients are switched off.
    slope: what gives dU/dv, if not autograd of the potential.

    Raises ValueError where neither seed nor noise is given, or noise for fewer than `steps`.
    Source: thesis eqs. 5.3 and 1.18; the defaults are those of eq. 5.3.
    """
    names = None if isinstance(init, Tensor) else tuple(init)
    start = _parts(init, names)
    if noise is not None and len(noise) < steps:
        raise ValueError(f"{steps} steps need a noise each, and {len(noise)} were given")
    if noise is None and seed is None:
        raise ValueError("Langevin dynamics draws its noise from a `seed`, or is given the `noise`: it has neither")
    recorded = differentiable and torch.is_grad_enabled()
    if noise is None:
        injected = _drawn(start, seed, lasting=recorded or record_noise)
    else:
        injected = ([part if recorded else part.detach() for part in _parts(one, names)] for one in noise)
    scale = step_size**0.5 if noise_scale is None else noise_scale
    chain = _Chain(potential, names, step_size / 2, scale, clip, clamp, prior, slope)
    return _run(chain, start, injected, steps, keep, record_noise, recorded)


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
    slope: Slope | None = None,
) -> Trace:
    """Noise-free dynamics, a function of `init`: `langevin` without its noise.   Source: thesis eqs. 5.8 and 5.9."""
    names = None if isinstance(init, Tensor) else tuple(init)
    chain = _Chain(potential, names, step_size / 2, 0.0, clip, clamp, prior, slope)
    recorded = differentiable and torch.is_grad_enabled()
    return _run(chain, _parts(init, names), repeat(None), steps, keep, False, recorded)


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
    slope: Slope | None = None
    ones: Tensor | None = None

    def gradients(self, state: State, parts: Parts, create_graph: bool) -> Sequence[Tensor | None]:
        """dU/dv of every part, None for one that the potential does not read; `prior` and `clip` are for the moves."""
        if self.slope is not None:
            return self.slope(parts, create_graph)
        energies = self.potential(state)
        if self.ones is None:
            self.ones = torch.ones_like(energies)  # the gradient of the energies' sum, without the sum
        return torch.autograd.grad(energies, parts, self.ones, create_graph=create_graph, allow_unused=True)

    def move(self, part: Tensor, gradient: Tensor | None, noise: Tensor | None) -> Tensor:
        """Where one part goes, as a new tensor."""
        if self.clip is not None:
            gradient = self._clipped(part, gradient, self.clip)
        elif self.prior:
            part = part * (1 - self.drift)
        if gradient is not None:
            part = _plus(part, gradient, -self.drift)
        if noise is not None:
            part = _plus(part, noise, self.scale)
        return part if self.clamp is None else part.clamp(*self.clamp)

    def in_place(self, parts: Parts) -> Callable[[Sequence[Tensor | None], Iterable[Tensor | None]], None]:
        """The same arithmetic on the parts' own memory, step after step, given gradients and noise.

        Its factors are made 0-d tensors once: a kernel would convert a number at every call. The step is flat, because
        after a network's kernels Python's calls are cold, and cost several times what they do alone.
        """
        if any(part.element_size() < LEAST_BYTES for part in parts):
            return partial(self._replace, parts)
        drift, scale, kept = (_constant(f, parts[0]) for f in (-self.drift, self.scale, 1 - self.drift))
        clip, clamp, shrinks = self.clip, self.clamp, self.prior and self.clip is None

        def move(gradients: Sequence[Tensor | None], noise: Iterable[Tensor | None]) -> None:
            for part, gradient, injected in zip(parts, gradients, noise, strict=False):
                pull = gradient if clip is None else self._clipped(part, gradient, clip)
                if shrinks:
                    part.mul_(kept)
                if pull is not None:
                    part.addcmul_(pull, drift)
                if injected is not None:
                    part.addcmul_(injected, scale)
                if clamp is not None:
                    part.clamp_(*clamp)

        return move

    @torch.no_grad()
    def _replace(self, parts: Parts, gradients: Sequence[Tensor | None], noise: Iterable[Tensor | None]) -> None:
        """What `in_place` does, by numbers: a factor in half precision would bend each step (1 - 1/1000 is 1 there)."""
        for part, gradient, injected in zip(parts, gradients, noise, strict=False):
            part.copy_(self.move(part, gradient, injected))

    def _clipped(self, part: Tensor, gradient: Tensor | None, clip: float) -> Tensor | None:
        """The gradient within +-clip, which bounds it and the prior's pull together."""
        if self.prior:
            gradient = part if gradient is None else gradient + part
        return None if gradient is None else gradient.clamp(-clip, clip)


def _run(
    chain: _Chain,
    start: Parts,
    injected: Iterable[Parts | None],
    steps: int,
    keep: int | None,
    record_noise: bool,
    recorded: bool,
) -> Trace:
    """`steps` steps, recorded by autograd only if `recorded`."""
    path: list[Parts] = []
    noises: list[State] = []
    with torch.enable_grad():  # for the potential: what is moved in place needs no gradient, so that nothing is kept
        parts = list(start) if recorded else [part.detach().clone() for part in start]  # the start stays what it was
        here = [part.detach().requires_grad_() for part in parts]  # leaves that share the memory of what is moved
        state, move = _state(here, chain.names), chain.in_place(parts)
        for step, noise in zip(range(1, steps + 1), injected, strict=False):
            if recorded:
                parts = [part if part.requires_grad else part.detach().requires_grad_() for part in parts]
                gradients = chain.gradients(_state(parts, chain.names), parts, True)
                parts = [chain.move(*one) for one in zip(parts, gradients, noise or repeat(None), strict=False)]
            else:
                move(chain.gradients(state, here, False), noise or repeat(None))
            if keep and step % keep == 0:
                path.append(parts if recorded else [part.clone() for part in parts])
            if record_noise and noise is not None:
                noises.append(_state(noise, chain.names))
    stacked = _state([torch.stack(states) for states in zip(*path, strict=True)], chain.names) if path else None
    return Trace(_state(parts, chain.names), stacked, tuple(noises) if record_noise else None)


def _constant(number: Scalar, like: Tensor) -> Tensor:
    """The number without its graph, as a 0-d tensor that meets `like`."""
    return torch.as_tensor(number, dtype=like.dtype, device=like.device).detach()


def _drawn(like: Parts, seed: int | None, *, lasting: bool) -> Iterator[Parts]:
    """Standard normal noise for one step after another, without end; each in the last one's memory unless `lasting`."""
    assert seed is not None
    generator = torch.Generator(like[0].device).manual_seed(seed)
    share = SHARE.get()
    if share is not None:  # in new memory, and of each draw for all rows those of this process

        def drawn(shape: tuple[int, ...], v: Tensor) -> Tensor:
            return torch.empty(shape, dtype=v.dtype, device=v.device).normal_(generator=generator)

        while True:
            yield [share.of(partial(drawn, v=v), tuple(v.shape)) for v in like]
    noise = [torch.empty(v.shape, dtype=v.dtype, device=v.device) for v in like]
    while True:
        for part in noise:
            part.normal_(generator=generator)
        yield noise
        if lasting:
            noise = [torch.empty_like(part) for part in noise]


def _plus(value: Tensor, change: Tensor, factor: Scalar) -> Tensor:
    """value + factor * change, in one kernel."""
    if isinstance(factor, Tensor):
        return torch.addcmul(value, change, factor.to(value.dtype))
    return value.add(change, alpha=factor)


def _parts(state: State, names: tuple[str, ...] | None) -> Parts:
    if isinstance(state, Tensor):
        return [state]
    return [state[name] for name in names or ()]


def _state(parts: Sequence[Tensor], names: tuple[str, ...] | None) -> State:
    return parts[0] if names is None else dict(zip(names, parts, strict=True))
