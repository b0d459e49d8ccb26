"""Radial flow: each layer pulls the value towards one point, or away from it, by how far it is from there."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from blocks.flows.model import Flow, check_count, context_of, event_of
from blocks.registry import block
from blocks.transforms import Chain, Context, Parts, Transform
from blocks.types import Takes, elements

__all__ = ["Radial", "RadialFlow"]


class Radial(Transform):
    """x = z + beta (z - c) / (alpha + r), r = |z - c|, alpha = softplus(a), beta = softplus(b) - alpha > -alpha.

    log |det| = (d - 1) log(1 + beta / (alpha + r)) + log(1 + alpha beta / (alpha + r)^2)
    Back: R = |x - c| = r (1 + beta / (alpha + r)) is a quadratic in r. With a context, (c, a, b) are affine in it.
    Shapes: "b features".   Source: Rezende & Mohamed 2015, eqs. 13, 14 and appendix A.2.
    """

    def __init__(self, features: int, *, context: int = 0) -> None:
        super().__init__()
        self.features = features
        self.numbers = nn.Parameter(torch.empty(features + 2).uniform_(-1, 1) * features**-0.5)
        self.of_context = nn.Linear(context, features + 2, bias=False) if context else None

    def push(self, z: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """z + beta (z - c) / (alpha + r)."""
        centre, alpha, beta = self.pull_of(context)
        away = z - centre
        r = _length(away)
        return z + away * (beta / (alpha + r)), [self._grown(r, alpha, beta)]

    def pull(self, x: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """c + (x - c) / (1 + beta / (alpha + r)) for the root r."""
        centre, alpha, beta = self.pull_of(context)
        away = x - centre
        far = _length(away)
        half = (alpha + beta - far) / 2
        root = (half.square() + far * alpha).sqrt()
        r = torch.where(half > 0, far * alpha / (root + half), root - half)  # the form that does not cancel
        return centre + away / (1 + beta / (alpha + r)), [self._grown(r, alpha, beta)]

    def pull_of(self, context: Context) -> tuple[Tensor, Tensor, Tensor]:  # -> 1|b d, 1|b 1, 1|b 1
        """The point c, alpha and beta."""
        told = 0.0 if self.of_context is None or context is None else self.of_context(context)
        centre, a, b = (self.numbers + told).reshape(-1, self.features + 2).split([self.features, 1, 1], dim=1)
        alpha = softplus(a)
        return centre, alpha, softplus(b) - alpha

    def _grown(self, r: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:  # b 1 -> b 1
        near = 1 / (alpha + r)
        return (self.features - 1) * torch.log1p(beta * near) + torch.log1p(alpha * beta * near.square())


def _length(value: Tensor) -> Tensor:  # b d -> b 1
    return torch.linalg.vector_norm(value, dim=1, keepdim=True)


@block("flow.radial")
class RadialFlow(Flow):
    """Radial layers x = z + beta (z - c) / (alpha + |z - c|); both directions are closed forms.

    Raises ValueError for no layers.   Source: Rezende & Mohamed 2015, section 4.1.
    """

    largest: ClassVar[dict[str, int]] = {"layers": 1000}

    def __init__(self, takes: Takes, *, layers: int = 8) -> None:
        check_count("layers", layers)
        features, context = elements(event_of(takes)), context_of(takes)
        super().__init__(takes, Chain(Radial(features, context=context) for _ in range(layers)))
