"""Discriminators (critics):  D(x), D(x_prev, x_t, t), an unbounded logit   (thesis sections 2.5, 6.3)."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from blocks.nets import Activation, Concatenation, Norm, Time, mlp
from blocks.registry import block
from blocks.types import Takes

__all__ = ["MLPDiscriminator"]


@block("discriminator.mlp")
class MLPDiscriminator(nn.Module):
    """A perceptron from any number of values, time steps and classes to one logit a sample.

    No normalisation by default: batch statistics would tell a batch of real from a batch of fake samples.
    Shapes: "b *event", .. -> "b".   Raises ValueError for a width below 1 or an unknown option word.
    Source: thesis section 6.4.7 (perceptrons, LeakyReLU of slope 0.2, time and x_t by concatenation).
    """

    role: ClassVar[str] = "discriminator"
    like: ClassVar[str | None] = None
    returns: ClassVar[str] = "scalar"

    def __init__(
        self,
        takes: Takes,
        *,
        hidden: Sequence[int] = (256, 256),
        activation: Activation = "leaky_relu",
        norm: Norm = "none",
        time: Time = "one_hot",
        time_features: int = 32,
    ) -> None:
        super().__init__()
        self.inputs = Concatenation(takes, time=time, time_features=time_features)
        self.net = mlp(self.inputs.features, *hidden, 1, activation=activation, norm=norm)

    def forward(self, *values: Tensor) -> Tensor:  # x: b *event, .. -> b
        """The logits."""
        return self.net(self.inputs(*values)).squeeze(1)
