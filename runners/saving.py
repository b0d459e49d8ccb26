"""When a run is saved, and what becomes of a save that the disk refuses: it is told, and tried again soon."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runners.checkpoints import Checkpoint, write_checkpoint
from runners.folder import RunFolder
from runners.processes import made_once
from runners.progress import Progress
from runners.updates import Session

__all__ = ["Intervals", "Saving"]

SELDOM = 60.0
"""Seconds between two attempts to save on a disk that goes on refusing."""


@dataclass(frozen=True)
class Intervals:
    """How often things happen, in steps of the run (0: only where stages end), and for checkpoints also in seconds."""

    log: int = 50
    checkpoint: int = 1000
    checkpoint_seconds: float = 600.0
    sample: int = 0
    keep: int = 2


@dataclass
class Saving:
    """The checkpoints of a run as it goes.   `flush` forces the record to the disk first, and raises OSError."""

    session: Session
    folder: RunFolder
    progress: Progress
    facts: Mapping[str, Any]
    intervals: Intervals
    flush: Callable[[], None]
    _saved: tuple[int, int] | None = None
    _saved_at: float = field(default_factory=time.monotonic)
    _refused: int = 0  # saves in a row that the disk refused, and when the last was
    _refused_at: float = 0.0

    def stands(self) -> None:
        """The present state came from a checkpoint."""
        self._saved = self._here()

    @property
    def is_saved(self) -> bool:
        """Whether the present state lies on the disk."""
        return self._saved == self._here()

    def _here(self) -> tuple[int, int]:
        state = self.session.state
        return state.stage, state.run_step

    def is_due(self, run_step: int, logged: bool) -> bool:
        """Whether to save now: every so many steps, and at a logged one every so many seconds."""
        every, seconds = self.intervals.checkpoint, self.intervals.checkpoint_seconds
        if every and run_step % every == 0:
            return True
        now, processes = time.monotonic(), self.session.processes
        late = now - self._saved_at > seconds
        if self._refused:  # sooner than the next is due, and ever more rarely
            late |= now - self._refused_at > min(2.0**self._refused, SELDOM)
        return logged and (late if processes is None else bool(processes.most(int(late))))

    def save(self) -> bool:
        """Save; a disk that refuses is told to the user, and the checkpoint before stays what it was."""
        if not self.keep(self.folder.checkpoints, self.intervals.keep):
            self._refused, self._refused_at = self._refused + 1, time.monotonic()
            return False
        self._refused = 0
        self._saved, self._saved_at = self._here(), time.monotonic()
        return True

    def keep(self, folder: Path, count: int) -> bool:
        """Write the present state into a folder that holds so many; False if the disk refuses."""
        state, processes = self.session.state, self.session.processes
        writes = processes is None or processes.leads
        tensors = state.tensors(wanted=writes)  # by all: each may hold a part
        made = Checkpoint(state.run_step, state.numbers(), tensors, self.facts)

        def write() -> bool:
            return self._write(folder, made, count)

        return made_once(processes, write, False)

    def _write(self, folder: Path, made: Checkpoint, count: int) -> bool:
        try:
            self.flush()
            write_checkpoint(folder, made, count)
        except OSError as error:
            cause = f"{error.strerror}: {error.filename or folder}"
            then = "the last checkpoint is untouched, and saving is tried again"
            self.progress.say(f"could not save step {made.step}: {cause}; {then}")
            return False
        return True
