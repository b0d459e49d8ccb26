"""One of several values or normals by chance, and the density of that:  log sum_k w_k p_k / sum_k w_k."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from blocks.distributions import HALF_LOG_TWO_PI, Normal
from blocks.events import align
from blocks.operators.rules import rule

__all__ = ["chosen", "draw_of_rows", "first_row", "log_mean_of_rows", "log_mixture"]


@rule(align=True, gradient=(False, False, True))
def chosen(choice: Tensor, weights: Sequence[Tensor | float], *values: Tensor) -> Tensor:  # b, k, b *event -> b *event
    """values[k] where the choice, uniform on [0, 1), lies in share k of [0, 1).   The weights get no gradient."""
    shares = _stacked(weights, choice)
    above = (shares / shares.sum()).cumsum(0)
    index = (choice.reshape(-1, 1) >= above[:-1]).sum(1)
    taken = values[0]
    for number, value in enumerate(values[1:], 1):
        taken = torch.where(align(index == number, value), value, taken)
    return taken


@rule()
def log_mixture(weights: Sequence[Tensor | float], *log_probs: Tensor) -> Tensor:  # k, b .. -> b
    """log sum_k w_k exp(log_probs[k]) / sum_k w_k."""
    shares = _stacked(weights, log_probs[0])
    return (torch.stack(log_probs, -1) + (shares / shares.sum()).log()).logsumexp(-1)


def _stacked(weights: Sequence[Tensor | float], like: Tensor) -> Tensor:  # -> k
    return torch.stack([torch.as_tensor(weight, dtype=like.dtype, device=like.device) for weight in weights])


@rule()
def first_row(law: Normal) -> Tensor:  # Normal of k *event -> *event
    """The mean of the first row: a value of the event that the rows have."""
    return law.mean[0]


@rule(gradient=(True, False, True))
def draw_of_rows(
    law: Normal, choice: Tensor, component: Tensor
) -> Tensor:  # Normal of k *event, b, b *event -> b *event
    """mean_k + std_k component, k = floor(K choice): a draw of the average of the rows' normals."""
    index = (choice * len(law.mean)).long().clamp(max=len(law.mean) - 1)
    std = law.std[index] if isinstance(law.std, Tensor) else law.std
    return law.mean[index] + std * component


@rule()
def log_mean_of_rows(law: Normal, value: Tensor) -> Tensor:  # Normal of k *event, b *event -> b
    """log 1/K sum_k N(value; mean_k, std_k)."""
    std = law.std if isinstance(law.std, Tensor) else torch.full_like(law.mean, law.std)
    mean, away = law.mean.flatten(1), value.flatten(1)[:, None]
    standard = (away - mean) / std.flatten(1)
    log_probs = -0.5 * standard.square().sum(2) - std.flatten(1).log().sum(1) - mean.shape[1] * HALF_LOG_TWO_PI
    return log_probs.logsumexp(1) - math.log(len(mean))
