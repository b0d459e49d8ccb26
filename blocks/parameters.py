"""Lone parameters: numbers to learn that belong to no network."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from blocks.nets import check_widths
from blocks.registry import block
from blocks.types import Classes, Size, Takes

__all__ = ["Parameter", "ParameterRows", "ParameterTable"]


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


@block("parameter.rows")
class ParameterRows(nn.Module):
    """Rows to learn, each of the shape of the data (or of `like`); the block's name is their value.

    They start at `mean` plus `std` times normal noise: pseudo-inputs of a VampPrior (Tomczak and Welling 2018).
    Shapes: -> "rows *event": a constant, the same for all samples.   Raises ValueError for fewer rows than 1.
    """

    role: ClassVar[str] = "parameter"
    like: ClassVar[str | None] = "data"
    returns: ClassVar[str] = "tensor"

    def __init__(self, makes: Size, *, rows: int, mean: float = 0.0, std: float = 1.0) -> None:
        super().__init__()
        check_widths("rows", [rows])
        self.value = nn.Parameter(mean + std * torch.randn(rows, *makes))

    def forward(self) -> Tensor:  # -> rows *event
        """The rows."""
        return self.value


@block("parameter.table")
class ParameterTable(nn.Module):
    """One code of `latent` numbers to learn for each datum: `codes(index)`, by the rows' numbers in the data.

    They start as normal noise of standard deviation `std`. A step moves the codes of its batch only, under an optimizer
    without momentum; Adam's moments move those of other batches on.
    Shapes: index "b", whole numbers -> "b latent".   Raises ValueError for anything but one index of known count.
    Source: Bojanowski et al. 2018 (GLO); Hoshen et al. 2019 (GLANN).
    """

    role: ClassVar[str] = "parameter_table"
    like: ClassVar[str | None] = None
    returns: ClassVar[str] = "tensor"

    def __init__(self, takes: Takes, *, latent: int, std: float = 0.1) -> None:
        super().__init__()
        if len(takes) != 1 or not isinstance(takes[0], Classes):
            raise ValueError("a table has a row for each number of an index: call it on `index`, the rows' numbers")
        check_widths("latent", [latent])
        self.rows = nn.Parameter(std * torch.randn(takes[0].count, latent))

    def forward(self, index: Tensor) -> Tensor:  # b -> b latent
        """The rows of these numbers."""
        return self.rows[index]
