"""Bijections between noise and data:  x = T(z),  log p(x) = log p0(z) - log |det dT/dz|   (thesis eq. 2.20).

    forward(z)    noise to data, inverse(x) data to noise: (value, ladj), ladj "b" = log |det of that map's Jacobian|
    push(z)       what a transform writes: forward, with the log-determinant in parts that are summed only if needed
    pull(x)       the same for the inverse

Values are vectors "b d"; a flow flattens its event.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from blocks.nets import Activation, mlp

__all__ = ["AffineCoupling", "AlternatingCouplings", "Chain", "Parts", "Permutation", "Scale", "Transform", "total"]

Parts = list[Tensor]
"""Tensors "b k": their entries sum to a log-determinant "b". An empty list: the determinant is one."""

Scale = Literal["tanh", "sigmoid"]

GLOW_OFFSET = 2.0  # scales start near sigmoid(2) = 0.88: Kingma and Dhariwal 2018, code; GLF's flow does the same


class Transform(nn.Module):
    """A bijection of vectors "b d".   A subclass gives `push` and `pull`; everything else follows."""

    def push(self, z: Tensor) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """T(z), and the parts of log |det dT/dz|."""
        raise NotImplementedError

    def pull(self, x: Tensor) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """The inverse of T at x, and the parts of log |det dT/dz| *there*: the same ones, not negated."""
        raise NotImplementedError

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:  # b d -> b d, b
        """T(z) and log |det dT/dz|."""
        x, parts = self.push(z)
        return x, total(parts, z)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:  # b d -> b d, b
        """The z with T(z) = x, and log |det dz/dx|."""
        z, parts = self.pull(x)
        return z, -total(parts, x)


class Permutation(Transform):
    """x_i = z_{order[i]}.   Buffers, so that the order is saved with a run and never drawn again on loading."""

    order: Tensor
    back: Tensor

    def __init__(self, order: Sequence[int] | Tensor) -> None:
        super().__init__()
        if not isinstance(order, Tensor) and sorted(order) != list(range(len(order))):
            raise ValueError(f"{list(order)} is no order of 0 .. {len(order) - 1}")
        drawn = order if isinstance(order, Tensor) else torch.tensor(list(order))  # a random order may be a fake tensor
        self.register_buffer("order", drawn)
        self.register_buffer("back", drawn.argsort())

    def push(self, z: Tensor) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """The entries in their new order."""
        return z.index_select(1, self.order), []

    def pull(self, x: Tensor) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """The entries in their old order."""
        return x.index_select(1, self.back), []


class AffineCoupling(Transform):
    """The first `kept` entries pass; the others become z * exp(s) + t, with s, t functions of the first.

    scale "tanh": s = tanh(r), so that exp cannot overflow (Dinh et al. 2017, without their learned factor).
    scale "sigmoid": exp(-s) = sigmoid(r + 2), the factor from data to noise (Glow and GLF: `(x - t) * sigmoid(r + 2)`).
    Shapes: "b features"; (t, r) = net(first entries).   Source: Dinh et al. 2017, eqs. 7, 8; thesis eqs. 2.28, 2.29.
    """

    def __init__(
        self, kept: int, changed: int, *, hidden: Sequence[int], scale: Scale = "tanh", activation: Activation = "relu"
    ) -> None:
        super().__init__()
        self.sizes = [kept, changed]
        self.net = mlp(kept, *hidden, 2 * changed, activation=activation)
        self.scale: Scale = scale

    def push(self, z: Tensor) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """[kept, changed * exp(s) + t]."""
        kept, changed = z.split(self.sizes, dim=1)
        log_scale, shift = self.affine(kept)
        return torch.cat([kept, expand(changed, log_scale, shift)], dim=1), [log_scale]

    def pull(self, x: Tensor) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """[kept, (changed - t) * exp(-s)]."""
        kept, changed = x.split(self.sizes, dim=1)
        log_scale, shift = self.affine(kept)
        return torch.cat([kept, contract(changed, log_scale, shift)], dim=1), [log_scale]

    def affine(self, kept: Tensor) -> tuple[Tensor, Tensor]:  # b kept -> b changed, b changed
        """The log-scale s and the shift t of the entries that change."""
        shift, raw = self.net(kept).chunk(2, dim=1)
        if self.scale == "tanh":
            return raw.tanh(), shift
        return softplus(-raw - GLOW_OFFSET), shift  # -log sigmoid(raw + 2)


class AlternatingCouplings(Transform):
    """Affine couplings that change the second half, the first, the second, ..: the halves are never rejoined between.

    Its couplings lie in `couplings`; `features` is at least 2.   Source: Dinh et al. 2017, section 3.5.
    """

    def __init__(
        self, features: int, couplings: int, *, hidden: Sequence[int], scale: Scale, activation: Activation
    ) -> None:
        super().__init__()
        self.sizes = [features // 2, features - features // 2]
        self.couplings = nn.ModuleList(
            AffineCoupling(self.sizes[k % 2], self.sizes[1 - k % 2], hidden=hidden, scale=scale, activation=activation)
            for k in range(couplings)
        )

    def push(self, z: Tensor) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """Every coupling, the first one first."""
        parts: Parts = []
        halves = list(z.split(self.sizes, dim=1))
        for k, coupling in enumerate(self.couplings):
            assert isinstance(coupling, AffineCoupling)
            log_scale, shift = coupling.affine(halves[k % 2])
            halves[1 - k % 2] = expand(halves[1 - k % 2], log_scale, shift)
            parts.append(log_scale)
        return torch.cat(halves, dim=1), parts

    def pull(self, x: Tensor) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """Every coupling undone, the last one first."""
        parts: Parts = []
        halves = list(x.split(self.sizes, dim=1))
        for k, coupling in reversed(list(enumerate(self.couplings))):
            assert isinstance(coupling, AffineCoupling)
            log_scale, shift = coupling.affine(halves[k % 2])
            halves[1 - k % 2] = contract(halves[1 - k % 2], log_scale, shift)
            parts.append(log_scale)
        return torch.cat(halves, dim=1), parts


class Chain(Transform):
    """One transform after another: the first one meets the noise."""

    def __init__(self, transforms: Iterable[Transform]) -> None:
        super().__init__()
        self.transforms = nn.ModuleList(transforms)

    def push(self, z: Tensor) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """Every transform, the first one first."""
        parts: Parts = []
        for transform in self.transforms:
            assert isinstance(transform, Transform)
            z, more = transform.push(z)
            parts += more
        return z, parts

    def pull(self, x: Tensor) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """Every transform undone, the last one first."""
        parts: Parts = []
        for transform in reversed(self.transforms):
            assert isinstance(transform, Transform)
            x, more = transform.pull(x)
            parts += more
        return x, parts


def expand(z: Tensor, log_scale: Tensor, shift: Tensor) -> Tensor:  # b k, b k, b k -> b k
    """z * exp(log_scale) + shift."""
    return torch.addcmul(shift, z, log_scale.exp())


def contract(x: Tensor, log_scale: Tensor, shift: Tensor) -> Tensor:  # b k, b k, b k -> b k
    """(x - shift) * exp(-log_scale)."""
    return (x - shift) * (-log_scale).exp()


def total(parts: Parts, like: Tensor) -> Tensor:  # parts "b k" -> b
    """The log-determinant that the parts sum to; zeros, as many as `like` has rows, if there are none."""
    if not parts:
        return like.new_zeros(len(like))
    return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)).sum(1)
