"""Normalizing flows: a bijection, its density read off a standard normal   (thesis eqs. 2.19, 2.20).

    x = T(z), z ~ N(0, I)        log p(x) = log N(z; 0, I) - log |det dT/dz|

A flow is a model: it says its noise, its map and its density; the bijections themselves are `blocks.transforms`. Its
call may take more than the value: all that follows is what it is conditioned on, made one vector a sample.
"""

from typing import ClassVar, Literal

from torch import Tensor, nn

from blocks.distributions import standard_normal_log_prob
from blocks.nets import Concatenation
from blocks.transforms import Transform, total
from blocks.types import Size, Takes, elements

__all__ = ["Flow", "check_count", "context_of", "event_of"]


class Flow(nn.Module):
    """A model by a bijection of flattened events, from standard normal noise of the event's shape.

    Noise and values are "b *event", densities and log-determinants "b"; `context` is what the flow is conditioned on. A
    flow builds `transform` for the sizes of its call, `takes`; both of its directions cost one pass (`cheap` "both"),
    unless it says that only "forward" (noise to data: an inverse autoregressive flow) or "inverse" (data to noise: a
    masked one) does, and the other takes `dear_passes`.
    """

    is_model: ClassVar[bool] = True
    role: ClassVar[str] = "flow"
    returns: ClassVar[str] = "tensor"
    cheap: ClassVar[Literal["both", "forward", "inverse"]] = "both"
    dear_passes: int = 1

    def __init__(self, takes: Takes, transform: Transform) -> None:
        super().__init__()
        self.event = event_of(takes)
        self.transform = transform
        self.condition = Concatenation(takes[1:]) if len(takes) > 1 else None

    def noise_laws(self) -> dict[str, tuple[str, Size]]:
        """The one leaf, standard normal and shaped as the value."""
        return {"": ("normal", self.event)}

    def forward(self, noise: Tensor, *context: Tensor) -> Tensor:  # b *event -> b *event
        """T(noise); no log-determinant is computed."""
        return self._shaped(self.transform.push(noise.flatten(1), self._told(context))[0])

    def at(self, noise: Tensor, *context: Tensor) -> Tensor:  # b *event -> b *event
        """The draw that this noise makes: T(noise)."""
        return self.forward(noise, *context)

    def inverse(self, x: Tensor, *context: Tensor) -> Tensor:  # b *event -> b *event
        """The noise whose draw is x."""
        return self._shaped(self.transform.pull(x.flatten(1), self._told(context))[0])

    def forward_and_ladj(self, noise: Tensor, *context: Tensor) -> tuple[Tensor, Tensor]:  # b *event -> b *event, b
        """T(noise) and log |det dT/dnoise|."""
        x, ladj = self.transform(noise.flatten(1), self._told(context))
        return self._shaped(x), ladj

    def inverse_and_ladj(self, x: Tensor, *context: Tensor) -> tuple[Tensor, Tensor]:  # b *event -> b *event, b
        """The noise of x and log |det dnoise/dx|."""
        noise, ladj = self.transform.inverse(x.flatten(1), self._told(context))
        return self._shaped(noise), ladj

    def log_prob(self, x: Tensor, *context: Tensor) -> Tensor:  # b *event -> b
        """log p(x), in nats."""
        noise, parts = self.transform.pull(x.flatten(1), self._told(context))
        return standard_normal_log_prob(noise) - total(parts, noise)

    def log_prob_at(self, noise: Tensor, *context: Tensor) -> tuple[Tensor, Tensor]:  # b *event -> b *event, b
        """The draw and its log density, without inverting."""
        x, ladj = self.forward_and_ladj(noise, *context)
        return x, standard_normal_log_prob(noise) - ladj

    def _shaped(self, flat: Tensor) -> Tensor:  # b n -> b *event
        return flat if len(self.event) == 1 else flat.reshape(-1, *self.event)

    def _told(self, context: tuple[Tensor, ...]) -> Tensor | None:  # b .., .. -> b k
        return None if self.condition is None else self.condition(*context)


def event_of(takes: Takes, least: int = 1, kind: str = "a flow") -> Size:
    """The event of a flow's value.   Raises ValueError for a time step, a class, or fewer entries than `least`."""
    event = takes[0]
    if not isinstance(event, tuple):
        raise ValueError("a flow has a density over tensors: it cannot take a time step or a class")
    if elements(event) < least:
        raise ValueError(
            f"`{kind}` keeps one part of its value and changes the other, and its value has one entry: it needs "
            f"{least} or more, or a flow that needs no halves: flow.maf, flow.planar or flow.radial"
        )
    return event


def context_of(takes: Takes) -> int:
    """How many numbers a sample a flow is conditioned on: the arguments after the first, made one vector."""
    return Concatenation(takes[1:]).features if len(takes) > 1 else 0


def check_count(option: str, count: int) -> None:
    """Raises ValueError for a count of layers below 1."""
    if count < 1:
        raise ValueError(f"`{option}` cannot be {count}: write 1 or more")
