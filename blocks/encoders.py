"""Encoders:  z = f(x)  or  z ~ q(z | x)   (thesis sections 2.1.3, 3.3.2)."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from blocks.distributions import Bernoulli, Normal
from blocks.heads import Output, OutputActivation, Std, head
from blocks.nets import Activation, Concatenation, Norm, Time, check_widths, mlp
from blocks.registry import block
from blocks.types import Takes

__all__ = ["MLPEncoder"]


@block("encoder.mlp")
class MLPEncoder(nn.Module):
    """A perceptron from data, of any shape, to a code of `latent` numbers.

    Further arguments are conditions: q(z | x, y). `output: normal` makes the code random, with a `std` that the network
    gives (learned), that all codes share (shared), or that is a fixed number. The last layer is linear, unbounded
    unless `output_activation` says otherwise.
    Shapes: x "b *event", .. -> "b latent", or a Normal or Bernoulli of it.
    Raises ValueError for a width below 1, or a `std` without `output: normal`.
    """

    role: ClassVar[str] = "encoder"
    like: ClassVar[str | None] = None

    def __init__(
        self,
        takes: Takes,
        *,
        latent: int,
        hidden: Sequence[int] = (256, 256),
        activation: Activation = "silu",
        norm: Norm = "none",
        output: Output = "tensor",
        output_activation: OutputActivation = "none",
        std: Std = "learned",
        time: Time = "one_hot",
        time_features: int = 32,
    ) -> None:
        super().__init__()
        check_widths("latent", [latent])
        self.inputs = Concatenation(takes, time=time, time_features=time_features)
        self.head = head((latent,), output=output, std=std, output_activation=output_activation)
        widths = (self.inputs.features, *hidden, self.head.parts * latent)
        self.net = mlp(*widths, activation=activation, norm=norm)

    def forward(self, *values: Tensor) -> Tensor | Normal | Bernoulli:  # x: b *event, .. -> b latent
        """The code, or its distribution."""
        return self.head(self.net(self.inputs(*values)))
