"""Derivatives inside a program."""

from typing import TypeVar

import torch
from torch import Tensor

from blocks.distributions import Bernoulli, Normal, Uniform
from blocks.mapping import mapped
from blocks.operators.rules import rule

Value = TypeVar("Value", Tensor, Normal, Bernoulli, Uniform)

__all__ = ["alias", "as_row", "constant", "gradient"]


def gradient(f: Tensor, v: Tensor, *, create_graph: bool = False) -> Tensor:  # "b", "b *event" -> "b *event"
    """The gradient of f's sum with respect to v, zero where f does not depend on it.

    `create_graph`: the result can be differentiated again.
    """
    if not f.requires_grad:
        return torch.zeros_like(v)
    (result,) = torch.autograd.grad(
        f, v, torch.ones_like(f), create_graph=create_graph, retain_graph=True, materialize_grads=True
    )
    return result


def alias(v: Tensor) -> Tensor:  # b *event -> b *event
    """The same value as a variable of its own, to differentiate by: what was made of `v` before does not count."""
    return v.view_as(v)


def as_row(v: Value) -> Value:  # *event -> 1 *event
    """A constant, or the distribution of one, as a batch of one row."""
    if isinstance(v, Tensor):
        return v.unsqueeze(0)
    return mapped(v, as_row)


@rule(gradient=(False,))
def constant(distribution: Normal | Bernoulli | Uniform) -> Normal | Bernoulli | Uniform:
    """The same distribution, whose parameters carry no gradient."""
    return mapped(distribution, Tensor.detach)
