"""Codebooks: vectors to the nearest of K codes   (van den Oord et al. 2017, VQ-VAE).

    codebook(z)    = e_k, k = argmin_j |z - e_j|      along the channels of a map "b c h w", or of a vector "b c"
    write: z         n_k <- g n_k + (1 - g) |Z_k|,  m_k <- g m_k + (1 - g) sum Z_k,  e_k = m_k / n_k   (appendix A.1)

Straight-through and commitment are written in the spec: `z + sg(codebook(z) - z)`, `squared_error(codebook(z), z)`.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from blocks.nets import check_widths
from blocks.registry import block
from blocks.types import Size, Takes, elements

__all__ = ["Codebook"]

SMOOTHING = 1e-5  # of the counts, so that no code is divided by 0: the authors' released code


@block("memory.codebook")
class Codebook(nn.Module):
    """`codes` vectors that follow what is written to them: `write: {codebook: z}` moves them after each step.

    `codebook(z)` is the nearest code of each vector, without a gradient; `codebook.level(z)` its number k / (K - 1), as
    `output: categorical` with K `levels` has it, and `codebook.code(level)` the code of such a number. The first write
    sets the codes to vectors of its batch. A code whose average count falls below `revive` moves to the vector that is
    farthest from its own code (Williams et al. 2020); 0 lets it rest.
    Shapes: z "b c h w" or "b c"; level "b h w" or "b".
    Raises ValueError for fewer than 2 codes, or an event that is neither a map nor a vector.
    """

    role: ClassVar[str] = "memory"
    returns: ClassVar[str] = "tensor"
    levels_option: ClassVar[str] = "codes"
    largest: ClassVar[dict[str, int]] = {"codes": 1_000_000}
    methods: ClassVar[dict[str, str]] = {"level": "tensor", "code": "tensor"}
    slots: ClassVar[dict[str, tuple[int | None, ...]]] = {"code": (None,)}
    codes: Tensor
    counts: Tensor
    sums: Tensor
    started: Tensor

    def __init__(self, takes: Takes, *, codes: int = 512, decay: float = 0.99, revive: float = 0.01) -> None:
        super().__init__()
        event = takes[0]
        if not isinstance(event, tuple) or len(event) not in (1, 3):
            raise ValueError(f"a codebook takes maps (channels, height, width) or vectors, not {event}")
        check_widths("codes", [codes])
        if codes < 2:
            raise ValueError("`codes` cannot be 1: one code says nothing, write 2 or more")
        if not 0 <= decay < 1 or revive < 0:
            raise ValueError(f"`decay: {decay}` must be from 0 to below 1, and `revive: {revive}` 0 or larger")
        self.decay, self.revive, self.event = decay, revive, event
        self.register_buffer("codes", torch.randn(codes, event[0]) / event[0] ** 0.5)
        self.register_buffer("counts", torch.ones(codes))
        self.register_buffer("sums", self.codes.clone())
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    @classmethod
    def least_rows(cls, event: Size, *, codes: int = 512, decay: float = 0.99, revive: float = 0.01) -> tuple[int, str]:
        """The fewest values whose vectors are as many as the codes, and what asks for them."""
        return -(-codes // elements(event[1:])), f"`codes: {codes}`"

    @torch.no_grad()
    def forward(self, z: Tensor) -> Tensor:  # b c .. -> b c ..
        """The nearest codes."""
        return self._places(self.codes[self._nearest(self._vectors(z))], z)

    @torch.no_grad()
    def level(self, z: Tensor) -> Tensor:  # b c .. -> b ..
        """The nearest codes' numbers, k / (K - 1): on the grid of a categorical over K levels in [0, 1]."""
        index = self._nearest(self._vectors(z))
        return (index.to(z.dtype) / (len(self.codes) - 1)).reshape(z.shape[0], *z.shape[2:])

    @torch.no_grad()
    def code(self, level: Tensor) -> Tensor:  # b .. -> b c ..
        """The codes of these numbers."""
        index = (level * (len(self.codes) - 1)).round().clamp(0, len(self.codes) - 1).long()
        return self.codes[index].movedim(-1, 1)

    @torch.no_grad()
    def write(self, z: Tensor) -> None:  # b c ..
        """Move the codes towards the vectors that they are nearest to."""
        vectors = self._vectors(z).to(self.codes.dtype)
        first = ~self.started
        spread = torch.linspace(0, len(vectors) - 1, len(self.codes), device=z.device).long()
        self.codes.copy_(torch.where(first, vectors[spread], self.codes))
        self.sums.copy_(torch.where(first, self.codes, self.sums))
        self.started.fill_(True)
        index = self._nearest(vectors)
        held = torch.zeros_like(self.counts).index_add_(0, index, torch.ones_like(vectors[:, 0]))
        self.counts.lerp_(held, 1 - self.decay)
        self.sums.lerp_(torch.zeros_like(self.sums).index_add_(0, index, vectors), 1 - self.decay)
        whole = self.counts.sum()
        smooth = (self.counts + SMOOTHING) / (whole + len(self.codes) * SMOOTHING) * whole
        self.codes.copy_(self.sums / smooth[:, None])
        if self.revive > 0:
            self._revive(vectors, index)

    def _revive(self, vectors: Tensor, index: Tensor) -> None:
        """Codes that nothing is near to move to the vectors that are worst coded, one each."""
        dead = self.counts < self.revive
        far = (vectors - self.codes[index]).square().sum(1).argsort(descending=True)
        rank = (dead.cumsum(0) - 1).clamp(0, len(far) - 1)  # the number of each dead code among the dead
        moved = vectors[far[rank]]
        self.codes.copy_(torch.where(dead[:, None], moved, self.codes))
        self.sums.copy_(torch.where(dead[:, None], moved, self.sums))
        self.counts.copy_(torch.where(dead, torch.ones_like(self.counts), self.counts))

    def _nearest(self, vectors: Tensor) -> Tensor:  # n c -> n, int64
        codes = self.codes.to(vectors.dtype)
        return (codes.square().sum(1) - 2 * vectors @ codes.T).argmin(1)

    def _vectors(self, z: Tensor) -> Tensor:  # b c .. -> n c
        return z.movedim(1, -1).reshape(-1, z.shape[1])

    def _places(self, vectors: Tensor, like: Tensor) -> Tensor:  # n c -> b c ..
        return vectors.to(like.dtype).reshape(like.shape[0], *like.shape[2:], like.shape[1]).movedim(-1, 1)
