"""Affine maps of each entry by those before it.   Shapes: "b d".

masked     x_i = z_i exp(s_i(x_1 .. x_{i-1})) + t_i(x_1 .. x_{i-1})      one pass from data to noise, d back
inverse    x_i = z_i exp(s_i(z_1 .. z_{i-1})) + t_i(z_1 .. z_{i-1})      one pass from noise to data, d back

with entries counted in the order that the network was told: its masks hold it, and nothing is moved in memory.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from blocks.masked import MaskedNet
from blocks.nets import Activation
from blocks.transforms import LOG_SCALES, Context, Parts, Scale, Transform, contract, expand

__all__ = ["Autoregressive", "InverseAutoregressive", "MaskedAutoregressive"]


class Autoregressive(Transform):
    """The shift t and log-scale s of each entry: (t, r) = net(value, context), a masked network, and s of r."""

    def __init__(
        self,
        features: int,
        *,
        hidden: Sequence[int],
        scale: Scale,
        activation: Activation,
        context: int = 0,
        order: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.features = features
        self.net = MaskedNet(features, 2, hidden=hidden, activation=activation, context=context, order=order)
        self.scale: Scale = scale

    def affine(self, value: Tensor, context: Context) -> tuple[Tensor, Tensor]:  # b d, b k -> b d, b d
        """The log-scale and the shift of every entry, of those before it."""
        shift, raw = self.net(value, context).chunk(2, dim=1)
        return LOG_SCALES[self.scale](raw), shift


class MaskedAutoregressive(Autoregressive):
    """x_i = z_i exp(s_i) + t_i, with s and t of the *data* before i.   Source: Papamakarios et al. 2017, eqs. 3, 4.

    From noise to data every pass makes one more entry right; after as many passes as entries, all are.
    """

    def push(self, z: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """Every entry in turn."""
        x, log_scale = torch.zeros_like(z), torch.zeros_like(z)
        for _ in range(self.features):
            log_scale, shift = self.affine(x, context)
            x = expand(z, log_scale, shift)
        return x, [log_scale]

    def pull(self, x: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """(x - t) * exp(-s), in one pass."""
        log_scale, shift = self.affine(x, context)
        return contract(x, log_scale, shift), [log_scale]


class InverseAutoregressive(Autoregressive):
    """x_i = z_i exp(s_i) + t_i, with s and t of the *noise* before i.   Source: Kingma et al. 2016, eq. 10."""

    def push(self, z: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """z * exp(s) + t, in one pass."""
        log_scale, shift = self.affine(z, context)
        return expand(z, log_scale, shift), [log_scale]

    def pull(self, x: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """Every entry in turn."""
        z, log_scale = torch.zeros_like(x), torch.zeros_like(x)
        for _ in range(self.features):
            log_scale, shift = self.affine(z, context)
            z = contract(x, log_scale, shift)
        return z, [log_scale]
