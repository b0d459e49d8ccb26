"""One update of a stage, with everything that a step needs looked up beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from compose.program import CompiledStage, CompiledUpdate, Program
from compose.spec import Optimizer
from runners.ema import Average
from runners.inputs import Inputs
from runners.logs import Pending
from runners.optimizers import CLIPS, UpdateOptimizer
from runners.projections import projections_of
from runners.schedules import scheduled
from runners.state import Batches, Clock, Executable, RunState

__all__ = ["Session", "UpdateStep"]


@dataclass
class Session:
    """What all parts of a run share.   `trainable`: the parameters that may be trained at all; `names`: the spec's numbers.

    `switched`: the update whose parameters require gradients just now.
    """

    executable: Executable
    batches: Batches
    fabric: Fabric
    state: RunState
    seed: int
    dtype: torch.dtype
    names: Mapping[str, float] = field(default_factory=dict)
    mixed: bool = False
    trainable: list[nn.Parameter] = field(default_factory=list)
    switched: "UpdateStep | None" = None
    pending: list[Pending] = field(default_factory=list)

    def inputs(self, program: Program, scope: str, update: str) -> Inputs:
        """The inputs of a program of this run."""
        return Inputs(program, self.seed, scope, update, dtype=self.dtype, device=self.fabric.device)


class UpdateStep:
    """One optimizer step of one update: program, gradient, step, projection, averages, memories, in this order."""

    def __init__(self, session: Session, stage: CompiledStage, update: CompiledUpdate, clock: Clock) -> None:
        spec, state = update.spec, session.state
        self.session, self.update, self.name, self.scope = session, update, update.name, stage.name
        self.every, self.times, self.next_batch = spec.every, spec.times, spec.batch == "next"
        blocks = {name: session.executable.blocks[name] for name in update.trains}
        chosen: Optimizer = spec.optimizer or Optimizer()
        options = {"lr": chosen.lr, **chosen.options}
        overrides = {
            block: ({} if given.lr is None else {"lr": given.lr}) | dict(given.options)
            for block, given in chosen.blocks.items()
        }
        self.optimizer = UpdateOptimizer(chosen.kind, options, overrides, blocks, clock, session.names)
        state.optimizers[update.name] = self.optimizer.torch
        state.names[update.name] = self.optimizer.names
        wanted = {word: getattr(spec.gradients, word) for word in CLIPS} if spec.gradients else {}
        self._clips = [(CLIPS[word], limit) for word, limit in wanted.items() if limit is not None]
        self._projections = [
            (projection, list(session.executable.blocks[block].parameters()), scheduled(limit, session.names))
            for block, asked in spec.project.items()
            for projection, limit in projections_of(asked)
        ]
        self._averages = [
            (block, Average(session.executable.blocks[block], session.executable.averages[block]), decay)
            for block, decay in spec.ema.items()
        ]
        self._lazy = any(every > 1 for every in update.term_every.values())
        self._everything = update.active(0)
        self._inputs: dict[frozenset[str], Inputs] = {}
        self._others: list[nn.Parameter] = []

    def leave_alone(self, parameters: list[nn.Parameter]) -> None:
        """The parameters that other updates of the stage train: constants while this one computes."""
        mine = {id(p) for p in self.optimizer.parameters}
        self._others = [p for p in parameters if id(p) not in mine]

    def inputs(self, step: int) -> Inputs | None:
        """The inputs of the program of the terms that are active in `step`; None if no term is."""
        active = self.update.active(step) if self._lazy else self._everything
        if active not in self._inputs:
            if not active:
                return None
            self._inputs[active] = self.session.inputs(self.update.program(active), self.scope, self.name)
        return self._inputs[active]

    def forward(
        self, inputs: Inputs, clock: Clock, repeat: int, batch: Mapping[str, Tensor], shared: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Run the program; only this update's parameters require gradients meanwhile."""
        session = self.session
        if session.switched is not self:
            for parameter in self._others:
                parameter.requires_grad = False
            for parameter in self.optimizer.parameters:
                parameter.requires_grad = True
            session.switched = self
        rows = len(next(iter(batch.values())))
        values = inputs.values(rows, batch, clock, shared, step=int(clock.step), repeat=repeat)
        if session.mixed:
            with session.fabric.autocast():
                return inputs.program(values)
        return inputs.program(values)

    def __call__(
        self,
        inputs: Inputs,
        clock: Clock,
        repeat: int,
        batch: Mapping[str, Tensor],
        shared: Mapping[str, Any] | None,
        norms: dict[str, Tensor] | None,
    ) -> None:
        """One step.   `norms`, if given, receives the norm of each block's gradient as "update/block"."""
        session = self.session
        made = self.forward(inputs, clock, repeat, batch, shared)
        session.pending.append(Pending(int(clock.step), self.name, made["terms"], made["monitor"]))
        session.fabric.backward(made["loss"])
        if norms is not None:
            norms |= {f"{self.name}/{block}": norm for block, norm in self.optimizer.gradient_norms().items()}
        for clip, limit in self._clips:
            clip(self.optimizer, limit)
        self.optimizer.step(clock)
        if self._projections:
            self._project(clock)
        if self._averages:
            self._average()
        if made["write"]:
            self._write(made["write"])

    def rates(self) -> dict[str, float]:
        """The learning rates, as "update/block"."""
        return {f"{self.name}/{block}": rate for block, rate in self.optimizer.rates().items()}

    def averaged(self) -> list[tuple[str, Average]]:
        """The averages that this update moves, by block."""
        return [(block, average) for block, average, _ in self._averages]

    @torch.no_grad()
    def _project(self, clock: Clock) -> None:
        for projection, parameters, limit in self._projections:
            projection(parameters, limit(clock))

    def _average(self) -> None:
        known = self.session.state.averaged
        for block, average, decay in self._averages:
            if block in known:
                average.update(decay)
            else:
                average.start()
                known.add(block)

    def _write(self, rows_of: Mapping[str, Any]) -> None:
        for memory, rows in rows_of.items():
            self.session.executable.blocks[memory].write(rows.detach())
