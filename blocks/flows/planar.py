"""Planar flow: each layer pushes the value along one direction, by how far it lies along another."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from blocks.flows.model import Flow, check_count, context_of, event_of
from blocks.registry import block
from blocks.transforms import Chain, Context, Parts, Transform
from blocks.types import Takes, elements

__all__ = ["Planar", "PlanarFlow"]

HALVINGS = 60  # of an interval that holds the root: 2^-60 of its length is below the last digit of a float64
POLISHES = 2  # Newton steps after them, through which gradients pass


class Planar(Transform):
    """x = z + u tanh(w'z + b), with u = v + (softplus(w'v) - 1 - w'v) w / |w|^2, so that w'u > -1 and it can be undone.

    log |det| = log(1 + w'u (1 - tanh(w'z + b)^2)). With a context, (v, w, b) are affine in it, one set a sample.
    Back: a = w'z solves a + w'u tanh(a + b) = w'x, a monotone equation in one number, by halving.
    Shapes: "b features".   Source: Rezende & Mohamed 2015, eqs. 10 to 12 and appendix A.1.
    """

    def __init__(self, features: int, *, context: int = 0) -> None:
        super().__init__()
        self.features = features
        self.numbers = nn.Parameter(torch.empty(2 * features + 1).uniform_(-1, 1) * features**-0.5)
        self.of_context = nn.Linear(context, 2 * features + 1, bias=False) if context else None

    def push(self, z: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """z + u tanh(w'z + b)."""
        u, w, b, along = self.directions(context)
        height = ((z * w).sum(1, keepdim=True) + b).tanh()
        return z + u * height, [torch.log1p(along * (1 - height.square())).expand(len(z), 1)]

    def pull(self, x: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """x - u tanh(a + b) for the root a."""
        u, w, b, along = self.directions(context)
        height = (_root((x * w).sum(1, keepdim=True), along, b) + b).tanh()
        return x - u * height, [torch.log1p(along * (1 - height.square())).expand(len(x), 1)]

    def directions(self, context: Context) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # 1|b d, 1|b d, 1|b 1, 1|b 1
        """u, w, b, and w'u."""
        told = 0.0 if self.of_context is None or context is None else self.of_context(context)
        v, w, b = (self.numbers + told).reshape(-1, 2 * self.features + 1).split([self.features] * 2 + [1], dim=1)
        raw = (v * w).sum(1, keepdim=True)
        along = softplus(raw) - 1
        return v + (along - raw) * w / w.square().sum(1, keepdim=True), w, b, along


@torch.no_grad()
def _halved(end: Tensor, along: Tensor, b: Tensor) -> Tensor:  # b 1 -> b 1
    """The a with a + along tanh(a + b) = end, to the last digit: it lies within |along| of the end."""
    low, high = end - along.abs(), end + along.abs()
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = middle + along * (middle + b).tanh() > end
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    return (low + high) / 2


def _root(end: Tensor, along: Tensor, b: Tensor) -> Tensor:  # b 1 -> b 1
    a = _halved(end, along, b)
    for _ in range(POLISHES):
        height = (a + b).tanh()
        a = a - (a + along * height - end) / (1 + along * (1 - height.square()))
    return a


@block("flow.planar")
class PlanarFlow(Flow):
    """Planar layers x = z + u tanh(w'z + b); a posterior's flow: its densities at its own draws are one pass.

    Other values are inverted by halving an interval. Raises ValueError for no layers.
    Source: Rezende & Mohamed 2015, section 4.1.
    """

    cheap: ClassVar[Literal["both", "forward", "inverse"]] = "forward"
    dear_passes = HALVINGS
    largest: ClassVar[dict[str, int]] = {"layers": 1000}

    def __init__(self, takes: Takes, *, layers: int = 8) -> None:
        check_count("layers", layers)
        features, context = elements(event_of(takes)), context_of(takes)
        super().__init__(takes, Chain(Planar(features, context=context) for _ in range(layers)))
