"""Tables 3.4 and 3.5: how many epochs each stage of a run takes, and the seconds of one.

Runs share a machine with other work, so an epoch's time is that of the quickest stretch between two lines of a record,
over all seeds: what the stage takes where nothing disturbs it, but for the luck of one stretch.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.thesis.tables import Row

__all__ = ["time_lines"]

Said = Mapping[str, Mapping[str, tuple[str, str]]]
"""By run and stage: epochs, and seconds of one."""

TITLES = ("system", "stage", "epochs", "seconds an epoch", "epochs, thesis", "seconds an epoch, thesis")


def time_lines(
    rows: Sequence[Row],
    thesis: Mapping[str, Mapping[str, tuple[str, str]]],
    runs: Path,
    seeds: Sequence[int],
    steps: int,
) -> list[str]:
    """The section of a page.   `steps`: of an epoch; `thesis`: what its tables say."""
    lines = ["", "## Training time (Tables 3.4 and 3.5)", ""]
    lines += [f"| {' | '.join(TITLES)} |", "|" + " --- |" * len(TITLES)]
    for row in rows:
        records = (runs / row.run / f"seed-{seed}" / "metrics.jsonl" for seed in seeds)
        for stage, (taken, rate) in _stages(records).items():
            said = thesis.get(row.run, {}).get(stage, ("", ""))
            cells = (row.label, stage, f"{taken / steps:.0f}", f"{steps / rate:.1f}", *said)
            lines.append(f"| {' | '.join(cells)} |")
    return [
        *lines, "", "One thread; the quickest stretch between two lines of the records, over all seeds, for other work "
        "ran beside. The thesis' seconds are of 60,000 images on a GPU: only their ratios compare.",
    ]  # fmt: skip


def _stages(records: Iterable[Path]) -> dict[str, tuple[int, float]]:
    """(steps, most steps a second) by stage, over all records."""
    found: dict[str, tuple[int, float]] = {}
    for record in records:
        for line in record.read_text(encoding="utf-8").splitlines() if record.exists() else []:
            said = json.loads(line)
            if "rate" in said:
                steps, rate = found.get(said["stage"], (0, 0.0))
                found[said["stage"]] = (max(steps, said["step"]), max(rate, said["rate"]))
    return found
