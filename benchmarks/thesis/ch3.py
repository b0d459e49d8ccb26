"""Chapter 3 on MNIST at a small scale: every system of `chapter3` trained and measured, then `ch3.md`.

    python -m benchmarks.thesis.ch3 --data FOLDER [--seeds 0,1,2] [--runs runs/ch3] [--processes 2] [--only ..]

FOLDER holds MNIST's four idx files. Runs stand in RUNS/NAME/seed-S. The same command goes on where it stopped: finished
runs are skipped, a broken one resumes from its checkpoint.
"""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.thesis.chapter3 import EPOCHS, STEPS, TIMES, curve_rows, net_rows, preface, tables
from benchmarks.thesis.progressions import PICTURES, progression_lines
from benchmarks.thesis.report import Page, write_report
from benchmarks.thesis.tables import rows_of
from benchmarks.thesis.times import time_lines
from benchmarks.thesis.training import arguments, train_all


def main() -> None:
    """Train the nets of the figures, then what is missing of the systems and the curves; write the report."""
    parser = arguments(__doc__, "runs/ch3")
    parser.add_argument("--data", type=Path, required=True, help="the folder of MNIST's four idx files")
    asked = parser.parse_args()
    seeds = [int(seed) for seed in asked.seeds.split(",")]
    data, runs = asked.data.resolve(), asked.runs.resolve()
    compared, curves = tables(data, runs), curve_rows(data, runs)

    if not asked.report:
        train_all(net_rows(data), [0], runs, asked.processes)
        systems = [*rows_of(compared).values()]
        for rows, chosen in ((systems, seeds[:1]), (curves, seeds[:1]), (systems, seeds[1:])):
            wanted = [row for row in rows if not asked.only or any(word in row.run for word in asked.only)]
            train_all(wanted, chosen, runs, asked.processes)

    def asides(folder: Path, of: Sequence[int]) -> list[str]:
        timed = time_lines(compared[0].rows, TIMES, folder, of, STEPS)
        return [*timed, *progression_lines(curves, folder, of[0], EPOCHS)]

    page = Page(
        "ch3.md",
        "Chapter 3 on MNIST at a small scale",
        "python -m benchmarks.thesis.ch3 --data FOLDER",
        preface(),
        compared,
        asides,
        PICTURES,
    )
    print(write_report(page, runs, seeds))


if __name__ == "__main__":
    main()
