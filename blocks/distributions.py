"""Distributions as plain values: parameters, a map from noise, a density.   Nothing is validated, nothing is random.

    at(noise)            the draw that this noise makes; differentiable where the law allows
    log_prob(value)      log density in nats, summed over the event
    log_prob_at(noise)   both at once, the density read from the noise: nothing is inverted

Values and noise are "b *event", densities "b". A scale may be a number, or a tensor that broadcasts with the mean.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from blocks.events import sum_event
from blocks.operators.rules import rule

__all__ = ["Bernoulli", "Normal", "Uniform", "kl_bernoulli", "kl_normal", "kl_standard", "standard_normal_log_prob"]

Scale = Tensor | float
HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


class Normal:
    """N(mean, std^2), independent over the event.   Its noise is standard normal.

    `std` may be 0 (a certain value): `at` is then the mean exactly, and the density, which does not exist, is inf or
    nan; nothing raises.
    """

    law: ClassVar[str] = "normal"
    discrete: ClassVar[bool] = False
    fields: ClassVar[tuple[str, ...]] = ("mean", "std")

    __slots__ = ("mean", "std")

    def __init__(self, mean: Tensor, std: Scale = 1.0) -> None:
        self.mean, self.std = mean, std

    def at(self, noise: Tensor) -> Tensor:  # b *event -> b *event
        """mean + std * noise."""
        if not isinstance(self.mean, Tensor):
            return self.mean + self.std * noise
        if isinstance(self.std, Tensor):
            return torch.addcmul(self.mean, self.std, noise)
        return torch.add(self.mean, noise, alpha=self.std)

    def log_prob(self, value: Tensor) -> Tensor:  # b *event -> b
        """-sum ((value - mean) / std)^2 / 2 + log std + log(2 pi) / 2."""
        return self._log_density((value - self.mean) / self.std)

    def log_prob_at(self, noise: Tensor) -> tuple[Tensor, Tensor]:  # b *event -> b *event, b
        """The draw, and its density read from the noise: -sum noise^2 / 2 + log std + log(2 pi) / 2."""
        return self.at(noise), self._log_density(noise)

    def entropy(self) -> Tensor:  # -> b
        """sum log std + (1 + log(2 pi)) / 2."""
        return sum_event(torch.zeros_like(self.mean) + _log(self.std)) + _entries(self.mean) * (HALF_LOG_TWO_PI + 0.5)

    def _log_density(self, standard: Tensor) -> Tensor:  # b *event -> b, `standard` is (value - mean) / std
        if isinstance(self.std, Tensor):
            exponent = torch.add(self.std.log(), standard.square(), alpha=0.5)
            return -sum_event(exponent) - _entries(standard) * HALF_LOG_TWO_PI
        return -0.5 * sum_event(standard.square()) - _entries(standard) * (_log(self.std) + HALF_LOG_TWO_PI)


class Bernoulli:
    """1 with probability sigmoid(logits), else 0, independent over the event.   Its noise is uniform on [0, 1)."""

    law: ClassVar[str] = "uniform"
    discrete: ClassVar[bool] = True
    fields: ClassVar[tuple[str, ...]] = ("logits", "mean", "std")

    __slots__ = ("logits",)

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    @property
    def mean(self) -> Tensor:  # -> b *event
        """The probability of 1."""
        return self.logits.sigmoid()

    @property
    def std(self) -> Tensor:  # -> b *event
        """sqrt(p (1 - p)), as the root of sigmoid(l) sigmoid(-l): no cancellation."""
        return (self.logits.sigmoid() * (-self.logits).sigmoid()).sqrt()

    def at(self, noise: Tensor) -> Tensor:  # b *event -> b *event
        """1 where the noise is below the probability, else 0.   The gradient stops here."""
        return (noise < self.mean).to(self.logits.dtype)

    def log_prob(self, value: Tensor) -> Tensor:  # b *event -> b
        """sum value * logits - log(1 + exp(logits)); `value` may lie between 0 and 1 (a soft target)."""
        return sum_event(value * self.logits - softplus(self.logits))

    def log_prob_at(self, noise: Tensor) -> tuple[Tensor, Tensor]:  # b *event -> b *event, b
        """The draw and its log probability."""
        value = self.at(noise)
        return value, self.log_prob(value)

    def entropy(self) -> Tensor:  # -> b
        """sum log(1 + exp(logits)) - p * logits."""
        return sum_event(softplus(self.logits) - self.mean * self.logits)


class Uniform:
    """Uniform between `low` and `high`, independent over the event.   Its noise is uniform on [0, 1).

    Both ends may be numbers; the event is then that of the noise or value it meets, and `entropy` is a number, that of
    one entry.
    """

    law: ClassVar[str] = "uniform"
    discrete: ClassVar[bool] = False
    fields: ClassVar[tuple[str, ...]] = ("low", "high", "mean", "std")

    __slots__ = ("high", "low")

    def __init__(self, low: Scale = 0.0, high: Scale = 1.0) -> None:
        self.low, self.high = low, high

    @property
    def mean(self) -> Scale:
        """The middle."""
        return (self.low + self.high) / 2

    @property
    def std(self) -> Scale:
        """(high - low) / sqrt(12)."""
        return (self.high - self.low) / math.sqrt(12)

    def at(self, noise: Tensor) -> Tensor:  # b *event -> b *event
        """low + (high - low) * noise."""
        return self.low + (self.high - self.low) * noise

    def log_prob(self, value: Tensor) -> Tensor:  # b *event -> b
        """-sum log(high - low) inside (both ends count as inside), -inf outside."""
        inside = (value >= self.low) & (value <= self.high)
        return sum_event(torch.where(inside, -_log(self.high - self.low), -math.inf).to(value.dtype))

    def log_prob_at(self, noise: Tensor) -> tuple[Tensor, Tensor]:  # b *event -> b *event, b
        """The draw, and its density: the same everywhere."""
        return self.at(noise), sum_event(torch.zeros_like(noise) - _log(self.high - self.low))

    def entropy(self) -> Scale:  # -> b
        """sum log(high - low)."""
        width = _log(self.high - self.low)
        return sum_event(width) if isinstance(width, Tensor) else width


@rule(scalar=True)
def standard_normal_log_prob(value: Tensor) -> Tensor:  # b *event -> b
    """log N(value; 0, I) = -sum value^2 / 2 + log(2 pi) / 2."""
    return -0.5 * sum_event(value.square()) - _entries(value) * HALF_LOG_TWO_PI


@rule(scalar=True)
def kl_normal(q: Normal, p: Normal) -> Tensor:  # -> b
    """KL(q | p) = sum log(std_p / std_q) + (std_q^2 + (mean_q - mean_p)^2) / (2 std_p^2) - 1/2, in nats."""
    distance = ((q.mean - p.mean) / p.std).square()
    ratio = q.std / p.std
    return 0.5 * sum_event(distance + (ratio * ratio - 1 - 2 * _log(ratio)))


@rule(scalar=True)
def kl_standard(q: Normal) -> Tensor:  # -> b
    """KL(q | N(0, I)) = sum (mean^2 + std^2 - 1) / 2 - log std, in nats."""
    return 0.5 * sum_event(q.mean.square() + (q.std * q.std - 1 - 2 * _log(q.std)))


@rule(scalar=True)
def kl_bernoulli(q: Bernoulli, p: Bernoulli) -> Tensor:  # -> b
    """KL(q | p) = sum sigmoid(l_q) (l_q - l_p) + softplus(l_p) - softplus(l_q), in nats."""
    return sum_event(q.mean * (q.logits - p.logits) + softplus(p.logits) - softplus(q.logits))


def _entries(value: Tensor) -> int:  # b *event: the number of entries of the event
    return math.prod(value.shape[1:])


def _log(scale: Scale) -> Scale:
    if isinstance(scale, Tensor):
        return scale.log()
    return math.log(scale) if scale > 0 else -math.inf
