"""Compiled programs against careful hand-written loops: ratios in one run.

    python -m benchmarks.speed [NAME ...] [--processes 3] [--rounds 9] [--seconds 0.4] [--tune] [--report FILE]

Each process interleaves the two sides of every system on one thread, and gives the ratio of medians; the figure is the
median over the processes, with their spread. 1.00 means as fast as the floor, less is faster. `--tune` measures
programs as `run: {tune: true}` has them. The last line is the geometric mean of the ratios.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.speed.compiled import SYSTEMS, pair
from benchmarks.speed.floors import interleave

Figures = dict[str, dict[str, float]]

HEAD = "| system | floor ms | compiled ms | ratio | spread over processes |\n| --- | ---: | ---: | ---: | --- |"


def measure(names: Sequence[str], rounds: int, seconds: float, *, tune: bool) -> dict[str, dict[str, float]]:
    """Seconds per call of both sides, in this process."""
    torch.set_num_threads(1)
    figures = {}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            sides = pair(name, Path(folder), tune=tune)
            taken = interleave(
                {"floor": sides.floor, "ours": sides.ours}, rounds=rounds, seconds=seconds, period=sides.period
            )
        figures[name] = {**taken, "ratio": taken["ours"] / taken["floor"]}
    return figures


def in_processes(names: Sequence[str], processes: int, rounds: int, seconds: float, *, tune: bool) -> list[Figures]:
    """The figures of several fresh processes, one after another."""
    command = [sys.executable, "-m", "benchmarks.speed", *names, "--processes", "0"]
    command += ["--rounds", str(rounds), "--seconds", str(seconds), *(["--tune"] if tune else [])]
    runs = []
    for _ in range(processes):
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        runs.append(json.loads(done.stdout))
    return runs


def table(runs: Sequence[dict[str, dict[str, float]]]) -> str:
    """The report's table."""
    rows = [HEAD]
    for name in runs[0]:
        floor, ours = (statistics.median(run[name][side] for run in runs) * 1e3 for side in ("floor", "ours"))
        ratios = sorted(run[name]["ratio"] for run in runs)
        spread = f"{ratios[0]:.3f} .. {ratios[-1]:.3f}"
        rows.append(f"| {name} | {floor:.3f} | {ours:.3f} | {statistics.median(ratios):.3f} | {spread} |")
    middles = [statistics.median(run[name]["ratio"] for run in runs) for name in runs[0]]
    rows.append(f"| geometric mean | | | {statistics.geometric_mean(middles):.3f} | |")
    return "\n".join(rows)


def main() -> None:
    """Measure and print; with `--report`, write the table with what made it."""
    parser = argparse.ArgumentParser(description="Ratios of compiled programs to hand-written loops.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SYSTEMS)} (default: all)")
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.4, help="of each side in each round")
    parser.add_argument("--tune", action="store_true", help="with `run.tune`: compiled where that is faster")
    parser.add_argument("--report", type=Path, help="a Markdown file to write")
    given = parser.parse_args()
    names = given.names or list(SYSTEMS)
    if given.processes == 0:
        json.dump(measure(names, given.rounds, given.seconds, tune=given.tune), sys.stdout)
        return
    runs = in_processes(names, given.processes, given.rounds, given.seconds, tune=given.tune)
    text = table(runs)
    print(text)
    if given.report:
        title, how = ("Speed, with `run.tune`", " --tune") if given.tune else ("Speed", "")
        made = f"python -m benchmarks.speed{how} --processes {given.processes} --rounds {given.rounds}"
        machine = f"{platform.machine()}, one thread, torch {torch.__version__}, Python {platform.python_version()}"
        given.report.write_text(f"# {title}\n\nMade by `{made}` on {machine}.\n\n{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
