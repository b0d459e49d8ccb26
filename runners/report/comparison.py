"""Runs compared: a row for each figure, a column for each run, the best marked where the runs can be compared in it.

Best is the lowest or the highest value, by the side that the metric, or `keep` of a spec, says is better. Nothing is
marked where the runs disagree on what a figure is: metric, options, data, or a net that it is measured in.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from runners.report.contents import Report
from runners.report.figures import Figure

__all__ = ["Row", "compared", "labels_of"]


@dataclass(frozen=True)
class Row:
    """A figure of every run, None where its spec has no such line; `best` are columns, `note` why there are none."""

    name: str
    figures: Sequence[Figure | None]
    best: frozenset[int] = frozenset()
    note: str = ""


def compared(reports: Sequence[Report]) -> list[Row]:
    """The rows of the runs' figures, in the order in which they first stand."""
    names = dict.fromkeys(figure.name for report in reports for figure in report.figures)
    return [_row(name, reports) for name in names]


def labels_of(reports: Sequence[Report]) -> list[str]:
    """The runs' folders without what all of them begin with."""
    parts = [PurePath(report.folder).parts for report in reports]
    same = 0
    while all(len(one) > same + 1 for one in parts) and len({one[same] for one in parts}) == 1:
        same += 1
    return [str(PurePath(*one[same:])) for one in parts]


def _row(name: str, reports: Sequence[Report]) -> Row:
    held = [next((figure for figure in report.figures if figure.name == name), None) for report in reports]
    given = [(at, figure) for at, figure in enumerate(held) if figure is not None]
    known = [(at, one.value) for at, one in given if one.value is not None and not math.isnan(one.value)]
    apart = list(_differences([one for _, one in given], [reports[at].measured_on for at, _ in given]))
    sides = {one.side for _, one in given}
    if apart:
        return Row(name, held, note=f"not comparable: the runs differ in {' and '.join(apart)}")
    if len(known) < 2:
        return Row(name, held)
    if None in sides or len(sides) > 1:
        return Row(name, held, note="nothing says which side of it is better")
    best = (min if sides == {"lower"} else max)(value for _, value in known)
    return Row(name, held, frozenset(at for at, value in known if value == best))


def _differences(figures: Sequence[Figure], data: Sequence[str]) -> Iterator[str]:
    """In what a figure is not one thing; the formula may differ, since the samples come from other compositions."""
    if len({one.metric for one in figures}) > 1:
        yield "the metric"
    if len({repr(sorted(one.options.items())) for one in figures}) > 1:
        yield "its options"
    if len({tuple(net.digest for net in one.nets) for one in figures}) > 1:
        yield "the net that it is measured in"
    if len(set(data)) > 1:
        yield "the data"
