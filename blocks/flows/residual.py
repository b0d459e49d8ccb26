"""Residual flow: layers z = x + g(x) with contractions g, free of triangular structure."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from torch import Tensor, nn

from blocks.contractions import STEPS, Residual
from blocks.distributions import standard_normal_log_prob
from blocks.flows.model import check_count, context_of, event_of
from blocks.nets import Concatenation
from blocks.noise import leaf_seed
from blocks.registry import block
from blocks.types import Size, Takes, elements

__all__ = ["ResidualFlow"]


@block("flow.residual")
class ResidualFlow(nn.Module):
    """Residual layers z = x + g(x), g a perceptron with slopes below 0.97; draws are fixed points.

    The log-determinant is unbiased in train mode (roulette and Hutchinson's estimate, from the call's own stream),
    exact in eval mode for up to 64 entries, and a sum of 40 terms along one direction for more.
    Raises ValueError for no layers.   Source: Chen et al. 2019.
    """

    is_model: ClassVar[bool] = True
    seeded: ClassVar[bool] = True
    role: ClassVar[str] = "flow"
    returns: ClassVar[str] = "tensor"
    cheap: ClassVar[Literal["both", "forward", "inverse"]] = "inverse"
    dear_passes: ClassVar[int] = STEPS
    largest: ClassVar[dict[str, int]] = {"layers": 200}

    def __init__(self, takes: Takes, *, layers: int = 6, hidden: Sequence[int] = (64, 64)) -> None:
        super().__init__()
        check_count("layers", layers)
        self.event = event_of(takes)
        features, context = elements(self.event), context_of(takes)
        self.layers = nn.ModuleList(Residual(features, hidden=hidden, context=context) for _ in range(layers))
        self.condition = Concatenation(takes[1:]) if len(takes) > 1 else None

    def noise_laws(self) -> dict[str, tuple[str, Size]]:
        """The one leaf, standard normal and shaped as the value."""
        return {"": ("normal", self.event)}

    def forward(self, noise: Tensor, *context: Tensor) -> Tensor:  # b *event -> b *event
        """The value of this noise, layer by layer a fixed point."""
        told, value = self._told(context), noise.flatten(1)
        for layer in self.layers:
            value = layer(value, told)
        return value.unflatten(1, self.event)

    def at(self, noise: Tensor, *context: Tensor) -> Tensor:  # b *event -> b *event
        """The draw that this noise makes."""
        return self.forward(noise, *context)

    def inverse(self, x: Tensor, *context: Tensor) -> Tensor:  # b *event -> b *event
        """The noise of x; no log-determinant is computed."""
        told, value = self._told(context), x.flatten(1)
        for layer in reversed(self.layers):
            assert isinstance(layer, Residual)
            value = layer.inverse(value, told)
        return value.unflatten(1, self.event)

    def inverse_and_ladj(self, x: Tensor, *context: Tensor, seed: int | None = None) -> tuple[Tensor, Tensor]:
        """The noise of x and log |det|, in train mode an estimate.   Shapes: "b *event" -> "b *event", "b"."""
        told, value, ladj = self._told(context), x.flatten(1), x.new_zeros(len(x))
        for k, layer in enumerate(reversed(self.layers)):
            assert isinstance(layer, Residual)
            ladj = ladj + layer.inverse_ladj(value, told, None if seed is None else leaf_seed(seed, "layer", k))
            value = layer.inverse(value, told)
        return value.unflatten(1, self.event), ladj

    def forward_and_ladj(self, noise: Tensor, *context: Tensor, seed: int | None = None) -> tuple[Tensor, Tensor]:
        """The value and log |det|, as `inverse_and_ladj` of it has it.   Shapes: "b *event" -> "b *event", "b"."""
        x = self.forward(noise, *context)
        return x, -self.inverse_and_ladj(x, *context, seed=seed)[1]

    def log_prob(self, x: Tensor, *context: Tensor, seed: int | None = None) -> Tensor:  # b *event -> b
        """log p(x), in nats; in train mode an estimate from `seed`."""
        noise, ladj = self.inverse_and_ladj(x, *context, seed=seed)
        return standard_normal_log_prob(noise) + ladj

    def log_prob_at(self, noise: Tensor, *context: Tensor, seed: int | None = None) -> tuple[Tensor, Tensor]:
        """The draw and its log density, in train mode an estimate.   Shapes: "b *event" -> "b *event", "b"."""
        x, ladj = self.forward_and_ladj(noise, *context, seed=seed)
        return x, standard_normal_log_prob(noise) - ladj

    def _told(self, context: tuple[Tensor, ...]) -> Tensor | None:  # b .., .. -> b k
        return None if self.condition is None else self.condition(*context)
