"""The toy systems of the thesis, trained and measured: every spec of `claims` for every seed, then `toy.md`.

    python -m benchmarks.thesis.toy [--seeds 0,1,2] [--runs runs/toy] [--processes 2] [--only NAME ...] [--report]

Runs stand in RUNS/NAME/seed-S. The same command goes on where it stopped: finished runs are skipped, a broken one
resumes from its checkpoint.
"""

from benchmarks.thesis.claims import TABLES
from benchmarks.thesis.report import Page, write_report
from benchmarks.thesis.tables import rows_of
from benchmarks.thesis.training import arguments, train_all

PAGE = Page(
    "toy.md",
    "The thesis at a small scale",
    "python -m benchmarks.thesis.toy",
    "In brackets the thesis' own number, of a larger system (each spec says by how much). The systems and their "
    "settings are the files in `specs/`, but for the beta that a row names.",
    TABLES,
)


def main() -> None:
    """Train what is missing, two runs side by side, and write the report."""
    asked = arguments(__doc__, "runs/toy").parse_args()
    seeds = [int(seed) for seed in asked.seeds.split(",")]
    rows = rows_of(TABLES)
    if not asked.report:
        chosen = [row for name, row in rows.items() if not asked.only or any(word in name for word in asked.only)]
        train_all(chosen, seeds, asked.runs, asked.processes)
    print(write_report(PAGE, asked.runs, seeds))


if __name__ == "__main__":
    main()
