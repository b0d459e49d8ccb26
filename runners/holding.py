"""What of a system's weights this process holds, and who has its gradients: one object, which a run asks.

Holding    all of them, in the only process
Among      what the others are asked of them, in one of several processes
Copies     all of them, in every process; where asked, each a part of the optimizers' states
Scattered  a part, but for the time that something reads them (`runners.scattered`)

Who reads weights does so within `whole(modules)`; who keeps something by weights, keeps it by what is `held` of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from runners.shards import Cut, Shards

if TYPE_CHECKING:
    from runners.optimizers import UpdateOptimizer
    from runners.processes import Processes

__all__ = ["Among", "Copies", "Holding", "parts_held"]


def parts_held(strategy: str, processes: int) -> tuple[float, float]:
    """Of all weights, and of what optimizers keep, the parts that each process holds between updates."""
    part = 1 / processes
    return {"fsdp": (part, part), "sharded": (1.0, part)}.get(strategy, (1.0, 1.0))


class Holding:
    """The only process holds everything: nothing is to be done."""

    everything: ClassVar[tuple[None]] = (None,)
    """In the place of modules: all blocks, and their averages."""

    @property
    def cuts(self) -> Mapping[str, Cut]:
        """By name, the weights that are shared out now."""
        return {}

    def shared_out(self) -> AbstractContextManager[None]:
        """Within, weights are held as this run holds them; afterwards they are whole, unless it failed."""
        return nullcontext()

    def whole(self, modules: Iterable[object]) -> AbstractContextManager[None]:
        """Within, all weights that the modules read are here, and may be changed, alike on every process.

        What is no module (a program that is watched) may read everything. All processes must enter, in the same order.
        """
        return nullcontext()

    def held(self, weight: Tensor) -> Tensor:
        """What stays here of a parameter or an average between updates: itself, or this process's part, flat."""
        return weight

    def changed(self, weights: Iterable[Tensor]) -> None:
        """What is held of these was changed: who reads them next takes them anew."""

    def joined(self, cut: Cut, part: Tensor, wanted: bool) -> Tensor:
        """The whole of a part, on the processes where it is `wanted`.   All must ask, in the same order."""
        return part  # of the only process

    def shards(self, parameters: Sequence[Tensor]) -> Shards | None:
        """The parts of an optimizer's parameters that this process steps; None if it steps all."""
        return None

    def average(self, optimizer: UpdateOptimizer) -> None:
        """Make the gradients that the optimizer steps by those of the whole batch."""


class Among(Holding):
    """One of several processes, each of which may hold parts."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes

    def joined(self, cut: Cut, part: Tensor, wanted: bool) -> Tensor:
        """The whole of a part, on the processes where it is `wanted`.   All must ask, in the same order."""
        return cut.joined(part, self.processes.gather, wanted)


class Copies(Among):
    """Every process holds all weights; with `sharded`, a part of what optimizers keep."""

    def __init__(self, processes: Processes, sharded: bool) -> None:
        super().__init__(processes)
        self._sharded = sharded

    def shards(self, parameters: Sequence[Tensor]) -> Shards | None:
        """The parts of an optimizer's parameters that this process steps."""
        return Shards(parameters, self.processes.share, self.processes.gather) if self._sharded else None

    def average(self, optimizer: UpdateOptimizer) -> None:
        """Every process gets the mean of all, and where it steps a part, its part of it."""
        self.processes.average(optimizer.parameters)
        optimizer.divide()
