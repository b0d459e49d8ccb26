"""A study: one spec run over several seeds and several values of its parts, and the table of what came out.

HOME/seed-S                      the runs, where only the seed differs
HOME/LABEL/seed-S                the runs of a sweep; LABEL is `stages.0.steps=100,params.T=4`
HOME/table.csv                   a row for each setting: every figure's mean and deviation over the seeds

Each run's spec is written into its folder before the first run starts, and is the one that is run: a file that is
edited meanwhile changes nothing. A run that is finished is not made again, so the same study goes on where it stopped.
"""

import csv
import io
import itertools
import math
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from compose.diagnostics import SpecError
from compose.spec import Spec, dump_yaml
from runners.checkpoints import write_atomically
from runners.folder import RunFolder, another_study, check_folder, differences_from, identity
from runners.state import RunFailed

__all__ = ["Member", "Row", "carry_out", "freeze", "members", "rows", "write_table"]

UNFIT = re.compile(r"[^A-Za-z0-9_.=,+\[\]-]")
WAIT = 0.05  # seconds between two looks at the processes


@dataclass(frozen=True)
class Member:
    """One run of a study: what was set, by path, its seed, its folder and its spec."""

    settings: Mapping[str, str]
    seed: int
    folder: Path
    spec: Spec

    @property
    def finished(self) -> bool:
        """Whether this very spec was run here to its end."""
        about = RunFolder(self.folder).about()
        return about.get("status") == "finished" and about.get("spec_sha256") == identity(self.spec)


def members(
    load: Callable[[Sequence[str]], Spec], home: Path | None, seeds: Sequence[int], sweeps: Mapping[str, Sequence[str]]
) -> list[Member]:
    """The runs of a study, all settings of the first seed first.   `load` reads the spec with settings `path=value`.

    `home` is by default the `run.out` of the spec, or runs/NAME.   Raises SpecError for a setting that does not fit.
    """
    found = []
    for values in itertools.product(*sweeps.values()):
        settings = dict(zip(sweeps, values, strict=True))
        label = UNFIT.sub("_", ",".join(f"{path}={value}" for path, value in settings.items()))
        for seed in seeds:
            spec = load([*(f"{path}={value}" for path, value in settings.items()), f"run.seed={seed}"])
            base = home or Path(spec.run.out or Path("runs") / spec.name)
            found.append(Member(settings, seed, base / label / f"seed-{seed}", spec))
    order = {seed: at for at, seed in enumerate(seeds)}
    return sorted(found, key=lambda member: order[member.seed])


def freeze(study: Sequence[Member]) -> None:
    """Write every spec into its folder.   Raises SpecError, having written nothing, where another one was begun."""
    for member in study:
        if differences := differences_from(member.folder, member.spec):
            raise SpecError([another_study(member.folder, differences)])
        check_folder(member.folder)
    for member in study:
        if not RunFolder(member.folder).spec.exists():
            try:
                member.folder.mkdir(parents=True, exist_ok=True)
                write_atomically(RunFolder(member.folder).spec, dump_yaml(member.spec).encode())
            except OSError as problem:
                raise RunFailed(f"{problem.filename or member.folder}: {problem.strerror}") from None


def carry_out(study: Sequence[Member], jobs: int, words: Sequence[str], say: Callable[[str], None]) -> dict[Path, int]:
    """Run what is not finished, at most `jobs` at a time, each in a process of its own; gives their exit statuses.

    `words` are further options of `compose run`. Whatever ends this ends the processes, which save before they leave.
    """
    waiting = [member for member in study if not member.finished]
    said = f"{len(study)} runs" + (f", {len(study) - len(waiting)} of them finished" * (len(waiting) < len(study)))
    say(said)
    running: dict[Path, subprocess.Popen[bytes]] = {}
    ended: dict[Path, int] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                member = waiting.pop(0)
                say(f"[{len(ended) + len(running) + 1}/{len(ended) + len(running) + 1 + len(waiting)}] {member.folder}")
                running[member.folder] = _start(member, words)
            time.sleep(WAIT)
            for folder in [folder for folder, process in running.items() if process.poll() is not None]:
                ended[folder] = running.pop(folder).returncode
                if ended[folder]:
                    say(f"{folder} ended with status {ended[folder]}")
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()
    return ended


def _start(member: Member, words: Sequence[str]) -> "subprocess.Popen[bytes]":
    command = ["-m", "compose", "run", str(RunFolder(member.folder).spec), "--out", str(member.folder), *words]
    return subprocess.Popen([sys.executable, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


class Row(NamedTuple):
    """A setting, and of each figure its mean, its standard deviation (None of a single seed) and how many have it."""

    settings: Mapping[str, str]
    figures: Mapping[str, tuple[float, float | None, int]]


def rows(study: Sequence[Member]) -> list[Row]:
    """A row for each setting, over the seeds that have run to their end; deviations are those of samples (n - 1)."""
    found: dict[tuple[str, ...], tuple[Mapping[str, str], dict[str, list[float]]]] = {}
    for member in study:
        _, figures = found.setdefault(tuple(member.settings.values()), (member.settings, {}))
        if member.finished:
            for name, value in _figures(member).items():
                figures.setdefault(name, []).append(value)
    return [
        Row(settings, {name: _over_seeds(values) for name, values in figures.items()})
        for settings, figures in found.values()
    ]


def _figures(member: Member) -> dict[str, float]:
    """The figures of a run, and the best of the one that it kept."""
    about = RunFolder(member.folder).about()
    best = about.get("best")
    return {**about.get("metrics", {}), **({f"best {best['name']}": best["value"]} if best else {})}


def _over_seeds(values: Sequence[float]) -> tuple[float, float | None, int]:
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return mean, None, 1
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)), len(values)


def write_table(path: Path, table: Sequence[Row]) -> None:
    """The rows as CSV: the settings, then of each figure `NAME`, `NAME.std` and `NAME.seeds`."""
    names = list(dict.fromkeys(name for row in table for name in row.figures))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*table[0].settings, *(f"{name}{end}" for name in names for end in ("", ".std", ".seeds"))])
    for row in table:
        cells = [part for name in names for part in row.figures.get(name, (None, None, 0))]
        writer.writerow([*row.settings.values(), *("" if cell is None else cell for cell in cells)])
    write_atomically(path, text.getvalue().encode())
