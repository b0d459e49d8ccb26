"""A checkerboard: uniform on the eight dark squares of a 4 x 4 board."""

import math

import torch
from torch import Generator, Tensor

from runners.datasets.options import check_positive
from runners.datasets.source import Source, dataset
from runners.datasets.toy import toy_source

__all__ = ["checkerboard"]

SIDE = 4  # squares along one side of the board
EDGE = 1e-6  # of a square: draws keep this far inside, so that float32 cannot round them out


@dataset("toy.checkerboard")
def checkerboard(*, spacing: float = 1.0, size: int = 20000, test_size: int = 10000, seed: int = 0) -> Source:
    """Uniform on the dark squares of a 4 x 4 board, each `spacing` wide: `x` (2,), `y` the square.   Exact log-density.

    The board is centred at 0 and its lower left square is dark: log p = -log(8 spacing^2) on dark squares, else -inf.
    Source: Grathwohl et al. 2019 (FFJORD), where squares are 2 wide.
    """
    check_positive(spacing=spacing)
    board = torch.cartesian_prod(torch.arange(SIDE), torch.arange(SIDE))
    dark = board[board.sum(1) % 2 == 0]  # 8 2
    log_density = -math.log(len(dark) * spacing**2)

    def sample(rows: int, generator: Generator) -> dict[str, Tensor]:
        y = torch.randint(len(dark), (rows,), generator=generator)
        inside = torch.rand(rows, 2, generator=generator, dtype=torch.float64).clamp(EDGE, 1 - EDGE)
        return {"x": spacing * (dark[y] + inside - SIDE / 2), "y": y}

    def log_prob(x: Tensor) -> Tensor:  # b 2 -> b
        square = (x.double() / spacing + SIDE / 2).floor()  # b 2
        on_board = ((square >= 0) & (square < SIDE)).all(dim=1)
        found = torch.full((len(x),), -math.inf, dtype=x.dtype, device=x.device)
        return found.masked_fill(on_board & (square.sum(1) % 2 == 0), log_density)

    return toy_source(
        "toy.checkerboard",
        sample,
        size=size,
        test_size=test_size,
        seed=seed,
        classes=len(dark),
        log_prob=log_prob,
        log_prob_note="closed form",
    )
