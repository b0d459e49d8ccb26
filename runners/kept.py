"""The step by which a run was lost, kept in RUN/diverged.

    diverged/step-NNNNNNNN/    a checkpoint of the state before the step, and `batches.safetensors`, what it reads
    diverged/diagnosis.txt     what was found, as `compose replay RUN` prints it

Noise is not there: it follows from the seed, the names and the step, all of which the state holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from runners.checkpoints import Checkpoint, checkpoint_paths, read_checkpoint, write_atomically, write_checkpoint
from runners.diagnosis import Diagnosis
from runners.folder import RunFolder
from runners.retrace import Snapshot
from runners.state import NoCheckpoint

__all__ = ["DIVERGED", "Kept", "KeptBatches", "keep", "read_kept"]

DIVERGED = "diverged"


@dataclass(frozen=True)
class Kept:
    """The state before the step and the batches that it reads, by number; `figure` if a measurement was lost there."""

    before: Snapshot
    batches: Mapping[int, Mapping[str, Tensor]]
    figure: str | None
    steps_per_epoch: int | None = None


class KeptBatches:
    """The batches that were kept."""

    def __init__(self, kept: Kept) -> None:
        self._batches = kept.batches
        self.steps_per_epoch = kept.steps_per_epoch

    def batch(self, step: int) -> dict[str, Tensor]:
        """The n-th batch of the run.   Raises NoCheckpoint if it was not kept."""
        if step not in self._batches:
            raise NoCheckpoint(f"batch {step} was not kept")
        return dict(self._batches[step])


def keep(home: RunFolder, kept: Kept, facts: Mapping[str, Any], found: Diagnosis) -> Path:
    """Write it down, in place of what was kept before.   Raises OSError."""
    folder = home.path / DIVERGED
    batches = {f"{number}/{name}": value for number, batch in kept.batches.items() for name, value in batch.items()}
    replay = {"steps_per_epoch": kept.steps_per_epoch, "figure": kept.figure}
    numbers = {**kept.before.numbers, "replay": replay}
    tensors = {**kept.before.tensors, "batches": batches}
    path = write_checkpoint(folder, Checkpoint(int(numbers["run_step"]), numbers, tensors, facts), keep=1)
    write_atomically(folder / "diagnosis.txt", "\n".join([found.cause, *found.lines(), ""]).encode())
    return path


def read_kept(home: RunFolder) -> Kept:
    """What was kept.   Raises NoCheckpoint if the run has lost nothing, Damaged if it is not what was written."""
    paths = checkpoint_paths(home.path / DIVERGED)
    if not paths:
        raise NoCheckpoint(f"{home.path} keeps no step to replay: nothing that it computed was not finite")
    found = read_checkpoint(paths[-1])
    batches: dict[int, dict[str, Tensor]] = {}
    for key, value in found.tensors["batches"].items():
        number, _, name = key.partition("/")
        batches.setdefault(int(number), {})[name] = value
    told = found.numbers["replay"]
    tensors = {part: held for part, held in found.tensors.items() if part != "batches"}
    return Kept(Snapshot(found.numbers, tensors), batches, told["figure"], told["steps_per_epoch"])
