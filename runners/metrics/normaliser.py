"""The normaliser of a density in the plane by quadrature:  log Z = log int exp(f(x)) dx over a box."""

import math
from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from runners.datasets.source import Density
from runners.metrics.likelihood import mean_estimate
from runners.metrics.measure import HIGHER, Estimate, NoFigure, metric

__all__ = ["Normaliser", "log_normaliser", "log_normaliser_2d", "tilted_log_likelihood"]

EDGE = 1e-3  # the share of Z along the edge of the box above which the box is too small


class Normaliser(NamedTuple):
    """log Z in nats, its error, and the share of Z along the edge of the box."""

    value: float
    error: float
    edge: float


def log_normaliser_2d(
    log_density: Callable[[Tensor], Tensor], bounds: Sequence[float], *, points: int = 512, chunk: int = 65536
) -> Normaliser:
    """log int exp(log_density(x)) dx over a box of the plane, by the trapezoid rule on `points` x `points` cells.

    `log_density`: "b 2" float32 -> "b", called without gradients on `chunk` points at once. `bounds`: low and high of
    both axes, or of the first and then of the second.
    Returned are log Z; its error |log Z(h) - log Z(2h)|, an upper estimate (the rule is of second order in h, and
    converges faster than any order for a smooth density that vanishes at the edge); and the share of Z in the outermost
    cells: if that is not tiny, the box cuts the density and log Z is too small, whatever the error says.
    Raises ValueError for an odd or too small number of points, an empty box, and values that are nan or inf.
    Source: thesis 4.4.1, "the partition function can be accurately estimated by a numerical integration".
    """
    if points < 4 or points % 2:
        raise ValueError(f"`points` is {points}, but it must be even and at least 4")
    axes, cell = [], 0.0
    for low, high in _boxed(bounds):
        axes.append(torch.linspace(low, high, points + 1, dtype=torch.float64))
        cell += math.log((high - low) / points)
    grid = torch.cartesian_prod(*axes).float()
    with torch.no_grad():
        values = torch.cat([log_density(part).double().cpu() for part in grid.split(chunk)])
    if bool((values.isnan() | (values == math.inf)).any()):
        raise NoFigure("the log-density is nan or inf somewhere in the box")
    values = values.view(points + 1, points + 1)
    fine = _log_trapezoid(values) + cell
    coarse = _log_trapezoid(values[::2, ::2]) + cell + 2 * math.log(2)
    inner = _log_trapezoid(values[1:-1, 1:-1]) + cell
    return Normaliser(fine, abs(fine - coarse), -math.expm1(inner - fine))


def _boxed(bounds: Sequence[float]) -> list[tuple[float, float]]:
    if len(bounds) not in (2, 4):
        raise ValueError(f"`bounds` are 2 numbers, or 4 (two for each axis), not {len(bounds)}")
    box = [(bounds[0], bounds[1]), (bounds[-2], bounds[-1])]
    for low, high in box:
        if not low < high:
            raise ValueError(f"the box is empty: from {low:g} to {high:g}")
    return box


def _log_trapezoid(values: Tensor) -> float:  # h w
    """log of the sum of exp(values), halved along each edge."""
    weights = [torch.ones(length, dtype=torch.float64) for length in values.shape]
    for weight in weights:
        weight[0] = weight[-1] = 0.5
    return float(torch.logsumexp((values + torch.outer(*weights).log()).flatten(), dim=0))


@metric("tilted_log_likelihood")
def tilted_log_likelihood(
    log_density: Density, points: Annotated[Tensor, "n 2"], *, bounds: Sequence[float] = (-6.0, 6.0), cells: int = 512
) -> Annotated[Estimate, HIGHER]:
    """The mean of log_density(points) - log Z in nats, with log Z by quadrature over `bounds`, and its standard error.

    `log_density`: any function "b 2" -> "b" that is a log-density up to a constant, such as `ebm.log_density(_)` or
    `-energy(_)`; `points`: "n 2". Higher is better.   Raises ValueError for points off the plane, and where more than
    0.1 % of Z lies at the edge of the box, which then cuts the density.   Source: thesis 4.4.1.
    """
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"a normaliser by quadrature needs points in the plane, not of shape {list(points.shape[1:])}")
    normaliser = _kept(log_normaliser_2d(log_density, bounds, points=cells), bounds)
    with torch.no_grad():
        values = log_density(points).double()
    return mean_estimate(values - normaliser.value)


@metric("log_normaliser")
def log_normaliser(log_density: Density, *, bounds: Sequence[float] = (-6.0, 6.0), cells: int = 512) -> Estimate:
    """log Z = log int exp(log_density(x)) dx in nats by quadrature over a box of the plane, and the error of that.

    Raises ValueError where more than 0.1 % of Z lies at the edge of the box.   Source: thesis 4.4.1.
    """
    found = _kept(log_normaliser_2d(log_density, bounds, points=cells), bounds)
    return Estimate(found.value, found.error)


def _kept(found: Normaliser, bounds: Sequence[float]) -> Normaliser:
    if found.edge > EDGE:
        raise NoFigure(f"{found.edge:.1%} of Z lies at the edge of the box {list(bounds)}: give wider `bounds`")
    return found
