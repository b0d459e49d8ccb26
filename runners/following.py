"""What a process does that is not the first of its run: the same steps, and it writes nothing."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from runners.folder import RunFolder
from runners.loop import Loop
from runners.processes import joined
from runners.progress import Progress
from runners.saving import Intervals
from runners.signals import Signals
from runners.state import Diverged, Interrupted
from runners.trained import Run
from runners.updates import Session
from runners.validation import Validation

__all__ = ["Unwritten", "follow"]


class Unwritten:
    """A record of which the first process writes the real one."""

    def line(self, run_step: int, stage: str, entry: Mapping[str, Any]) -> None:
        """Nothing is written."""

    def event(self, run_step: int, stage: str, event: str, facts: Mapping[str, Any]) -> None:
        """Nothing is written."""

    def rewind(self, run_step: int) -> None:
        """Nothing is to be forgotten."""

    def flush(self) -> None:
        """Nothing is to be forced to the disk."""


def follow(session: Session, home: RunFolder, intervals: Intervals, validation: Validation | None = None) -> Run:
    """Train along with the first process, from its state to its end.

    How the run ends is for the first process to say: a signal, and a value that is not finite, end this one silently,
    for they end all at the same step. What `validation` measures is told by the first. Raises RunFailed if another
    process is gone.
    """
    assert session.processes is not None
    restored, finished = session.processes.agree(session.state)
    done = Run(home.path, session.executable, session.state, session.seed, {})
    if finished:
        return done
    with Signals(session.executable.spec.run.preemption) as signals, suppress(Interrupted, Diverged), joined():
        Loop(
            session, home, Unwritten(), Progress(quiet=True), signals, intervals, {}, restored=restored or {},
            validation=validation,
        ).run()  # fmt: skip
    return done
