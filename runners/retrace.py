"""Where a run was lost: its steps again from the last good state, and the first value that is not finite.

    retrace   from a good state, step by step with the same noise and batches, to the step that loses something
    examine   that step once more, from the state before it, every node looked at

A step reads back nothing while a run trains, so this costs nothing until it is needed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from blocks.shares import SHARE, Share
from runners.diagnosis import Diagnosis, of_figure, of_gradient, of_output, of_weight
from runners.logs import fold
from runners.stages import StagePlan, StageRun
from runners.state import Batches, Executable, Measured
from runners.updates import Session
from runners.watching import Trace, WatchedFabric, WatchedSystem

__all__ = ["Lossy", "Recorded", "Snapshot", "examine", "examine_figures", "retrace"]


@dataclass(frozen=True)
class Snapshot:
    """A state, apart from the one that goes on.   `parts`: this process's pieces, of a state that is shared out."""

    numbers: Mapping[str, Any]
    tensors: Mapping[str, Mapping[str, Tensor]]
    parts: bool = False

    @classmethod
    def of(cls, session: Session) -> "Snapshot":
        """A copy of where a session stands."""
        held = session.state.pieces()
        copied = {part: {name: value.detach().clone() for name, value in group.items()} for part, group in held.items()}
        numbers = session.state.numbers()
        window = {name: list(pair) for name, pair in numbers["window"].items()}
        return cls({**numbers, "window": window, "metrics": dict(numbers["metrics"])}, copied, parts=True)

    def joined(self, session: Session, wanted: bool) -> "Snapshot":
        """The whole of it, where it is wanted.   All processes must ask at once."""
        return Snapshot(self.numbers, session.state.joined(self.tensors, wanted)) if self.parts else self

    def restore(self, session: Session) -> None:
        """Put a session there; its optimizers are for the stage to build, and to be filled then."""
        session.state.let_optimizers_go()
        session.state.restore_numbers(self.numbers)
        session.state.restore_blocks(self.tensors)
        session.pending.clear()

    def stage(self, session: Session, plan: StagePlan) -> StageRun:
        """The stage in which it stands, ready for the next step."""
        self.restore(session)
        made = StageRun(session, session.state.stage, plan)
        session.state.restore_optimizers(self.tensors["optimizers"])
        return made


class Recorded:
    """Batches, and those that were read since `read` was emptied."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self.read: dict[int, dict[str, Tensor]] = {}

    @property
    def steps_per_epoch(self) -> int | None:
        """Batches in one pass over the data; None if nobody knows."""
        return self._batches.steps_per_epoch

    def batch(self, step: int) -> dict[str, Tensor]:
        """The n-th batch of the run, kept."""
        self.read[step] = self._batches.batch(step)
        return self.read[step]


@dataclass(frozen=True)
class Lossy:
    """The step that loses something: the state before it, and the batches it reads, by number."""

    before: Snapshot
    batches: Mapping[int, Mapping[str, Tensor]]


def retrace(
    session: Session,
    base: Snapshot,
    plan: StagePlan,
    until: int,
    bounds: Mapping[str, float] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Lossy | None:
    """Train from `base` to `until` steps of the stage; None if each of them keeps everything finite.

    `bounds`: of terms and monitored values, by name, which are lost beyond them; `stopped()` gives up. The session is
    left where it got to.
    """
    recorded = Recorded(session.batches)
    again = replace(session, batches=recorded, pending=[])
    stage = base.stage(again, plan)
    before = base
    while again.state.step < until and not stopped():
        _step(again, stage, None)
        if _is_lost(again, bounds or {}):
            return Lossy(before, recorded.read)
        before = Snapshot.of(again)
        recorded.read = {}
    return None


def _step(session: Session, stage: StageRun, norms: dict[str, Tensor] | None) -> None:
    if session.processes is None:
        stage.step(norms)
    else:
        with session.processes.step():
            stage.step(norms)


def _is_lost(session: Session, bounds: Mapping[str, float]) -> bool:
    processes = session.processes
    lost = fold(session.pending, session.state.window, processes.mean if processes else None, bounds) is not None
    held = [*session.state.parameters().values(), *_written(session)]
    lost = lost or not all(bool(torch.isfinite(value).all()) for value in held if value.is_floating_point())
    return lost if processes is None else bool(processes.most(int(lost)))  # each may hold what the others do not


def _written(session: Session) -> list[Tensor]:
    """What blocks remember beside their parameters: statistics, memories."""
    return list(session.executable.blocks.buffers())


class _Found(Exception):
    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(diagnosis.cause)
        self.diagnosis = diagnosis


@dataclass
class _Watch:
    """One step, looked at as it goes; the first thing that is not finite ends it as `_Found`."""

    session: Session
    recorded: Recorded
    traces: list[Trace] = field(default_factory=list)
    active: bool = False

    def began(self, update: str) -> None:
        """A program is about to run: what the update before it did is looked at."""
        if self.active and self.traces:
            self.weights()

    def ran(self, trace: Trace, made: Mapping[str, Any]) -> None:
        """A program has run: its terms and what it would write are looked at."""
        if self.active:
            self.traces.append(trace)
            self._say(of_output(self.traces))

    def gone_back(self) -> None:
        """Gradients are there, and nothing has been done with them."""
        gradients = {
            name: parameter.grad
            for name, parameter in self.session.executable.blocks.named_parameters() if parameter.grad is not None
        }  # fmt: skip
        self._say(of_gradient(self.traces, gradients))

    def weights(self) -> None:
        """What the last update left."""
        held = {**self.session.state.parameters(), **dict(self.session.executable.blocks.named_buffers())}
        self._say(of_weight(self.traces, held))

    def _say(self, found: Diagnosis | None) -> None:
        """End the step if any process has found something: the diagnosis of the first that has is that of all."""
        processes = self.session.processes
        count, rank = (1, 0) if processes is None else (processes.share.processes, processes.share.rank)
        share = SHARE.get() or Share(rank, count)  # of a batch in parts, the part that is computed
        batch = next(iter(self.recorded.read.values()), {})
        rows = len(next(iter(batch.values()), ())) // (count * share.parts)
        found = found and found.of_rows((rank * share.parts + share.part) * rows, rows)
        if processes is not None:
            first = count - processes.most(0 if found is None else count - rank)
            if first == count:
                return
            found = processes.said_by(first, found)
        if found is not None:
            raise _Found(found)


def examine(session: Session, before: Snapshot, plan: StagePlan) -> Diagnosis | None:
    """The step after `before`, every value of it looked at; None if all stays finite.   Nothing of it is kept."""
    recorded = Recorded(session.batches)
    watch = _Watch(session, recorded)
    system = WatchedSystem(session.executable, watch.began, watch.ran)
    fabric: Any = WatchedFabric(session.fabric, system, watch.gone_back)
    again = replace(session, executable=_as_system(system), fabric=fabric, batches=recorded, pending=[])
    stage = before.stage(again, plan)
    step, watch.active = again.state.step + 1, True
    recorded.read.clear()
    try:
        _step(again, stage, None)
        watch.weights()
    except _Found as found:
        return found.diagnosis.placed(stage.name, step, list(recorded.read.values()))
    finally:
        before.restore(session)
    return None


def examine_figures(
    system: Executable, measure: Callable[[Executable], Measured], stage: str, step: int
) -> Diagnosis | None:
    """Measure once more, every value looked at; None if every figure is finite."""
    traces: list[Trace] = []
    watched = WatchedSystem(system, lambda _line: None, lambda trace, _made: traces.append(trace))
    figures = measure(_as_system(watched)).values
    found = of_figure(traces, figures)
    return found and found.placed(stage, step, [])


def _as_system(watched: WatchedSystem) -> Any:  # noqa: ANN401  it has all that an Executable has
    return watched
