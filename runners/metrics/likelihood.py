"""Log-likelihoods in nats: of samples under the data's exact density, and the importance-weighted bound."""

import math
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from runners.datasets.options import check_positive
from runners.datasets.source import Density, Source
from runners.metrics.measure import HIGHER, Estimate, NoFigure, Redrawn, metric

__all__ = ["iwae", "mean_estimate", "mean_log_prob", "needs_density"]


def needs_density(source: Source) -> Density:
    """The exact log-density of the data.   Raises ValueError for data without one."""
    if source.log_prob is None:
        raise ValueError(f"this data has no exact density ({source.log_prob_note or 'its law is not known'})")
    return source.log_prob


@metric("mean_log_prob")
def mean_log_prob(samples: Tensor, source: Annotated[Source, needs_density]) -> Estimate:
    """The mean log-density of samples under the law of the data, in nats, and its standard error.

    Range -infinity .. infinity; samples of the truth give minus its entropy, and more means a loss of variety, not
    quality. Raises ValueError for data without an exact density.
    """
    return mean_estimate(needs_density(source)(samples.detach().double()))


@metric("iwae")
def iwae(log_weights: Annotated[Redrawn, "b [k]"], *, draws: int = 1) -> Annotated[Estimate, HIGHER]:
    """The importance-weighted bound E_b[log 1/K sum_j exp(log_weights[b, j])] in nats, and its standard error.

    log_weights = log p(x, z) - log q(z | x) with z ~ q(z | x), for each of b data: "b", one weight a draw, or "b k",
    k of them. They are drawn `draws` times, K = draws k in all, and summed as they come, in float64: memory is that of
    one draw. Range -infinity .. infinity: below the mean log-likelihood in expectation, closer with every draw; K = 1
    is the evidence lower bound, and higher is better at equal K.
    Raises ValueError for another shape, and for weights that are nan or infinity.   Source: Burda et al. 2016, eq. 8.
    """
    check_positive(draws=draws)
    total, count = _log_sum(log_weights.draw(0))
    for number in range(1, draws):
        more, weights = _log_sum(log_weights.draw(number))
        total, count = torch.logaddexp(total, more), count + weights
    return mean_estimate(total - math.log(count))


class LogSum(NamedTuple):
    """log of a sum of weights of each datum, "b" float64, and how many were added."""

    value: Tensor
    weights: int


def _log_sum(log_weights: Tensor) -> LogSum:  # b or b k
    if log_weights.ndim not in (1, 2) or log_weights.numel() == 0:
        raise ValueError(f"log-weights have the shape (data) or (data, draws), not {tuple(log_weights.shape)}")
    given = log_weights.detach().double()
    if bool((given.isnan() | (given == math.inf)).any()):
        raise NoFigure("some log-weights are nan or infinity")
    columns = given if given.ndim == 2 else given[:, None]
    return LogSum(torch.logsumexp(columns, dim=1), columns.shape[1])


def mean_estimate(values: Tensor) -> Estimate:  # b
    """The mean of independent values and its standard error (None for a single one), in float64."""
    values = values.double()
    error = float(values.std() / math.sqrt(len(values))) if len(values) > 1 else None
    return Estimate(float(values.mean()), error)
