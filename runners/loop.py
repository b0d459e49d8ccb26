"""The loop: stages in order, and around their steps what a run owes its user: logs, checkpoints, pictures, signals.

Between two logged steps nothing is read back from the device.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from runners.diverging import Standing, lost_figure, lost_term, lost_weight
from runners.exhausted import Exhausted, exhausted, is_exhausted
from runners.folder import RunFolder
from runners.holding import Holding
from runners.logs import fold
from runners.processes import made_once
from runners.progress import Progress
from runners.recovery import Exploded, LostFigure, Recovery
from runners.saving import Intervals, Saving
from runners.signals import Signals
from runners.stages import StagePlan, StageRun, plan_stages
from runners.state import Diverged, Executable, Interrupted, Measured, RunFailed
from runners.updates import Session
from runners.validation import Validation

__all__ = ["Loop"]


class Written(Protocol):
    """Where logged steps go."""

    def line(self, run_step: int, stage: str, entry: Mapping[str, Any]) -> None:
        """Write one logged step."""
        ...

    def event(self, run_step: int, stage: str, event: str, facts: Mapping[str, Any]) -> None:
        """Write that something happened."""
        ...

    def rewind(self, run_step: int) -> None:
        """Forget what was logged after a step."""
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
    measure: Callable[[Executable], Measured] | None = None  # what validation measures, of another system
    _measured: tuple[int, Measured] = (-1, Measured())  # the step of the last validation, and what it gave
    _logged_at: tuple[float, int] = (0.0, 0)

    def __post_init__(self) -> None:
        """What saves, and the way back for a run that loses something."""
        session = self.session
        self._saving = Saving(session, self.folder, self.progress, self.facts, self.intervals, self.record.flush)
        self._recovery = Recovery(
            session, self.folder, self.progress, self.facts, lambda: bool(self._asked_to_leave()), self.measure
        )

    def run(self) -> None:
        """Train what is left of every stage.   Raises Exhausted, naming the value, where there is no memory left."""
        try:
            with self.session.weights.shared_out():
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
            self._saving.stands()
            if state.step == 0:  # stopped before, or while, the stage's end was shown
                self._show(spec.stages[state.stage - 1].name)
        while state.stage < len(plans):
            self._leave_if_asked()
            plan = plans[state.stage]
            self._recovery.begin(self._saving.is_saved)
            try:
                self._stage(plan)
            except Diverged as cause:
                self._roll_back(cause, plan)
            except Exploded as exploded:
                self._give_way(exploded, plan)

    def _roll_back(self, cause: Diverged, plan: StagePlan) -> None:
        """Go on from the last good state with other noise, if the spec asks for it.   Raises Diverged if not."""
        state, asked, recovery = self.session.state, self.session.executable.spec.run, self._recovery
        done, standing, base = state.rollbacks, self._standing(), recovery.base()
        found = recovery.find(cause, base, plan, standing)
        if asked.on_nan != "rollback" or base is None or done >= asked.rollbacks:
            raise found from None
        base.restore(self.session)
        state.rollbacks, self.restored = done + 1, base.tensors["optimizers"]
        self._measured = (-1, Measured())
        self._say_back("rollback", {"number": done + 1, "of": asked.rollbacks, "cause": found.findings[0].message})
        back = f"rollback {done + 1} of {asked.rollbacks}, to step {state.run_step:,}, with other noise"
        self.progress.say(f"{found.findings[0].message}\n{back}")

    def _give_way(self, exploded: Exploded, plan: StagePlan) -> None:
        """End the stage with the weights before a value went beyond its bound.   Raises Diverged if it stays."""
        state, lost, standing = self.session.state, exploded.lost, self._standing()
        bounds = self._bounds()
        if not self._recovery.good(self._recovery.base(), plan, standing.step, bounds):
            raise Diverged([lost_term(lost, standing)], self.session.executable.spec.sources)
        state.window.clear()
        self._measured = (-1, Measured())
        facts = {"value": lost.term, "was": repr(lost.value), "bound": bounds[lost.term], "step": state.step}
        self._say_back("exploded", facts)
        beyond = f"`{lost.term}` of update `{lost.update}` became {lost.value:.5g}, beyond its bound {facts['bound']:g}"
        kept = f"the stage ends with the weights after step {state.step:,} of {plan.steps:,}"
        self.progress.say(f"exploded: {beyond}, in step {lost.step + 1:,} of stage `{standing.name}`; {kept}")
        self._end(standing.name)

    def _say_back(self, event: str, facts: Mapping[str, Any]) -> None:
        """Forget what was logged after the step that the run went back to, and write why."""
        run_step, name = self.session.state.run_step, self._standing().name
        try:
            self.record.rewind(run_step)
        except OSError as error:
            raise RunFailed(f"the record of the run cannot be cut off: {error.strerror}: {error.filename}") from None
        self.record.event(run_step, name, event, facts)

    def _bounds(self) -> Mapping[str, float]:
        """What values of the present stage must stay below, by name."""
        stages, at = self.session.executable.spec.stages, self.session.state.stage
        return stages[at].bound if at < len(stages) else {}

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
        stage.close()
        self._end(stage.name)

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
            if self._saving.is_due(run_step, logged):
                self._try_to_save()
            self._leave_if_asked()

    def _end(self, stage: str) -> None:
        """A stage's last acts: its optimizers go, the run is saved, pictures and metrics are made."""
        state = self.session.state
        self._settle()
        state.let_optimizers_go()
        state.stage, state.step, state.leading = state.stage + 1, 0, state.leading.next_stage()
        saved = self._try_to_save()
        self._show(stage)
        if not saved and state.stage == len(self.session.executable.spec.stages):
            raise RunFailed(f"the end of the run could not be saved in {self.folder.checkpoints}")

    def _show(self, stage: str) -> None:
        state = self.session.state
        with self.session.weights.whole(Holding.everything):
            self._leave_if_asked()
            self.sample(state.run_step)
            self._leave_if_asked()
            at, measured = self._measured
            if at != state.run_step or not self.same_rows:
                measured = self.evaluate()
        metrics = {name: value for name, value in measured.values.items() if math.isfinite(value)}
        lost = {name: f"`{name}` has no figure: it came out as {measured.values[name]}" for name in measured.values}
        state.refused = {**measured.refused, **{name: lost[name] for name in lost if name not in metrics}}
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
        state = self.session.state
        with self.session.weights.whole(Holding.everything):
            measured = made_once(self.session.processes, validation.measure, Measured())
        self._measured = state.run_step, measured
        for name, value in measured.values.items():
            if not math.isfinite(value):
                found = Diverged([lost_figure(name, value, self._standing())], self.session.executable.spec.sources)
                raise LostFigure(name, found)
        self.record.line(state.run_step, stage.name, {"step": state.step, "validation": dict(measured.values)})
        for cause in measured.refused.values():
            self.progress.say(cause)
        before, state.leading = state.leading, validation.note(state.leading, measured.values, state.run_step)
        figures = "  ".join(f"{name} {value:.5g}" for name, value in measured.values.items())
        improved = state.leading.step != before.step
        self.progress.say(f"step {state.run_step:,}: {figures}{'  (the best so far)' if improved else ''}")
        if improved:
            self._saving.keep(self.folder.best, 1)
        if validation.is_over(state.leading):
            self._log(stage, {})  # else the next stage would log the rest of this one
            waited = f"{state.leading.waited} evaluations in a row were no better"
            self.progress.say(f"{stage.name} stops after {state.step:,} of {stage.plan.steps:,} steps: {waited}")

    def _sample(self) -> None:
        self._settle()
        with self.session.weights.whole(Holding.everything):
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
        bounds = self._bounds()
        lost = fold(self.session.pending, self.session.state.window, processes.mean if processes else None, bounds)
        if lost is not None and lost.term in bounds:
            raise Exploded(lost)
        if lost is not None:
            raise Diverged([lost_term(lost, self._standing())], self.session.executable.spec.sources)

    def _settle(self) -> None:
        """Read what is pending, and look at every parameter.   Raises Diverged on what is not finite."""
        self._read()
        lost: str | None = None
        for name, value in self.session.state.parameters().items():
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                lost = name
                break
        processes = self.session.processes
        lost = processes.first_said(lost) if processes else lost  # a process may hold what the others do not
        if lost is not None:
            raise Diverged([lost_weight(lost, self._standing())], self.session.executable.spec.sources)

    def _standing(self) -> Standing:
        spec, state = self.session.executable.spec, self.session.state
        return Standing(spec, min(state.stage, len(spec.stages) - 1), state.step, self.folder.checkpoints)

    def _asked_to_leave(self) -> int:
        processes = self.session.processes
        return self.signals.status if processes is None else processes.most(self.signals.status)

    def _leave_if_asked(self) -> None:
        if status := self._asked_to_leave():
            raise Interrupted(status, saved=self._try_to_save())

    def _try_to_save(self) -> bool:
        """Save what is not on the disk yet, once it is known to be finite."""
        if self._saving.is_saved:
            return True
        self._settle()
        saved = self._saving.save()
        if saved:
            self._recovery.saved()
        return saved
