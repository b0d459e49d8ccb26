"""Projections: what a spec may do to weights after a step, in place."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["PROJECTIONS", "Projection", "clip", "projections_of", "unit_ball"]

Projection = Callable[[list[Tensor], float], None]


def clip(parameters: list[Tensor], limit: float) -> None:
    """Clamp every entry to +-`limit`.   Source: Arjovsky et al. 2017 (WGAN), algorithm 1."""
    torch._foreach_clamp_max_(parameters, limit)
    torch._foreach_clamp_min_(parameters, -limit)


def unit_ball(parameters: list[Tensor], radius: float) -> None:
    """Scale each row (the last axis) longer than `radius` down to it.   Source: Bojanowski et al. 2018 (GLO)."""
    for rows in parameters:
        rows.mul_((radius / rows.norm(dim=-1, keepdim=True).clamp(min=1e-12)).clamp(max=1.0))


PROJECTIONS: dict[str, Projection] = {"clip": clip, "unit_ball": unit_ball}
"""Projections by the word of the spec."""


def projections_of(asked: str | Mapping[str, Any]) -> list[tuple[Projection, Any]]:
    """What `project: {block: ...}` says: `unit_ball` (radius 1), `{clip: 0.01}`.   Raises ValueError for others."""
    wanted = {asked: 1.0} if isinstance(asked, str) else asked
    for word in wanted:
        if word not in PROJECTIONS:
            raise ValueError(f"no projection is called `{word}`; there are {', '.join(PROJECTIONS)}")
    return [(PROJECTIONS[word], limit) for word, limit in wanted.items()]
