"""What a report is made of: tables of figures with the thesis' own beside them, and the orderings to hold.

A figure is a line of a spec's `evaluate`. An ordering is `better` against `worse`, by means over seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Ordering", "Row", "Table", "rows_of"]


@dataclass(frozen=True)
class Row:
    """One line of a table: a spec and its figures, each (name in `evaluate`, the thesis' number or "").

    `settings`: what `--set` is given; `name`: what the run is called, by default as its spec.
    """

    label: str
    spec: str
    figures: tuple[tuple[str, str], ...]
    settings: tuple[str, ...] = ()
    name: str = ""

    @property
    def run(self) -> str:
        """The run's name, and that of its folder."""
        return self.name or Path(self.spec).name


@dataclass(frozen=True)
class Ordering:
    """`better` and `worse` are (spec or run, figure); `higher` says which way is better."""

    claim: str
    better: tuple[str, str]
    worse: tuple[str, str]
    higher: bool = True


@dataclass(frozen=True)
class Table:
    """A heading, the columns' titles, rows, and orderings; `note` says what differs from the thesis."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    orderings: tuple[Ordering, ...]
    note: str = ""


def rows_of(tables: Sequence[Table]) -> dict[str, Row]:
    """The rows by run, each run once, in the order of the tables."""
    found: dict[str, Row] = {}
    for row in (row for table in tables for row in table.rows):
        found.setdefault(row.run, row)
    return found
