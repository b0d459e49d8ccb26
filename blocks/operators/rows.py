"""Rows of the whole batch, beside each row.

nearest_row   b_k, k = argmin_j |a_i - b_j|
next_row      v_{i+1}, and for the last row the first
"""

import torch
from torch import Tensor

from blocks.operators.rules import rule
from blocks.registry import operator
from blocks.shares import SHARE, all_sum

__all__ = ["every_row", "nearest_row", "next_row", "own_rows"]


@operator("nearest_row")
@rule(align=True, gradient=(False, True))
def nearest_row(a: Tensor, b: Tensor) -> Tensor:  # b *event, b *event -> b *event
    """b_k, k = argmin_j |a_i - b_j|: of the rows of `b`, those of the whole batch, the nearest to each row of `a`.

    The gradient goes to `b`, none to `a`.   Source: Li and Malik 2018 (IMLE), algorithm 1; Hoshen et al. 2019 (GLANN).
    """
    every = every_row(b.flatten(1))
    index = torch.cdist(a.flatten(1), every).argmin(1)
    return every[index].reshape(a.shape)


@operator("next_row")
@rule()
def next_row(v: Tensor) -> Tensor:  # b *event -> b *event
    """v_{i+1}, of the rows of the whole batch, and for the last one the first: another sample beside each."""
    return own_rows(every_row(v).roll(-1, 0), len(v))


def every_row(v: Tensor) -> Tensor:  # b *event -> (b of all processes) *event
    """The rows of the whole batch, in their order, of which this process has its part."""
    share = SHARE.get()
    if share is None:
        return v
    parts = [v if rank == share.rank else torch.zeros_like(v) for rank in range(share.processes)]
    return all_sum(torch.cat(parts))


def own_rows(every: Tensor, rows: int) -> Tensor:  # (b of all processes) *event -> b *event
    """Of the rows of the whole batch, so many of this process's own."""
    share = SHARE.get()
    return every if share is None else share.own(every, rows)
