"""The run folder: runs/NAME/seed-S, its lock, its spec, and `run.json`, which says how the run stands.

spec.yaml  run.json  metrics.jsonl  tuning.json  tensorboard/  checkpoints/  best/  samples/  composition.png
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from compose.diagnostics import Finding, SpecError, finding
from compose.spec import Spec, parse_spec
from compose.spec.changes import Change, changes
from compose.spec.writing import to_data
from runners.checkpoints import FRESH, checkpoint_paths, write_atomically
from runners.state import RunFailed

__all__ = [
    "PICTURE",
    "RunFolder",
    "Status",
    "another_study",
    "check_folder",
    "choose_folder",
    "differences_from",
    "identity",
    "listed",
    "read_about",
]

BEFORE_A_RUN = {"lock", "spec.yaml"}
"""What a folder may hold that is no run yet: a process ended between the lock and the first `run.json`."""

PICTURE = re.compile(r"(.+)-(\d{8,})\.png")
"""What a run calls its pictures: `samples/NAME-STEP.png`."""

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
        self.best = self.path / "best"
        self.samples = self.path / "samples"
        self.spec = self.path / "spec.yaml"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder, made if need be.   Raises RunFailed if it cannot be, or a living process, named, holds it.

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
        """What `run.json` says; empty if there is none.   Raises RunFailed if it is damaged."""
        path = self.path / "run.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except ValueError:
            held = f"it has {path.stat().st_size} bytes that are no JSON"
            raise RunFailed(f"{path} is damaged ({held}); put a copy back, or start anew with {FRESH}") from None

    def came_to_nothing(self) -> bool:
        """Whether a run began here and ended before its first checkpoint: it has nothing to go on from, or to lose."""
        return self.about().get("status", "finished") != "finished" and not checkpoint_paths(self.checkpoints)

    def clear(self) -> None:
        """Forget what a run that came to nothing said and drew; what else lies here stays."""
        write_atomically(self.path / "run.json", b'{"status": "failed"}\n')
        for path in self.samples.glob("*.png"):
            if PICTURE.fullmatch(path.name):
                path.unlink()

    def keep_spec(self, run_step: int) -> None:
        """Keep the spec of the steps up to this one under a name of its own, before an edited one takes its place."""
        if self.spec.exists():
            write_atomically(self.path / f"spec-until-{run_step:08d}.yaml", self.spec.read_bytes())

    def say(self, status: Status, facts: Mapping[str, Any]) -> None:
        """Write `run.json`."""
        said = {**self.about(), **facts, "status": status}
        write_atomically(self.path / "run.json", (json.dumps(said, indent=1) + "\n").encode())


def identity(spec: Spec) -> str:
    """The SHA-256 of what must stay the same when a run goes on: all but how `run` says that it is carried out."""
    return hashlib.sha256(json.dumps(_lasting(spec)).encode()).hexdigest()


def check_folder(folder: Path) -> None:
    """Raise SpecError unless a run may begin or go on in `folder`."""
    held = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if folder.is_file() or ("run.json" not in held and held - BEFORE_A_RUN):
        raise SpecError([folder_taken(folder)])


def differences_from(folder: Path, spec: Spec) -> list[Change]:
    """What differs from the spec that lies in the folder, whether or not a run has begun there."""
    return _changes(folder, spec) if RunFolder(folder).spec.exists() else []


def _lasting(spec: Spec) -> dict[str, Any]:
    """The spec as data; of `run` the keys that change what comes out."""
    return {**to_data(spec), "run": {"seed": spec.run.seed, "precision": spec.run.precision}}


def _changes(folder: Path, spec: Spec) -> list[Change]:
    """What differs from the spec that the folder began with; nothing if that cannot be read any more."""
    path = RunFolder(folder).spec
    try:
        began = parse_spec(path.read_text(encoding="utf-8"), str(path))
    except (OSError, SpecError):
        return []
    return changes(_lasting(began), _lasting(spec))


@finding("R130", "error")
def folder_taken(folder: Path) -> Finding:
    """A run is to be made in a folder that holds other things, and might overwrite them.

    Wrong: `compose run spec.yaml --out .`.   Right: `compose run spec.yaml --out runs/second`.
    """
    return Finding(
        message=f"{folder} is no folder" if folder.is_file() else f"{folder} holds other things, and no run",
        help="name a folder by `--out` (in Python `out=`) that is empty or not there yet; nothing was written",
    )


@finding("L232", "error")
def another_study(folder: Path, differences: list[Change]) -> Finding:
    """A study is to go on with another spec than it froze in the folders of its runs: its table would mix two things.

    Wrong: `compose run spec.yaml --seeds 0,1 --set stages.0.steps=200` over runs of 100.   Right: with `--out runs/b`.
    """
    return Finding(
        message=f"{folder} belongs to a study of another spec{listed(differences)}",
        help="another study is one with another folder: `--out runs/second`",
    )


SHOWN = 8  # differences that are shown


def listed(differences: Sequence[object]) -> str:
    """The first differences, as text, each on a line below what is said of them; nothing if there are none."""
    lines = [f"\n    {change}" for change in differences[:SHOWN]]
    more = f"\n    and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
    return f":{''.join(lines)}{more}" if lines else ""


def read_about(folder: Path) -> dict[str, Any]:
    """What `run.json` of a folder says.   Raises RunFailed if the folder is no run."""
    if not folder.is_dir():
        raise RunFailed(f"there is no folder {folder}")
    try:
        return json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        raise RunFailed(f"{folder} is no run folder: it has no readable run.json") from None
