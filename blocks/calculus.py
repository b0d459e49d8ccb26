"""Derivatives inside a program."""

import torch
from torch import Tensor

from blocks.distributions import Bernoulli, Normal, Uniform
from blocks.operators.rules import rule

__all__ = ["alias", "constant", "gradient"]


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


@rule(gradient=(False,))
def constant(distribution: Normal | Bernoulli | Uniform) -> Normal | Bernoulli | Uniform:
    """The same distribution, whose parameters carry no gradient."""
    kept = {name: getattr(distribution, name) for name in distribution.__slots__}
    return type(distribution)(**{name: v.detach() if isinstance(v, Tensor) else v for name, v in kept.items()})
