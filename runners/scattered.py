"""Scattered weights: between updates every process holds its part of them, as of everything that is kept by weights.

    weights     r's part of n entries is [r c, (r + 1) c), c = ceil(n / R), as in `runners.shards`
    an update   the blocks that its program calls are gathered; it runs, forwards and backwards; they are let go
    gradients   go back whole, and are then the mean over all processes, of which each keeps its part (reduce-scatter)
    the step    each steps its part: of the weights, of their averages, of what the optimizer knows

A weight's memory is given back while nobody reads it, and taken anew: `untyped_storage().resize_`. The tensors stay
what they are, and so do the views by which a block is seen frozen, in a chain or averaged, for they share the storage.
That is what PyTorch's own `fully_shard` cannot do: it puts other tensors in the place of a module's parameters, and
refuses copies of the module. What is gathered together is a block, and not a layer of it: a block is called in many
places of a program, and in loops.

**A weight that is read while it is away ends the process.** All that reads one is within `whole`.

Source: Rajbhandari et al. 2020, "ZeRO", stage 3; Zhao et al. 2023, "PyTorch FSDP".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from runners.holding import Among
from runners.shards import Cut, Shards, exchange, messages

if TYPE_CHECKING:
    from runners.optimizers import UpdateOptimizer
    from runners.processes import Processes

__all__ = ["Scattered"]


@dataclass(eq=False)
class Parcel:
    """The weights of one block, or of its average, which are gathered together.   `readers`: how often it is whole now.

    `parts` are views of the wholes while those are here, and have memory of their own while they are not.
    `stale`: the parts have changed since the wholes were filled.
    """

    wholes: list[Tensor]
    cuts: list[Cut]
    parts: list[Tensor]
    readers: int = 0
    stale: bool = True

    @torch.no_grad()
    def gather(self, processes: Processes) -> None:
        """Be whole for one more reader."""
        if self.readers == 0:
            for whole in self.wholes:
                whole.untyped_storage().resize_(whole.numel() * whole.element_size())
            self.stale = True
        self.readers += 1
        if self.stale:
            exchange(self.wholes, self.parts, self.cuts, processes.gather)
            self.stale = False
        if self.readers == 1:
            for part, whole, cut in zip(self.parts, self.wholes, self.cuts, strict=True):
                part.data = cut.part(whole)

    def let_go(self) -> None:
        """One reader less; after the last the memory of the wholes is given back."""
        self.readers -= 1
        if self.readers == 0:
            for part, whole, cut in zip(self.parts, self.wholes, self.cuts, strict=True):
                part.data = cut.part(whole).clone()
                whole.untyped_storage().resize_(0)


class Scattered(Among):
    """Weights of `blocks` and `averages` that are shared out while `shared_out`."""

    def __init__(self, processes: Processes, blocks: nn.ModuleDict, averages: nn.ModuleDict) -> None:
        super().__init__(processes)
        self._systems = (blocks, averages)
        self._parcels: list[Parcel] = []
        self._places: dict[int, tuple[Parcel, int]] = {}  # storage -> where it is shared out
        self._read: WeakKeyDictionary[nn.Module, list[Parcel]] = WeakKeyDictionary()
        self._cuts: dict[str, Cut] = {}

    @property
    def cuts(self) -> Mapping[str, Cut]:
        """By name, how the weights are shared out now."""
        return self._cuts

    @contextmanager
    def shared_out(self) -> Iterator[None]:
        """Within, each process holds its part; afterwards all hold all, for a run that has ended is drawn from."""
        for system in self._systems:
            for name, block in system.items():
                self._share_out(name, block)
        try:
            yield
        except BaseException:
            self._abandon()
            raise
        for parcel in self._parcels:
            parcel.gather(self.processes)
        self._forget()

    def _share_out(self, name: str, block: nn.Module) -> None:
        parcel = Parcel([], [], [])
        for part, parameter in block.named_parameters(remove_duplicate=False):
            if _storage(parameter) not in self._places:
                if parameter.untyped_storage().nbytes() != parameter.numel() * parameter.element_size():
                    parameter.data = parameter.data.clone()  # its memory is to be its own
                cut, whole = Cut(parameter, self.processes.share), parameter.detach()
                self._places[_storage(parameter)] = parcel, len(parcel.wholes)
                parcel.wholes.append(whole)
                parcel.cuts.append(cut)
                parcel.parts.append(nn.Parameter(cut.part(whole), requires_grad=whole.is_floating_point()))
            held, at = self._places[_storage(parameter)]
            self._cuts[f"{name}.{part}"] = held.cuts[at]
        if parcel.wholes:
            parcel.readers = 1
            parcel.let_go()
            self._parcels.append(parcel)

    def _abandon(self) -> None:
        """The others may be gone: nothing can be gathered, and what was lost is not to be read as if it were there."""
        for parcel in self._parcels:
            for whole in parcel.wholes:
                whole.untyped_storage().resize_(whole.numel() * whole.element_size())
                whole.fill_(torch.nan if whole.is_floating_point() else 0)
        self._forget()

    def _forget(self) -> None:
        self._parcels, self._places, self._cuts = [], {}, {}
        self._read.clear()

    @contextmanager
    def whole(self, modules: Iterable[object]) -> Iterator[None]:
        """Within, what the modules read is here."""
        taken: list[Parcel] = []
        try:
            for parcel in self._parcels_of(modules):
                parcel.gather(self.processes)
                taken.append(parcel)
            yield
        finally:
            for parcel in taken:
                parcel.let_go()

    def _parcels_of(self, modules: Iterable[object]) -> list[Parcel]:
        """In the order in which they were shared out, which is that of every process."""
        found: set[int] = set()
        for module in modules:
            if not isinstance(module, nn.Module):
                return self._parcels
            if module not in self._read:
                self._read[module] = [
                    self._places[key][0] for p in module.parameters() if (key := _storage(p)) in self._places
                ]
            found |= {id(parcel) for parcel in self._read[module]}
        return [parcel for parcel in self._parcels if id(parcel) in found]

    def held(self, weight: Tensor) -> Tensor:
        """This process's part, "m"; what is not shared out (a buffer) itself."""
        place = self._places.get(_storage(weight))
        return weight if place is None else place[0].parts[place[1]]

    def changed(self, weights: Iterable[Tensor]) -> None:
        """What is whole now, and lags behind its parts, is filled anew for its next reader."""
        for weight in weights:
            self._places[_storage(weight)][0].stale = True

    def shards(self, parameters: Sequence[Tensor]) -> Shards:
        """The parts of an optimizer's parameters that are here."""
        return ScatteredShards(parameters, self)

    def average(self, optimizer: UpdateOptimizer) -> None:
        """Every process gets its part of the mean of all."""
        optimizer.divide()


class ScatteredShards(Shards):
    """The parts that are held of an optimizer's parameters; their gradients are here in parts too."""

    def __init__(self, parameters: Sequence[Tensor], weights: Scattered) -> None:
        self._weights, self._processes = weights, weights.processes
        super().__init__(parameters, weights.processes.share, weights.processes.gather)
        self.carrying = self.owned

    def _own(self, parameter: Tensor, cut: Cut) -> Tensor:
        return self._weights.held(parameter)

    @torch.no_grad()
    def divide(self) -> None:
        """Give each part its part of the mean of all processes' gradients, and let the whole ones go."""
        learning = [at for at, parameter in enumerate(self.parameters) if parameter.grad is not None]
        cuts = [self.cuts[at] for at in learning]
        for places in messages([self.parameters[at] for at in learning], cuts):
            divided = torch.cat([cuts[at].divided(_gradient(self.parameters[learning[at]])) for at in places], 1)
            for at in places:
                self.parameters[learning[at]].grad = None
            own = self._processes.part_of_mean(divided).split([cuts[at].each for at in places])
            for at, part in zip(places, own, strict=True):
                owned = self.owned[learning[at]]
                owned.grad = part[: len(owned)]

    def whole_norms(self, norms: Tensor) -> Tensor:
        """Of the norms of parts, those of the wholes: sqrt(sum_r norm_r^2)."""
        return self._processes.mean(norms.square()).mul_(self._processes.share.processes).sqrt_()

    def join(self) -> None:
        """The others are told when somebody reads the weights."""
        self._weights.changed(self.parameters)


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def _storage(tensor: Tensor) -> int:
    """Which memory a tensor has, whether it is there or not."""
    return tensor.untyped_storage()._cdata
