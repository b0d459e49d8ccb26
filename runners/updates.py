"""One update of a stage, with everything that a step needs looked up beforehand."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from compose.program import CompiledStage, CompiledUpdate, Program
from compose.spec import Optimizer
from runners.accumulation import in_parts
from runners.ema import Average
from runners.holding import Holding
from runners.inputs import Inputs
from runners.logs import Pending
from runners.optimizers import CLIPS, UpdateOptimizer
from runners.processes import Processes
from runners.projections import projections_of
from runners.schedules import scheduled
from runners.state import Batches, Clock, Executable, RunState
from runners.tuning import Tuning

__all__ = ["Session", "UpdateStep"]

MOST_SETS = 240
"""Steps in which sets of active terms are looked for beforehand; a set that comes later runs as it is."""


@dataclass
class Session:
    """What all parts of a run share.

    `names`: the spec's numbers; `mixed`: programs run under autocast; `pending`: losses that are not read yet;
    `processes`: those that share every batch, where there are several; `tuning`: which programs run compiled.
    """

    executable: Executable
    batches: Batches
    fabric: Fabric
    state: RunState
    seed: int
    dtype: torch.dtype
    names: Mapping[str, float] = field(default_factory=dict)
    mixed: bool = False
    pending: list[Pending] = field(default_factory=list)
    processes: Processes | None = None
    tuning: Tuning | None = None

    @property
    def weights(self) -> Holding:
        """What of the weights this process holds."""
        return self.state.weights

    def inputs(self, program: Program, scope: str, update: str) -> Inputs:
        """The inputs of a program of this run; after a rollback their noise is another, lest the same come again."""
        scope = f"{scope}/rollback {self.state.rollbacks}" if self.state.rollbacks else scope
        return Inputs(program, self.seed, scope, update, dtype=self.dtype, device=self.fabric.device)


class UpdateStep:
    """One optimizer step of one update: program, gradient, step, projection, averages, memories, in this order."""

    def __init__(self, session: Session, stage: CompiledStage, update: CompiledUpdate, clock: Clock) -> None:
        spec, state = update.spec, session.state
        self.session, self.update, self.name, self.scope = session, update, update.name, stage.name
        self.every, self.times, self.next_batch = spec.every, spec.times, spec.batch == "next"
        self._parts = session.executable.spec.run.accumulate
        blocks = {name: session.executable.blocks[name] for name in update.trains}
        chosen: Optimizer = spec.optimizer or Optimizer()
        options = {"lr": chosen.lr, **chosen.options}
        overrides = {
            block: ({} if given.lr is None else {"lr": given.lr}) | dict(given.options)
            for block, given in chosen.blocks.items()
        }
        self._learnt = [p for block in blocks.values() for p in block.parameters() if p.requires_grad]
        self.optimizer: UpdateOptimizer | None = None  # an update that only writes to memories trains nothing
        if blocks:
            self.optimizer = UpdateOptimizer(
                chosen.kind, options, overrides, blocks, clock, session.names, session.weights.shards
            )  # fmt: skip
            state.optimizers[update.name] = self.optimizer.torch
            state.names[update.name] = self.optimizer.names
            if self.optimizer.shards:
                state.cuts |= dict(zip(self.optimizer.names, self.optimizer.shards.cuts, strict=True))
        wanted = {word: getattr(spec.gradients, word) for word in CLIPS} if spec.gradients else {}
        self._clips = [(CLIPS[word], limit) for word, limit in wanted.items() if limit is not None]
        self._projections = [
            (projection, session.executable.blocks[block], scheduled(limit, session.names))
            for block, asked in spec.project.items()
            for projection, limit in projections_of(asked)
        ]
        self._averages = [
            (
                block,
                Average(session.executable.blocks[block], session.executable.averages[block], session.weights),
                decay,
            )
            for block, decay in spec.ema.items()
        ]
        self._lazy = any(every > 1 for every in update.term_every.values())
        self._everything = frozenset(update.terms)
        self._inputs: dict[frozenset[str], Inputs] = {}

    def inputs(self, step: int) -> Inputs | None:
        """The inputs of the program of the terms that are active in `step`; None if no term is."""
        active = self.update.active(step) if self._lazy else self._everything
        if active not in self._inputs:
            if self.update.terms and not active:
                return None
            self._inputs[active] = self.session.inputs(self.update.program(active), self.scope, self.name)
        return self._inputs[active]

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
        with session.weights.whole([inputs.program.module]):
            made = self._compute(inputs, clock, repeat, batch, shared)
            if self.optimizer is not None:
                session.weights.average(self.optimizer)
        session.pending.append(Pending(int(clock.step), self.name, made["terms"], made["monitor"]))
        if self.optimizer is not None:
            self._descend(self.optimizer, clock, norms)
        for projection, projected, limit in self._projections:
            with session.weights.whole([projected]):
                projection([p.detach() for p in projected.parameters()], limit(clock))
        for block, average, decay in self._averages:
            self._move(block, average, decay)
        for name, kept in made["write"].items():
            memory: Any = session.executable.blocks[name]
            memory.write(kept.detach() if session.processes is None else session.processes.gather(kept.detach()))

    def settle(
        self, clock: Clock, batch: Mapping[str, Tensor], share: Callable[[], Mapping[str, Any] | None], tuning: Tuning
    ) -> None:
        """Choose how each of its programs runs, by calls on a batch; statistics of blocks move (`tuning.undone`).

        `share` makes the values of the stage anew for each call, since a gradient goes back through them once.
        """
        for active, inputs in self._each():
            name = f"{self.scope}/{self.name}"
            if active != self._everything:
                name += f"/{' + '.join(sorted(active))}"

            def trial(program: Program, inputs: Inputs = inputs) -> None:
                self._try(inputs.running(program), clock, batch, share())

            chosen = tuning.settle(name, inputs.program, trial, self.session.fabric.broadcast)
            self._inputs[active] = inputs.running(chosen)

    def try_out(self, clock: Clock, batch: Mapping[str, Tensor], shared: Mapping[str, Any] | None) -> None:
        """One call, of its first set of active terms, after which no gradient is left."""
        inputs = self.inputs(0)
        if inputs is not None:
            self._try(inputs, clock, batch, shared)

    def _try(self, inputs: Inputs, clock: Clock, batch: Mapping[str, Tensor], shared: Mapping[str, Any] | None) -> None:
        with self.session.weights.whole([inputs.program.module]):
            self._compute(inputs, clock, 0, batch, shared)
        for parameter in self._learnt:
            parameter.grad = None

    def all_inputs(self) -> list[Inputs]:
        """Those of every program that some step runs."""
        return [inputs for _, inputs in self._each()]

    def _each(self) -> Iterator[tuple[frozenset[str], Inputs]]:
        """The sets of terms that take part together in some step, each once, with its inputs."""
        period = math.lcm(*self.update.term_every.values()) if self._lazy else 1
        sets = {self.update.active(step): step for step in reversed(range(min(period, MOST_SETS)))}
        for active, step in sets.items():
            inputs = self.inputs(step)
            if inputs is not None:
                yield (active if self._lazy else self._everything), inputs

    def _compute(
        self, inputs: Inputs, clock: Clock, repeat: int, batch: Mapping[str, Tensor], shared: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """What the program makes of a batch, at once or in parts; its gradient is added to what is there of one."""
        rows = len(next(iter(batch.values())))
        values = inputs.values(rows, batch, clock, shared, step=int(clock.step), repeat=repeat)
        if self._parts == 1:
            return self._differentiate(inputs, values)
        processes = self.session.processes
        return in_parts(lambda part: self._differentiate(inputs, part), inputs, values, rows, self._parts, processes)

    def _differentiate(self, inputs: Inputs, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the program makes of its inputs; the gradient of its loss is added to what is there of one."""
        session = self.session
        if session.mixed:
            with session.fabric.autocast():
                made = inputs.program(values)
        else:
            made = inputs.program(values)
        if self.optimizer is not None:
            loss = made["loss"] if self._parts == 1 else made["loss"] / self._parts
            carried = any(gradient for _, gradient in inputs.shared)  # what they were made with leads to other blocks
            session.fabric.backward(loss, inputs=self._learnt if carried else None)
        return made

    def _descend(self, optimizer: UpdateOptimizer, clock: Clock, norms: dict[str, Tensor] | None) -> None:
        if norms is not None:
            norms |= {f"{self.name}/{block}": norm for block, norm in optimizer.gradient_norms().items()}
        for clip, limit in self._clips:
            clip(optimizer, limit)
        optimizer.step(clock)

    def rates(self) -> dict[str, float]:
        """The learning rates, as "update/block"."""
        rates = self.optimizer.rates() if self.optimizer else {}
        return {f"{self.name}/{block}": rate for block, rate in rates.items()}

    def averaged(self) -> list[tuple[str, Average]]:
        """The averages that this update moves, by block."""
        return [(block, average) for block, average, _ in self._averages]

    def _move(self, block: str, average: Average, decay: float) -> None:
        averaged = self.session.state.averaged
        if block in averaged:
            average.update(decay)
        else:  # the stage's first step
            average.start()
            averaged.add(block)
