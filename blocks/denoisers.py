"""Denoisers:  x_0 (or the noise, or a score) from a noisy x_t, its time and a latent   (thesis eq. 6.12)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from blocks.distributions import Bernoulli, Normal
from blocks.heads import Output, OutputActivation, Std, head, known_range
from blocks.nets import Activation, Concatenation, Norm, Time, check_latent, mlp
from blocks.registry import block
from blocks.types import Classes, Levels, Size, Takes, elements

__all__ = ["MLPDenoiser"]


@block("denoiser.mlp")
class MLPDenoiser(nn.Module):
    """A perceptron from a noisy value, its time and an optional latent to a value of the same shape.

    Arguments: x_t, t, then z of size `latent`, then any conditions; all set side by side. What the value means (x_0,
    the noise, a score, a velocity) is up to the spec. t is a time step of a chain, or a number in [0, 1].
    Shapes: x_t "b *event", t "b", z "b latent" -> "b *makes", or a Normal or Bernoulli of it.
    Raises ValueError for a width below 1, a first argument that is no value, or a `latent` that the calls contradict.
    Source: thesis section 6.4.7 (time and x_t by concatenation with the latent).
    """

    role: ClassVar[str] = "denoiser"
    like: ClassVar[str | None] = "input"
    arguments: ClassVar[tuple[str, ...]] = ("x_t", "t", "z")  # what its first arguments are called

    def __init__(
        self,
        takes: Takes,
        makes: Size,
        *,
        latent: int | None = None,
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
        if takes and isinstance(takes[0], Levels | Classes):
            raise ValueError("its first argument is the noisy value, not an index: write denoiser(x_t, t)")
        check_latent(latent, takes, position=2)
        self.inputs = Concatenation(takes, time=time, time_features=time_features)
        self.head = head(makes, output=output, std=std, output_activation=output_activation)
        widths = (self.inputs.features, *hidden, self.head.parts * elements(makes))
        self.net = mlp(*widths, activation=activation, norm=norm)

    @classmethod
    def argument_sizes(cls, *, latent: int | None = None, **_others: object) -> tuple[Size | None, ...]:
        """The latent's size, the third argument's, where `latent` is written."""
        return (None, None) if latent is None else (None, None, (latent,))

    @classmethod
    def output_range(cls, options: Mapping[str, Any]) -> tuple[float, float] | None:
        """The range of the value or the mean, where the options bound it."""
        return known_range(cls, options)

    def forward(
        self,
        *values: Tensor,  # x_t: b *event, t: b, z: b latent, .. -> b *makes
    ) -> Tensor | Normal | Bernoulli:
        """The clean value (or what the spec takes it for), or its distribution."""
        return self.head(self.net(self.inputs(*values)))
