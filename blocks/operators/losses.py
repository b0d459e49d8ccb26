"""Distances and cross-entropies between two batched values: one number a sample, "b *event", "b *event" -> "b".

Errors and likelihoods sum over the event, `mse` and `l1` average: the difference decides beta.
"""

import torch
from torch import Tensor
from torch.nn import functional

from blocks.events import mean_event, sum_event
from blocks.operators.rules import rule
from blocks.registry import operator

__all__ = ["bce", "bce_with_logits", "cross_entropy", "l1", "mse", "squared_error"]


@operator("squared_error")
@rule(align=True, scalar=True)
def squared_error(a: Tensor, b: Tensor) -> Tensor:  # b *event, b *event -> b
    """sum_i (a_i - b_i)^2."""
    return sum_event((a - b).square())


@operator("mse")
@rule(align=True, scalar=True)
def mse(a: Tensor, b: Tensor) -> Tensor:  # b *event, b *event -> b
    """sum_i (a_i - b_i)^2 / n."""
    return mean_event((a - b).square())


@operator("l1")
@rule(align=True, scalar=True)
def l1(a: Tensor, b: Tensor) -> Tensor:  # b *event, b *event -> b
    """sum_i |a_i - b_i| / n."""
    return mean_event((a - b).abs())


@operator("bce")
@rule(align=True, scalar=True)
def bce(p: Tensor, x: Tensor | float) -> Tensor:  # b *event, b *event -> b
    """-sum_i x_i log p_i + (1 - x_i) log(1 - p_i), for probabilities p; logarithms are cut at -100, as in PyTorch."""
    return sum_event(functional.binary_cross_entropy(p, _like(x, p), reduction="none"))


@operator("bce_with_logits")
@rule(align=True, scalar=True)
def bce_with_logits(logits: Tensor, x: Tensor | float) -> Tensor:  # b *event, b *event -> b
    """sum_i log(1 + exp l_i) - x_i l_i: `bce` of sigmoid(logits), without overflow."""
    return sum_event(functional.binary_cross_entropy_with_logits(logits, _like(x, logits), reduction="none"))


@operator("cross_entropy")
@rule(gradient=(True, False), scalar=True)
def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:  # b classes, b (int64) -> b
    """log sum_j exp l_j - l_y: minus the log probability of class y."""
    return functional.cross_entropy(logits, y, reduction="none")


def _like(x: Tensor | float, p: Tensor) -> Tensor:
    """A label that is one plain number, such as the 1 of a critic's loss, for every entry of p."""
    return x if isinstance(x, Tensor) else torch.full_like(p, x)
