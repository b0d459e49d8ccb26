"""Fidelity and diversity by nearest neighbours: each set is a union of balls about its samples.

radius of a sample       the distance to its k-th nearest other sample of the same set
"""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from runners.metrics.distances import flat_rows
from runners.metrics.measure import HIGHER, metric

__all__ = ["coverage", "density", "improved_precision", "improved_recall"]

CHUNK = 2**22  # distances held at once, in float64: 32 MB

Samples = Annotated[Tensor, "n *event"]
Reference = Annotated[Tensor, "m *event"]


@metric("improved_precision")
def improved_precision(samples: Samples, reference: Reference, *, neighbours: int = 3) -> Annotated[float, HIGHER]:
    """The share of samples that lie in a ball of the reference: fidelity.

    Range 0 .. 1, higher is better; shapes "n *event" and "m *event", in float64; `neighbours` is k. One outlier of
    the reference has a large ball: `density` is steadier. Compare at equal n and m.
    Raises ValueError for sets that do not fit or have no k other samples.   Source: Kynkaanniemi et al. 2019, eq. 2.
    """
    a, b = flat_rows(samples, reference)
    return float((_inside(a, b, _radii(b, neighbours)) > 0).double().mean())


@metric("improved_recall")
def improved_recall(samples: Samples, reference: Reference, *, neighbours: int = 3) -> Annotated[float, HIGHER]:
    """The share of the reference that lies in a ball of the samples: diversity.

    Range 0 .. 1, higher is better; shapes "n *event" and "m *event", in float64; `neighbours` is k. Samples far off
    have large balls and raise it: `coverage` is steadier. Compare at equal n and m.
    Raises ValueError for sets that do not fit or have no k other samples.   Source: Kynkaanniemi et al. 2019, eq. 2.
    """
    a, b = flat_rows(samples, reference)
    return float((_inside(b, a, _radii(a, neighbours)) > 0).double().mean())


@metric("density")
def density(samples: Samples, reference: Reference, *, neighbours: int = 5) -> Annotated[float, HIGHER]:
    """The mean number of balls of the reference that a sample lies in, divided by k: fidelity.

    Range 0 .. m / k, higher is better, 1 in expectation for samples of the truth; shapes "n *event" and "m *event",
    in float64; `neighbours` is k. Raises ValueError for sets that do not fit or have no k other samples.
    Source: Naeem et al. 2020, eq. 4.
    """
    a, b = flat_rows(samples, reference)
    return float(_inside(a, b, _radii(b, neighbours)).double().mean() / neighbours)


@metric("coverage")
def coverage(samples: Samples, reference: Reference, *, neighbours: int = 5) -> Annotated[float, HIGHER]:
    """The share of the reference's balls that hold a sample: diversity.

    Range 0 .. 1, higher is better, about 1 - 2^-k for as many samples of the truth (0.969 at k = 5); shapes
    "n *event" and "m *event", in float64; `neighbours` is k.
    Raises ValueError for sets that do not fit or have no k other samples.   Source: Naeem et al. 2020, eqs. 5 and 8.
    """
    a, b = flat_rows(samples, reference)
    nearest = torch.cat([distances.amin(1) for distances in _distances(b, a)])
    return float((nearest < _radii(b, neighbours)).double().mean())


def _inside(points: Tensor, centres: Tensor, radii: Tensor) -> Tensor:  # n d, m d, m -> n
    """How many open balls each point lies in."""
    return torch.cat([(distances < radii).sum(1) for distances in _distances(points, centres)])


def _radii(rows: Tensor, neighbours: int) -> Tensor:  # n d -> n
    if not 1 <= neighbours < len(rows):
        raise ValueError(
            f"`neighbours` is {neighbours}: at least 1, and fewer than the {len(rows)} samples of each set"
        )
    return torch.cat([distances.kthvalue(neighbours + 1, dim=1).values for distances in _distances(rows, rows)])


def _distances(a: Tensor, b: Tensor) -> Iterator[Tensor]:  # n d, m d -> parts of n, m
    exact = "donot_use_mm_for_euclid_dist"  # a row is at distance 0 of itself
    for rows in a.split(max(1, CHUNK // len(b))):
        yield torch.cdist(rows, b, compute_mode=exact)
