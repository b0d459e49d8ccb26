"""What a network's last layer says: a value, a normal or a Bernoulli.

    tensor      value = f(raw)
    normal      mean = f(raw), std = exp(5 tanh(raw' / 5)) | one learned number | a fixed number
    bernoulli   logits = raw

f is the `output_activation`. A head takes `parts` raw numbers for each entry of the event; the parts lie along axis 1.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from blocks.distributions import Bernoulli, Normal
from blocks.nets import choose
from blocks.types import Size

__all__ = ["Head", "Output", "OutputActivation", "Std", "head", "known_range"]

Output = Literal["tensor", "normal", "bernoulli"]
OutputActivation = Literal["none", "sigmoid", "tanh"]
Std = float | Literal["learned", "shared"]

LOG_STD_BOUND = 5.0  # soft clamp of a log-std, so that exp cannot overflow: Vahdat & Kautz 2020 (NVAE)


def _unchanged(raw: Tensor) -> Tensor:
    return raw


OUTPUT_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "none": _unchanged,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
RANGES: Mapping[str, tuple[float, float]] = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}


def head(event: Size, *, output: Output, std: Std = "learned", output_activation: OutputActivation = "none") -> "Head":
    """The head that makes `event` out of the last layer's numbers.

    Raises ValueError for an unknown word, a `std` where nothing is normal, a fixed std that is not above 0, or a
    Bernoulli with a range other than (0, 1).
    """
    choose(OUTPUT_ACTIVATIONS, "output_activation", output_activation)
    make = choose(HEADS, "output", output)
    if std != "learned" and output != "normal":
        raise ValueError(
            f"`std: {std}` needs `output: normal`, but the output is `{output}`: drop one or change the other"
        )
    return make(TensorHead(event, output_activation), std)


def known_range(block: type[nn.Module], options: Mapping[str, Any]) -> tuple[float, float] | None:
    """The range that a block's options promise for its value or its mean; None if it is unbounded."""
    defaults = {name: option.default for name, option in inspect.signature(block).parameters.items()}
    resolved = {**defaults, **options}
    if resolved.get("output") == "bernoulli":
        return RANGES["sigmoid"]
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


Head = TensorHead | NormalHead | SharedNormalHead | FixedNormalHead | BernoulliHead


def bounded_exp(raw: Tensor) -> Tensor:
    """exp(5 tanh(raw / 5)): raw's exponential near 0, above 0.0067 and below 149 everywhere."""
    return (LOG_STD_BOUND * torch.tanh(raw / LOG_STD_BOUND)).exp()


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
