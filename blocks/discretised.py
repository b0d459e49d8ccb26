"""Laws over a grid of levels, as of 8-bit pixels:  v_k = low + k (high - low) / (levels - 1),  k = 0 .. levels - 1.

    logistic            P(v_k) = F(v_k + bin / 2) - F(v_k - bin / 2),  F(v) = sigmoid((v - location) / scale)
    logistic_mixture    the same with F = sum_j weight_j F_j
    categorical         P(v_k) = softmax(logits)_k

The lowest level has all that lies below it, the highest all that lies above: the levels' probabilities add up to one.
A value between levels counts as the level whose bin it lies in. Draws lie on the grid and stop the gradient.
"""

import math
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from blocks.events import sum_event
from blocks.operators.rules import rule

__all__ = ["Categorical", "Grid", "Logistic", "LogisticMixture", "kl_categorical"]

STD_OF_LOGISTIC = math.pi / math.sqrt(3)  # of scale 1
UNIFORM_FLOOR = 2.0**-25  # below the smallest step of a float32 uniform: its logit is -17, not -inf


class Grid(NamedTuple):
    """`levels` evenly spaced values from `low` to `high`."""

    low: float
    high: float
    levels: int

    @property
    def bin(self) -> float:
        """The distance of two levels."""
        return (self.high - self.low) / (self.levels - 1)

    def nearest(self, value: Tensor) -> Tensor:  # b *event -> b *event, int64
        """The number of the level that is nearest."""
        return ((value - self.low) / self.bin).round().clamp(0, self.levels - 1).long()

    def value(self, index: Tensor, dtype: torch.dtype) -> Tensor:  # b *event -> b *event
        """The level of this number."""
        return self.low + index.to(dtype) * self.bin


class Logistic:
    """A logistic of this location and scale, discretised to the grid, independent over the event.

    `mean` is the location, within the grid, and `std` that of the logistic before it is discretised. Its noise is
    uniform on [0, 1).   Shapes: location, scale "b *event", in the units of the values.
    Source: Kingma et al. 2016 (IAF), appendix; Salimans et al. 2017 (PixelCNN++), eq. 2. There the edges are compared
    with fixed numbers, and narrow bins fall back to density times bin; here an edge is the half bin, for any number of
    levels, and log(s(a) - s(b)) = log s(a) + log s(-b) + log(1 - exp(b - a)) needs no such case.
    """

    law: ClassVar[str] = "uniform"
    discrete: ClassVar[bool] = True
    fields: ClassVar[tuple[str, ...]] = ("mean", "std")

    __slots__ = ("grid", "location", "scale")

    def __init__(self, location: Tensor, scale: Tensor, grid: Grid) -> None:
        self.location, self.scale, self.grid = location, scale, grid

    @property
    def mean(self) -> Tensor:  # -> b *event
        """The location, within the grid."""
        return self.location.clamp(self.grid.low, self.grid.high)

    @property
    def std(self) -> Tensor:  # -> b *event
        """scale pi / sqrt(3)."""
        return self.scale * STD_OF_LOGISTIC

    def at(self, noise: Tensor) -> Tensor:  # b *event -> b *event
        """The level nearest to location + scale logit(noise).   The gradient stops here."""
        return _drawn(noise, self.location, self.scale, self.grid)

    def log_prob(self, value: Tensor) -> Tensor:  # b *event -> b
        """The log probability of the levels, in nats: not a density."""
        return sum_event(_log_bin(value, self.location, self.scale, self.grid))

    def log_prob_at(self, noise: Tensor) -> tuple[Tensor, Tensor]:  # b *event -> b *event, b
        """The draw and its log probability."""
        value = self.at(noise)
        return value, self.log_prob(value)


class LogisticMixture:
    """A mixture of discretised logistics for each entry of the event, the entries independent given the parameters.

    Channels are not coupled (PixelCNN++ lets green see red): what they share is in the code. `mean` is the mixture's
    mean of the locations within the grid, and `std` that of the mixture before it is discretised.
    Its noise is uniform on [0, 1): which component, and, of what is left of it, where in that component.
    Shapes: logits, location, scale "b *event k".   Source: Salimans et al. 2017, eqs. 1 and 2; Vahdat and Kautz 2020.
    """

    law: ClassVar[str] = "uniform"
    discrete: ClassVar[bool] = True
    fields: ClassVar[tuple[str, ...]] = ("mean", "std")

    __slots__ = ("grid", "location", "logits", "scale")

    def __init__(self, logits: Tensor, location: Tensor, scale: Tensor, grid: Grid) -> None:
        self.logits, self.location, self.scale, self.grid = logits, location, scale, grid

    @property
    def mean(self) -> Tensor:  # -> b *event
        """sum weight_j location_j, each location within the grid."""
        return (self.logits.softmax(-1) * self.location.clamp(self.grid.low, self.grid.high)).sum(-1)

    @property
    def std(self) -> Tensor:  # -> b *event
        """sqrt(sum weight_j (std_j^2 + (location_j - mean)^2)), of the locations as they are."""
        weight = self.logits.softmax(-1)
        center = (weight * self.location).sum(-1, keepdim=True)
        spread = (self.scale * STD_OF_LOGISTIC).square() + (self.location - center).square()
        return (weight * spread).sum(-1).sqrt()

    def at(self, noise: Tensor) -> Tensor:  # b *event -> b *event
        """A level of the component in whose share of [0, 1) the noise lies.   The gradient stops here."""
        share = self.logits.softmax(-1)
        above = share.cumsum(-1)
        choice = (noise[..., None] >= above[..., :-1]).sum(-1, keepdim=True)
        width = share.gather(-1, choice)
        rest = (noise[..., None] - above.gather(-1, choice) + width) / width.clamp(min=UNIFORM_FLOOR)
        location, scale = self.location.gather(-1, choice), self.scale.gather(-1, choice)
        return _drawn(rest, location, scale, self.grid).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:  # b *event -> b
        """The log probability of the levels, in nats: not a density."""
        parts = _log_bin(value[..., None], self.location, self.scale, self.grid)
        return sum_event((self.logits.log_softmax(-1) + parts).logsumexp(-1))

    def log_prob_at(self, noise: Tensor) -> tuple[Tensor, Tensor]:  # b *event -> b *event, b
        """The draw and its log probability."""
        value = self.at(noise)
        return value, self.log_prob(value)


class Categorical:
    """Level k with probability softmax(logits)_k, independent over the event.   Its noise is uniform on [0, 1).

    Shapes: logits "b *event k".
    """

    law: ClassVar[str] = "uniform"
    discrete: ClassVar[bool] = True
    fields: ClassVar[tuple[str, ...]] = ("logits", "mean", "std", "mode")

    __slots__ = ("grid", "logits")

    def __init__(self, logits: Tensor, grid: Grid) -> None:
        self.logits, self.grid = logits, grid

    @property
    def mean(self) -> Tensor:  # -> b *event
        """sum P(v_k) v_k: between levels, as a rule."""
        return (self.logits.softmax(-1) * self._values()).sum(-1)

    @property
    def std(self) -> Tensor:  # -> b *event
        """sqrt(sum P(v_k) (v_k - mean)^2)."""
        distance = (self._values() - self.mean[..., None]).square()
        return (self.logits.softmax(-1) * distance).sum(-1).sqrt()

    @property
    def mode(self) -> Tensor:  # -> b *event
        """The likeliest level.   The gradient stops here."""
        return self.grid.value(self.logits.argmax(-1), self.logits.dtype)

    def at(self, noise: Tensor) -> Tensor:  # b *event -> b *event
        """The level in whose share of [0, 1) the noise lies.   The gradient stops here."""
        above = self.logits.softmax(-1).cumsum(-1)
        return self.grid.value((noise[..., None] >= above[..., :-1]).sum(-1), self.logits.dtype)

    def log_prob(self, value: Tensor) -> Tensor:  # b *event -> b
        """The log probability of the levels, in nats."""
        index = self.grid.nearest(value)[..., None]
        return sum_event(self.logits.log_softmax(-1).gather(-1, index).squeeze(-1))

    def log_prob_at(self, noise: Tensor) -> tuple[Tensor, Tensor]:  # b *event -> b *event, b
        """The draw and its log probability."""
        value = self.at(noise)
        return value, self.log_prob(value)

    def entropy(self) -> Tensor:  # -> b
        """-sum P log P."""
        log = self.logits.log_softmax(-1)
        return -sum_event((log.exp() * log).sum(-1))

    def _values(self) -> Tensor:  # -> k
        numbers = torch.arange(self.grid.levels, device=self.logits.device)
        return self.grid.value(numbers, self.logits.dtype)


@rule(scalar=True)
def kl_categorical(q: Categorical, p: Categorical) -> Tensor:  # -> b
    """KL(q | p) = sum q_k (log q_k - log p_k), in nats."""
    log_q, log_p = q.logits.log_softmax(-1), p.logits.log_softmax(-1)
    return sum_event((log_q.exp() * (log_q - log_p)).sum(-1))


def _log_bin(value: Tensor, location: Tensor, scale: Tensor, grid: Grid) -> Tensor:  # b *event -> b *event
    """log of the logistic's probability of the bin that `value` lies in."""
    index = (value - grid.low).div(grid.bin).round().clamp(0, grid.levels - 1)
    centered = grid.low + index * grid.bin - location
    upper, lower = (centered + grid.bin / 2) / scale, (centered - grid.bin / 2) / scale
    inside = logsigmoid(upper) + logsigmoid(-lower) + (-torch.expm1(-grid.bin / scale)).log()
    return torch.where(index == 0, logsigmoid(upper), torch.where(index == grid.levels - 1, -softplus(lower), inside))


def _drawn(noise: Tensor, location: Tensor, scale: Tensor, grid: Grid) -> Tensor:  # b *event -> b *event
    with torch.no_grad():
        uniform = noise.clamp(UNIFORM_FLOOR, 1 - 2.0**-24)
        value = location + scale * (uniform.log() - (-uniform).log1p())
        return grid.value(grid.nearest(value), location.dtype)
