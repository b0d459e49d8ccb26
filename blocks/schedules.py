"""Schedules of the clock.   They take numbers or tensors without axes, and give the same."""

import math

import torch
from torch import Tensor

__all__ = ["cosine", "linear"]

Scalar = float | Tensor


def linear(step: Scalar, start: Scalar, end: Scalar, steps: Scalar) -> Scalar:
    """start + (end - start) min(step / steps, 1)."""
    return start + (end - start) * _share(step, steps)


def cosine(step: Scalar, start: Scalar, end: Scalar, steps: Scalar) -> Scalar:
    """end + (start - end) (1 + cos(pi min(step / steps, 1))) / 2.   Source: Loshchilov and Hutter 2017."""
    share = _share(step, steps)
    turn = torch.cos(math.pi * share) if isinstance(share, Tensor) else math.cos(math.pi * share)
    return end + (start - end) * (1 + turn) / 2


def _share(step: Scalar, steps: Scalar) -> Scalar:
    share = step / steps
    return share.clamp(max=1.0) if isinstance(share, Tensor) else min(share, 1.0)
