"""Bijections between noise and data:  x = T(z),  log p(x) = log p0(z) - log |det dT/dz|   (thesis eq. 2.20).

    forward(z)    noise to data, inverse(x) data to noise: (value, ladj), ladj "b" = log |det of that map's Jacobian|
    push(z)       what a transform writes: forward, with the log-determinant in parts that are summed only if needed
    pull(x)       the same for the inverse

Values are vectors "b d" (a flow flattens its event) or pictures "b c h w". What a transform is conditioned on is one
vector "b k" a sample, `context`, which both directions are told; None where there is nothing.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from blocks.nets import Activation, mlp

__all__ = [
    "LOG_SCALES",
    "AffineCoupling",
    "AlternatingCouplings",
    "Chain",
    "Context",
    "Order",
    "Parts",
    "Permutation",
    "Reordered",
    "Scale",
    "Transform",
    "beside",
    "contract",
    "expand",
    "total",
]

Parts = list[Tensor]
"""Tensors "b k" and numbers without axes: their entries sum to a log-determinant "b". Empty: the determinant is one."""

Context = Tensor | None
Scale = Literal["tanh", "sigmoid", "soft"]

SOFT_BOUND = math.log(1e3)  # of a soft log-scale: factors between 1/1000 and 1000 (Rozet et al. 2022, zuko)
GLOW_OFFSET = 2.0  # scales start near sigmoid(2) = 0.88: Kingma and Dhariwal 2018, code; GLF's flow does the same


class Transform(nn.Module):
    """A bijection of vectors "b d".   A subclass gives `push` and `pull`; everything else follows."""

    def push(self, z: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """T(z), and the parts of log |det dT/dz|."""
        raise NotImplementedError

    def pull(self, x: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """The inverse of T at x, and the parts of log |det dT/dz| *there*: the same ones, not negated."""
        raise NotImplementedError

    def forward(self, z: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:  # b d -> b d, b
        """T(z) and log |det dT/dz|."""
        x, parts = self.push(z, context)
        return x, total(parts, z)

    def inverse(self, x: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:  # b d -> b d, b
        """The z with T(z) = x, and log |det dz/dx|."""
        z, parts = self.pull(x, context)
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

    def push(self, z: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """The entries in their new order."""
        return z.index_select(1, self.order), []

    def pull(self, x: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """The entries in their old order."""
        return x.index_select(1, self.back), []


class AffineCoupling(Transform):
    """The first `kept` entries pass; the others become z * exp(s) + t, with s, t functions of the first.

    scale "tanh": s = tanh(r), so that exp cannot overflow (Dinh et al. 2017, without their learned factor).
    scale "sigmoid": exp(-s) = sigmoid(r + 2), the factor from data to noise (Glow and GLF: `(x - t) * sigmoid(r + 2)`).
    scale "soft": s = r / (1 + |r| / log 1000), which hardly bends a factor below ten (zuko's affine maps).
    Shapes: "b features"; (t, r) = net(first entries, context).   Source: Dinh et al. 2017, eqs. 7, 8; thesis eqs. 2.28,
    2.29.
    """

    def __init__(
        self,
        kept: int,
        changed: int,
        *,
        hidden: Sequence[int],
        scale: Scale = "tanh",
        activation: Activation = "relu",
        context: int = 0,
    ) -> None:
        super().__init__()
        self.sizes = [kept, changed]
        self.net = mlp(kept + context, *hidden, 2 * changed, activation=activation)
        self.scale: Scale = scale

    def push(self, z: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """[kept, changed * exp(s) + t]."""
        kept, changed = z.split(self.sizes, dim=1)
        log_scale, shift = self.affine(kept, context)
        return torch.cat([kept, expand(changed, log_scale, shift)], dim=1), [log_scale]

    def pull(self, x: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """[kept, (changed - t) * exp(-s)]."""
        kept, changed = x.split(self.sizes, dim=1)
        log_scale, shift = self.affine(kept, context)
        return torch.cat([kept, contract(changed, log_scale, shift)], dim=1), [log_scale]

    def affine(self, kept: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:  # b kept -> b changed, b changed
        """The log-scale s and the shift t of the entries that change."""
        shift, raw = self.net(beside(kept, context)).chunk(2, dim=1)
        return LOG_SCALES[self.scale](raw), shift


class AlternatingCouplings(Transform):
    """Affine couplings that change the second half, the first, the second, ..: the halves are never rejoined between.

    Its couplings lie in `couplings`; `features` is at least 2.   Source: Dinh et al. 2017, section 3.5.
    """

    def __init__(
        self,
        features: int,
        couplings: int,
        *,
        hidden: Sequence[int],
        scale: Scale,
        activation: Activation,
        context: int = 0,
    ) -> None:
        super().__init__()
        sizes = self.sizes = [features // 2, features - features // 2]
        self.couplings = nn.ModuleList(
            AffineCoupling(
                sizes[k % 2], sizes[1 - k % 2], hidden=hidden, scale=scale, activation=activation, context=context
            )
            for k in range(couplings)
        )

    def push(self, z: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """Every coupling, the first one first."""
        parts: Parts = []
        halves = list(z.split(self.sizes, dim=1))
        for k, coupling in enumerate(self.couplings):
            assert isinstance(coupling, AffineCoupling)
            log_scale, shift = coupling.affine(halves[k % 2], context)
            halves[1 - k % 2] = expand(halves[1 - k % 2], log_scale, shift)
            parts.append(log_scale)
        return torch.cat(halves, dim=1), parts

    def pull(self, x: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """Every coupling undone, the last one first."""
        parts: Parts = []
        halves = list(x.split(self.sizes, dim=1))
        for k, coupling in reversed(list(enumerate(self.couplings))):
            assert isinstance(coupling, AffineCoupling)
            log_scale, shift = coupling.affine(halves[k % 2], context)
            halves[1 - k % 2] = contract(halves[1 - k % 2], log_scale, shift)
            parts.append(log_scale)
        return torch.cat(halves, dim=1), parts


class Chain(Transform):
    """One transform after another: the first one meets the noise."""

    def __init__(self, transforms: Iterable[Transform]) -> None:
        super().__init__()
        self.transforms = nn.ModuleList(transforms)

    def push(self, z: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """Every transform, the first one first."""
        parts: Parts = []
        for transform in self.transforms:
            assert isinstance(transform, Transform)
            z, more = transform.push(z, context)
            parts += more
        return z, parts

    def pull(self, x: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """Every transform undone, the last one first."""
        parts: Parts = []
        for transform in reversed(self.transforms):
            assert isinstance(transform, Transform)
            x, more = transform.pull(x, context)
            parts += more
        return x, parts


Order = Literal["random", "reverse"]


class Reordered(Chain):
    """Transforms, made one after another, with one reordering of all entries between neighbours."""

    def __init__(self, makers: Iterable[Callable[[], Transform]], features: int, order: Order) -> None:
        transforms: list[Transform] = []
        for k, make in enumerate(makers):
            if k > 0:
                drawn = range(features)[::-1] if order == "reverse" else torch.randperm(features)
                transforms.append(Permutation(drawn))
            transforms.append(make())
        super().__init__(transforms)


def glow_log_scale(raw: Tensor) -> Tensor:
    """-log sigmoid(raw + 2)."""
    return softplus(-raw - GLOW_OFFSET)


def soft_log_scale(raw: Tensor) -> Tensor:
    """raw / (1 + |raw| / log 1000)."""
    return raw / torch.add(1, raw.abs(), alpha=1 / SOFT_BOUND)


LOG_SCALES: Mapping[Scale, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": glow_log_scale,
    "soft": soft_log_scale,
}
"""The log-scale that a network's raw number stands for, from noise to data."""


def beside(value: Tensor, context: Context) -> Tensor:  # b d, b k -> b d+k
    """A value and what it is conditioned on, as one vector."""
    return value if context is None else torch.cat([value, context], dim=1)


def expand(z: Tensor, log_scale: Tensor, shift: Tensor) -> Tensor:  # b k, b k, b k -> b k
    """z * exp(log_scale) + shift."""
    return torch.addcmul(shift, z, log_scale.exp())


def contract(x: Tensor, log_scale: Tensor, shift: Tensor) -> Tensor:  # b k, b k, b k -> b k
    """(x - shift) * exp(-log_scale)."""
    return (x - shift) * (-log_scale).exp()


def total(parts: Parts, like: Tensor) -> Tensor:  # parts "b k" or "" -> b
    """The log-determinant that the parts sum to; zeros, as many as `like` has rows, if there are none."""
    rows: dict[torch.Size, Tensor] = {}
    alike = [part for part in parts if part.dim() == 0]
    for part in parts:
        if part.dim() > 0:
            rows[part.shape] = rows[part.shape] + part if part.shape in rows else part
    if not rows:
        return torch.stack(alike).sum().expand(len(like)) if alike else like.new_zeros(len(like))
    held = _sum_of([part.sum(1) for part in rows.values()])
    return held + _sum_of(alike) if alike else held


def _sum_of(values: Sequence[Tensor]) -> Tensor:  # tensors of one shape -> that shape
    """Their sum: of at least one."""
    return values[0] if len(values) == 1 else torch.stack(list(values)).sum(0)
