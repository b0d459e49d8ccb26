"""One stage of a run: what happens at its start, and what one step of it does."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from blocks.initialisation import first_batch
from compose.program import CompiledStage
from compose.spec import Stage
from runners.fits import fit_blocks
from runners.inputs import Inputs, moved
from runners.linears import BACKENDS, has_linear, multiply_by
from runners.state import Clock, RunFailed
from runners.tuning import LAYOUTS, Tuning, has_kernel, lay_out, undone
from runners.updates import Session, UpdateStep

__all__ = ["StagePlan", "StageRun", "plan_stages"]


@dataclass(frozen=True)
class StagePlan:
    """How long a stage is and which batches it reads.

    A step opens with one batch; each call of an update with `batch: next` moves on to the next one first, unless it
    is the first call of the step. `stride` batches make a step, `first` is the number of the stage's first batch.
    """

    steps: int
    stride: int
    first: int
    steps_per_epoch: int

    def clock(self, step: int, run_step: int) -> Clock:
        """The clock at a step of the stage; an epoch is a pass over the data."""
        epoch = step * self.stride // self.steps_per_epoch if self.steps_per_epoch else 0
        return Clock(step, epoch, step / max(self.steps, 1), run_step)  # a stage that only copies has no steps

    def batch(self, step: int, offset: int) -> int:
        """The number of the batch of a step."""
        return self.first + step * self.stride + offset


def plan_stages(stages: Sequence[Stage], steps_per_epoch: int | None) -> list[StagePlan]:
    """The plan of every stage; each begins with a new pass over the data.

    Raises RunFailed for a stage in epochs over data of unknown length (None).
    """
    plans, first = [], 0
    for spec in stages:
        updates = spec.all_updates()
        opens = bool(updates) and updates[0].batch == "next" and not spec.shared  # its first call reads the step's own
        stride = 1 + sum(update.times for update in updates if update.batch == "next") - opens
        steps = _steps(spec, stride, steps_per_epoch)
        if spec.fit:  # they read an epoch before the first step
            first += steps_per_epoch or 0
        plans.append(StagePlan(steps, stride, first, steps_per_epoch or 0))
        read = steps * stride
        first += math.ceil(read / steps_per_epoch) * steps_per_epoch if steps_per_epoch else read
    return plans


def _steps(spec: Stage, stride: int, steps_per_epoch: int | None) -> int:
    if spec.steps is not None or spec.epochs is None:
        return spec.steps or 0
    if steps_per_epoch is None:
        raise RunFailed(f"stage `{spec.name}` counts epochs, but the loader has no length; give the stage `steps`")
    return math.ceil(spec.epochs * steps_per_epoch / stride)


class StageRun:
    """A stage, compiled, with its optimizers; `step` trains one step."""

    def __init__(self, session: Session, index: int, plan: StagePlan) -> None:
        state, executable = session.state, session.executable
        self.session, self.plan = session, plan
        self._as_it_is = session.dtype == torch.float32 and session.fabric.device.type == "cpu"
        spec = executable.spec.stages[index]
        state.optimizers, state.names, state.cuts = {}, {}, {}
        if state.step == 0:
            self._copy(spec.copies)
        trained = self._compile(index)
        self._set_modes(spec.mode, trained)
        if state.step == 0:
            fit_blocks(session, self.compiled, plan.first - plan.steps_per_epoch)
            self._initialise(trained)
        clock = plan.clock(state.step, state.run_step)
        self._arm(clock)
        if state.step == 0:
            for update in self.updates:
                for _, average in update.averaged():
                    average.start()  # what `ema(block)` reads before the first step has ended
        if session.tuning is not None and plan.steps > state.step:
            self._tune(session.tuning, clock)

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.compiled.name

    def _arm(self, clock: Clock) -> None:
        """Make the updates of the compiled stage, with their optimizers."""
        session, shared = self.session, self.compiled.shared
        self.updates = [UpdateStep(session, self.compiled, update, clock) for update in self.compiled.updates]
        self._sharing = [shared.module] if shared else []
        self._shared = session.inputs(shared, self.name, "shared") if shared else None

    def step(self, norms: dict[str, Tensor] | None) -> None:
        """Train one step and move the clock.   `norms`, if given, receives the norms of the gradients."""
        with self.session.weights.whole(self._sharing):  # updates go back through what they share
            self._take(norms)

    def _take(self, norms: dict[str, Tensor] | None) -> None:
        state, plan = self.session.state, self.plan
        clock = plan.clock(state.step, state.run_step)
        offset, fresh = 0, True
        batch = self._batch(clock, offset)
        shared = None
        if self._shared is not None:
            shared, fresh = self._share(self._shared, clock, batch), False
        for update in self.updates:
            inputs = update.inputs(state.step) if state.step % update.every == 0 else None
            for repeat in range(update.times):
                if update.next_batch and not fresh:
                    offset += 1
                    if inputs is not None:
                        batch = self._batch(clock, offset)
                fresh = False
                if inputs is not None:
                    update(inputs, clock, repeat, batch, shared, norms)
        state.step += 1
        state.run_step += 1

    def rates(self) -> dict[str, float]:
        """The learning rates of all updates, as "update/block"."""
        return {name: rate for update in self.updates for name, rate in update.rates().items()}

    def _tune(self, tuning: Tuning, clock: Clock) -> None:
        batch = self._batch(clock, 0)

        def share() -> Mapping[str, Any] | None:
            return None if self._shared is None else self._share(self._shared, clock, batch)

        def try_all() -> None:
            with self.session.weights.whole(self._sharing):
                for update in self.updates:
                    update.try_out(clock, batch, share())

        session = self.session
        within = session.processes.step() if session.processes else nullcontext()
        with within, undone(session.executable.blocks):
            for name, settings in self._settings(clock).items():
                tuning.settle_setting(f"{self.name}/{name}", settings, try_all, session.fabric.broadcast)
            with session.weights.whole(self._sharing):
                for update in self.updates:
                    update.settle(clock, batch, share, tuning)

    def _settings(self, clock: Clock) -> dict[str, dict[str, Callable[[], None]]]:
        """The ways of computing that there are for this stage as a whole, each kind's usual way first."""
        found: dict[str, dict[str, Callable[[], None]]] = {}
        if has_kernel(self._parameters()):
            found["layout"] = {layout: partial(self._lay_out, layout, clock) for layout in LAYOUTS}
        if self._as_it_is and not self.session.mixed and has_linear(self._modules()):
            found["linear"] = {backend: partial(self._multiply_by, backend) for backend in BACKENDS}
        return found

    def _lay_out(self, layout: str, clock: Clock) -> None:
        """Lay kernels out so, and make anew what saw the tensors that they were: views, programs, updates."""
        lay_out(self._parameters(), layout)
        self.session.executable.forget()
        self._compile(self.compiled.index)
        self._arm(clock)

    def _multiply_by(self, backend: str) -> None:
        multiply_by(backend, self._modules())

    def close(self) -> None:
        """Outside of a stage all is computed as samplers and a loaded run do it."""
        if self.session.tuning is not None:
            multiply_by(next(iter(BACKENDS)), self._modules())
            if has_kernel(self._parameters()):
                lay_out(self._parameters(), next(iter(LAYOUTS)))
                self.session.executable.forget()

    def _modules(self) -> list[nn.Module]:
        executable, shared = self.session.executable, [self._shared] if self._shared else []
        given = [*shared, *(inputs for update in self.updates for inputs in update.all_inputs())]
        return [executable.blocks, executable.averages, *(inputs.program.module for inputs in given)]

    def _parameters(self) -> list[nn.Parameter]:
        """What may lie otherwise in memory."""
        executable = self.session.executable
        return [] if self._kept_in_parts() else [*executable.blocks.parameters(), *executable.averages.parameters()]

    def _kept_in_parts(self) -> bool:
        """Whether parts of weights are kept, by weights or optimizers: parts of how those lie in memory."""
        return bool(self.session.state.cuts or self.session.state.weights.cuts)

    def _batch(self, clock: Clock, offset: int) -> dict[str, Tensor]:
        batch = self._whole_batch(clock, offset)
        return batch if self.session.processes is None else self.session.processes.rows(batch)

    def _whole_batch(self, clock: Clock, offset: int) -> dict[str, Tensor]:
        batch = self.session.batches.batch(self.plan.batch(int(clock.step), offset))
        return batch if self._as_it_is else moved(batch, self.session.dtype, self.session.fabric.device)

    def _share(self, inputs: Inputs, clock: Clock, batch: Mapping[str, Tensor]) -> dict[str, Any]:
        rows = len(next(iter(batch.values())))
        values = inputs.values(rows, batch, clock, step=int(clock.step))
        if self.session.mixed:  # its graph is gone back through as those of the updates are
            with self.session.fabric.autocast():
                return inputs.program(values)
        return inputs.program(values)

    def _copy(self, copies: Mapping[str, str]) -> None:
        blocks, averages, averaged = (
            self.session.executable.blocks, self.session.executable.averages, self.session.state.averaged,
        )  # fmt: skip
        for target, source in copies.items():
            module = averages[source] if source in averaged else blocks[source]
            with self.session.weights.whole([blocks[target], module]):
                blocks[target].load_state_dict(module.state_dict())
            if source in self.session.state.initialised:
                self.session.state.initialised.add(target)

    def _compile(self, index: int) -> frozenset[str]:
        """Compile the stage: blocks it trains are read raw, others from their averages.   Returns what it trains."""
        state, executable = self.session.state, self.session.executable
        self.compiled: CompiledStage = executable.stage(index, frozenset(state.averaged))
        trained = frozenset(name for update in self.compiled.updates for name in update.trains)
        if trained & state.averaged:
            self.compiled = executable.stage(index, frozenset(state.averaged - trained))
        if state.step == 0:
            state.averaged -= trained
        return trained

    def _set_modes(self, modes: Mapping[str, str], trained: frozenset[str]) -> None:
        for name, block in self.session.executable.blocks.items():
            block.train(modes.get(name, "train" if name in trained else "eval") == "train")

    def _initialise(self, trained: frozenset[str]) -> None:
        """Let the blocks that wait for data see the first batch, and undo what that did to all others.

        A block with weights from elsewhere waits for none.
        """
        session, state = self.session, self.session.state
        declared = session.executable.spec.blocks
        waiting = (session.executable.needs_data & trained) - state.initialised
        waiting -= {name for name in waiting if name in declared and declared[name].weights is not None}
        if not waiting:
            return
        blocks = session.executable.blocks
        others = [buffer for name, block in blocks.items() if name not in waiting for buffer in block.buffers()]
        kept = [buffer.clone() for buffer in others]
        clock = self.plan.clock(0, state.run_step)
        batch = self._whole_batch(clock, 0)  # every process sees all of it
        rows = len(next(iter(batch.values())))
        shared = None
        starting = [blocks[name] for name in sorted(waiting)]
        read = [self.compiled.shared.module] if self.compiled.shared else []
        with session.weights.whole([*starting, *read]), first_batch(starting):
            if self.compiled.shared is not None:
                given = session.inputs(self.compiled.shared, self.name, "shared")
                shared = given.program(given.values(rows, batch, clock))
            for update in self.compiled.updates:
                if waiting & set(update.trains):
                    inputs = session.inputs(update.program(update.active(0)), self.name, update.name)
                    with session.weights.whole([inputs.program.module]):
                        inputs.program(inputs.values(rows, batch, clock, shared))
        with torch.no_grad():
            for buffer, value in zip(others, kept, strict=True):
                buffer.copy_(value)
        state.initialised |= waiting
