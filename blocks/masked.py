"""Networks whose outputs of entry i see only the entries before it   (MADE, Germain et al. 2015).

    degrees      input i: its place in the order, 1 .. d;   hidden unit j: 1 + j mod (d - 1);   outputs of entry i: as i
    a unit sees  hidden: degrees <= its own;   outputs: degrees < their own

What the network is conditioned on has degree 0, and so have some hidden units then (j mod d): the outputs of the first
entry see those.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from blocks.nets import Activation, check_widths, in_between
from blocks.transforms import Context, beside

__all__ = ["MaskedLinear", "MaskedNet"]


class MaskedLinear(nn.Linear):
    """y = (W * mask) x + b, mask "out in" of 0 and 1.   A buffer, saved with the weights that it belongs to."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.to(torch.get_default_dtype()))

    def forward(self, input: Tensor) -> Tensor:  # b in -> b out
        """The masked map."""
        return linear(input, self.weight * self.mask, self.bias)


class MaskedNet(nn.Sequential):
    """ "b features" -> "b (each features)": `each` numbers for every entry, the first of all entries first.

    Those of an entry depend on the entries before it in `order` ("features" int64; by default 0, 1, ..) and on the
    context alone.
    Raises ValueError for a width below 1.   Source: Germain et al. 2015.
    """

    def __init__(
        self,
        features: int,
        each: int,
        *,
        hidden: Sequence[int],
        activation: Activation,
        context: int = 0,
        order: Tensor | None = None,
    ) -> None:
        check_widths("hidden", hidden)
        make = in_between(activation)
        places = 1 + (torch.arange(features) if order is None else order.argsort())
        first = torch.cat([places, torch.zeros(context, dtype=torch.int64)])
        lowest = 0 if context or features == 1 else 1
        inner = [lowest + torch.arange(width) % (features - lowest) for width in hidden]
        last = places.repeat(each)
        layers: list[nn.Module] = []
        for seen, own in pairwise([first, *inner]):
            layers += [MaskedLinear(own[:, None] >= seen), make()]
        seen = inner[-1] if inner else first
        super().__init__(*layers, MaskedLinear(last[:, None] > seen))

    def forward(self, input: Tensor, context: Context = None) -> Tensor:  # b d, b k -> b each*d
        """The numbers of every entry."""
        return super().forward(beside(input, context))
