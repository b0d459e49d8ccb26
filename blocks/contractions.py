"""Residual bijections: z = x + g(x) with a contraction g   (Behrmann et al. 2019; Chen et al. 2019).

log |det dz/dx| = sum_{k>=1} (-1)^{k+1} tr(J^k) / k,   J = dg/dx
estimated       = sum_{k<=n} (-1)^{k+1} v' J^k v / (k P(N >= k)),   v of -1s and 1s, N >= SURE drawn by roulette
x               = the fixed point of z - g(x)
"""

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException
from torch.nn.functional import linear, sigmoid, softplus

from blocks.nets import check_widths
from blocks.noise import draw
from blocks.transforms import Context, beside

__all__ = ["Contraction", "Residual"]

BOUND = 0.97  # of the Lipschitz constant of g: Chen et al. 2019, section 5
SWISH = 1.1  # x sigmoid(x) has slopes up to 1.1: the same, section 3.3
SURE = 2  # terms of the series that are always summed: the same, appendix
GOES_ON = 0.5  # chance that roulette adds another term: the same
EXACT = 64  # entries up to which the determinant itself is computed in eval mode: as many backward passes
TERMS = 40  # of the series, in eval mode for more entries: 0.97^40 / 40 is below 0.01
SQUARINGS = 6
TINY = 1e-30  # under a logarithm: a layer of zeros has a slope of 0
STEPS = 500  # of a fixed point, at most


class Contraction(nn.Module):
    """A perceptron "b d (+ context)" -> "b d" whose slope in every direction is below 0.97.

    Each linear layer is divided by a bound of its induced norm (of Euclidean lengths: its largest singular value) where
    that is above the bound of a layer; between them x sigmoid(b x) / 1.1.   Source: Chen et al. 2019, section 3.3.
    """

    def __init__(self, features: int, *, hidden: Sequence[int], context: int = 0) -> None:
        super().__init__()
        check_widths("hidden", hidden)
        widths = [features + context, *hidden, features]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.slopes = nn.Parameter(torch.full((len(hidden),), 0.5))
        self.most = BOUND ** (1 / len(self.layers))

    def forward(self, x: Tensor, context: Context = None) -> Tensor:  # b d, b k -> b d
        """g(x)."""
        value = beside(x, context)
        for k, layer in enumerate(self.layers):
            assert isinstance(layer, nn.Linear)
            if k > 0:
                value = value * sigmoid(softplus(self.slopes[k - 1]) * value) / SWISH
            value = linear(value, layer.weight * (self.most / induced_norm(layer.weight)).clamp(max=1), layer.bias)
        return value


def induced_norm(weight: Tensor) -> Tensor:  # m n -> ""
    """A bound of the largest singular value from above: |(W W')^64|_F^(1/128), by six squarings.

    It is at most min(m, n)^(1/256) times the value: 2 % above for 128. Smooth, and products alone, unlike a power
    iteration, which comes from below and must be kept.
    """
    gram = weight @ weight.T if weight.shape[0] <= weight.shape[1] else weight.T @ weight
    log_norm, share = 0.0, 0.5
    for _ in range(SQUARINGS):
        size = torch.linalg.vector_norm(gram) + TINY
        log_norm, gram = log_norm + share * size.log(), gram / size
        gram, share = gram @ gram, share / 2
    return (log_norm + share * (torch.linalg.vector_norm(gram) + TINY).log()).exp()


class Residual(nn.Module):
    """From data to noise z = x + g(x).   Shapes: "b features"."""

    def __init__(self, features: int, *, hidden: Sequence[int], context: int = 0) -> None:
        super().__init__()
        self.features = features
        self.g = Contraction(features, hidden=hidden, context=context)

    def forward(self, z: Tensor, context: Context = None) -> Tensor:  # b d -> b d
        """The x with x + g(x) = z; gradients pass by the implicit function theorem."""
        return _solved(lambda v: self.g(v, context), z)

    def inverse(self, x: Tensor, context: Context = None) -> Tensor:  # b d -> b d
        """x + g(x)."""
        return x + self.g(x, context)

    def inverse_ladj(self, x: Tensor, context: Context, seed: int | None) -> Tensor:  # b d -> b
        """log |det dz/dx|: in train mode unbiased, from `seed`; in eval mode exact, or 40 terms for over 64 entries.

        Raises ValueError in train mode without a seed.
        """
        recorded = torch.is_grad_enabled()
        with torch.enable_grad():
            held = x if x.requires_grad else x.detach().requires_grad_()
            made = self.g(held, context)
            if self.training or self.features > EXACT:
                if self.training and seed is None:
                    raise ValueError("in train mode the log-determinant is estimated by chance: it needs a `seed`")
                ladj = _series(made, held, _roulette(seed or 0) if self.training else [1.0] * TERMS, seed or 0)
            else:
                ladj = _exact(made, held)
        return ladj if recorded else ladj.detach()


def _series(made: Tensor, x: Tensor, weights: Sequence[float], seed: int) -> Tensor:  # b d, b d -> b
    """The terms of the series along one random direction, times their weights."""
    direction = draw("rademacher", tuple(x.shape), seed, x.dtype, x.device)
    product, ladj = direction, x.new_zeros(len(x))
    for k, weight in enumerate(weights, start=1):
        (product,) = torch.autograd.grad(made, x, product, create_graph=True)
        ladj = ladj + (product * direction).sum(1) * (weight * (-1) ** (k + 1) / k)
    return ladj


def _roulette(seed: int) -> list[float]:
    """1 / P(N >= k) for the terms k = 1 .. N that are summed."""
    chance = random.Random(seed).random()
    further = 0 if chance == 0.0 else int(math.log(chance) / math.log(GOES_ON))  # P(further >= j) = GOES_ON^j
    return [1.0] * SURE + [GOES_ON**-j for j in range(1, further + 1)]


def _exact(made: Tensor, x: Tensor) -> Tensor:  # b d, b d -> b
    rows = [torch.autograd.grad(column.sum(), x, create_graph=True)[0] for column in made.unbind(1)]
    ones = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    return torch.linalg.slogdet(torch.stack(rows, dim=1) + ones).logabsdet


def _fixed(step: Callable[[Tensor], Tensor], start: Tensor) -> Tensor:
    """Where a contraction ends, to a few last digits; of a tensor without data, after one step."""
    value, near = start, 10 * torch.finfo(start.dtype).eps
    for _ in range(STEPS):
        before, value = value, step(value)
        try:
            if torch.allclose(value, before, rtol=near, atol=near):
                break
        except DataDependentOutputException:  # a check, which has shapes alone
            break
    return value


def _solved(g: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:  # b d -> b d
    with torch.no_grad():
        end = _fixed(lambda x: z - g(x), z)
    if not torch.is_grad_enabled():
        return end
    x = z - g(end)
    held = end.detach().requires_grad_()
    with torch.enable_grad():
        made = g(held)

    def back(gradient: Tensor) -> Tensor:  # w with w = gradient - J' w
        return _fixed(lambda w: gradient - torch.autograd.grad(made, held, w, retain_graph=True)[0], gradient)

    if x.requires_grad:
        x.register_hook(back)
    return x
