"""What each update trains: `train` where it is written, else every trainable block that its terms reach."""

from __future__ import annotations

from compose.build import Composition
from compose.gradients import reach

__all__ = ["resolve_training"]


def resolve_training(composition: Composition) -> None:
    """Set `trains` of every update."""
    for stage in composition.stages:
        for update in stage.updates:
            if update.spec.train is not None:
                names = [name.split(".")[0] for name in update.spec.train]
            else:
                reached = {block for term in update.terms.values() for block in reach(term).reached}
                names = [name for name in composition.blocks if name in reached and composition.blocks[name].trainable]
            update.trains = tuple(name for name in names if name in composition.blocks)
