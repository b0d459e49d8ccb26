"""Curves in the plane, blurred by a Gaussian:  x = scale (c(t) + noise n),  t uniform,  n ~ N(0, I).

The density is one integral over t for each curve, p(x) = sum_c w_c int N(x; scale c(t), (scale noise)^2 I) dt / length.
Gauss-Legendre quadrature with 16 nodes on each panel, no panel longer than five standard deviations, has a relative
error below 1e-9 near the data; it makes the density a mixture of Gaussians.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from runners.datasets.options import check_positive
from runners.datasets.source import Density, Source, dataset
from runners.datasets.toy import mixture_density, normal, rotation, toy_source, uniform

__all__ = ["circles", "moons", "swiss_roll"]

NODES = 16  # of a panel: exact for polynomials of degree 31
PANEL = 5.0  # standard deviations
MOST_NODES = 2**17  # finer curves than that have no density here


@dataclass(frozen=True)
class Curve:
    """One curve: `point` "n" -> "n 2" on parameters `low` .. `high`, no faster than `speed` = max |dc/dt|."""

    point: Callable[[Tensor], Tensor]
    low: float
    high: float
    speed: float


@dataset("toy.moons")
def moons(
    *, noise: float = 0.08, scale: float = 1.0, size: int = 20000, test_size: int = 10000, seed: int = 0
) -> Source:
    """Two half circles that interlock: `x` (2,), `y` the moon.   Log-density by quadrature.

    (cos t, sin t) and (1 - cos t, 1/2 - sin t), t uniform on [0, pi]; then x = scale (c + noise n).
    Source: scikit-learn's `make_moons`, its points drawn instead of evenly spaced.
    """
    centre = torch.tensor([1.0, 0.5], dtype=torch.float64)
    upper = Curve(rotation, 0.0, math.pi, speed=1.0)
    lower = Curve(lambda t: centre - rotation(t), 0.0, math.pi, speed=1.0)
    return _blurred("toy.moons", [upper, lower], noise, scale, size, test_size, seed)


@dataset("toy.circles")
def circles(
    *,
    factor: float = 0.5,
    noise: float = 0.08,
    scale: float = 1.0,
    size: int = 20000,
    test_size: int = 10000,
    seed: int = 0,
) -> Source:
    """Two circles about the origin, of radius 1 and `factor`: `x` (2,), `y` 0 outside.   Log-density by quadrature.

    c = r (cos t, sin t), t uniform on [0, 2 pi]; then x = scale (c + noise n).
    Source: scikit-learn's `make_circles`, its points drawn instead of evenly spaced.
    """
    check_positive(factor=factor)
    outer = Curve(rotation, 0.0, 2 * math.pi, speed=1.0)
    inner = Curve(lambda t: factor * rotation(t), 0.0, 2 * math.pi, speed=factor)
    return _blurred("toy.circles", [outer, inner], noise, scale, size, test_size, seed)


@dataset("toy.swiss_roll")
def swiss_roll(
    *, noise: float = 0.25, scale: float = 1 / 7.5, size: int = 20000, test_size: int = 10000, seed: int = 0
) -> Source:
    """A spiral of one and a half turns: `x` (2,), within about [-2, 2]^2.   Log-density by quadrature.

    c = (t cos t, t sin t), t uniform on [3 pi / 2, 9 pi / 2]; then x = scale (c + noise n).
    Source: scikit-learn's `make_swiss_roll` without its height; noise and scale of Gulrajani et al. 2017, which Tanaka
    2019 and the thesis (4.4.1, 5.5.1) follow.
    """
    low, high = 1.5 * math.pi, 4.5 * math.pi
    roll = Curve(lambda t: t[:, None] * rotation(t), low, high, speed=math.hypot(1.0, high))
    return _blurred("toy.swiss_roll", [roll], noise, scale, size, test_size, seed)


def _blurred(
    name: str, curves: Sequence[Curve], noise: float, scale: float, size: int, test_size: int, seed: int
) -> Source:
    check_positive(noise=noise, scale=scale)

    def sample(rows: int, generator: Generator) -> dict[str, Tensor]:
        y = torch.randint(len(curves), (rows,), generator=generator)
        t = uniform(rows, generator)
        points = torch.stack([c.point(c.low + (c.high - c.low) * t) for c in curves])  # curves n 2
        return {"x": scale * (points[y, torch.arange(rows)] + noise * normal(rows, generator)), "y": y}

    log_prob, note = _density(curves, noise, scale)
    return toy_source(
        name,
        sample,
        size=size,
        test_size=test_size,
        seed=seed,
        classes=len(curves) if len(curves) > 1 else None,
        log_prob=log_prob,
        log_prob_note=note,
    )


def _density(curves: Sequence[Curve], noise: float, scale: float) -> tuple[Density | None, str]:
    panels = [math.ceil(c.speed * (c.high - c.low) / (PANEL * noise)) for c in curves]
    count = NODES * sum(panels)
    if count > MOST_NODES:
        return None, f"none: noise of {noise:g} would take {count} points of quadrature"
    nodes, weights = zip(*(_quadrature(c, n) for c, n in zip(curves, panels, strict=True)), strict=True)
    density = mixture_density(scale * torch.cat(nodes), torch.cat(weights) / len(curves), scale * noise)
    return density, f"quadrature with {count} points, relative error below 1e-9 near the data"


def _quadrature(curve: Curve, panels: int) -> tuple[Tensor, Tensor]:  # -> "n 2", "n" summing to 1
    """Points of the curve and the weights of the mean over it, by Gauss-Legendre quadrature on equal panels."""
    unit, weight = (torch.from_numpy(values) for values in np.polynomial.legendre.leggauss(NODES))  # on [-1, 1]
    width = (curve.high - curve.low) / panels
    starts = curve.low + width * torch.arange(panels, dtype=torch.float64)
    t = starts[:, None] + width * (unit + 1) / 2  # panels nodes
    return curve.point(t.flatten()), (weight / (2 * panels)).repeat(panels)
