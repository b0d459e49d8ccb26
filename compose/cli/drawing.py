"""`compose sample`: what a run has learned, and how any command opens a run."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compose.cli.checking import with_plugins
from compose.cli.commands import Command
from compose.cli.completing import run_folders, runs_in, samplers_of_run
from compose.diagnostics import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from compose.spec import Spec
    from runners.launch import Reopened

__all__ = ["ARRAYS", "RUN", "of_checkpoint", "opened", "sample"]

of_checkpoint = click.option(
    "--checkpoint", metavar="latest|best|STEP", default="latest", show_default=True, help="The weights of which step."
)
RUN = click.Path(path_type=Path)
ARRAYS = (".npy", ".npz")


@click.command(cls=Command, short_help="Draw from a run.")
@click.argument("folder", metavar="RUN", type=RUN, shell_complete=run_folders)
@click.argument("sampler", required=False, shell_complete=samplers_of_run)
@click.option("--count", type=click.IntRange(min=1), help="How many rows.  [as many as fill a picture]")
@click.option("--seed", type=click.IntRange(min=0), help="The seed of the noise.  [the run's]")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A .png, .npy or .pt file.")
@click.option("options", "--option", multiple=True, metavar="NAME=VALUE", help="An option of the sampler.")
@click.option(
    "split", "--data", metavar="SPLIT|FILE", default="test", show_default=True,
    help="What a conditional sampler reads: a split of the run's data, or a .npy or .npz file.",
)  # fmt: skip
@of_checkpoint
@with_plugins
def sample(
    folder: Path, sampler: str | None, count: int | None, seed: int | None, out: Path | None, options: tuple[str, ...],
    split: str, checkpoint: str, plugins: tuple[Path, ...],
) -> int:  # fmt: skip
    """\b
    compose sample runs/glf_digits/seed-0                          the first sampler of the spec
    compose sample runs/glf_digits/seed-0 interpolation --count 4
    compose sample runs/glf_digits/seed-0 --out samples.npy        numbers instead of a picture
    compose sample runs/glf_digits/seed-0 --checkpoint best        of the weights that `evaluate: keep:` kept
    """
    from compose.cli.messages import bad_request, unknown_sampler

    split, held = opened(folder, plugins, split, checkpoint)
    run, names = held.run, list(held.run.spec.samplers)
    name = sampler or next(iter(names), "default")
    if name not in names:
        raise SpecError([unknown_sampler(name, names)])
    from runners.datasets import UnknownSplit
    from runners.evaluate import rows_of
    from runners.given import handed_data
    from runners.sampling import default_count

    if run.reads(name) and not held.sources:
        raise SpecError([handed_data(folder, f"`{name}`", "sample(.., batch", run.reads(name))])
    count = count or default_count(run.executable, name, run.averaged)
    try:
        rows = rows_of(held.sources, split) if run.reads(name) else None
        values = run.sample(name, count, seed=seed, batch=rows, options=_numbers(options))
    except UnknownSplit as error:
        raise SpecError([bad_request(str(error), "name one of them by `--data`")]) from None
    except ValueError as error:
        raise SpecError([bad_request(str(error), "name data that hold what the sampler reads, by `--data`")]) from None
    chosen = seed if seed is not None else run.seed
    count = min(count, *map(len, rows.values())) if rows else count
    made = out or folder / "samples" / f"{name}-seed{chosen}-{count}{_suffix(checkpoint)}"
    here = held.sources and all(source.missing is None for source in held.sources.values())
    known = all(split in source.contract.splits for source in held.sources.values())
    beneath = rows or (rows_of(held.sources, split if known else "train", DATA) if here else {})
    for path in _write(name, values, made, held, beneath, chosen, asked=out is not None):
        click.echo(path)
    return 0


def _suffix(checkpoint: str) -> str:
    """What the name of a picture says of the checkpoint, if it is not the latest."""
    return "" if checkpoint == "latest" else f"-{checkpoint}"


DATA = 2000
"""Rows of data that lie beneath a picture of points."""


def opened(
    folder: Path, plugins: tuple[Path, ...], data: str, checkpoint: str = "latest",
    also: "Callable[[Spec], str] | None" = None,
) -> "tuple[str, Reopened]":  # fmt: skip
    """The run in a folder, and the split to read; `also` as for `reopen`.   What hinders is told as a mistake."""
    from compose.cli.messages import bad_request, no_run
    from compose.cli.plugins import load_plugins

    load_plugins(plugins)
    from runners.folder import read_about
    from runners.launch import reopen
    from runners.state import NoCheckpoint, RunFailed

    rows = Path(data) if data.endswith(ARRAYS) else None
    try:
        missing = set(read_about(folder).get("plugins", ())) - {str(path.resolve()) for path in plugins}
        if missing:
            cause = f"{folder} was trained with plugins: add --plugin {' --plugin '.join(sorted(missing))}"
            raise SpecError([no_run(str(folder), cause)])
        return "train" if rows else data, reopen(
            folder, rows, int(checkpoint) if checkpoint.isdigit() else checkpoint, also
        )
    except NoCheckpoint as failure:
        raise SpecError([bad_request(str(failure), "name one of them by `--checkpoint`")]) from None
    except RunFailed as failure:
        there = next(each for each in (folder, *folder.parents) if each.is_dir())
        inside, beside = ((), runs_in(there)) if there != folder else (sorted(runs_in(there)), ())
        raise SpecError([no_run(str(folder), str(failure), inside, beside)]) from None


def _numbers(options: tuple[str, ...]) -> dict[str, Any]:
    read = {}
    for option in options:
        name, _, text = option.partition("=")
        try:
            read[name] = json.loads(text)
        except json.JSONDecodeError:
            raise _no_number(option) from None
        if isinstance(read[name], list | dict | str | None):
            raise _no_number(option)
    return read


def _no_number(option: str) -> SpecError:
    from compose.cli.messages import bad_request

    return SpecError([bad_request(f"`--option {option}` is no NAME=NUMBER", "write it as in `--option steps=100`")])


def _write(
    name: str,
    values: "Tensor | dict[str, Tensor]",
    out: Path,
    opened: "Reopened",
    rows: "Mapping[str, Tensor]",
    seed: int,
    *,
    asked: bool,
) -> list[Path]:
    """Each value into a file of its own, as a picture where it has one and the file's name asks for no other form.

    What a run that may only be read refuses goes into the present folder, unless `out` was asked for.
    """
    from compose.cli.messages import bad_request, tell
    from runners.files import save_values
    from runners.origin import stamp
    from runners.sampling import folds_of

    folds = folds_of(opened.run.executable, name, opened.run.averaged)
    parts = values if isinstance(values, Mapping) else {"": values}
    written, run = [], opened.run
    for part, value in parts.items():
        path = out.with_name(f"{out.stem}.{part}{out.suffix}") if part else out
        origin = stamp(run.about, run.state.run_step, name, seed)
        save = partial(
            save_values, value=value, fields=opened.fields, rows=rows, fold=folds.get(part or "value", 1), origin=origin
        )
        way = "give `--out` a file that can be written, ending in .png, .npy or .pt"
        try:
            try:
                written.append(save(path))
            except OSError as error:
                cause = f"{path.parent} cannot be written: {error.strerror}"
                if asked:
                    raise SpecError([bad_request(cause, way)]) from None
                tell(f"{cause}; what was drawn goes here instead")
                written.append(save(Path(path.name)))
        except (ValueError, OSError) as error:
            raise SpecError([bad_request(str(error), way)]) from None
    return written
