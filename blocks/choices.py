"""One of several values by chance, and the density of that:  log sum_k w_k p_k / sum_k w_k."""

from collections.abc import Sequence

import torch
from torch import Tensor

from blocks.events import align
from blocks.operators.rules import rule

__all__ = ["chosen", "log_mixture"]


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
