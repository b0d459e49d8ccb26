"""Functions of every entry on its own: "b *event" -> "b *event".   A number gives a number."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from blocks.operators.rules import rule
from blocks.registry import operator

__all__ = [
    "absolute",
    "clamp",
    "cos",
    "exp",
    "log",
    "relu",
    "round_off",
    "sigmoid",
    "sin",
    "softplus",
    "sqrt",
    "square",
    "tanh",
]


@operator("exp")
@rule()
def exp(v: Tensor | float) -> Tensor | float:
    """e^v."""
    return _apply(torch.exp, v)


@operator("log")
@rule()
def log(v: Tensor | float) -> Tensor | float:
    """The natural logarithm of v."""
    return _apply(torch.log, v)


@operator("sqrt")
@rule()
def sqrt(v: Tensor | float) -> Tensor | float:
    """The square root of v; its gradient at 0 is infinite."""
    return _apply(torch.sqrt, v)


@operator("abs")
@rule()
def absolute(v: Tensor | float) -> Tensor | float:
    """|v|; the gradient at 0 is 0."""
    return _apply(torch.abs, v)


@operator("tanh")
@rule()
def tanh(v: Tensor | float) -> Tensor | float:
    """(e^v - e^-v) / (e^v + e^-v)."""
    return _apply(torch.tanh, v)


@operator("sigmoid")
@rule()
def sigmoid(v: Tensor | float) -> Tensor | float:
    """1 / (1 + e^-v)."""
    return _apply(torch.sigmoid, v)


@operator("softplus")
@rule()
def softplus(v: Tensor | float) -> Tensor | float:
    """log(1 + e^v); v itself above 20."""
    return _apply(functional.softplus, v)


@operator("relu")
@rule()
def relu(v: Tensor | float) -> Tensor | float:
    """max(v, 0); the gradient at 0 is 0."""
    return _apply(functional.relu, v)


@operator("sin")
@rule()
def sin(v: Tensor | float) -> Tensor | float:
    """The sine of v, in radians."""
    return _apply(torch.sin, v)


@operator("cos")
@rule()
def cos(v: Tensor | float) -> Tensor | float:
    """The cosine of v, in radians."""
    return _apply(torch.cos, v)


@operator("square")
@rule()
def square(v: Tensor | float) -> Tensor | float:
    """v^2."""
    return _apply(torch.square, v)


@operator("clamp")
@rule()
def clamp(v: Tensor | float, *, low: float | None = None, high: float | None = None) -> Tensor | float:
    """v bounded by `low` and `high`; no gradient where a bound holds it.   Raises ValueError without any bound."""
    if low is None and high is None:
        raise ValueError("`clamp` bounds a value: write `low=`, `high=` or both")
    return _apply(lambda tensor: tensor.clamp(low, high), v)


@operator("round")
@rule(gradient=(False,))
def round_off(v: Tensor | float) -> Tensor | float:
    """v to the nearest whole number, halves to the even one; no gradient."""
    return _apply(torch.round, v)


def _apply(function: Callable[[Tensor], Tensor], v: Tensor | float) -> Tensor | float:
    """function(v); a plain number goes through float64 and comes back as one."""
    if isinstance(v, Tensor):
        return function(v)
    return function(torch.tensor(float(v), dtype=torch.float64)).item()
