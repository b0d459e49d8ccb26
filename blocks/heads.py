"""What a network's last layer says: a value, a normal, a Bernoulli, or a law over a grid of levels.

    tensor              value = f(raw)
    normal              mean = f(raw), std = exp(5 tanh(raw' / 5)) | one learned number | a fixed number
    bernoulli           logits = raw
    logistic            location = f(raw), scale = (high - low) / 2 exp(max(raw' - 2, -7))
    logistic_mixture    the same for each component, and its logits
    categorical         a logit for each level

f is the `output_activation`; the levels lie in [-1, 1] where it is tanh, else in [0, 1]. A head takes `parts` raw
numbers for each entry of the event; the parts lie along axis 1.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from blocks.discretised import Categorical, Grid, Logistic, LogisticMixture
from blocks.distributions import Bernoulli, Normal
from blocks.nets import choose
from blocks.types import Size

__all__ = ["DataOutput", "Distribution", "Head", "Output", "OutputActivation", "Std", "head", "known_range"]

Output = Literal["tensor", "normal", "bernoulli"]
DataOutput = Literal["tensor", "normal", "bernoulli", "logistic", "logistic_mixture", "categorical"]
Distribution = Normal | Bernoulli | Logistic | LogisticMixture | Categorical
OutputActivation = Literal["none", "sigmoid", "tanh"]
Std = float | Literal["learned", "shared"]

LOG_SCALE_FLOOR = -7.0  # of a logistic, in half ranges: Salimans et al. 2017 (PixelCNN++)
LOG_SCALE_START = -2.0  # where raw is 0: a scale of 17 levels of 256, between the floor and the whole range
LEVELS = 256  # of 8-bit pixels
COMPONENTS = 5
LOG_STD_BOUND = 5.0  # soft clamp of a log-std, so that exp cannot overflow: Vahdat & Kautz 2020 (NVAE)


def _unchanged(raw: Tensor) -> Tensor:
    return raw


OUTPUT_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "none": _unchanged,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
RANGES: Mapping[str, tuple[float, float]] = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}


def head(
    event: Size,
    *,
    output: DataOutput,
    std: Std = "learned",
    output_activation: OutputActivation = "none",
    levels: int = LEVELS,
    components: int = COMPONENTS,
) -> "Head":
    """The head that makes `event` out of the last layer's numbers.

    Raises ValueError for an unknown word, a `std` where nothing is normal, a fixed std that is not above 0, a Bernoulli
    with a range other than (0, 1), fewer than 2 `levels` or 1 of the `components`, or either where the output has none.
    """
    choose(OUTPUT_ACTIVATIONS, "output_activation", output_activation)
    choose({**HEADS, **GRID_HEADS}, "output", output)
    if std != "learned" and output != "normal":
        raise ValueError(
            f"`std: {std}` needs `output: normal`, but the output is `{output}`: drop one or change the other"
        )
    for word, count, default, least, owners in (
        ("levels", levels, LEVELS, 2, GRID_HEADS), ("components", components, COMPONENTS, 1, ("logistic_mixture",)),
    ):  # fmt: skip
        if count < least:
            raise ValueError(f"`{word}` cannot be {count}: write {least} or more")
        if count != default and output not in owners:
            named = " or ".join(f"`output: {owner}`" for owner in owners)
            raise ValueError(f"`{word}: {count}` needs {named}, but the output is `{output}`: drop one")
    if output in GRID_HEADS:
        return GRID_HEADS[output](TensorHead(event, output_activation), levels, components)
    return HEADS[output](TensorHead(event, output_activation), std)


def known_range(block: type[nn.Module], options: Mapping[str, Any]) -> tuple[float, float] | None:
    """The range that a block's options promise for its value or its mean; None if it is unbounded."""
    defaults = {name: option.default for name, option in inspect.signature(block).parameters.items()}
    resolved = {**defaults, **options}
    if resolved.get("output") == "bernoulli":
        return RANGES["sigmoid"]
    if resolved.get("output") in GRID_HEADS:
        return RANGES.get(resolved["output_activation"], RANGES["sigmoid"])
    return RANGES.get(resolved["output_activation"])


class TensorHead(nn.Module):
    """value = f(raw), reshaped to the event.   Shapes: raw "b n" or "b *event" -> "b *event"."""

    parts = 1

    def __init__(self, event: Size, output_activation: OutputActivation = "none") -> None:
        super().__init__()
        self.shape = (-1, *event)
        self.flat = len(event) == 1
        self.output_activation = output_activation
        self.activate = OUTPUT_ACTIVATIONS[output_activation]

    def forward(self, raw: Tensor) -> Tensor:  # b n -> b *event
        """The value."""
        return self.activate(raw if self.flat else raw.reshape(self.shape))


class NormalHead(nn.Module):
    """Mean and std, both by the network.   Shapes: raw "b 2n" or "b 2c ..", means first -> Normal of "b *event"."""

    parts = 2

    def __init__(self, mean: TensorHead) -> None:
        super().__init__()
        self.mean = mean

    def forward(self, raw: Tensor) -> Normal:  # b 2n -> Normal of b *event
        """The normal."""
        mean, log_std = raw.chunk(2, dim=1)
        return Normal(self.mean(mean), bounded_exp(log_std.reshape(self.mean.shape)))


class SharedNormalHead(nn.Module):
    """A mean by the network, and one learned std for all entries of all samples.

    Shapes: raw "b n" -> Normal of "b *event".   Source: Rybkin et al. 2021 (sigma-VAE).
    """

    parts = 1

    def __init__(self, mean: TensorHead) -> None:
        super().__init__()
        self.mean = mean
        self.log_std = nn.Parameter(torch.zeros(()))

    def forward(self, raw: Tensor) -> Normal:  # b n -> Normal of b *event
        """The normal."""
        mean = self.mean(raw)
        return Normal(mean, bounded_exp(self.log_std).expand_as(mean))


class FixedNormalHead(nn.Module):
    """A mean by the network, the same known std everywhere.   Shapes: raw "b n" -> Normal of "b *event".

    The normal's `std` is the plain number: its density then costs no logarithm and no division by a tensor.
    Source: thesis eq. 2.11.
    """

    parts = 1

    def __init__(self, mean: TensorHead, std: float) -> None:
        super().__init__()
        self.mean = mean
        self.std = float(std)

    def forward(self, raw: Tensor) -> Normal:  # b n -> Normal of b *event
        """The normal."""
        return Normal(self.mean(raw), self.std)


class BernoulliHead(nn.Module):
    """Logits by the network.   Shapes: raw "b n" -> Bernoulli of "b *event"."""

    parts = 1

    def __init__(self, logits: TensorHead) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, raw: Tensor) -> Bernoulli:  # b n -> Bernoulli of b *event
        """The Bernoulli."""
        return Bernoulli(self.logits(raw))


class LogisticHead(nn.Module):
    """Location and scale of a discretised logistic.   Shapes: raw "b 2n" or "b 2c .." -> Logistic of "b *event"."""

    parts = 2

    def __init__(self, location: TensorHead, levels: int = LEVELS, _components: int = 1) -> None:
        super().__init__()
        self.location, self.grid = location, _grid(location, levels)

    def forward(self, raw: Tensor) -> Logistic:  # b 2n -> Logistic of b *event
        """The logistic."""
        location, log_scale = raw.chunk(2, dim=1)
        return Logistic(self.location(location), _scale(log_scale.reshape(self.location.shape), self.grid), self.grid)


class LogisticMixtureHead(nn.Module):
    """Logits, locations and scales of `components` discretised logistics.

    Shapes: raw "b 3kn" or "b 3kc ..", component after component -> LogisticMixture of "b *event".
    """

    def __init__(self, location: TensorHead, levels: int = LEVELS, components: int = COMPONENTS) -> None:
        super().__init__()
        self.parts = 3 * components
        self.location, self.grid = location, _grid(location, levels)
        # alike components would stay alike: their first locations are spread over the range
        low, high = (-1.0, 1.0) if location.output_activation == "tanh" else (-2.0, 2.0)
        low, high = (0.0, 1.0) if location.output_activation == "none" else (low, high)
        self.spread = nn.Parameter(torch.linspace(low, high, components + 2)[1:-1])

    def forward(self, raw: Tensor) -> LogisticMixture:  # b 3kn -> LogisticMixture of b *event
        """The mixture."""
        logits, location, log_scale = raw.chunk(3, dim=1)
        first = self.location.activate(_components(location, self.location, len(self.spread)) + self.spread)
        scale = _scale(_components(log_scale, self.location, len(self.spread)), self.grid)
        return LogisticMixture(_components(logits, self.location, len(self.spread)), first, scale, self.grid)


class CategoricalHead(nn.Module):
    """A logit for each level.   Shapes: raw "b kn" or "b kc ..", level after level -> Categorical of "b *event"."""

    def __init__(self, value: TensorHead, levels: int = LEVELS, _components: int = 1) -> None:
        super().__init__()
        self.parts, self.value, self.grid = levels, value, _grid(value, levels)

    def forward(self, raw: Tensor) -> Categorical:  # b kn -> Categorical of b *event
        """The categorical."""
        return Categorical(_components(raw, self.value, self.parts), self.grid)


Head = (
    TensorHead | NormalHead | SharedNormalHead | FixedNormalHead | BernoulliHead | LogisticHead | LogisticMixtureHead
    | CategoricalHead
)  # fmt: skip


def bounded_exp(raw: Tensor) -> Tensor:
    """exp(5 tanh(raw / 5)): raw's exponential near 0, above 0.0067 and below 149 everywhere."""
    return (LOG_STD_BOUND * torch.tanh(raw / LOG_STD_BOUND)).exp()


def _grid(location: TensorHead, levels: int) -> Grid:
    return Grid(*RANGES.get(location.output_activation, RANGES["sigmoid"]), levels)


def _scale(raw: Tensor, grid: Grid) -> Tensor:
    """The scale, in the units of the values, from 0.0009 half ranges up."""
    return (grid.high - grid.low) / 2 * (raw + LOG_SCALE_START).clamp(min=LOG_SCALE_FLOOR).exp()


def _components(raw: Tensor, value: TensorHead, count: int) -> Tensor:  # b kn -> b *event k
    return torch.stack([part.reshape(value.shape) for part in raw.chunk(count, dim=1)], -1)


def _normal_head(mean: TensorHead, std: Std) -> Head:
    if isinstance(std, str):
        return choose(LEARNED_STDS, "std", std)(mean)
    if std <= 0:
        raise ValueError(
            f"`std` cannot be {std}: write a number above 0, or `output: tensor` for a value without noise"
        )
    return FixedNormalHead(mean, std)


def _bernoulli_head(logits: TensorHead, std: Std) -> Head:
    if logits.output_activation == "tanh":
        raise ValueError("`output: bernoulli` is between 0 and 1, so `output_activation: tanh` cannot hold: drop it")
    return BernoulliHead(TensorHead(logits.shape[1:]))  # a sigmoid is what a Bernoulli's mean has anyway


LEARNED_STDS: Mapping[str, Callable[[TensorHead], Head]] = {"learned": NormalHead, "shared": SharedNormalHead}
HEADS: Mapping[str, Callable[[TensorHead, Std], Head]] = {
    "tensor": lambda value, std: value,
    "normal": _normal_head,
    "bernoulli": _bernoulli_head,
}
GRID_HEADS: Mapping[str, Callable[[TensorHead, int, int], Head]] = {
    "logistic": LogisticHead,
    "logistic_mixture": LogisticMixtureHead,
    "categorical": CategoricalHead,
}
