"""`compose runs`: what has been run, how it stands, and the removal of one."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compose.cli.columns import aligned
from compose.cli.commands import Command
from compose.cli.completing import run_folders, runs_in
from compose.diagnostics import SpecError

if TYPE_CHECKING:
    from runners.ledger import Entry

__all__ = ["runs"]

FIGURES = 3  # of a run that are shown


@click.command(cls=Command, short_help="Which runs there are, and how they stand.")
@click.argument("folder", metavar="[FOLDER]", default="runs", type=click.Path(path_type=Path))
@click.option("--remove", "doomed", metavar="RUN", type=click.Path(path_type=Path), shell_complete=run_folders,
              help="Remove what this run wrote, after a question.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Remove without the question.")
@click.option("as_json", "--json", is_flag=True, help="A list of the same as JSON.")
def runs(folder: Path, doomed: Path | None, yes: bool, as_json: bool) -> int:
    """\b
    compose runs                                      all below runs/
    compose runs runs/glf_digits --json
    compose runs --remove runs/glf_digits/seed-0      asks first

    A run is running, finished, failed, stopped (the same command goes on with it) or waiting (for its turn in a study).
    """
    from compose.cli.messages import bad_request, tell
    from runners.ledger import ledger

    if doomed is not None:
        return _remove(doomed, yes)
    if not folder.is_dir():
        raise SpecError([bad_request(f"there is no folder {folder}", "name the one that holds the runs")])
    found = ledger(folder)
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in found], indent=1))
    elif found:
        click.echo(_table(found))
    else:
        tell(f"no run lies in {folder}")
    return 0


def _remove(folder: Path, yes: bool) -> int:
    from compose.cli.messages import bad_request, no_run, tell
    from runners.folder import RunFolder
    from runners.ledger import COMPARISON, entry_of, is_run, remove, remove_comparison
    from runners.state import RunFailed

    if not is_run(folder):
        raise SpecError([no_run(str(folder), f"{folder} is no run folder: nothing was removed", (), runs_in(Path()))])
    entry = entry_of(folder)
    what = f"{folder} ({entry.status}, {entry.step:,} steps, {_size(entry.size)})"
    if not yes and not click.confirm(f"remove {what}?", err=True):
        tell("nothing was removed")
        return 1
    try:
        with RunFolder(folder).locked():
            left = remove(folder)
    except RunFailed as failure:
        raise SpecError([bad_request(str(failure), "stop it first")]) from None
    tell(f"removed {what}" + (f"; {', '.join(left)} there is not the run's, and stays" if left else ""))
    if remove_comparison(home := folder.resolve().parent):
        tell(f"{home / COMPARISON} compares runs of which some are left, and stays")
    return 0


def _table(found: "list[Entry]") -> str:
    lines = [["run", "status", "steps", "size", "age", "figures"]]
    for entry in found:
        figures = [f"{name} {value:.4g}" for name, value in list(entry.figures.items())[:FIGURES]]
        if entry.best is not None:
            figures.append(f"best {entry.best['name']} {entry.best['value']:.4g} at {entry.best['step']:,}")
        status = entry.status if entry.pid is None else f"{entry.status} ({entry.pid})"
        lines.append([entry.folder, status, f"{entry.step:,}", _size(entry.size), _age(entry.age), "  ".join(figures)])
    return aligned(lines)


def _size(count: float) -> str:
    """Bytes in the largest unit that leaves a number above 1."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while count >= 1000 and len(units) > 1:
        count, units = count / 1000, units[1:]
    return f"{count:.3g} {units[0]}"


def _age(seconds: float) -> str:
    for name, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} s"
