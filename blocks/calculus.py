"""Derivatives inside a program."""

import torch
from torch import Tensor

__all__ = ["alias", "gradient"]


def gradient(f: Tensor, v: Tensor, *, create_graph: bool = False) -> Tensor:  # "b", "b *event" -> "b *event"
    """The gradient of f's sum with respect to v.   `create_graph`: the result can be differentiated again."""
    (result,) = torch.autograd.grad(f.sum(), v, create_graph=create_graph, retain_graph=True)
    return result


def alias(v: Tensor) -> Tensor:  # b *event -> b *event
    """The same value as a variable of its own, to differentiate by: what was made of `v` before does not count."""
    return v.view_as(v)
