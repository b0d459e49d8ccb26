"""A training step of each flow against zuko, nflows and normflows: ratios in one run, on one thread.

    python -m benchmarks.flows [NAME ...] [--rounds 9] [--seconds 0.3] [--report FILE]

The sides of a system are interleaved; a ratio is our median over theirs, so less than 1 means faster than they are.
"""

import argparse
import platform
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.flows.sides import SYSTEMS, step_of
from benchmarks.speed.floors import interleave

__all__ = ["measure", "table"]

HEAD = "| flow | library | parameters | ms a step | ours / theirs |\n| --- | --- | ---: | ---: | ---: |"


def measure(name: str, rounds: int, seconds: float) -> dict[str, tuple[int, float]]:
    """(parameters, seconds a step) by library."""
    batch, makers = SYSTEMS[name]
    torch.manual_seed(0)
    x = batch()
    sides = {library: make() for library, make in makers.items()}
    taken = interleave({library: step_of(side, x) for library, side in sides.items()}, rounds=rounds, seconds=seconds)
    counts = {library: sum(p.numel() for p in side[0].parameters()) for library, side in sides.items()}
    return {library: (counts[library], taken[library]) for library in sides}


def table(names: Sequence[str], rounds: int, seconds: float) -> str:
    """The report's table."""
    rows = [HEAD]
    for name in names:
        found = measure(name, rounds, seconds)
        ours = found["ours"][1]
        for library, (count, taken) in found.items():
            ratio = "" if library == "ours" else f"{ours / taken:.2f}"
            rows.append(f"| {name} | {library} | {count:,} | {taken * 1e3:.2f} | {ratio} |")
    return "\n".join(rows)


def main() -> None:
    """Measure and print; with `--report`, write the table with what made it."""
    parser = argparse.ArgumentParser(description="A training step of each flow against other libraries.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SYSTEMS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each side in each round")
    parser.add_argument("--report", type=Path, help="a Markdown file to write")
    given = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)  # of theirs
    torch.set_num_threads(1)
    text = table(given.names or list(SYSTEMS), given.rounds, given.seconds)
    print(text)
    if given.report:
        made = f"python -m benchmarks.flows --rounds {given.rounds}"
        machine = f"{platform.machine()}, one thread, torch {torch.__version__}, Python {platform.python_version()}"
        given.report.write_text(f"# Flows\n\nMade by `{made}` on {machine}.\n\n{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
