"""What a run does that has lost something: it finds where, keeps that step, and stops, rolls back, or ends the stage.

stop        the finding, and the step in RUN/diverged, which `compose replay RUN` shows again
rollback    from the last good state on, with other noise, a bounded number of times
exploded    a value beyond the `bound` of its stage: the stage ends with the weights before that step
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from runners.checkpoints import read_latest
from runners.diagnosis import Diagnosis
from runners.diverging import Standing, diverged
from runners.folder import RunFolder
from runners.holding import Holding
from runners.kept import Kept, keep
from runners.logs import Lost
from runners.processes import made_once
from runners.progress import Progress
from runners.retrace import Lossy, Snapshot, examine, examine_figures, retrace
from runners.stages import StagePlan
from runners.state import Diverged, Executable, Measured, RunFailed
from runners.updates import Session

Batch = Mapping[int, Mapping[str, Tensor]]

__all__ = ["Exploded", "LostFigure", "Recovery"]


class LostFigure(Diverged):
    """A figure of `evaluate`, measured while training, is not finite."""

    def __init__(self, figure: str, cause: Diverged) -> None:
        super().__init__(cause.findings, cause.sources)
        self.figure = figure


class Exploded(Exception):
    """A value went beyond the bound that its stage sets: the stage ends, the run goes on."""

    def __init__(self, lost: Lost) -> None:
        super().__init__(lost.term)
        self.lost = lost


@dataclass
class Recovery:
    """The way back of a run.   `measure(system)` measures again what validation does, where this process does."""

    session: Session
    folder: RunFolder
    progress: Progress
    facts: Mapping[str, Any]
    stopped: Callable[[], bool]
    measure: Callable[[Executable], Measured] | None = None
    _begun: Snapshot | None = None

    def begin(self, saved: bool) -> None:
        """A stage begins, from a state that lies on the disk or not; one that does not is kept until it does."""
        self._begun = None if saved else Snapshot.of(self.session)

    def saved(self) -> None:
        """A checkpoint lies on the disk: it is the last good state."""
        self._begun = None

    def base(self) -> Snapshot | None:
        """The last good state; None if it cannot be read."""
        if self._begun is not None:
            return self._begun
        return made_once(self.session.processes, self._read, None)

    def _read(self) -> Snapshot | None:
        try:
            found = read_latest(self.folder.checkpoints, self.progress.say)
        except RunFailed:
            return None
        return None if found is None else Snapshot(found.numbers, found.tensors)

    def find(self, cause: Diverged, base: Snapshot | None, plan: StagePlan, standing: Standing) -> Diverged:
        """The finding that says which value was lost first; what was noticed, if that does not come again."""
        if isinstance(cause, LostFigure):
            return self._of_figure(cause, plan, standing)
        lossy = self._retrace(base, plan, standing.step, {})
        found = lossy and examine(self.session, lossy.before, plan)
        if lossy is None or found is None:
            return cause
        self._keep(lossy.before, lossy.batches, None, found)
        late = standing.step > found.step
        found = replace(found, noticed=f", noticed at step {standing.step:,}, where losses are read" if late else "")
        return Diverged([diverged(found, standing)], cause.sources)

    def good(self, base: Snapshot | None, plan: StagePlan, until: int, bounds: Mapping[str, float]) -> bool:
        """Put the session where it was before the first step that goes beyond a bound.   False if none does."""
        lossy = self._retrace(base, plan, until, bounds)
        if lossy is None:
            return False
        lossy.before.restore(self.session)
        return True

    def _retrace(self, base: Snapshot | None, plan: StagePlan, until: int, bounds: Mapping[str, float]) -> Lossy | None:
        state = self.session.state
        if base is None or int(base.numbers["stage"]) != state.stage:
            return None
        steps = until - int(base.numbers["step"])
        self.progress.say(f"something is not as it should be; {steps:,} steps are taken again, to see where")
        return retrace(self.session, base, plan, until, bounds, self.stopped)

    def _of_figure(self, cause: LostFigure, plan: StagePlan, standing: Standing) -> Diverged:
        """What the first process measures, it measures again."""
        measure, processes = self.measure, self.session.processes

        def find() -> Diagnosis | None:
            if measure is None:
                return None
            return examine_figures(self.session.executable, measure, standing.name, standing.step)

        with self.session.weights.whole(Holding.everything):
            found = made_once(processes, find, None)
        if found is None:
            return cause
        self._keep(Snapshot.of(self.session), {}, cause.figure, found)
        return Diverged([diverged(found, standing)], cause.sources)

    def _keep(self, before: Snapshot, batches: Batch, figure: str | None, found: Diagnosis) -> None:
        """Write the step down.   A disk that refuses takes nothing from the finding."""
        processes = self.session.processes
        leads = processes is None or processes.leads
        before = before.joined(self.session, wanted=leads)
        if not leads:
            return
        try:
            steps = self.session.batches.steps_per_epoch
            keep(self.folder, Kept(before, batches, figure, steps), self.facts, found)
        except OSError as error:
            cause = f"{error.strerror}: {error.filename or self.folder.path}"
            self.progress.say(f"could not keep the step for `compose replay`: {cause}")
