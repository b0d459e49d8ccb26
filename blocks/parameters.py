"""Lone parameters: numbers to learn that belong to no network."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from blocks.nets import check_widths
from blocks.registry import block

__all__ = ["Parameter"]


@block("parameter")
class Parameter(nn.Module):
    """A number to learn, or with `size` a vector; the block's name is its value.

    Shapes: -> "" or "size": a constant, the same for all samples.   Raises ValueError for a size below 1.
    """

    role: ClassVar[str] = "parameter"
    like: ClassVar[str | None] = None
    returns: ClassVar[str] = "tensor"

    def __init__(self, *, init: float = 0.0, size: int | None = None) -> None:
        super().__init__()
        if size is not None:
            check_widths("size", [size])
        self.value = nn.Parameter(torch.full(() if size is None else (size,), float(init)))

    def forward(self) -> Tensor:  # -> "" or size
        """The value."""
        return self.value
