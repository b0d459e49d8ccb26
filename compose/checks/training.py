"""What each update trains: `train` where it is written, else every trainable block that its terms reach."""

from __future__ import annotations

from compose.build import Composition
from compose.gradients import reach

__all__ = ["has_parameters", "resolve_training"]

WITHOUT_PARAMETERS = ("chain", "memory")


def resolve_training(composition: Composition) -> None:
    """Set `trains` of every update."""
    for stage in composition.stages:
        for update in stage.updates:
            if update.spec.train is not None:
                names = [name.split(".")[0] for name in update.spec.train]
            else:
                reached = {block for term in update.terms.values() for block in reach(term).reached}
                names = [name for name in composition.blocks if name in reached and composition.blocks[name].trainable]
            kept = [name for name in dict.fromkeys(names) if name in composition.blocks]
            update.trains = tuple(name for name in kept if has_parameters(composition, name))


def has_parameters(composition: Composition, block: str) -> bool:
    """Whether there is anything to train in a block; by its role as long as its sizes are not known."""
    module = composition.sizes.slots[block].module
    if module is None:
        return composition.blocks[block].role not in WITHOUT_PARAMETERS
    return next(module.parameters(), None) is not None
