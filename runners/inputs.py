"""The inputs of a program: fields of the batch, noise drawn by name, numbers of the clock, shared values, options."""

from collections.abc import Mapping
from copy import copy
from typing import Any

import torch
from torch import Tensor

from blocks.noise import draw, leaf_seed
from compose.program import Leaf, Program
from runners.state import Clock

__all__ = ["Inputs", "moved"]


class Inputs:
    """One program's inputs, sorted once by where they come from, so that a step only fills them in.

    `scope` is the stage, sampler or split, `update` the update within it: with the step, the repeat, the chunk and
    the leaf's path they name the seed of every noise leaf.
    """

    def __init__(
        self, program: Program, seed: int, scope: str, update: str = "", *, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.program = program
        self.seed, self.scope, self.update = seed, scope, update
        self.dtype, self.device = dtype, device
        named = {kind: [i for i in program.inputs if i.kind == kind] for kind in ("data", "clock", "shared", "option")}
        self.data = [given.name for given in named["data"]]
        self.clock = [(given.name, Clock._fields.index(given.name)) for given in named["clock"]]
        self.shared = [(given.name, given.gradient) for given in named["shared"]]
        self.options = {given.name: given.default for given in named["option"]}
        self.leaves: list[tuple[str, Leaf]] = [(i.name, i.leaf) for i in program.inputs if i.leaf is not None]

    def running(self, program: Program) -> "Inputs":
        """The same inputs of the same program in another form, compiled perhaps."""
        other = copy(self)
        other.program = program
        return other

    def noise(self, rows: int, step: int = 0, repeat: int = 0, chunk: int = 0) -> dict[str, Any]:
        """Every leaf's draw for `rows` rows: "rows*copies *event", or the leaf's seed itself."""
        drawn = {}
        for name, leaf in self.leaves:
            seed = leaf_seed(self.seed, self.scope, self.update, step, repeat, chunk, leaf.path)
            if leaf.law == "seed":
                drawn[name] = seed
            else:
                shape = (rows * leaf.copies, *leaf.event)
                drawn[name] = draw(leaf.law, shape, seed, self.dtype, self.device, leaf.high)
        return drawn

    def values(
        self,
        rows: int,
        batch: Mapping[str, Tensor],
        clock: Clock | None = None,
        shared: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        *,
        step: int = 0,
        repeat: int = 0,
        chunk: int = 0,
    ) -> dict[str, Any]:
        """All inputs by name.   Clock numbers are 0-d tensors, so that they may enter any operator."""
        values = self.noise(rows, step, repeat, chunk)
        for name in self.data:
            values[name] = batch[name]
        for name, place in self.clock:
            assert clock is not None, f"`{name}` is a number of the clock, and there is none here"
            values[name] = torch.scalar_tensor(clock[place], dtype=self.dtype)
        for name, gradient in self.shared:
            assert shared is not None, f"`{name}` is shared by the stage"
            values[name] = shared[name] if gradient else shared[name].detach()
        if self.options:
            values |= self.options | dict(options or {})
        return values


def moved(batch: Mapping[str, Tensor], dtype: torch.dtype, device: torch.device) -> dict[str, Tensor]:
    """The batch on `device`, its floats as `dtype`; tensors that are there already are passed on."""
    return {name: v.to(device, dtype if v.is_floating_point() else v.dtype) for name, v in batch.items()}
