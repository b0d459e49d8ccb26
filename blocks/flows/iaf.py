"""Inverse autoregressive flow: draws, and their own densities, in one pass; densities of other values in many."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Literal

from blocks.autoregressive import InverseAutoregressive
from blocks.flows.model import Flow, check_count, context_of, event_of
from blocks.nets import Activation
from blocks.registry import block
from blocks.transforms import Order, Reordered, Scale
from blocks.types import Takes, elements

__all__ = ["IAF"]


@block("flow.iaf")
class IAF(Flow):
    """Inverse autoregressive layers: each entry is an affine map of its noise by the noise before it.

    permutation: how the entries are reordered between layers; an order drawn at random is fixed and saved. scale: the
    log-scale s of the network's r, as in `flow.realnvp`. Raises ValueError for no layers.
    Source: Kingma et al. 2016, section 3.
    """

    cheap: ClassVar[Literal["both", "forward", "inverse"]] = "forward"
    largest: ClassVar[dict[str, int]] = {"layers": 128}

    def __init__(
        self,
        takes: Takes,
        *,
        layers: int = 5,
        hidden: Sequence[int] = (64, 64),
        permutation: Order = "reverse",
        scale: Scale = "soft",
        activation: Activation = "relu",
    ) -> None:
        check_count("layers", layers)
        features = elements(event_of(takes))
        make = partial(
            InverseAutoregressive,
            features,
            hidden=hidden,
            scale=scale,
            activation=activation,
            context=context_of(takes),
        )
        super().__init__(takes, Reordered([make] * layers, features, permutation))
        self.dear_passes = features
