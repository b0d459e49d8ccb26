"""Distances between two sets of samples: of their Gaussians (Frechet), and in a kernel's space (MMD)."""

from typing import Annotated

import torch
from torch import Tensor

from runners.metrics.measure import LOWER, NoFigure, metric

__all__ = ["flat_rows", "frechet", "frechet_gaussians", "mmd"]

CHUNK = 2**22  # kernel values held at once, in float64: 32 MB
MEDIAN_ROWS = 1000  # rows of each set that the median distance is taken over


@metric("frechet")
def frechet(
    samples: Annotated[Tensor, "n *event"], reference: Annotated[Tensor, "m *event"]
) -> Annotated[float, LOWER]:
    """The squared Frechet distance of the Gaussians fitted to two sets of samples (on image features: the FID).

    Range 0 .. infinity, lower is better; shapes "n *event" and "m *event", computed in float64 with unbiased
    covariances. Biased upwards for few samples: compare at equal numbers, well above the number of dimensions.
    Raises ValueError for sets that do not fit, or with no more samples than dimensions: n samples span n - 1.
    Source: Dowson and Landau 1982; Heusel et al. 2017 (FID).
    """
    a, b = flat_rows(samples, reference)
    for rows, which in ((a, "the samples"), (b, "the reference")):
        if len(rows) <= rows.shape[1]:
            raise NoFigure(
                f"{which} are {len(rows)} in {rows.shape[1]} dimensions, and a covariance of these needs "
                f"{rows.shape[1] + 1} or more: draw more, measure in fewer features, or take `kid` or `mmd`"
            )
    return frechet_gaussians(a.mean(0), a.T.cov(), b.mean(0), b.T.cov())


def frechet_gaussians(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:  # d, d d, d, d d
    """|m_a - m_b|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2): the squared 2-Wasserstein distance of two Gaussians."""
    cov_a, cov_b = (torch.atleast_2d(cov) for cov in (cov_a, cov_b))
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    distance = (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross
    return float(distance.clamp(min=0))


@metric("mmd")
def mmd(
    samples: Annotated[Tensor, "n *event"], reference: Annotated[Tensor, "m *event"], *, bandwidth: float | None = None
) -> Annotated[float, LOWER]:
    """The squared maximum mean discrepancy, unbiased, with the kernel exp(-|x - y|^2 / (2 bandwidth^2)).

    Range about 0 (it may fall below) .. 2, lower is better; shapes "n *event" and "m *event", in float64.
    `bandwidth` defaults to the median distance between the first 1000 rows of both sets together.
    Raises ValueError for sets that do not fit.   Source: Gretton et al. 2012, eq. 3.
    """
    a, b = flat_rows(samples, reference)
    if bandwidth is None:
        both = torch.cat([a[:MEDIAN_ROWS], b[:MEDIAN_ROWS]])
        bandwidth = float(torch.nn.functional.pdist(both).median())
    if not bandwidth > 0:
        raise ValueError(f"`bandwidth` is {bandwidth:g}, but it must be above 0")
    n, m = len(a), len(b)
    within_a = (_kernel_sum(a, a, bandwidth) - n) / (n * (n - 1))  # without the n pairs of a row with itself
    within_b = (_kernel_sum(b, b, bandwidth) - m) / (m * (m - 1))
    return within_a + within_b - 2 * _kernel_sum(a, b, bandwidth) / (n * m)


def _kernel_sum(a: Tensor, b: Tensor, bandwidth: float) -> float:  # n d, m d
    exact = "donot_use_mm_for_euclid_dist"  # a row is at distance 0 of itself
    parts = a.split(max(1, CHUNK // len(b)))
    return sum(
        float(torch.cdist(rows, b, compute_mode=exact).div_(bandwidth).square_().div_(-2).exp_().sum())
        for rows in parts
    )


def flat_rows(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:  # n *event, m *event -> n d, m d, in float64
    """Both sets as rows of numbers.   Raises ValueError for sets that do not fit or have one row, NoFigure for NaN."""
    if a.shape[1:] != b.shape[1:] or min(len(a), len(b)) < 2:
        raise ValueError(f"two sets of at least two samples of one shape are needed, not {[*a.shape]} and {[*b.shape]}")
    flat = a.detach().double().reshape(len(a), -1), b.detach().double().reshape(len(b), -1)
    if not all(bool(rows.sum().isfinite() or rows.isfinite().all()) for rows in flat):  # the sum is a tenth of the work
        raise NoFigure("some samples are not finite")
    return flat
