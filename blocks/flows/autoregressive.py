"""What the autoregressive flows have in common: equal layers, each in its order; one side costs many passes."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from blocks.autoregressive import Autoregressive
from blocks.flows.model import Flow, check_count, context_of, event_of
from blocks.nets import Activation
from blocks.transforms import Chain, Order, Scale
from blocks.types import Takes, elements

__all__ = ["AutoregressiveFlow"]


class AutoregressiveFlow(Flow):
    """`layers` of the kind `layer`; the dear side takes a pass for each entry of the event.

    permutation: the order of the entries, which every second layer turns round, or all but the first draw at random
    (and its masks keep). scale: the log-scale s of the network's r, as in `flow.realnvp`.
    Raises ValueError for no layers.
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
        transforms = [
            self.layer(
                features,
                hidden=hidden,
                scale=scale,
                activation=activation,
                context=context_of(takes),
                order=_order_of_layer(at, features, permutation),
            )
            for at in range(layers)
        ]
        super().__init__(takes, Chain(transforms))
        self.dear_passes = features


def _order_of_layer(at: int, features: int, permutation: Order) -> Tensor | None:  # -> features int64
    """The order in which a layer goes through the entries; None: as they stand."""
    if at > 0 and permutation == "random":
        return torch.randperm(features)
    return torch.arange(features).flip(0) if at % 2 else None
