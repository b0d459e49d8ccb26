"""What the autoregressive flows have in common: equal layers, reordered between; one side costs many passes."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from blocks.autoregressive import Autoregressive
from blocks.flows.model import Flow, check_count, context_of, event_of
from blocks.nets import Activation
from blocks.transforms import Order, Reordered, Scale
from blocks.types import Takes, elements

__all__ = ["AutoregressiveFlow"]


class AutoregressiveFlow(Flow):
    """`layers` of the kind `layer`; the dear side takes a pass for each entry of the event.

    permutation: how the entries are reordered between layers; an order drawn at random is fixed and saved. scale: the
    log-scale s of the network's r, as in `flow.realnvp`. Raises ValueError for no layers.
    """

    layer: ClassVar[type[Autoregressive]]
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
            self.layer, features, hidden=hidden, scale=scale, activation=activation, context=context_of(takes)
        )
        super().__init__(takes, Reordered([make] * layers, features, permutation))
        self.dear_passes = features
