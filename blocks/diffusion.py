"""Diffusion chains: levels 0 (data) .. T (noise), Gaussian steps between neighbours.

    q(x_t | x_0)     = N(sqrt(abar_t) x_0, 1 - abar_t)                    diffuse
    q(x_t | x_{t-1}) = N(sqrt(1 - beta_t) x_{t-1}, beta_t)                step
    q(x_{t-1} | x_t, x_0)                                                 posterior

with beta_t = 1 - abar_t / abar_{t-1}. `t` names the noisier end: an int64 "b", or a Python int for the whole batch.
"""

import math
from collections.abc import Sequence
from itertools import permutations
from typing import ClassVar, Literal, get_args

import numpy
import torch
from torch import Tensor, nn

from blocks.distributions import Normal
from blocks.registry import block

__all__ = ["Prediction", "VPChain"]

Prediction = Literal["noise", "x0", "mean", "score", "velocity"]
"""What a denoiser may predict: the noise in x_t, x_0, the posterior's mean, grad log q(x_t), sqrt(abar) eps - s x_0."""

PREDICTIONS: tuple[Prediction, ...] = get_args(Prediction)
Coefficient = float | Tensor


@block("diffusion.vp")
class VPChain(nn.Module):
    """The variance-preserving chain: abar_t = exp(-B(u_t)), B(u) = beta_min u + (beta_max - beta_min) u^2 / 2.

    It discretises the SDE on u_t = time_min + (t / T)(1 - time_min), with abar_0 = 1 exactly, so level 0 is the data.
    It has no parameters; its tables are float64, made from the options (not saved), and cast to the dtype they meet.
    `time_min=0` gives thesis eq. 6.14. Works on events of any rank.
    Raises ValueError for options that make no chain, and for a Python int `t` that is no level.
    Source: Song et al. 2021 (VP SDE); thesis eqs. 6.14, 6.15, with the time grid of the DDGAN code.
    """

    role: ClassVar[str] = "chain"
    largest: ClassVar[dict[str, int]] = {"steps": 10_000}  # its tables take 400 bytes a level
    methods: ClassVar[dict[str, str]] = {
        "diffuse": "normal",
        "step": "normal",
        "posterior": "normal",
        "convert": "tensor",
    }

    def __init__(self, *, steps: int, beta_min: float = 0.1, beta_max: float = 20.0, time_min: float = 1e-3) -> None:
        super().__init__()
        if steps < 1:
            raise ValueError(f"`steps` cannot be {steps}: a chain has 1 step or more")
        if not 0 <= beta_min <= beta_max or beta_max == 0:
            raise ValueError(f"`beta_min` {beta_min} and `beta_max` {beta_max} must satisfy 0 <= beta_min <= beta_max")
        if not 0 <= time_min < 1:
            raise ValueError(f"`time_min` cannot be {time_min}: it lies in [0, 1)")
        self.levels = steps
        times = time_min + torch.arange(steps + 1, dtype=torch.float64) / steps * (1 - time_min)
        exponent = beta_min * times + (beta_max - beta_min) / 2 * times.square()
        self.tables = Tables((exponent[0] - exponent).exp())

    def diffuse(self, x: Tensor, t: Tensor | int) -> Normal:  # b *event, b -> b *event
        """q(x_t | x_0 = x); at t = 0 its draw is x, exactly."""
        signal, spread = self.tables.at("diffuse", t, x)
        return Normal(x * signal, spread)

    def step(self, x: Tensor, t: Tensor | int) -> Normal:  # b *event, b -> b *event
        """q(x_t | x_{t-1} = x), t in 1 .. T."""
        kept, added = self.tables.at("step", t, x)
        return Normal(x * kept, added)

    def posterior(self, x0: Tensor, x_t: Tensor, t: Tensor | int) -> Normal:  # b *event, b *event, b -> b *event
        """q(x_{t-1} | x_t, x_0), t in 1 .. T; at t = 1 its draw is x0, exactly.

        mean = beta sqrt(abar') / (1 - abar) x0 + (1 - abar') sqrt(1 - beta) / (1 - abar) x_t,
        var = beta (1 - abar') / (1 - abar), abar' = abar_{t-1}.   Source: Ho et al. 2020, eqs. 6 and 7.
        """
        of_x0, of_x_t, std = self.tables.at("posterior", t, x_t)
        return Normal(_mixed(x0, of_x0, x_t, of_x_t), std)

    def convert(self, v: Tensor, x_t: Tensor, t: Tensor | int, source: Prediction, target: Prediction) -> Tensor:
        """The prediction `v` of `source` at x_t, said as `target`; t in 1 .. T.   Shapes: v, x_t "b *event", t "b".

        noise: eps in x_t = sqrt(abar) x_0 + s eps, s = sqrt(1 - abar); score: -eps / s; velocity: sqrt(abar) eps -
        s x_0 (Salimans and Ho 2022); mean: of the posterior. Where abar is tiny, x0 from the noise divides by its root.
        Raises ValueError for another word.
        """
        if source not in PREDICTIONS or target not in PREDICTIONS:
            raise ValueError(f"no conversion `{source}` to `{target}`: a prediction is one of {', '.join(PREDICTIONS)}")
        if source == target:
            return v
        of_v, of_x_t = self.tables.at(f"{source} to {target}", t, x_t)
        return _mixed(v, of_v, x_t, of_x_t)


class Tables(nn.Module):
    """A chain's coefficients by level, from abar (T + 1 numbers, the first of them 1); nan where a level has none.

    Float64 buffers for time steps in tensors, plain numbers for whole ones; made anew from the options, never saved.
    """

    def __init__(self, abar: Tensor) -> None:
        super().__init__()
        named = _tables(abar)
        self.numbers: dict[str, numpy.ndarray] = {name: numpy.asarray(table) for name, table in named.items()}
        self.places = {name: f"table_{place}" for place, name in enumerate(named)}
        for name, table in named.items():
            self.register_buffer(self.places[name], table, persistent=False)

    def at(self, name: str, t: Tensor | int, x: Tensor) -> Sequence[Coefficient]:
        """The named coefficients at level t, ready to meet x: "b 1 .. 1" in its dtype, or numbers.

        Raises ValueError for a whole number t that is no level of the table.
        """
        if isinstance(t, Tensor):
            table = self.get_buffer(self.places[name])
            rows = table.view(*table.shape, *[1] * (x.dim() - 1)).index_select(0, t)
            return rows.to(x.dtype).unbind(1)
        numbers = self.numbers[name]
        lowest = 0 if name == "diffuse" else 1
        if not lowest <= t < len(numbers):
            raise ValueError(f"the time step cannot be {t} here: it lies in {lowest} .. {len(numbers) - 1}")
        return numbers[t].tolist()


def _mixed(v: Tensor, of_v: Coefficient, x_t: Tensor, of_x_t: Coefficient) -> Tensor:
    """v * of_v + x_t * of_x_t, in two kernels."""
    if isinstance(of_x_t, Tensor):
        return torch.addcmul(v * of_v, x_t, of_x_t)
    return torch.add(v * of_v, x_t, alpha=of_x_t)


def _tables(abar: Tensor) -> dict[str, Tensor]:  # levels -> levels k each
    """Every coefficient that a chain uses, by the name of its use."""
    before = torch.cat([abar.new_full((1,), math.nan), abar[:-1]])
    alpha = abar / before
    of_x0 = (1 - alpha) * before.sqrt() / (1 - abar)
    of_x_t = (1 - before) * alpha.sqrt() / (1 - abar)
    variance = (1 - alpha) * (1 - before) / (1 - abar)
    signal, spread = abar.sqrt(), (1 - abar).sqrt()
    one, zero = torch.ones_like(abar), torch.zeros_like(abar)
    forms: dict[Prediction, tuple[Tensor, Tensor]] = {  # (p, q): the prediction is p x_0 + q x_t
        "noise": (-signal / spread, 1 / spread),
        "x0": (one, zero),
        "mean": (of_x0, of_x_t),
        "score": (signal / (1 - abar), -1 / (1 - abar)),
        "velocity": (-1 / spread, signal / spread),
    }
    conversions = {
        f"{source} to {target}": torch.stack([p_target / p, q_target - q * p_target / p], -1)
        for (source, (p, q)), (target, (p_target, q_target)) in permutations(forms.items(), 2)
    }
    return {
        "diffuse": torch.stack([signal, spread], -1),
        "step": torch.stack([alpha.sqrt(), (1 - alpha).sqrt()], -1),
        "posterior": torch.stack([of_x0, of_x_t, variance.sqrt()], -1),
        **conversions,
    }
