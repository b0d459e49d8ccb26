"""The standard laws of noise leaves, and their densities up to what a chain in noise space needs."""

import torch
from torch import Tensor

from blocks.events import sum_event
from blocks.operators.rules import rule

__all__ = ["standard_normal_potential", "standard_uniform_log_prob"]


@rule(scalar=True)
def standard_normal_potential(noise: Tensor) -> Tensor:  # b *event -> b
    """|noise|^2 / 2: minus the log-density of a standard normal, without its constant (thesis eq. 4.19)."""
    return 0.5 * sum_event(noise.square())


@rule(scalar=True)
def standard_uniform_log_prob(value: Tensor) -> Tensor:  # b *event -> b
    """0 where every entry is in [0, 1], else minus infinity."""
    inside = ((value >= 0) & (value <= 1)).flatten(1).all(1) if value.ndim > 1 else (value >= 0) & (value <= 1)
    return torch.where(inside, 0.0, -torch.inf).to(value.dtype)
