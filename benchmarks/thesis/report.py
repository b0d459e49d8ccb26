"""From finished runs to a page: tables of means over seeds, orderings that hold or fail, pictures."""

import json
import math
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.thesis.gallery import picture_lines
from benchmarks.thesis.tables import Ordering, Row, Table, rows_of

__all__ = ["Figures", "Page", "read_figures", "write_report"]

HERE = Path(__file__).parent

Figures = Mapping[str, Mapping[int, Mapping[str, float]]]
"""run -> seed -> figure -> value, with "minutes" among the figures."""


@dataclass(frozen=True)
class Page:
    """A report: the file beside this one, its title, the command that makes it, what is said first, and its tables.

    `asides`: what else the page has, written from the runs' folder and the seeds; `pictures`: the folder beside it.
    """

    file: str
    title: str
    command: str
    preface: str
    tables: Sequence[Table]
    asides: Callable[[Path, Sequence[int]], list[str]] = lambda runs, seeds: []
    pictures: str = "pictures"


def read_figures(runs: Path, names: Sequence[str], seeds: Sequence[int]) -> Figures:
    """What the finished runs say; those not finished are left out."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    for spec in names:
        for seed in seeds:
            about = runs / spec / f"seed-{seed}" / "run.json"
            facts = json.loads(about.read_text()) if about.exists() else {}
            if facts.get("status") == "finished":
                beside = _minutes(about.parent) | _errors(about.parent)
                found.setdefault(spec, {})[seed] = {**facts.get("metrics", {}), **beside}
    return found


def _minutes(folder: Path) -> dict[str, float]:
    kept = folder / "minutes.json"
    return {"minutes": json.loads(kept.read_text())} if kept.exists() else {}


def _errors(folder: Path) -> dict[str, float]:
    """The standard error of each figure that has one, as "figure.error"."""
    kept = folder / "evaluation.json"
    measured = json.loads(kept.read_text())["metrics"] if kept.exists() else {}
    return {f"{name}.error": one["error"] for name, one in measured.items() if one["error"] is not None}


def write_report(page: Page, runs: Path, seeds: Sequence[int]) -> Path:
    """Write the page beside this file, and the pictures of the first seed; return its path."""
    asked = list(rows_of(page.tables))
    figures = read_figures(runs, asked, seeds)
    made = sum(len(held) for held in figures.values())
    lines = [
        f"# {page.title}",
        "",
        f"Made by `{page.command}` at commit {_commits(runs)}: seeds {', '.join(map(str, seeds))}, "
        f"{made} of {len(asked) * len(seeds)} runs finished, on {_machine()}. "
        f"The runs take {_total(figures):.0f} core-minutes, added up.",
        "",
        f"Means over the seeds, plus or minus their standard deviation. {page.preface} Pictures are of the first seed.",
    ]
    for table in page.tables:
        lines += ["", *_table(table, figures), *picture_lines(table.rows, runs, seeds[0], HERE / page.pictures)]
    lines += page.asides(runs, seeds)
    path = HERE / page.file
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _table(table: Table, figures: Figures) -> list[str]:
    lines = [f"## {table.title}", ""]
    lines += ["| system | " + " | ".join(table.columns) + " | seeds | core-minutes a run |"]
    lines += ["| --- |" + " --- |" * (len(table.columns) + 2)]
    lines += [_row(row, figures) for row in table.rows]
    lines += ["", "| claim | better | worse | holds |", "| --- | --- | --- | --- |"] if table.orderings else []
    lines += [_judged(ordering, figures) for ordering in table.orderings]
    return [*lines, "", table.note] if table.note else lines


def _row(row: Row, figures: Figures) -> str:
    cells = [f"{_spread(row.run, name, figures)}{f' ({thesis})' if thesis else ''}" for name, thesis in row.figures]
    return (
        f"| {row.label} | "
        + " | ".join([*cells, str(len(figures.get(row.run, {}))), _spread(row.run, "minutes", figures)])
        + " |"
    )


def _judged(ordering: Ordering, figures: Figures) -> str:
    better, worse = (_values(*place, figures) for place in (ordering.better, ordering.worse))
    cells = [_spread(*ordering.better, figures), _spread(*ordering.worse, figures)]
    if not better or not worse:
        return f"| {ordering.claim} | {cells[0]} | {cells[1]} | not run |"
    gap = statistics.mean(better) - statistics.mean(worse)
    holds = (gap if ordering.higher else -gap) > 0
    pairs = min(len(better), len(worse))
    each = sum((b > w) == ordering.higher for b, w in zip(better, worse, strict=False))
    verdict = f"{'yes' if holds else '**no**'}, {each} of {pairs} seeds"
    return f"| {ordering.claim} | {cells[0]} | {cells[1]} | {verdict} |"


def _values(spec: str, name: str, figures: Figures) -> list[float]:
    return [held[name] for _, held in sorted(figures.get(Path(spec).name, {}).items()) if name in held]


def _spread(spec: str, name: str, figures: Figures) -> str:
    values = _values(spec, name, figures)
    if not values:
        return "-"
    mean = statistics.mean(values)
    digits = 2 if abs(mean) >= 0.1 or mean == 0 else 2 - math.floor(math.log10(abs(mean)))
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean:.{digits}f}{spread}"


def _total(figures: Figures) -> float:
    """Of a spec's runs, those whose time is known speak for the others."""
    known = {spec: _values(spec, "minutes", figures) for spec in figures}
    return sum(len(figures[spec]) * statistics.mean(minutes) for spec, minutes in known.items() if minutes)


def _commits(runs: Path) -> str:
    """The commits that the finished runs were made at, each as it was kept beside its run."""
    kept = {path.read_text().strip() for path in runs.glob("*/seed-*/commit.txt")}
    return ", ".join(sorted(kept)) or "unknown"


def _machine() -> str:
    version = torch.__version__.split("+")[0]
    return f"{os.cpu_count()} CPU cores ({platform.machine()}), one thread a run, PyTorch {version}"
