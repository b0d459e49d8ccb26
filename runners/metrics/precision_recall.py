"""Precision and recall of distributions: how much of one can be had from parts of the other.

    precision(l) = sum_i min(l p_i, q_i)     recall(l) = precision(l) / l       p the reference, q the samples
    F_b = max over l of (1 + b^2) precision recall / (b^2 precision + recall)

on the shares p, q of clusters of both sets together; l runs through the slopes of a quarter circle.
"""

import math
from typing import Annotated

import torch
from torch import Tensor

from runners.metrics.distances import flat_rows
from runners.metrics.measure import HIGHER, metric

__all__ = ["f_of_shares", "prd_precision", "prd_recall"]

ANGLES = 1001  # section 3.3 of the paper's code
ITERATIONS = 100  # of k-means at most; it stops when nothing moves

Samples = Annotated[Tensor, "n *event"]
Reference = Annotated[Tensor, "m *event"]


@metric("prd_precision")
def prd_precision(
    samples: Samples, reference: Reference, *, clusters: int = 20, runs: int = 10
) -> Annotated[float, HIGHER]:
    """F_1/8 of the curve of precision and recall, which weighs precision: fidelity.

    Range 0 .. 1, higher is better; shapes "n *event" and "m *event", in float64: the mean over `runs` clusterings
    into `clusters` by k-means, seeded 0, 1, .. Compare at equal n, m and `clusters`.
    Raises ValueError for sets that do not fit or are smaller than `clusters`.   Source: Sajjadi et al. 2018.
    """
    return _f(samples, reference, 1 / 8, clusters, runs)


@metric("prd_recall")
def prd_recall(
    samples: Samples, reference: Reference, *, clusters: int = 20, runs: int = 10
) -> Annotated[float, HIGHER]:
    """F_8 of the curve of precision and recall, which weighs recall: diversity.

    Range 0 .. 1, higher is better; shapes "n *event" and "m *event", in float64: the mean over `runs` clusterings
    into `clusters` by k-means, seeded 0, 1, .. Compare at equal n, m and `clusters`.
    Raises ValueError for sets that do not fit or are smaller than `clusters`.   Source: Sajjadi et al. 2018.
    """
    return _f(samples, reference, 8, clusters, runs)


def _f(samples: Tensor, reference: Tensor, beta: float, clusters: int, runs: int) -> float:
    a, b = flat_rows(samples, reference)
    if not 2 <= clusters <= min(len(a), len(b)) or runs < 1:
        fewest = min(len(a), len(b))
        raise ValueError(f"{clusters} clusters in {runs} runs: at least 2 in 1, and no more than the {fewest} samples")
    found = []
    for seed in range(runs):
        nearest = _cluster(torch.cat([a, b]), clusters, seed)
        of_a, of_b = (torch.bincount(part, minlength=clusters) / len(part) for part in nearest.split([len(a), len(b)]))
        found.append(f_of_shares(of_a.double(), of_b.double(), beta))
    return sum(found) / runs


def f_of_shares(samples: Tensor, reference: Tensor, beta: float) -> float:  # k, k
    """F_beta of the shares of clusters, the highest over 1001 slopes of the curve."""
    slopes = torch.linspace(1e-10, math.pi / 2 - 1e-10, ANGLES, dtype=torch.float64).tan()[:, None]
    precision = torch.minimum(slopes * reference, samples).sum(1)
    recall = torch.minimum(reference, samples / slopes).sum(1)
    f = (1 + beta**2) * precision * recall / (beta**2 * precision + recall + 1e-300)
    return float(f.max().clamp(max=1))


def _cluster(rows: Tensor, clusters: int, seed: int) -> Tensor:  # n d -> n
    """The cluster of each row, by k-means from starts that lie apart (Arthur and Vassilvitskii 2007)."""
    generator = torch.Generator().manual_seed(seed)
    centres = rows[torch.randint(len(rows), (1,), generator=generator).to(rows.device)]
    nearest = torch.cdist(rows, centres).square().amin(1)
    for _ in range(1, clusters):
        weights = nearest.cpu() if float(nearest.sum()) > 0 else torch.ones(len(rows), dtype=rows.dtype)
        at = int(torch.multinomial(weights, 1, generator=generator))
        centres = torch.cat([centres, rows[at : at + 1]])
        nearest = torch.minimum(nearest, (rows - rows[at]).square().sum(1))
    found = torch.cdist(rows, centres).argmin(1)
    for _ in range(ITERATIONS):
        sizes = torch.bincount(found, minlength=clusters).clamp(min=1).to(rows.dtype)
        moved = torch.zeros_like(centres).index_add_(0, found, rows) / sizes[:, None]
        centres = torch.where((torch.bincount(found, minlength=clusters) > 0)[:, None], moved, centres)
        again = torch.cdist(rows, centres).argmin(1)
        if bool((again == found).all()):
            break
        found = again
    return found
