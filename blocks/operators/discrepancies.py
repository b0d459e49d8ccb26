"""Two sets of samples, for losses: distances, one number a row, whose mean over the batch is that of the sets.

mmd_penalty   mean_{j != i} k(a_i, a_j) + mean_{j != i} k(b_i, b_j) - 2 mean_j k(a_i, b_j)
"""

import torch
from torch import Tensor

from blocks.operators.rows import every_row, own_rows
from blocks.operators.rules import rule
from blocks.registry import operator

__all__ = ["mmd_penalty"]

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # Tolstikhin et al. 2018, their released code


@operator("mmd_penalty")
@rule(scalar=True)
def mmd_penalty(a: Tensor, b: Tensor) -> Tensor:  # b *event, b *event -> b
    """The unbiased squared maximum mean discrepancy of the rows of `a` and of `b`, row by row: its mean is that of all.

    k(u, v) = sum_s C_s / (C_s + |u - v|^2), C_s = 2 s d for events of d entries and s = 0.1, 0.2, 0.5, 1, 2, 5, 10,
    made for a standard normal prior. It may be below 0. A batch of one row has no discrepancy: nan.
    Source: Tolstikhin et al. 2018 (WAE-MMD), algorithm 2; Gretton et al. 2012, eq. 3.
    """
    every_a, every_b = every_row(a.flatten(1)), every_row(b.flatten(1))
    own_a, own_b = own_rows(every_a, len(a)), own_rows(every_b, len(b))
    others = len(every_a) - 1
    itself = float(len(SCALES))  # k(v, v)
    within = _kernel(own_a, every_a).sum(1) + _kernel(own_b, every_b).sum(1) - 2 * itself
    return within / others - 2 * _kernel(own_a, every_b).mean(1)


def _kernel(a: Tensor, b: Tensor) -> Tensor:  # n d, m d -> n m
    distance = (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).clamp(min=0)
    scales = [2 * scale * a.shape[1] for scale in SCALES]
    return torch.stack([scale / (scale + distance) for scale in scales]).sum(0)
