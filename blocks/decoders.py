"""Decoders:  x = g(z)  or  x ~ p(x | z)   (thesis eqs. 2.11, 2.69)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from blocks.heads import COMPONENTS, LEVELS, DataOutput, Distribution, OutputActivation, Std, head, known_range
from blocks.nets import Activation, Concatenation, Norm, Time, check_latent, mlp
from blocks.registry import block
from blocks.types import Size, Takes, elements

__all__ = ["MLPDecoder"]


@block("decoder.mlp")
class MLPDecoder(nn.Module):
    """A perceptron from a code to data of any shape.

    Further arguments are conditions: p(x | z, y). `output: normal` has its mean through `output_activation` and a `std`
    that the network gives (learned), one learned number (shared), or a fixed number; `output: bernoulli` gives logits.
    `logistic`, `logistic_mixture` (of `components`) and `categorical` are over `levels` levels of [0, 1], or of [-1, 1]
    with `output_activation: tanh`, as of 8-bit pixels: their log_prob is a log probability, not a density.
    `latent` is the size of the code, for specs in which no call fixes it.
    Shapes: z "b *code", .. -> "b *makes", or a distribution of it.
    Raises ValueError for a width below 1, a `latent` that the calls contradict, or a `std` without `output: normal`.
    """

    role: ClassVar[str] = "decoder"
    like: ClassVar[str | None] = "data"

    def __init__(
        self,
        takes: Takes,
        makes: Size,
        *,
        latent: int | None = None,
        hidden: Sequence[int] = (256, 256),
        activation: Activation = "silu",
        norm: Norm = "none",
        output: DataOutput = "tensor",
        output_activation: OutputActivation = "none",
        std: Std = "learned",
        levels: int = LEVELS,
        components: int = COMPONENTS,
        time: Time = "one_hot",
        time_features: int = 32,
    ) -> None:
        super().__init__()
        check_latent(latent, takes)
        self.inputs = Concatenation(takes, time=time, time_features=time_features)
        self.head = head(
            makes, output=output, std=std, output_activation=output_activation, levels=levels, components=components
        )
        widths = (self.inputs.features, *hidden, self.head.parts * elements(makes))
        self.net = mlp(*widths, activation=activation, norm=norm)

    @classmethod
    def argument_sizes(cls, *, latent: int | None = None, **_others: object) -> tuple[Size | None, ...]:
        """The code's size, where `latent` is written."""
        return (None if latent is None else (latent,),)

    @classmethod
    def output_range(cls, options: Mapping[str, Any]) -> tuple[float, float] | None:
        """The range of the value or the mean, where the options bound it."""
        return known_range(cls, options)

    def forward(self, *values: Tensor) -> Tensor | Distribution:  # z: b *code, .. -> b *makes
        """The data, or their distribution."""
        return self.head(self.net(self.inputs(*values)))
