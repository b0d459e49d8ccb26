"""How well a score tells two sources apart (an energy, a critic, a log-density): the area under the ROC curve."""

from typing import Annotated

import torch
from torch import Tensor

from runners.metrics.measure import Estimate, NoFigure, metric

__all__ = ["auroc"]


@metric("auroc")
def auroc(scores: Annotated[Tensor, "n"], others: Annotated[Tensor, "m"]) -> Estimate:
    """P(a score of the first source > one of the second) + half of P(they are equal), and its standard error.

    Range 0 .. 1: 0.5 tells nothing, 1 all, 0 all with the sign turned; shapes "n" and "m", in float64, both at least
    2. For an energy, low on the data, the data come second: `auroc(energy(noise), energy(x))`.
    Raises ValueError for another shape or fewer than two scores of either.
    Source: Hanley and McNeil 1982; the error by placements, DeLong et al. 1988.
    """
    if scores.ndim != 1 or others.ndim != 1 or min(len(scores), len(others)) < 2:
        raise ValueError(f"two sets of at least two scores are needed, not {[*scores.shape]} and {[*others.shape]}")
    first, second = scores.detach().double(), others.detach().double()
    if not bool(first.isfinite().all() and second.isfinite().all()):
        raise NoFigure("some scores are not finite")
    won, lost = _below(second, first), 1 - _below(first, second)
    variance = won.var() / len(won) + lost.var() / len(lost)
    return Estimate(float(won.mean()), float(variance.sqrt()))


def _below(scores: Tensor, at: Tensor) -> Tensor:  # m, n -> n
    """The share of `scores` below each of `at`, those equal to it counted half."""
    ordered = scores.sort().values
    left, right = (torch.searchsorted(ordered, at, right=side) for side in (False, True))
    return (left + right).double() / (2 * len(scores))
