"""The ledger: the runs below a folder, read from what they wrote, without loading anything of them.

status    running (a living process holds it), finished, failed, stopped (by a signal or a kill), waiting (not begun)
"""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = [
    "COMPARISON", "Entry", "about_of", "entry_of", "folders", "is_run", "ledger", "remove", "remove_comparison",
]  # fmt: skip

OURS = (
    "run.json", "metrics.jsonl", "evaluation.json", "report.html", "composition.png", "tensorboard", "checkpoints",
    "best", "samples", "tuning.json", "diverged", "probe", "export", "spec.yaml", "lock",
)  # fmt: skip
"""What a run writes into its folder, what makes it a run first; nothing else there is ever removed."""

EDITED = re.compile(r"spec-until-\d{8,}\.yaml")
"""The specs that a run had before it was edited."""

LEFT_HALF = re.compile(r"\.(.+)\.partial")
"""What a kill left half written, of one of ours."""

COMPARISON = "comparison.html"
"""The page of several runs, beside the first of them."""

COMPARED = re.compile(rb"<title>\d+ runs compared</title>")
"""What says that such a page was written here, and stands at its head."""

STOPPED = {"interrupted": "stopped", "running": "stopped"}
"""How runs stand that no process holds: one that was killed had no time to say so."""

LAST = 1 << 16  # bytes at the end of the record in which its last line is looked for


@dataclass(frozen=True)
class Entry:
    """A run as its folder tells it.   `size` in bytes, `age` in seconds since it last wrote; `pid` while it runs."""

    folder: str
    status: str
    step: int
    size: int
    age: float
    figures: Mapping[str, float] = field(default_factory=dict)
    best: Mapping[str, Any] | None = None
    pid: int | None = None


def is_run(folder: Path) -> bool:
    """Whether a folder is a run's, or waits to be one."""
    return (folder / "run.json").is_file() or ((folder / "spec.yaml").is_file() and (folder / "lock").is_file())


def ledger(home: Path) -> list[Entry]:
    """The runs in `home` and below, by folder; those that a study has prepared too."""
    return [entry_of(folder) for folder in sorted(folders(home))]


def folders(home: Path) -> Iterator[Path]:
    """The folders of runs, of those that wait too."""
    for folder, inside, files in os.walk(home):
        if "run.json" in files or ("spec.yaml" in files and Path(folder).name.startswith("seed-")):
            inside.clear()  # nothing within a run is one
            yield Path(folder)
        inside[:] = [name for name in inside if not name.startswith(".")]


def entry_of(folder: Path) -> Entry:
    """What the folder of a run tells."""
    about = about_of(folder)
    last = _last_line(folder / "metrics.jsonl")
    pid = _holder(folder / "lock")
    said: str = about.get("status", "waiting")
    status = STOPPED.get(said, said)
    files = [path for path in folder.rglob("*") if path.is_file()]
    written = max((path.stat().st_mtime for path in files), default=time.time())
    step = int((about if pid is None and "run_step" in about else last).get("run_step", 0))
    size, age = sum(path.stat().st_size for path in files), max(0.0, time.time() - written)
    state = status if pid is None else "running"
    return Entry(str(folder), state, step, size, age, about.get("metrics", {}), about.get("best"), pid)


def about_of(folder: Path) -> dict[str, Any]:
    """What `run.json` says; nothing if it cannot be read."""
    try:
        return json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _last_line(path: Path) -> dict[str, Any]:
    """The last whole line of the record."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LAST))
            lines = file.read().splitlines(keepends=True)
    except OSError:
        return {}
    whole = [line for line in lines if line.endswith(b"\n")]
    try:
        return json.loads(whole[-1]) if whole else {}
    except ValueError:
        return {}


def _holder(lock: Path) -> int | None:
    """The process that holds a run, if it lives.   The lock itself is left alone: a run may be about to take it."""
    pid = 0
    try:
        pid = int(lock.read_text() or 0)
        if pid > 0:
            os.kill(pid, 0)
    except PermissionError:  # it lives, and is somebody else's
        return pid
    except (OSError, ValueError):
        return None
    return pid or None


def remove(folder: Path) -> list[str]:
    """Remove what a run wrote, and its folder if that is all there was; gives the names of what is left."""
    for name in [*OURS, *sorted(path.name for path in folder.iterdir() if _is_ours(path.name))]:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    left = sorted(path.name for path in folder.iterdir())
    if not left:
        folder.rmdir()
    return left


def remove_comparison(home: Path) -> bool:
    """Remove the page that compares runs in `home`, once no run is left there.   Whether one stays for those that are.

    A file of the user's that is called so is neither.
    """
    page = home / COMPARISON
    try:
        with page.open("rb") as file:
            is_ours = COMPARED.search(file.read(LAST)) is not None
    except OSError:
        return False
    if is_ours and next(folders(home), None) is None:
        page.unlink()
        return False
    return is_ours


def _is_ours(name: str) -> bool:
    half = LEFT_HALF.fullmatch(name)
    return EDITED.fullmatch(half[1] if half else name) is not None or (half is not None and half[1] in OURS)
