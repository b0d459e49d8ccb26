"""`compose sample` and `compose eval`: what a run has learned."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compose.cli.checking import with_plugins
from compose.cli.commands import Command
from compose.cli.completing import run_folders, samplers_of_run

if TYPE_CHECKING:
    from torch import Tensor

    from blocks.types import Field
    from runners.launch import Reopened

__all__ = ["evaluate", "sample"]

RUN = click.Path(path_type=Path)


@click.command(cls=Command, short_help="Draw from a run.")
@click.argument("folder", metavar="RUN", type=RUN, shell_complete=run_folders)
@click.argument("sampler", required=False, shell_complete=samplers_of_run)
@click.option("--count", type=click.IntRange(min=1), default=64, show_default=True, help="How many rows.")
@click.option("--seed", type=click.IntRange(min=0), help="The seed of the noise.  [the run's]")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A .png, .npy or .pt file.")
@click.option("options", "--option", multiple=True, metavar="NAME=VALUE", help="An option of the sampler.")
@click.option("split", "--data", default="test", show_default=True, help="The split that a conditional sampler reads.")
@with_plugins
def sample(
    folder: Path, sampler: str | None, count: int, seed: int | None, out: Path | None, options: tuple[str, ...],
    split: str, plugins: tuple[Path, ...],
) -> int:  # fmt: skip
    """\b
    compose sample runs/glf_digits/seed-0                          the first sampler of the spec
    compose sample runs/glf_digits/seed-0 interpolation --count 4
    compose sample runs/glf_digits/seed-0 --out samples.npy        numbers instead of a picture
    """
    from compose.cli.messages import bad_request, unknown_sampler
    from compose.diagnostics import SpecError

    data = _opened(folder, plugins)
    opened, sources = data.run, data.sources
    names = list(opened.spec.samplers)
    name = sampler or next(iter(names), "default")
    if name not in names:
        raise SpecError([unknown_sampler(name, names)])
    from runners.datasets import UnknownSplit
    from runners.evaluate import rows_of

    try:
        rows = rows_of(sources, split) if opened.conditional(name) else None
        values = opened.sample(name, count, seed=seed, batch=rows, options=_numbers(options))
    except UnknownSplit as error:
        raise SpecError([bad_request(str(error), "name one of them by `--data`")]) from None
    except ValueError as error:
        raise SpecError([bad_request(str(error), "see `compose sample --help`")]) from None
    chosen = seed if seed is not None else opened.seed
    rows = rows_of(sources, split, count) if sources else {}
    for path in _write(values, out or folder / "samples" / f"{name}-seed{chosen}-{count}", data.fields, rows, count):
        click.echo(path)
    return 0


@click.command("eval", cls=Command, short_help="Measure a run.")
@click.argument("folder", metavar="RUN", type=RUN, shell_complete=run_folders)
@click.option("--seed", type=click.IntRange(min=0), help="The seed of the noise.  [the run's]")
@click.option("split", "--data", default="test", show_default=True, help="The split to measure on.")
@click.option("as_json", "--json", is_flag=True, help='{"NAME": {"value": ..., "error": ...}}')
@with_plugins
def evaluate(folder: Path, seed: int | None, split: str, as_json: bool, plugins: tuple[Path, ...]) -> int:
    """\b
    compose eval runs/glf_digits/seed-0
    compose eval runs/glf_digits/seed-0 --data train --json

    Every line of the spec's `evaluate`, with its standard error where one is known; kept in RUN/evaluation.json.
    """
    from compose.cli.messages import bad_request, tell
    from compose.diagnostics import SpecError

    data = _opened(folder, plugins)
    opened = data.run
    if not opened.spec.evaluate:
        raise SpecError(
            [
                bad_request(
                    "the spec of this run has no `evaluate`",
                    "add `evaluate:` to the spec, as in nll: -prior.log_prob(z)",
                )
            ]
        )
    from runners import evaluate as measuring
    from runners.checkpoints import write_atomically
    from runners.datasets import UnknownSplit

    refused: list[str] = []
    try:
        found = measuring.evaluate(
            opened.executable,
            data.sources,
            averaged=opened.averaged,
            seed=opened.seed if seed is None else seed,
            split=split,
            refused=refused.append,
        )
    except UnknownSplit as error:
        raise SpecError([bad_request(str(error), "name one of them by `--data`")]) from None
    for cause in refused:
        tell(cause)
    plain = {name: {"value": estimate.value, "error": estimate.error} for name, estimate in found.items()}
    write_atomically(
        folder / "evaluation.json", (json.dumps({"split": split, "metrics": plain}, indent=1) + "\n").encode()
    )
    click.echo(json.dumps(plain, indent=1) if as_json else _table(plain))
    return 1 if refused else 0


def _table(found: Mapping[str, Mapping[str, Any]]) -> str:
    width = max(map(len, found))
    errors = {name: "" if one["error"] is None else f"  +- {one['error']:.2g}" for name, one in found.items()}
    return "\n".join(f"{name:<{width}}  {one['value']:>12.6g}{errors[name]}" for name, one in found.items())


def _opened(folder: Path, plugins: tuple[Path, ...]) -> "Reopened":
    """The run in a folder.   What hinders is told as a mistake of the command line."""
    from compose.cli.messages import no_run
    from compose.cli.plugins import load_plugins
    from compose.diagnostics import SpecError

    load_plugins(plugins)
    from runners.launch import read_about, reopen
    from runners.state import RunFailed

    try:
        missing = set(read_about(folder).get("plugins", ())) - {str(path.resolve()) for path in plugins}
        if missing:
            raise SpecError(
                [
                    no_run(
                        str(folder),
                        f"{folder} was trained with plugins: add --plugin {' --plugin '.join(sorted(missing))}",
                    )
                ]
            )
        return reopen(folder)
    except RunFailed as failure:
        raise SpecError([no_run(str(folder), str(failure))]) from None


def _numbers(options: tuple[str, ...]) -> dict[str, Any]:
    from compose.cli.messages import bad_request
    from compose.diagnostics import SpecError

    read = {}
    for option in options:
        name, equals, text = option.partition("=")
        try:
            read[name] = json.loads(text)
        except json.JSONDecodeError:
            raise SpecError(
                [bad_request(f"`--option {option}` is no NAME=NUMBER", "write it as in `--option steps=100`")]
            ) from None
        if not equals or isinstance(read[name], list | dict | None):
            raise SpecError(
                [bad_request(f"`--option {option}` is no NAME=NUMBER", "write it as in `--option steps=100`")]
            )
    return read


def _write(
    values: "Tensor | dict[str, Tensor]",
    out: Path,
    fields: "Mapping[str, Field]",
    rows: "Mapping[str, Tensor]",
    count: int,
) -> list[Path]:
    """Each value into a file of its own, as a picture where it has one and the file's name asks for no other form."""
    from compose.cli.messages import bad_request
    from compose.diagnostics import SpecError
    from runners.files import save_values

    parts = values if isinstance(values, Mapping) else {"": values}
    written = []
    for part, value in parts.items():
        path = out.with_name(f"{out.stem}.{part}{out.suffix}") if part else out
        try:
            written.append(save_values(path, value, fields, rows, max(1, len(value) // count)))
        except (ValueError, OSError) as error:
            raise SpecError(
                [bad_request(str(error), "give `--out` a file that can be written, ending in .png, .npy or .pt")]
            ) from None
    return written
