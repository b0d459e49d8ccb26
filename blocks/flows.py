"""Normalizing flows: a bijection, its density read off a standard normal   (thesis eqs. 2.19, 2.20).

    x = T(z), z ~ N(0, I)        log p(x) = log N(z; 0, I) - log |det dT/dz|

A flow is a model: it says its noise, its map and its density; the bijections themselves are `blocks.transforms`.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from blocks.distributions import standard_normal_log_prob
from blocks.nets import Activation
from blocks.registry import block
from blocks.transforms import AffineCoupling, AlternatingCouplings, Chain, Permutation, Scale, Transform, total
from blocks.types import Size, Takes, elements

__all__ = ["Flow", "RealNVP"]


class Flow(nn.Module):
    """A model by a bijection of flattened events, from standard normal noise of the event's shape.

    Noise and values are "b *event", densities and log-determinants "b". A flow builds `event` and `transform`; both of
    its directions cost one pass (`cheap` "both"), unless it says that only "forward" (noise to data: an inverse
    autoregressive flow) or "inverse" (data to noise: a masked one) does, and the other takes `dear_passes`.
    """

    is_model: ClassVar[bool] = True
    role: ClassVar[str] = "flow"
    returns: ClassVar[str] = "tensor"
    cheap: ClassVar[Literal["both", "forward", "inverse"]] = "both"
    dear_passes: int = 1

    def __init__(self, event: Size, transform: Transform) -> None:
        super().__init__()
        self.event = tuple(event)
        self.transform = transform

    def noise_laws(self) -> dict[str, tuple[str, Size]]:
        """The one leaf, standard normal and shaped as the value."""
        return {"": ("normal", self.event)}

    def forward(self, noise: Tensor) -> Tensor:  # b *event -> b *event
        """T(noise); no log-determinant is computed."""
        return self._shaped(self.transform.push(noise.flatten(1))[0])

    def at(self, noise: Tensor) -> Tensor:  # b *event -> b *event
        """The draw that this noise makes: T(noise)."""
        return self.forward(noise)

    def inverse(self, x: Tensor) -> Tensor:  # b *event -> b *event
        """The noise whose draw is x."""
        return self._shaped(self.transform.pull(x.flatten(1))[0])

    def forward_and_ladj(self, noise: Tensor) -> tuple[Tensor, Tensor]:  # b *event -> b *event, b
        """T(noise) and log |det dT/dnoise|."""
        x, ladj = self.transform(noise.flatten(1))
        return self._shaped(x), ladj

    def inverse_and_ladj(self, x: Tensor) -> tuple[Tensor, Tensor]:  # b *event -> b *event, b
        """The noise of x and log |det dnoise/dx|."""
        noise, ladj = self.transform.inverse(x.flatten(1))
        return self._shaped(noise), ladj

    def log_prob(self, x: Tensor) -> Tensor:  # b *event -> b
        """log p(x), in nats."""
        noise, parts = self.transform.pull(x.flatten(1))
        return standard_normal_log_prob(noise) - total(parts, noise)

    def log_prob_at(self, noise: Tensor) -> tuple[Tensor, Tensor]:  # b *event -> b *event, b
        """The draw and its log density, without inverting."""
        x, ladj = self.forward_and_ladj(noise)
        return x, standard_normal_log_prob(noise) - ladj

    def _shaped(self, flat: Tensor) -> Tensor:  # b n -> b *event
        return flat if len(self.event) == 1 else flat.reshape(-1, *self.event)


@block("flow.realnvp")
class RealNVP(Flow):
    """Affine couplings on halves of the flattened event, with perceptrons; both directions are one pass.

    permutation: "alternate" swaps the roles of the halves, "reverse" and "random" reorder the entries between couplings
    (an order drawn at construction from PyTorch's generator, then fixed and saved). A coupling maps z to z exp(s) + t;
    scale: s = tanh(r) of the perceptron's r, or exp(-s) = sigmoid(r + 2), as in Glow.
    Raises ValueError for an event of one entry, or no couplings.
    Source: Dinh et al. 2017; thesis 2.2.2 and, with "random" and "sigmoid", the flow of GLF (thesis 3.4.3).
    """

    largest: ClassVar[dict[str, int]] = {"couplings": 128}

    def __init__(
        self,
        takes: Takes,
        *,
        couplings: int = 4,
        hidden: Sequence[int] = (64, 64),
        permutation: Literal["alternate", "random", "reverse"] = "alternate",
        scale: Literal["tanh", "sigmoid"] = "tanh",
        activation: Activation = "relu",
    ) -> None:
        event = takes[0]
        if not isinstance(event, tuple):
            raise ValueError("a flow has a density over tensors: it cannot take a time step or a class")
        features = elements(event)
        if features < 2:
            raise ValueError("`flow.realnvp` couples two halves of its value, which has one entry: it needs 2 or more")
        if couplings < 1:
            raise ValueError(f"`couplings` cannot be {couplings}: write 1 or more")
        if permutation == "alternate":
            transform: Transform = AlternatingCouplings(
                features, couplings, hidden=hidden, scale=scale, activation=activation
            )
        else:
            transform = _permuted(features, couplings, permutation, hidden, scale, activation)
        super().__init__(event, transform)


def _permuted(
    features: int,
    couplings: int,
    permutation: Literal["random", "reverse"],
    hidden: Sequence[int],
    scale: Scale,
    activation: Activation,
) -> Chain:
    """Couplings of the second half, with one reordering of all entries between neighbours."""
    kept = features // 2
    transforms: list[Transform] = []
    for k in range(couplings):
        if k > 0:
            order = range(features)[::-1] if permutation == "reverse" else torch.randperm(features)
            transforms.append(Permutation(order))
        transforms.append(AffineCoupling(kept, features - kept, hidden=hidden, scale=scale, activation=activation))
    return Chain(transforms)
