"""The loop: stages in order, and around their steps what a run owes its user: logs, checkpoints, pictures, signals.

Between two logged steps nothing is read back from the device.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from runners.checkpoints import Checkpoint, write_checkpoint
from runners.diverging import Standing, lost_term, lost_weight
from runners.exhausted import Exhausted, exhausted, is_exhausted
from runners.folder import RunFolder
from runners.logs import fold
from runners.progress import Progress
from runners.signals import Signals
from runners.stages import StagePlan, StageRun, plan_stages
from runners.state import Diverged, Interrupted, Measured, RunFailed
from runners.updates import Session
from runners.validation import Validation

__all__ = ["Intervals", "Loop"]

T = TypeVar("T")


@dataclass(frozen=True)
class Intervals:
    """How often things happen, in steps of the run (0: only where stages end), and for checkpoints also in seconds."""

    log: int = 50
    checkpoint: int = 1000
    checkpoint_seconds: float = 600.0
    sample: int = 0
    keep: int = 2


class Written(Protocol):
    """Where logged steps go."""

    def line(self, run_step: int, stage: str, entry: Mapping[str, Any]) -> None:
        """Write one logged step."""
        ...

    def flush(self) -> None:
        """Force what was written to the disk.   Raises OSError."""
        ...


@dataclass
class Loop:
    """Trains a session to its end.   `sample(run_step)` draws pictures, `evaluate()` gives metrics at a stage's end.

    Raises Diverged on a value that is not finite, Interrupted after a signal; the last good state is saved.
    """

    session: Session
    folder: RunFolder
    record: Written
    progress: Progress
    signals: Signals
    intervals: Intervals
    facts: Mapping[str, Any]
    sample: Callable[[int], None] = lambda _run_step: None
    evaluate: Callable[[], Measured] = Measured
    restored: Mapping[str, Tensor] = field(default_factory=dict)
    validation: Validation | None = None
    same_rows: bool = False  # validation measures what the end of a stage does
    _measured: tuple[int, Measured] = (-1, Measured())  # the step of the last validation, and what it gave
    _saved: tuple[int, int] | None = None
    _saved_at: float = field(default_factory=time.monotonic)
    _logged_at: tuple[float, int] = (0.0, 0)

    def run(self) -> None:
        """Train what is left of every stage.   Raises Exhausted, naming the value, where there is no memory left."""
        try:
            self._stages()
        except (MemoryError, RuntimeError) as error:
            if not is_exhausted(error):
                raise
            spec = self.session.executable.spec
            raise Exhausted([exhausted(spec, self.session.state.stage, error)], spec.sources) from error

    def _stages(self) -> None:
        state, spec = self.session.state, self.session.executable.spec
        plans = plan_stages(spec.stages, self.session.batches.steps_per_epoch)
        if state.run_step:
            self._saved = (state.stage, state.run_step)
            if state.step == 0:  # stopped before, or while, the stage's end was shown
                self._show(spec.stages[state.stage - 1].name)
        while state.stage < len(plans):
            self._leave_if_asked()
            self._stage(plans[state.stage])

    def _stage(self, plan: StagePlan) -> None:
        state = self.session.state
        stage = StageRun(self.session, state.stage, plan)
        state.restore_optimizers(self.restored)
        self.restored = {}
        count = len(self.session.executable.spec.stages)
        turn = f"stage {state.stage + 1} of {count}, {stage.name}" if count > 1 else stage.name
        self.progress.start(turn, state.step, plan.steps)
        self._logged_at = (time.monotonic(), state.run_step)
        try:
            while state.step < plan.steps and not self._waited_enough():
                self._step(stage)
        finally:
            self.progress.stop(state.step)
        self._end(stage)

    def _step(self, stage: StageRun) -> None:
        state, intervals, plan = self.session.state, self.intervals, stage.plan
        run_step = state.run_step + 1
        logged = run_step % intervals.log == 0 or state.step + 1 == plan.steps
        norms: dict[str, Tensor] | None = {} if logged else None
        if self.session.processes is None:
            stage.step(norms)
        else:
            with self.session.processes.step():
                stage.step(norms)
        if norms is not None:
            self._log(stage, norms)
        self.progress.step(state.step)
        if self.validation is not None and self.validation.is_due(plan, state.step):
            self._validate(stage, self.validation)
        if state.step < plan.steps:  # the end of a stage saves and samples by itself
            if intervals.sample and run_step % intervals.sample == 0:
                self._sample()
            if self._is_due(run_step, logged):
                self._try_to_save()
            self._leave_if_asked()

    def _end(self, stage: StageRun) -> None:
        """A stage's last acts: its optimizers go, the run is saved, pictures and metrics are made."""
        state = self.session.state
        self._settle()
        state.optimizers, state.names = {}, {}
        state.stage, state.step, state.leading = state.stage + 1, 0, state.leading.next_stage()
        saved = self._try_to_save()
        self._show(stage.name)
        if not saved and state.stage == len(self.session.executable.spec.stages):
            raise RunFailed(f"the end of the run could not be saved in {self.folder.checkpoints}")

    def _show(self, stage: str) -> None:
        state = self.session.state
        self._leave_if_asked()
        self.sample(state.run_step)
        self._leave_if_asked()
        at, measured = self._measured
        if at != state.run_step or not self.same_rows:
            measured = self.evaluate()
        metrics, state.refused = dict(measured.values), dict(measured.refused)
        for cause in state.refused.values():
            self.progress.say(cause)
        state.metrics = {name: value for name, value in state.metrics.items() if name not in state.refused} | metrics
        if metrics:
            self.record.line(state.run_step, stage, {"metrics": metrics})

    def _waited_enough(self) -> bool:
        return self.validation is not None and self.validation.is_over(self.session.state.leading)

    def _validate(self, stage: StageRun, validation: Validation) -> None:
        """Measure, before anything is saved at this step, and keep the weights if they are the best so far."""
        self._settle()
        state, measured = self.session.state, self._told(validation.measure, Measured())
        self._measured = state.run_step, measured
        self.record.line(state.run_step, stage.name, {"step": state.step, "validation": dict(measured.values)})
        for cause in measured.refused.values():
            self.progress.say(cause)
        before, state.leading = state.leading, validation.note(state.leading, measured.values, state.run_step)
        figures = "  ".join(f"{name} {value:.5g}" for name, value in measured.values.items())
        improved = state.leading.step != before.step
        self.progress.say(f"step {state.run_step:,}: {figures}{'  (the best so far)' if improved else ''}")
        if improved:
            self._told(lambda: self._write(self.folder.best, keep=1), False)
        if validation.is_over(state.leading):
            self._log(stage, {})  # else the next stage would log the rest of this one
            waited = f"{state.leading.waited} evaluations in a row were no better"
            self.progress.say(f"{stage.name} stops after {state.step:,} of {stage.plan.steps:,} steps: {waited}")

    def _sample(self) -> None:
        self._settle()
        self.sample(self.session.state.run_step)

    def _log(self, stage: StageRun, norms: Mapping[str, Tensor]) -> None:
        state = self.session.state
        self._read()
        for name, parameter in self.session.executable.blocks.named_parameters():
            assert parameter.grad is None, f"a program gave `{name}` a gradient in an update that does not train it"
        means = {tag: total / count for tag, (total, count) in state.window.items()}
        terms = {tag.removeprefix("terms/"): mean for tag, mean in means.items() if tag.startswith("terms/")}
        monitor = {tag.removeprefix("monitor/"): mean for tag, mean in means.items() if tag.startswith("monitor/")}
        now, (then, since) = time.monotonic(), self._logged_at
        entry = {
            "step": state.step, "epoch": stage.plan.clock(state.step, 0).epoch, "terms": terms, "monitor": monitor,
            "gradients": {name: norm.item() for name, norm in norms.items()}, "lr": stage.rates(),
            "rate": (state.run_step - since) / max(now - then, 1e-9),
        }  # fmt: skip
        self.record.line(state.run_step, stage.name, entry)
        self.progress.losses(terms)
        self._logged_at = (now, state.run_step)
        state.window.clear()

    def _read(self) -> None:
        """Read what is pending.   Raises Diverged on a term that is not finite."""
        processes = self.session.processes
        lost = fold(self.session.pending, self.session.state.window, processes.mean if processes else None)
        if lost is not None:
            raise Diverged([lost_term(lost, self._standing())], self.session.executable.spec.sources)

    def _settle(self) -> None:
        """Read what is pending, and look at every parameter.   Raises Diverged on what is not finite."""
        self._read()
        for name, value in self.session.state.parameters().items():
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                raise Diverged([lost_weight(name, self._standing())], self.session.executable.spec.sources)

    def _standing(self) -> Standing:
        spec, state = self.session.executable.spec, self.session.state
        return Standing(spec, min(state.stage, len(spec.stages) - 1), state.step, self.folder.checkpoints)

    def _is_due(self, run_step: int, logged: bool) -> bool:
        every, seconds = self.intervals.checkpoint, self.intervals.checkpoint_seconds
        if every and run_step % every == 0:
            return True
        late, processes = time.monotonic() - self._saved_at > seconds, self.session.processes
        return logged and (late if processes is None else bool(processes.most(int(late))))

    def _leave_if_asked(self) -> None:
        processes = self.session.processes
        status = self.signals.status if processes is None else processes.most(self.signals.status)
        if status:
            raise Interrupted(status, saved=self._try_to_save())

    def _try_to_save(self) -> bool:
        """Save; a disk that refuses is told to the user, and the checkpoint before stays what it was."""
        state = self.session.state
        if self._saved == (state.stage, state.run_step):
            return True
        self._settle()
        if not self._told(lambda: self._write(self.folder.checkpoints, self.intervals.keep), False):
            return False
        self._saved, self._saved_at = (state.stage, state.run_step), time.monotonic()
        return True

    def _told(self, make: Callable[[], T], otherwise: T) -> T:
        """What is made once, by the first of several processes, and known to all of them."""
        processes = self.session.processes
        return make() if processes is None else processes.told(make, otherwise)

    def _write(self, folder: Path, keep: int) -> bool:
        state = self.session.state
        made = Checkpoint(state.run_step, state.numbers(), state.tensors(), self.facts)
        try:
            self.record.flush()
            write_checkpoint(folder, made, keep)
        except OSError as error:
            cause = f"{error.strerror}: {error.filename or folder}"
            then = "the last checkpoint is untouched, and saving is tried again"
            self.progress.say(f"could not save step {state.run_step}: {cause}; {then}")
            return False
        return True
