"""Views of a block's module: the same parameters and buffers, seen as one call needs them.

    live        the module itself: trained, in train mode, writes its statistics
    still       constant parameters, the stage's mode, writes nothing: `freeze`, and blocks another update trains
    chain       trained parameters, eval mode: a differentiable chain
    constant    constant parameters, eval mode: chains, samplers, stages that do not train the block
    average     the averaged weights, constant, eval mode (still_average: train mode, where `mode` says so)

A view is a copy of the module's structure whose tensors are the module's own, so it costs nothing to keep and nothing
per step; it holds as long as parameters are changed in place.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import _SpectralNorm

__all__ = ["Kind", "Views", "view_of"]

Kind = Literal["live", "still", "chain", "constant", "average", "still_average"]
ABOUT: Mapping[str, str] = {
    "still": "with constant parameters, in train mode, writing no statistics",
    "chain": "in eval mode, writing no statistics",
    "constant": "with constant parameters, in eval mode",
    "average": "with its averaged weights, which are constants, in eval mode",
    "still_average": "with its averaged weights, which are constants, in train mode, writing no statistics",
}

AVERAGED, LEARNING, TRAINING = {"average", "still_average"}, {"chain"}, {"still", "still_average"}
"""The kinds that are seen by their averages, that carry a gradient to their parameters, and that are in train mode."""


class Views:
    """The views of all blocks, made when first asked for."""

    def __init__(self, blocks: Mapping[str, nn.Module], averages: Mapping[str, nn.Module]) -> None:
        self.blocks, self.averages = blocks, averages
        self._made: dict[str, nn.Module] = {}

    def get(self, block: str, kind: Kind) -> tuple[str, nn.Module]:
        """(name, module) of one view: `energy`, `energy_still`, `energy_constant`, ..."""
        if kind == "live":
            return block, self.blocks[block]
        name = self._name(block, kind)
        if name not in self._made:
            source = (self.averages if kind in AVERAGED else self.blocks)[block]
            self._made[name] = view_of(source, constant=kind not in LEARNING, training=kind in TRAINING)
        return name, self._made[name]

    def about(self, name: str) -> str | None:
        """What a view is, by its name; None for a block itself, and for what is no view."""
        found = [f"{block} {ABOUT[kind]}" for block in self.blocks for kind in ABOUT if self._name(block, kind) == name]
        return found[0] if found else None

    def origin(self, name: str) -> tuple[str, bool]:
        """The block that is seen by this name, and whether it is seen by its average.   Raises KeyError for no view."""
        if name in self.blocks:
            return name, False
        known = {self._name(block, kind): (block, kind in AVERAGED) for block in self.blocks for kind in ABOUT}
        return known[name]

    def forget(self) -> None:
        """Drop the views made so far: the modules' tensors were replaced (moved, converted)."""
        self._made.clear()

    def _name(self, block: str, kind: str) -> str:
        name = f"{block}_{kind}"
        while name in self.blocks:
            name += "_"
        return name


def view_of(module: nn.Module, *, constant: bool, training: bool) -> nn.Module:
    """A module that shares the tensors of `module` and writes none; `constant`: its parameters need no gradient."""
    memo: dict[int, object] = {id(buffer): buffer for buffer in module.buffers()}
    for parameter in module.parameters():
        memo[id(parameter)] = nn.Parameter(parameter.detach(), requires_grad=False) if constant else parameter
    view = copy.deepcopy(module, memo)
    view.train(training)
    for part in view.modules() if training else ():
        if isinstance(part, _BatchNorm):
            part.track_running_stats = False  # batch statistics are used, and none are kept
        if isinstance(part, _SpectralNorm):
            part.eval()  # its vectors stay where they are
    return view
