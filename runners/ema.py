"""Averages of weights:  a <- decay * a + (1 - decay) * w  after each step, a = w after the first."""

import torch
from torch import nn

from runners.holding import Holding

__all__ = ["Average"]


class Average:
    """The exponential moving average of one block, kept in a module of the same structure.

    Parameters are averaged, all in one fused call; buffers (statistics, counters) are copied. What is averaged is what
    `weights` says is held of them.
    Source: Polyak & Juditsky 1992; in this form Tarvainen & Valpola 2017.
    """

    def __init__(self, block: nn.Module, average: nn.Module, weights: Holding | None = None) -> None:
        average.requires_grad_(False)
        self._weights, self._averaged = weights or Holding(), [p.detach() for p in average.parameters()]
        self._raw = [self._weights.held(p.detach()) for p in block.parameters()]
        self._mean = [self._weights.held(p) for p in self._averaged]
        self._raw_buffers, self._buffers = list(block.buffers()), list(average.buffers())

    @torch.no_grad()
    def start(self) -> None:
        """Make the average a copy of the block."""
        for mean, raw in zip(self._mean + self._buffers, self._raw + self._raw_buffers, strict=True):
            mean.copy_(raw)
        self._weights.changed(self._averaged)

    @torch.no_grad()
    def update(self, decay: float) -> None:
        """Move the average towards the block by `1 - decay`."""
        torch._foreach_lerp_(self._mean, self._raw, 1.0 - decay)
        if self._buffers:
            torch._foreach_copy_(self._buffers, self._raw_buffers)
        self._weights.changed(self._averaged)
