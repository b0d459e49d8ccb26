"""`compose eval`: the figures of a run, and of several beside each other; the pages that hold them."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compose.cli.checking import with_plugins
from compose.cli.columns import aligned
from compose.cli.commands import Command
from compose.cli.completing import run_folders
from compose.cli.drawing import ARRAYS, RUN, of_checkpoint, opened
from compose.diagnostics import SpecError

if TYPE_CHECKING:
    from runners.launch import Reopened
    from runners.report import Figure, Report

__all__ = ["evaluate"]


@click.command("eval", cls=Command, short_help="Measure a run, or compare several.")
@click.argument("folders", metavar="RUN...", type=RUN, nargs=-1, required=True, shell_complete=run_folders)
@click.option("--seed", type=click.IntRange(min=0), help="The seed of the noise.  [the run's]")
@click.option(
    "split", "--data", metavar="SPLIT|FILE", default="test", show_default=True,
    help="What to measure on: a split of the run's data, or a .npy or .npz file.",
)  # fmt: skip
@click.option("--only", metavar="NAME", multiple=True, help="Measure this line of `evaluate`; may be repeated.")
@click.option("as_json", "--json", is_flag=True, help='{"NAME": {"value": ..., "error": ...}}; of several by run')
@click.option(
    "out", "--report", type=click.Path(dir_okay=False, path_type=Path),
    help="Where the page goes.  [RUN/report.html; of several comparison.html beside the first]",
)  # fmt: skip
@of_checkpoint
@with_plugins
def evaluate(  # one argument an option
    folders: tuple[Path, ...],
    seed: int | None,
    split: str,
    only: tuple[str, ...],
    as_json: bool,
    out: Path | None,
    checkpoint: str,
    plugins: tuple[Path, ...],
) -> int:
    """\b
    compose eval runs/glf_digits/seed-0
    compose eval runs/glf_digits/seed-0 --data train --json
    compose eval runs/glf_digits/seed-0 --only fid
    compose eval runs/glf_digits/seed-0 --checkpoint best
    compose eval runs/glf_digits/seed-0 runs/vae_digits/seed-0      a table, the best marked by *

    Every line of the spec's `evaluate`, with its standard error where one is known; kept in RUN/evaluation.json, unless
    `--only` names some of them, and on one page, RUN/report.html, with samples, curves and where all of it is from.
    """
    from compose.cli.messages import tell
    from runners.ledger import COMPARISON
    from runners.report import comparing_page, labels_of, page_of

    runs = list({folder.resolve(): folder for folder in folders}.values())
    held = [opened(folder, plugins, split, checkpoint)[1] for folder in runs]
    _need_lines({name: None for one in held for name in one.run.spec.evaluate.lines}, only)
    reports = [_measured(one, seed, split, only, checkpoint) for one in held]
    for folder, report in zip(runs, reports, strict=True):
        if not only and report.figures:
            which = {} if checkpoint == "latest" else {"checkpoint": checkpoint}
            kept = json.dumps({"data": split, **which, "metrics": _plain(report.figures)}, indent=1) + "\n"
            _write(folder / "evaluation.json", kept)
    if len(reports) == 1:
        (found,) = reports
        click.echo(json.dumps(_plain(found.figures), indent=1) if as_json else _table(found.figures))
        path, page = out or (None if only else runs[0] / "report.html"), page_of(found)
    else:
        plain = dict(zip(labels_of(reports), (_plain(report.figures) for report in reports), strict=True))
        click.echo(json.dumps(plain, indent=1) if as_json else _comparison(reports))
        path, page = out or runs[0].parent / COMPARISON, comparing_page(reports)
    if path is not None:
        if _write(path, page, asked=out is not None):
            tell(f"report {path}")
        else:
            tell("`--report FILE` writes the page elsewhere")
    return int(any(figure.cause for report in reports for figure in report.figures))


def _measured(held: "Reopened", seed: int | None, split: str, only: Sequence[str], checkpoint: str) -> "Report":
    """The report of a run, its lines measured: all, or those that `only` names, of which it may lack some."""
    from compose.cli.messages import bad_request, tell
    from runners.datasets import UnknownSplit
    from runners.evaluate import Refusal
    from runners.report import figures_of, report_of

    run, rows = held.run, Path(split) if split.endswith(ARRAYS) else None
    wanted = [name for name in run.spec.evaluate.lines if not only or name in only]
    refused: list[Refusal] = []
    try:
        found = run.evaluate(split, wanted, seed=seed, data=rows, refused=refused.append) if wanted else {}
    except UnknownSplit as error:
        raise SpecError([bad_request(f"{run.folder}: {error}", "name one of them by `--data`")]) from None
    except ValueError as error:
        raise SpecError([bad_request(f"{run.folder}: {error}", "name a file of such rows by `--data`")]) from None
    for refusal in refused:
        tell(f"{run.folder}: {refusal}")
    figures = figures_of(run.executable, run.averaged, found, refused, wanted)
    how = {"checkpoint": checkpoint, "seed of the noise": "" if seed is None else str(seed)}
    return report_of(run, figures, held.sources, "train" if rows else split, how, rows)


def _need_lines(known: Collection[str], only: Sequence[str]) -> None:
    """Raise SpecError unless there are lines to measure, and those that `only` names are among them."""
    from compose.cli.messages import bad_request, unknown_line

    if not known:
        way = "add `evaluate:` to the spec, as in nll: -prior.log_prob(z)"
        raise SpecError([bad_request("the spec of this run has no `evaluate`", way)])
    if unknown := [unknown_line(name, known) for name in only if name not in known]:
        raise SpecError(unknown)


def _plain(figures: "Sequence[Figure]") -> dict[str, Any]:
    return {figure.name: figure.plain() for figure in figures if figure.value is not None}


def _table(figures: "Sequence[Figure]") -> str:
    """A line for each figure that there is: value, standard error, and the nets that it is measured in."""
    found = [figure for figure in figures if figure.value is not None]
    width = max((len(figure.name) for figure in found), default=0)
    return "\n".join(
        f"{one.name:<{width}}  {one.value:>12.6g}" + _error(one) + "".join(f"  in {net}" for net in one.nets)
        for one in found
    )


def _error(figure: "Figure") -> str:
    return "" if figure.error is None else f"  +- {figure.error:.2g}"


def _comparison(reports: "Sequence[Report]") -> str:
    """A row for each figure, a column for each run; the best is marked, and what cannot be compared says why."""
    from runners.report import compared, labels_of

    lines = [["", *labels_of(reports), ""]]
    for row in compared(reports):
        lines.append([row.name, *(_cell(one, at in row.best) for at, one in enumerate(row.figures)), row.note])
    return aligned(lines)


def _cell(figure: "Figure | None", best: bool) -> str:
    if figure is None or figure.value is None:
        return "-" if figure is None else "no figure"
    return f"{figure.value:.6g}" + ("" if figure.error is None else f" +- {figure.error:.2g}") + " *" * best


def _write(path: Path, text: str, asked: bool = False) -> bool:
    """Write a file, whether it was written: a run that may only be read is measured all the same, and that is told.

    Raises SpecError where the file was asked for.
    """
    from compose.cli.messages import bad_request, tell
    from runners.checkpoints import write_atomically

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        cause = f"{path} cannot be written: {error.strerror}"
        if asked:
            raise SpecError([bad_request(cause, "name a file that can be written, by `--report`")]) from None
        tell(cause)
        return False
    return True
