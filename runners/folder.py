"""The run folder: runs/NAME/seed-S, its lock, its spec, and `run.json`, which says how the run stands.

spec.yaml  run.json  metrics.jsonl  tensorboard/  checkpoints/  samples/  composition.png
"""

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from runners.checkpoints import write_atomically
from runners.state import RunFailed

__all__ = ["RunFolder", "Status", "choose_folder"]

Status = Literal["running", "interrupted", "failed", "finished"]


def choose_folder(runs: Path, name: str, seed: int, *, fresh: bool = False) -> Path:
    """runs/NAME/seed-S, or the newest of seed-S-2, seed-S-3 ... if there are any; with `fresh` the next one."""
    home, pattern = runs / name, re.compile(rf"seed-{seed}(?:-(\d+))?")
    present = [p.name for p in home.iterdir()] if home.is_dir() else []
    numbers = [int(found[1] or 1) for found in map(pattern.fullmatch, present) if found]
    number = max(numbers, default=0) + 1 if fresh or not numbers else max(numbers)
    return home / (f"seed-{seed}" if number == 1 else f"seed-{seed}-{number}")


class RunFolder:
    """One run's folder.   Nothing in it is written but by the process that holds its lock."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.samples = self.path / "samples"
        self.spec = self.path / "spec.yaml"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder.   Raises RunFailed, with the other's process id, if a living process holds it.

        The kernel frees the lock of a process that died, so a stale lock is taken over.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as problem:
            raise RunFailed(f"{problem.filename} cannot be written: {problem.strerror}") from None
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.read(handle, 32).decode().strip() or "unknown"
                raise RunFailed(f"{self.path} is in use by process {owner}") from None
            os.ftruncate(handle, 0)
            with suppress(OSError):  # a full disk: the lock holds all the same
                os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            yield
            os.ftruncate(handle, 0)
        finally:
            os.close(handle)

    def about(self) -> dict[str, Any]:
        """What `run.json` says; empty if there is none."""
        try:
            return json.loads((self.path / "run.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def say(self, status: Status, facts: Mapping[str, Any]) -> None:
        """Write `run.json`."""
        said = {**self.about(), **facts, "status": status}
        write_atomically(self.path / "run.json", (json.dumps(said, indent=1) + "\n").encode())
