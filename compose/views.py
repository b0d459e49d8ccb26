"""Views of a block's module: the same parameters and buffers, seen as one call needs them.

    live        the module itself: trained, in train mode, writes its statistics
    still       constant parameters, the stage's mode, writes nothing: `freeze`, and blocks another update trains
    chain       trained parameters, eval mode: a differentiable chain
    constant    constant parameters, eval mode: chains, samplers, stages that do not train the block
    average     the averaged weights, constant, eval mode

A view is a copy of the module's structure whose tensors are the module's own, so it costs nothing to keep and nothing
per step; it holds as long as parameters are changed in place.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["Views", "view_of"]


class Views:
    """The views of all blocks, made when first asked for."""

    def __init__(self, blocks: Mapping[str, nn.Module], averages: Mapping[str, nn.Module]) -> None:
        self.blocks, self.averages = blocks, averages
        self._made: dict[str, nn.Module] = {}

    def get(self, block: str, kind: str) -> tuple[str, nn.Module]:
        """(name, module) of one view: `energy`, `energy_still`, `energy_constant`, ..."""
        if kind == "live":
            return block, self.blocks[block]
        name = f"{block}_{kind}"
        if name not in self._made:
            source = self.averages[block] if kind == "average" else self.blocks[block]
            self._made[name] = view_of(source, constant=kind != "chain", training=kind == "still")
        return name, self._made[name]

    def forget(self) -> None:
        """Drop the views made so far: the modules' tensors were replaced (moved, converted)."""
        self._made.clear()


def view_of(module: nn.Module, *, constant: bool, training: bool) -> nn.Module:
    """A module that shares the tensors of `module`; `constant`: its parameters need no gradient. It writes no statistics."""
    memo: dict[int, object] = {id(buffer): buffer for buffer in module.buffers()}
    for parameter in module.parameters():
        memo[id(parameter)] = nn.Parameter(parameter.detach(), requires_grad=False) if constant else parameter
    view = copy.deepcopy(module, memo)
    view.train(training)
    if training:
        for part in view.modules():
            if isinstance(part, _BatchNorm):
                part.track_running_stats = False  # batch statistics are used, and none are kept
    return view
