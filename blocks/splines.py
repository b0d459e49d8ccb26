"""Monotone rational-quadratic splines on [-bound, bound], the identity outside   (Durkan et al. 2019, eqs. 4 to 8).

    knots (x_k, y_k), k = 0 .. K, slopes d_k > 0 at them, d_0 = d_K = 1;    xi = (x - x_k) / w_k,  s_k = h_k / w_k
    y      = y_k + h_k (s_k xi^2 + d_k xi (1 - xi)) / (s_k + (d_k + d_{k+1} - 2 s_k) xi (1 - xi))
    dy/dx  = s_k^2 (d_{k+1} xi^2 + 2 s_k xi (1 - xi) + d_k (1 - xi)^2) / (s_k + (d_k + d_{k+1} - 2 s_k) xi (1 - xi))^2

Widths and heights are softmaxes, slopes softplus, each with a floor.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus

__all__ = ["Spline", "spline_of"]

FLOOR = 1e-3  # of a bin's share of the interval, and of a slope: Durkan et al. 2019, code


class Spline(NamedTuple):
    """One spline for each entry: knots and slopes, "b d K+1"."""

    x: Tensor
    y: Tensor
    slope: Tensor
    bound: float

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # b d -> b d, b d
        """y and log dy/dx."""
        inside, held = self._inside(x)
        x0, y0, w, h, d0, d1 = self._bin(self.x, held)
        s = h / w
        xi = (held - x0) / w
        mixed = xi * (1 - xi)
        below = s + (d0 + d1 - 2 * s) * mixed
        y = y0 + h * (s * xi.square() + d0 * mixed) / below
        return torch.where(inside, y, x), torch.where(inside, _log_slope(s, d0, d1, xi, mixed, below), 0.0)

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:  # b d -> b d, b d
        """x, and log dy/dx there: the root of the quadratic in xi, in the form that does not cancel."""
        inside, held = self._inside(y)
        x0, y0, w, h, d0, d1 = self._bin(self.y, held)
        s = h / w
        rise = held - y0
        bend = rise * (d0 + d1 - 2 * s)
        a, b, c = h * (s - d0) + bend, h * d0 - bend, -s * rise
        xi = 2 * c / (-b - (b.square() - 4 * a * c).clamp(min=0).sqrt())
        mixed = xi * (1 - xi)
        below = s + (d0 + d1 - 2 * s) * mixed
        return torch.where(inside, x0 + w * xi, y), torch.where(inside, _log_slope(s, d0, d1, xi, mixed, below), 0.0)

    def _inside(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Where the value is in the interval, and the value with what is not replaced by the middle."""
        inside = value.abs() <= self.bound
        return inside, torch.where(inside, value, 0.0)

    def _bin(self, knots: Tensor, value: Tensor) -> tuple[Tensor, ...]:  # b d -> six times b d
        """Left knot, width, height and the slopes at both ends of the bin in which `value` lies."""
        inner = knots[..., 1:-1].detach().contiguous()
        k = torch.searchsorted(inner, value.detach().unsqueeze(-1), right=True)
        ends = torch.stack([self.x, self.y, self.slope])  # 3 b d K+1
        k = k.expand(3, *k.shape)
        (x0, y0, d0), (x1, y1, d1) = ends.gather(-1, k).squeeze(-1), ends.gather(-1, k + 1).squeeze(-1)
        return x0, y0, x1 - x0, y1 - y0, d0, d1


def spline_of(raw: Tensor, bound: float) -> Spline:  # b d 3K-1
    """The spline of raw numbers: K for the widths, K for the heights, K - 1 for the slopes at the inner knots."""
    bins = (raw.shape[-1] + 1) // 3
    widths, heights, slopes = raw.split([bins, bins, bins - 1], dim=-1)
    one = math.log(math.expm1(1 - FLOOR))
    return Spline(
        _knots(widths, bound), _knots(heights, bound), FLOOR + softplus(pad(slopes, (1, 1), value=one)), bound
    )


def _knots(raw: Tensor, bound: float) -> Tensor:  # b d K -> b d K+1
    bins = raw.shape[-1]
    shares = FLOOR + (1 - FLOOR * bins) * raw.softmax(dim=-1)
    inner = (2 * bound) * shares[..., :-1].cumsum(dim=-1) - bound
    low = inner.new_full((*inner.shape[:-1], 1), -bound)
    return torch.cat([low, inner, -low], dim=-1)


def _log_slope(s: Tensor, d0: Tensor, d1: Tensor, xi: Tensor, mixed: Tensor, below: Tensor) -> Tensor:
    top = s.square() * (d1 * xi.square() + 2 * s * mixed + d0 * (1 - xi).square())
    return top.log() - 2 * below.log()
