"""Log-likelihoods in nats: of samples under the data's exact density, and the importance-weighted bound."""

import math
from typing import Annotated

import torch
from torch import Tensor

from runners.datasets.source import Density, Source
from runners.metrics.measure import HIGHER, Estimate, metric

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
def iwae(log_weights: Annotated[Tensor, "b k"]) -> Annotated[Estimate, HIGHER]:
    """The importance-weighted bound E_b[log 1/k sum_j exp(log_weights[b, j])] in nats, and its standard error.

    Shape "b k": k draws z of q(z | x) for each of b data, log_weights = log p(x, z) - log q(z | x). Below the mean
    log-likelihood in expectation, closer with every draw; k = 1 is the evidence lower bound.
    Raises ValueError for another shape.   Source: Burda et al. 2016, eq. 8.
    """
    if log_weights.ndim != 2 or log_weights.numel() == 0:
        raise ValueError(f"log-weights have the shape (data, draws), not {tuple(log_weights.shape)}")
    return mean_estimate(torch.logsumexp(log_weights.detach().double(), dim=1) - math.log(log_weights.shape[1]))


def mean_estimate(values: Tensor) -> Estimate:  # b
    """The mean of independent values and its standard error (None for a single one), in float64."""
    values = values.double()
    error = float(values.std() / math.sqrt(len(values))) if len(values) > 1 else None
    return Estimate(float(values.mean()), error)
