"""What the two-dimensional toys share: seeded draws for each split, and the log-density of a mixture of Gaussians."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Generator, Tensor

from blocks.noise import leaf_seed
from blocks.types import Field
from runners.datasets.options import check_positive
from runners.datasets.source import Density, Source
from runners.datasets.splits import label_field

__all__ = ["Sample", "mixture_density", "normal", "rotation", "toy_source", "uniform"]

Sample = Callable[[int, Generator], Mapping[str, Tensor]]
"""Draws so many rows: "x" n 2, and "y" n where there are classes, in float64 and int64."""

CHUNK = 2**20  # distances held at once, in float64: 8 MB


def toy_source(
    name: str,
    sample: Sample,
    *,
    size: int,
    test_size: int,
    seed: int,
    classes: int | None = None,
    log_prob: Density | None = None,
    log_prob_note: str = "",
    modes: Tensor | None = None,
    scale: float | None = None,
) -> Source:
    """A source of `x` (2,) and, with `classes`, `y`, drawn by `sample`: each split has a stream of its own.

    A row depends on its split's size, `seed` and the options alone. Rows are cast to float32.
    """
    check_positive(size=size, test_size=test_size)
    fields = {"x": Field((2,))}
    if classes is not None:
        fields["y"] = label_field(classes)
    counts = {"train": size, "test": test_size}

    def load(split: str) -> Mapping[str, Tensor]:
        rows = sample(counts[split], Generator().manual_seed(leaf_seed(seed, name, split)))
        return {field: rows[field].to(torch.float32 if field == "x" else torch.int64) for field in fields}

    return Source(fields, counts, load, log_prob=log_prob, log_prob_note=log_prob_note, modes=modes, scale=scale)


def normal(rows: int, generator: Generator) -> Tensor:  # -> "rows 2", float64
    """Standard normal points of the plane."""
    return torch.randn(rows, 2, generator=generator, dtype=torch.float64)


def uniform(rows: int, generator: Generator) -> Tensor:  # -> "rows", float64
    """Uniform numbers in [0, 1)."""
    return torch.rand(rows, generator=generator, dtype=torch.float64)


def rotation(angle: Tensor) -> Tensor:  # n -> n 2
    """The points (cos angle, sin angle)."""
    return torch.stack([angle.cos(), angle.sin()], dim=-1)


def mixture_density(centres: Tensor, weights: Tensor, std: float) -> Density:
    """log sum_k w_k N(x; c_k, std^2 I), computed in float64 and returned in the dtype of x.

    Shapes: centres "k d", weights "k" (they need not sum to one), x "b d" -> "b".
    """
    centres, logits = centres.double(), weights.double().log()  # k d, k
    log_constant = -centres.shape[1] * (math.log(std) + 0.5 * math.log(2 * math.pi))

    def log_prob(x: Tensor) -> Tensor:  # b d -> b
        near, log_weights = centres.to(x.device), logits.to(x.device)
        parts = [
            torch.logsumexp(log_weights - _square_distances(rows, near) / (2 * std**2), dim=1) + log_constant
            for rows in x.double().split(max(1, CHUNK // len(centres)))
        ]
        return torch.cat(parts).to(x.dtype)

    return log_prob


def _square_distances(x: Tensor, centres: Tensor) -> Tensor:  # b d, k d -> b k
    return (x.square().sum(1, keepdim=True) - 2 * x @ centres.T + centres.square().sum(1)).clamp(min=0)
