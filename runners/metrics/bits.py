"""Likelihoods in bits per dimension: what a code of the model would spend on each number of the data."""

import math
from typing import Annotated

from torch import Tensor

from runners.metrics.likelihood import mean_estimate
from runners.metrics.measure import LOWER, Estimate, NoFigure, metric

__all__ = ["bits_per_dimension"]


@metric("bits_per_dimension")
def bits_per_dimension(
    log_prob: Annotated[Tensor, "n"],
    values: Annotated[Tensor, "n *event"],
    *,
    bins: int = 256,
    low: float = 0.0,
    high: float = 1.0,
) -> Annotated[Estimate, LOWER]:
    """-log_prob / (d log 2) + log2(bins / (high - low)), the mean, and its standard error.

    `log_prob` in nats, shape "n": the log-density at `values`, shape "n *event" of d numbers, which lie in low .. high
    and stand for `bins` levels (images of 8 bits in 0 .. 1: as they are). A density needs dequantised values; of the
    probability of whole levels, `bins=1`. Range 0 .. infinity for levels, lower is better; log2(bins) for a uniform
    density, and 1 bit less for each half of the volume. A bound gives a bound.
    Raises ValueError for shapes that do not fit, an empty range, or values outside of it.
    Source: Theis et al. 2016, section 3.1.
    """
    if log_prob.ndim != 1 or len(log_prob) != len(values) or not values.numel():
        raise ValueError(f"one log-density for each value is needed, not {[*log_prob.shape]} for {[*values.shape]}")
    if bins < 1 or not low < high:
        raise ValueError(f"{bins} bins from {low:g} to {high:g}: at least 1 is needed, and `low` below `high`")
    if not bool(log_prob.isfinite().all()):
        raise NoFigure("some log-densities are not finite")
    found = float(values.min()), float(values.max())
    if not low <= found[0] <= found[1] <= high:
        raise ValueError(
            f"the values run from {found[0]:g} to {found[1]:g}, and the bins from {low:g} to {high:g}: write the range "
            f"of the data as `low=` and `high=`"
        )
    dimensions = values[0].numel()
    return mean_estimate(-log_prob.detach().double() / (dimensions * math.log(2)) + math.log2(bins / (high - low)))
