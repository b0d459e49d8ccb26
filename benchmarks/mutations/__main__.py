"""`python -m benchmarks.mutations [count] [seed]`: what the checker makes of typing mistakes, and where it fails."""

import sys

from benchmarks.mutations.judging import judge, library
from benchmarks.mutations.report import Report
from benchmarks.mutations.typos import mutants


def main() -> int:
    """Print the table; exit status 1 if an exception escaped."""
    count, seed = (int(given) for given in (sys.argv[1:] + ["1000", "0"][len(sys.argv) - 1 :]))
    report = Report([judge(mutant) for mutant in mutants(library(), count, seed)])
    print(report)
    return 1 if report.faults else 0


sys.exit(main())
