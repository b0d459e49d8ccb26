"""How samples spread over the modes of a mixture of equally likely Gaussians (`toy.gaussians*`)."""

import math
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from runners.datasets.source import Source
from runners.metrics.measure import HIGHER, LOWER, NoFigure, metric

__all__ = ["Nearest", "mode_coverage", "mode_kl", "nearest_modes", "needs_modes", "share_within"]


class Nearest(NamedTuple):
    """For each sample the number of the nearest centre and the distance to it: "b" int64, "b"."""

    mode: Tensor
    distance: Tensor


def nearest_modes(samples: Tensor, centres: Tensor) -> Nearest:  # b d, k d -> b, b
    """The nearest centre of each sample, in float64.   Raises ValueError for samples of another size or not finite."""
    flat, known = samples.double(), centres.double().to(samples.device)
    if flat.ndim != 2 or flat.shape[1:] != known.shape[1:] or len(flat) == 0:
        raise ValueError(f"samples of shape {tuple(samples.shape)} cannot lie near centres {tuple(centres.shape)}")
    if not bool(flat.isfinite().all()):
        raise NoFigure("some samples are not finite")
    distance, mode = torch.cdist(flat, known, compute_mode="donot_use_mm_for_euclid_dist").min(dim=1)
    return Nearest(mode, distance)


def needs_modes(source: Source) -> tuple[Tensor, float]:
    """The centres of the modes, "k d", and their standard deviation.   Raises ValueError for data without modes."""
    if source.modes is None or source.scale is None:
        raise ValueError("this data has no modes; `toy.gaussians8`, `toy.gaussians9` and `toy.gaussians25` have")
    return source.modes, source.scale


Samples = Annotated[Tensor, "n d"]
Mixture = Annotated[Source, needs_modes]


@metric("mode_coverage")
def mode_coverage(
    samples: Samples, source: Mixture, *, sigmas: float = 3.0, minimum: int = 1
) -> Annotated[float, HIGHER]:
    """The number of modes with at least `minimum` samples within `sigmas` standard deviations of their centre.

    Range 0 .. the number of modes, higher is better; a sample counts for the nearest mode only.
    Source: Srivastava et al. 2017 (VEEGAN), with 3 deviations and one sample.
    """
    centres, std = needs_modes(source)
    mode, distance = nearest_modes(samples, centres)
    counts = torch.bincount(mode[distance <= sigmas * std], minlength=len(centres))
    return float((counts >= minimum).sum())


@metric("share_within")
def share_within(samples: Samples, source: Mixture, *, sigmas: float = 3.0) -> Annotated[float, HIGHER]:
    """The share of samples within `sigmas` standard deviations of the nearest centre ("high quality").

    Range 0 .. 1, higher is better; the truth itself has 1 - exp(-sigmas^2 / 2) in the plane (0.989 at 3).
    Source: Srivastava et al. 2017 (VEEGAN).
    """
    centres, std = needs_modes(source)
    return float((nearest_modes(samples, centres).distance <= sigmas * std).double().mean())


@metric("mode_kl")
def mode_kl(samples: Samples, source: Mixture) -> Annotated[float, LOWER]:
    """KL(modes of the samples | uniform) in nats, each sample counted for its nearest mode.

    Range 0 .. log k, lower is better; n samples of the truth give about (k - 1) / (2 n).
    Source: Metz et al. 2017 (unrolled GANs), the KL of Table 6.3 of the thesis, on the plane.
    """
    centres, _ = needs_modes(source)
    shares = torch.bincount(nearest_modes(samples, centres).mode, minlength=len(centres)).double() / len(samples)
    return float(torch.xlogy(shares, shares).sum()) + math.log(len(centres))
