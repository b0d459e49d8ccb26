"""Autoregressive laws over levels, by a masked transformer   (van den Oord et al. 2017; Vaswani et al. 2017).

    P(v) = prod_i P(v_i | v_1 .. v_{i-1})         i in the order of reading: rows of a map from above, left to right
    h      start, e(v_1), .., e(v_{n-1})          each + its position's row, + what the law is told
    layer  h + attend(norm h), h + mlp(norm h)    attention sees the positions up to its own

Densities are one pass, draws one a position. The last layer starts at 0: every level is alike likely at first.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from blocks.discretised import Categorical, Grid
from blocks.nets import Concatenation, check_widths
from blocks.registry import block
from blocks.types import Size, Takes, elements

__all__ = ["AutoregressivePrior", "CausalLayer"]

ROW_STD = 0.02  # of the rows for levels and positions at first: Radford et al. 2019 (GPT-2)


class CausalLayer(nn.Module):
    """h + attend(norm h), then h + mlp(norm h); position i sees the positions 1 .. i.   Shapes: "b n width".

    Source: Vaswani et al. 2017, the norms first as in Radford et al. 2019.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.parts, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.net = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, h: Tensor) -> Tensor:  # b n w -> b n w
        """The next values of every position."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.parts(self.before(h)).chunk(3, dim=-1)
        )
        seen = scaled_dot_product_attention(query, key, value, is_causal=True)
        h = h + self.out(seen.transpose(1, 2).flatten(2))
        return h + self.net(self.between(h))


@block("prior.autoregressive")
class AutoregressivePrior(nn.Module):
    """A law over values of `levels` levels, each entry given those before it: of a codebook's numbers, or of pixels.

    The levels are k / (levels - 1) in [0, 1], as `codebook.level(z)` and `output: categorical` have them; what lies
    between counts as the nearest. Further arguments are conditions: `prior(_, y)`. A draw is made entry by entry and
    stops the gradient; its noise is uniform on [0, 1).
    Shapes: v "b *event", conditions "b ..", .. -> log_prob "b", a log probability in nats; noise "b *event".
    Raises ValueError for a value that is a time step or a class, fewer than 2 levels, or heads that do not divide the
    width.   Source: van den Oord et al. 2017 (VQ-VAE), 3.3, with a transformer for its PixelCNN.
    """

    role: ClassVar[str] = "prior"
    is_model: ClassVar[bool] = True
    discrete: ClassVar[bool] = True
    law: ClassVar[str] = "uniform"
    returns: ClassVar[str] = "tensor"
    like: ClassVar[str | None] = None
    levels_option: ClassVar[str] = "levels"
    largest: ClassVar[dict[str, int]] = {"levels": 100_000, "layers": 128}

    def __init__(self, takes: Takes, *, levels: int, width: int = 64, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        event = takes[0]
        if not isinstance(event, tuple):
            raise ValueError("this law is over tensors of levels: it cannot be of a time step or a class")
        for option, count in (("width", width), ("layers", layers), ("heads", heads)):
            check_widths(option, [count])
        if levels < 2:
            raise ValueError(f"`levels` cannot be {levels}: write 2 or more, as many as the codebook has codes")
        if width % heads:
            raise ValueError(f"`heads: {heads}` do not divide `width: {width}`: write a width of {heads} x a number")
        self.event: Size = event
        self.grid = Grid(0.0, 1.0, levels)
        self.start = nn.Parameter(ROW_STD * torch.randn(width))
        self.rows = nn.Embedding(levels, width)
        self.positions = nn.Parameter(ROW_STD * torch.randn(elements(event), width))
        self.condition = Concatenation(takes[1:]) if len(takes) > 1 else None
        self.told = nn.Linear(self.condition.features, width) if self.condition else None
        self.layers = nn.Sequential(*(CausalLayer(width, heads) for _ in range(layers)), nn.LayerNorm(width))
        self.last = nn.Linear(width, levels)
        nn.init.normal_(self.rows.weight, std=ROW_STD)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    @torch.no_grad()
    def at(self, noise: Tensor, *context: Tensor) -> Tensor:  # b *event -> b *event
        """Entry by entry the level in whose share of [0, 1) the noise lies."""
        uniform = noise.reshape(len(noise), -1)
        index = torch.zeros_like(uniform, dtype=torch.int64)
        for i in range(uniform.shape[1]):
            law = Categorical(self._logits(index[:, :i], context)[:, -1:], self.grid)
            index[:, i : i + 1] = self.grid.nearest(law.at(uniform[:, i : i + 1]))
        return self.grid.value(index, noise.dtype).reshape(noise.shape)

    def log_prob(self, value: Tensor, *context: Tensor) -> Tensor:  # b *event -> b
        """sum_i log P(v_i | v_1 .. v_{i-1}), in nats."""
        flat = value.reshape(len(value), -1)
        return Categorical(self._logits(self.grid.nearest(flat[:, :-1]), context), self.grid).log_prob(flat)

    def log_prob_at(self, noise: Tensor, *context: Tensor) -> tuple[Tensor, Tensor]:  # b *event -> b *event, b
        """The draw and its log probability."""
        value = self.at(noise, *context)
        return value, self.log_prob(value, *context)

    def _logits(self, before: Tensor, context: tuple[Tensor, ...]) -> Tensor:  # b m -> b m+1 levels
        """The logits of the first m + 1 entries, given the first m."""
        start = self.start.expand(len(before), 1, -1)
        h = torch.cat([start, self.rows(before)], 1) + self.positions[: before.shape[1] + 1]
        if self.condition is not None and self.told is not None:
            h = h + self.told(self.condition(*context))[:, None]
        return self.last(self.layers(h))
