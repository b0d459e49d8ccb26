"""What the checker makes of typing mistakes, and where it fails.

    python -m benchmarks.mutations [COUNT] [SEED ...] [--report FILE]

Prints the figures of each seed and the mutants that failed. Exit status 1 if an exception escaped, or if a mutant is
silent and means something else than what was written.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.mutations.judging import judge, library
from benchmarks.mutations.report import Report, commit, markdown
from benchmarks.mutations.typos import mutants


def main() -> int:
    """Print the figures; with `--report`, write them and the silent mutants with what made them."""
    parser = argparse.ArgumentParser(description="Single typing mistakes in the library's specs.")
    parser.add_argument("count", nargs="?", type=int, default=1000)
    parser.add_argument("seeds", nargs="*", type=int, metavar="SEED", help="(default: 0)")
    parser.add_argument("--report", type=Path, metavar="FILE")
    asked = parser.parse_args()
    reports, at = {}, commit()  # before the minutes in which another might be checked out
    for seed in asked.seeds or [0]:
        reports[seed] = Report([judge(mutant) for mutant in mutants(library(), asked.count, seed)])
        print(f"seed {seed}: {reports[seed]}\n", flush=True)
    if asked.report is not None:
        command = f"python -m benchmarks.mutations {' '.join(sys.argv[1:])}"
        asked.report.write_text(markdown(reports, command, at), encoding="utf-8")
    return 1 if any(report.faults or report.harmful for report in reports.values()) else 0


sys.exit(main())
