"""The operators behind + - * / // ** and the comparisons: values and numbers, elementwise, after alignment.

Two numbers give a number. Shapes: "b *event" each (a constant broadcasts from the right) -> "b *event".
"""

import torch
from torch import Tensor

from blocks.operators.rules import rule
from blocks.registry import operator

__all__ = [
    "add", "divide", "equal", "floor_divide", "greater", "greater_equal", "less", "less_equal", "maximum", "minimum",
    "multiply", "negative", "power", "subtract", "where",
]  # fmt: skip

Value = Tensor | float


@operator("add")
@rule(align=True)
def add(a: Tensor | float, b: Tensor | float) -> Tensor | float:
    """a + b."""
    return a + b


@operator("subtract")
@rule(align=True)
def subtract(a: Tensor | float, b: Tensor | float) -> Tensor | float:
    """a - b."""
    return a - b


@operator("multiply")
@rule(align=True)
def multiply(a: Tensor | float, b: Tensor | float) -> Tensor | float:
    """a * b, entry by entry."""
    return a * b


@operator("divide")
@rule(align=True)
def divide(a: Tensor | float, b: Tensor | float) -> Tensor | float:
    """a / b, entry by entry."""
    return a / b


@operator("floor_divide")
@rule(align=True, gradient=(False,))
def floor_divide(a: Tensor | float, b: Tensor | float) -> Tensor | float:
    """floor(a / b), rounded towards minus infinity; no gradient."""
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return torch.div(*_both(a, b), rounding_mode="floor")  # Tensor's own // has no derivative, not even zero
    return a // b


@operator("power")
@rule(align=True)
def power(a: Tensor | float, b: Tensor | float) -> Tensor | float:
    """a ** b, entry by entry."""
    return a**b


@operator("negative")
@rule()
def negative(v: Tensor | float) -> Tensor | float:
    """-v."""
    return -v


@operator("minimum")
@rule(align=True)
def minimum(a: Tensor | float, b: Tensor | float) -> Tensor | float:
    """The smaller of a and b, entry by entry; the gradient goes to it (half to each where they tie)."""
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return torch.minimum(*_both(a, b))
    return min(a, b)


@operator("maximum")
@rule(align=True)
def maximum(a: Tensor | float, b: Tensor | float) -> Tensor | float:
    """The larger of a and b, entry by entry; the gradient goes to it (half to each where they tie)."""
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return torch.maximum(*_both(a, b))
    return max(a, b)


@operator("less")
@rule(align=True, gradient=(False,))
def less(a: Tensor | float, b: Tensor | float) -> Tensor | bool:
    """a < b, as truth values."""
    return a < b


@operator("less_equal")
@rule(align=True, gradient=(False,))
def less_equal(a: Tensor | float, b: Tensor | float) -> Tensor | bool:
    """a <= b, as truth values."""
    return a <= b


@operator("greater")
@rule(align=True, gradient=(False,))
def greater(a: Tensor | float, b: Tensor | float) -> Tensor | bool:
    """a > b, as truth values."""
    return a > b


@operator("greater_equal")
@rule(align=True, gradient=(False,))
def greater_equal(a: Tensor | float, b: Tensor | float) -> Tensor | bool:
    """a >= b, as truth values."""
    return a >= b


@operator("equal")
@rule(align=True, gradient=(False,))
def equal(a: Tensor | float, b: Tensor | float) -> Tensor | bool:
    """a == b, as truth values (torch.equal is another thing: one truth value in all)."""
    return a == b


@operator("where")
@rule(align=True, gradient=(False, True))
def where(c: Tensor | bool, a: Tensor | float, b: Tensor | float) -> Tensor | float:
    """a where c holds, else b; the gradient goes to the one that is taken.   c: "b *event", "b", or one truth value.

    A number that is taken has the shape of the tensor that is not.
    """
    if isinstance(c, Tensor):
        return torch.where(c, a, b)
    taken, left = (a, b) if c else (b, a)
    if isinstance(left, Tensor) and not isinstance(taken, Tensor):
        return torch.full_like(left, taken, dtype=torch.result_type(left, taken))
    return taken


def _both(a: Value, b: Value) -> tuple[Tensor, Tensor]:
    """The two as tensors, where one is one already; a number becomes a tensor without axes, which any device takes."""
    if not isinstance(a, Tensor):
        a = torch.tensor(a, dtype=torch.result_type(b, a))
    if not isinstance(b, Tensor):
        b = torch.tensor(b, dtype=torch.result_type(a, b))
    return a, b
