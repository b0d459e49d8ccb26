"""Reductions over the event, "b *event" -> "b" (one number a sample is an event of one entry), and over the batch."""

import math

import torch
from torch import Tensor

from blocks.events import event_axes, mean_event, sum_event
from blocks.operators.rules import rule
from blocks.registry import operator
from blocks.shares import mean_of_rows

__all__ = ["batch_mean", "event_mean", "event_sum", "logmeanexp", "logsumexp", "norm", "square_norm"]


@operator("sum")
@rule(scalar=True)
def event_sum(v: Tensor) -> Tensor:  # b *event -> b
    """sum_i v_i."""
    return sum_event(v)


@operator("mean")
@rule(scalar=True)
def event_mean(v: Tensor) -> Tensor:  # b *event -> b
    """sum_i v_i / n."""
    return mean_event(v)


@operator("logsumexp")
@rule(scalar=True)
def logsumexp(v: Tensor) -> Tensor:  # b *event -> b
    """log sum_i exp v_i, without overflow."""
    return v.logsumexp(event_axes(v)) if v.dim() > 1 else v


@operator("logmeanexp")
@rule(scalar=True)
def logmeanexp(v: Tensor) -> Tensor:  # b *event -> b
    """log (sum_i exp v_i / n): with log-weights "b k" it is IWAE's bound.   Source: Burda et al. 2016, eq. 8."""
    return logsumexp(v) - math.log(math.prod(v.shape[1:]))


@operator("square_norm")
@rule(scalar=True)
def square_norm(v: Tensor) -> Tensor:  # b *event -> b
    """sum_i v_i^2."""
    return sum_event(v.square())


@operator("norm")
@rule(scalar=True)
def norm(v: Tensor) -> Tensor:  # b *event -> b
    """sqrt sum_i v_i^2; the gradient at 0 is 0."""
    return torch.linalg.vector_norm(v, dim=event_axes(v)) if v.dim() > 1 else v.abs()


@operator("batch_mean")
@rule(rows="constant")
def batch_mean(v: Tensor) -> Tensor:  # b *event -> *event
    """The mean over the rows of the batch: a constant, that aligns with events from the right."""
    return mean_of_rows(v)
