"""Memories: state without gradient that outlives a step   (persistent chains: Du and Mordatch 2019; thesis 4.2.3)."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from blocks.events import align
from blocks.registry import block
from blocks.types import Takes

__all__ = ["Replay"]


@block("memory.replay")
class Replay(nn.Module):
    """The last `size` rows that were written, first in, first out.   Its whole state is in its buffers.

    Shapes: rows "b *event", with the event that it takes. A row is stored without its gradient, in the memory's dtype.
    Raises ValueError for a size below 1, or rows that are not tensors.
    """

    role: ClassVar[str] = "memory"
    largest: ClassVar[dict[str, int]] = {"size": 100_000_000}
    returns: ClassVar[str] = "tensor"
    slots: ClassVar[dict[str, tuple[int | None, ...]]] = {"read": (None, None, 0)}  # which argument sizes `takes`
    storage: Tensor
    count: Tensor
    position: Tensor

    def __init__(self, takes: Takes, *, size: int = 10000) -> None:
        super().__init__()
        event = takes[0]
        if not isinstance(event, tuple):
            raise ValueError("a memory stores rows of a tensor: it cannot take a time step or a class")
        if size < 1:
            raise ValueError(f"`size` cannot be {size}: a memory holds 1 row or more")
        self.size = size
        self.register_buffer("storage", torch.zeros(size, *event))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))  # rows that hold something
        self.register_buffer("position", torch.zeros((), dtype=torch.int64))  # where the next row goes

    @torch.no_grad()
    def read(self, coin: Tensor, pick: Tensor, fresh: Tensor, *, probability: float | Tensor) -> Tensor:
        """Row by row: a stored one where `coin < probability`, else the fresh one; all fresh until a batch is stored.

        Shapes: coin, pick "b", uniform on [0, 1); fresh, result "b *event". The stored row is number
        floor(pick * count); rows are drawn with replacement.
        """
        row = torch.minimum((pick * self.count).long(), self.count - 1).clamp(min=0)
        replayed = (coin < probability) & (self.count > 0)
        return torch.where(align(replayed, fresh), self.storage[row].to(fresh.dtype), fresh)

    @torch.no_grad()
    def write(self, rows: Tensor) -> None:  # b *event
        """Store the rows over the oldest ones; of more than `size` rows the last `size` are kept."""
        rows = rows[-self.size :].to(self.storage.dtype)
        places = (self.position + torch.arange(len(rows), device=rows.device)) % self.size
        self.storage.index_copy_(0, places, rows)
        self.position.copy_((self.position + len(rows)) % self.size)
        self.count.copy_((self.count + len(rows)).clamp(max=self.size))
