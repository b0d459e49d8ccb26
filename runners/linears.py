"""Who multiplies in linear layers:  y = x W^T + b  by the BLAS that PyTorch was built with, or by oneDNN.

Which of the two is faster depends on the processor and on the sizes. Gradients of every order are products of the same
kind, and made by the same library. Results of the two differ in their last digits.
"""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["BACKENDS", "has_linear", "multiply_by"]


class _Product(torch.autograd.Function):
    """x W^T by oneDNN."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:  # noqa: ANN401  b in, out in -> b out
        ctx.save_for_backward(x, weight)
        return torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:  # noqa: ANN401
        x, weight = ctx.saved_tensors
        (gradient,) = gradients
        towards_x = _Product.apply(gradient, weight.t()) if ctx.needs_input_grad[0] else None
        towards_weight = _Product.apply(gradient.t(), x.t()) if ctx.needs_input_grad[1] else None
        return towards_x, towards_weight


class OneDNNLinear(nn.Linear):
    """A linear layer of float32 on the processor, by oneDNN.   Shapes: "*b in" -> "*b out"."""

    def forward(self, input: Tensor) -> Tensor:  # *b in -> *b out
        """x W^T + b."""
        made: Any = _Product.apply(input.reshape(-1, self.in_features), self.weight)
        made = made.view(*input.shape[:-1], self.out_features)
        return made if self.bias is None else made + self.bias

    def __deepcopy__(self, memo: dict[int, Any]) -> nn.Linear:
        """The usual layer: what is copied while a stage runs computes as it would have been copied before."""
        copied = nn.Linear.__new__(nn.Linear)
        memo[id(self)] = copied
        copied.__dict__.update(deepcopy(self.__dict__, memo))
        return copied


BACKENDS: dict[str, type[nn.Linear]] = {"blas": nn.Linear, "onednn": OneDNNLinear}
"""The usual one first."""


def has_linear(modules: Iterable[nn.Module]) -> bool:
    """Whether there is a layer to choose for, and oneDNN to choose."""
    return torch.backends.mkldnn.is_available() and any(True for _ in _linears(modules))


def multiply_by(backend: str, modules: Iterable[nn.Module]) -> None:
    """Let the linear layers in `modules` use a backend; layers of a subclass multiply as they say themselves."""
    for layer in _linears(modules):
        layer.__class__ = BACKENDS[backend]


def _linears(modules: Iterable[nn.Module]) -> Iterable[nn.Module]:
    kinds = tuple(BACKENDS.values())
    return (layer for module in modules for layer in module.modules() if type(layer) in kinds)
