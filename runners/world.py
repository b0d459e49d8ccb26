"""How many processes a run has, and whether this one is the first: known from the environment, before they have met."""

import os
from dataclasses import dataclass

__all__ = ["World", "follows", "world_of"]


@dataclass(frozen=True)
class World:
    """How many processes: `devices` on each of `nodes`."""

    devices: int = 1
    nodes: int = 1

    @property
    def count(self) -> int:
        """All of them."""
        return self.devices * self.nodes


def world_of(devices: int, nodes: int) -> World:
    """What was asked for; under torchrun, what it started."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        each = int(os.environ["LOCAL_WORLD_SIZE"])
        return World(each, int(os.environ["WORLD_SIZE"]) // each)
    return World(devices, nodes)


def follows(world: World) -> bool:
    """Whether this process is one of several, and not the first: known before they have met."""
    if world.count == 1:
        return False
    given = next((os.environ[name] for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID") if name in os.environ), "0")
    return int(given) > 0 or int(os.environ.get("NODE_RANK", 0)) > 0
