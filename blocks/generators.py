"""Generators:  x = G(z), a map from noise to data   (thesis eq. 2.70)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from blocks.heads import OutputActivation, head, known_range
from blocks.nets import Activation, Concatenation, Norm, Time, check_latent, mlp
from blocks.registry import block
from blocks.types import Size, Takes, elements

__all__ = ["MLPGenerator"]


@block("generator.mlp")
class MLPGenerator(nn.Module):
    """A perceptron from noise of `latent` numbers, and any conditions, to data of any shape.

    The first argument is the noise, and `latent` its size, where no other call fixes it: `generator(~normal)`. Further
    arguments (classes, time steps, values) are conditions, set beside the noise.
    Shapes: z "b *noise", .. -> "b *makes".
    Raises ValueError for a width below 1, or a `latent` that the calls contradict.
    """

    role: ClassVar[str] = "generator"
    like: ClassVar[str | None] = "data"
    returns: ClassVar[str] = "tensor"

    def __init__(
        self,
        takes: Takes,
        makes: Size,
        *,
        latent: int | None = None,
        hidden: Sequence[int] = (256, 256),
        activation: Activation = "silu",
        norm: Norm = "none",
        output_activation: OutputActivation = "none",
        time: Time = "one_hot",
        time_features: int = 32,
    ) -> None:
        super().__init__()
        check_latent(latent, takes)
        self.inputs = Concatenation(takes, time=time, time_features=time_features)
        self.net = mlp(self.inputs.features, *hidden, elements(makes), activation=activation, norm=norm)
        self.head = head(makes, output="tensor", output_activation=output_activation)

    @classmethod
    def argument_sizes(cls, *, latent: int | None = None, **_others: object) -> tuple[Size | None, ...]:
        """The noise's size, where `latent` is written."""
        return (None if latent is None else (latent,),)

    @classmethod
    def output_range(cls, options: Mapping[str, Any]) -> tuple[float, float] | None:
        """The range of the value, where the options bound it."""
        return known_range(cls, options)

    def forward(self, *values: Tensor) -> Tensor:  # noise: b *noise, .. -> b *makes
        """The data that this noise stands for."""
        return self.head(self.net(self.inputs(*values)))
