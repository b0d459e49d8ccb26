"""A pinwheel: blades that are Gaussian before they are bent."""

import math

import torch
from torch import Generator, Tensor

from runners.datasets.options import check_positive
from runners.datasets.source import Source, dataset
from runners.datasets.toy import normal, rotation, toy_source

__all__ = ["pinwheel"]


@dataset("toy.pinwheel")
def pinwheel(
    *,
    classes: int = 5,
    radial: float = 0.3,
    tangential: float = 0.1,
    rate: float = 0.25,
    scale: float = 1.0,
    size: int = 20000,
    test_size: int = 10000,
    seed: int = 0,
) -> Source:
    """Bent blades around the origin, `classes` of them: `x` (2,), `y` the blade.   No density.

    f = (1 + radial n_1, tangential n_2), turned by 2 pi y / classes + rate exp(f_1); x = scale times that.
    Source: Johnson et al. 2016 (composing graphical models with neural networks), whose numbers are the defaults.
    """
    check_positive(classes=classes, radial=radial, tangential=tangential, scale=scale)
    widths = torch.tensor([radial, tangential], dtype=torch.float64)

    def sample(rows: int, generator: Generator) -> dict[str, Tensor]:
        y = torch.randint(classes, (rows,), generator=generator)
        f = widths * normal(rows, generator) + torch.tensor([1.0, 0.0], dtype=torch.float64)  # n 2
        cos, sin = rotation(2 * math.pi / classes * y.double() + rate * f[:, 0].exp()).unbind(1)
        x = torch.stack([cos * f[:, 0] - sin * f[:, 1], sin * f[:, 0] + cos * f[:, 1]], dim=1)
        return {"x": scale * x, "y": y}

    note = "none: the bending can be undone only numerically"
    return toy_source(
        "toy.pinwheel", sample, size=size, test_size=test_size, seed=seed, classes=classes, log_prob_note=note
    )
