"""Mixtures of equally likely Gaussians, on a ring or a square grid:  p(x) = 1/k sum_i N(x; c_i, std^2 I)."""

import math

import torch
from torch import Generator, Tensor

from runners.datasets.options import check_positive
from runners.datasets.source import Source, dataset
from runners.datasets.toy import mixture_density, normal, rotation, toy_source

__all__ = ["gaussians8", "gaussians9", "gaussians25"]


@dataset("toy.gaussians8")
def gaussians8(
    *, scale: float = 2.0, std: float = 0.25, size: int = 20000, test_size: int = 10000, seed: int = 0
) -> Source:
    """Eight Gaussians on a ring of radius `scale`: `x` (2,), `y` the Gaussian.   Exact log-density.

    Source: Grathwohl et al. 2019 (FFJORD), whose std is an eighth of the radius too (there 0.35 of 2.83).
    """
    check_positive(scale=scale, std=std)
    centres = scale * rotation(torch.arange(8, dtype=torch.float64) * (math.pi / 4))
    return _mixture("toy.gaussians8", centres, std, size, test_size, seed)


@dataset("toy.gaussians9")
def gaussians9(
    *, spacing: float = 1.0, std: float = 0.15, size: int = 20000, test_size: int = 10000, seed: int = 0
) -> Source:
    """Nine Gaussians on a 3 x 3 grid, `spacing` apart: `x` (2,), `y` the Gaussian.   Exact log-density.

    The thesis (5.5.1) does not state its numbers; with this std the truth has a mean log-likelihood of -1.24 nats,
    above the -1.47 that its flow trained by likelihood reaches.
    """
    return _mixture("toy.gaussians9", _grid(3, spacing), std, size, test_size, seed)


@dataset("toy.gaussians25")
def gaussians25(
    *, spacing: float = 1.0, std: float = 0.084, size: int = 20000, test_size: int = 10000, seed: int = 0
) -> Source:
    """Twenty-five Gaussians on a 5 x 5 grid, `spacing` apart: `x` (2,), `y` the Gaussian.   Exact log-density.

    Centres lie at -2 .. 2 times `spacing`. Well separated, the truth's mean log-likelihood is
    -log 25 - 1 - log(2 pi std^2): -1.10 nats for std 0.084, as in the thesis (4.4.1, after Tanaka 2019).
    """
    return _mixture("toy.gaussians25", _grid(5, spacing), std, size, test_size, seed)


def _grid(side: int, spacing: float) -> Tensor:  # -> "side*side 2", row by row, centred at 0
    check_positive(spacing=spacing)
    ticks = spacing * (torch.arange(side, dtype=torch.float64) - (side - 1) / 2)
    return torch.cartesian_prod(ticks, ticks)


def _mixture(name: str, centres: Tensor, std: float, size: int, test_size: int, seed: int) -> Source:
    check_positive(std=std)
    count = len(centres)

    def sample(rows: int, generator: Generator) -> dict[str, Tensor]:
        y = torch.randint(count, (rows,), generator=generator)
        return {"x": centres[y] + std * normal(rows, generator), "y": y}

    return toy_source(
        name,
        sample,
        size=size,
        test_size=test_size,
        seed=seed,
        classes=count,
        log_prob=mixture_density(centres, torch.full((count,), 1 / count), std),
        log_prob_note="closed form",
        modes=centres.float(),
        scale=std,
    )
