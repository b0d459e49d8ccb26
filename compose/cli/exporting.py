"""`compose export`: a run as a folder that draws without this package."""

from pathlib import Path

import click

from compose.cli.checking import with_plugins
from compose.cli.commands import Command
from compose.cli.completing import run_folders
from compose.cli.drawing import of_checkpoint, opened
from compose.diagnostics import SpecError

__all__ = ["export"]


@click.command(cls=Command, short_help="A run as a folder that needs torch alone.")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path), shell_complete=run_folders)
@click.argument("out", required=False, type=click.Path(file_okay=False, path_type=Path))
@of_checkpoint
@with_plugins
def export(folder: Path, out: Path | None, checkpoint: str, plugins: tuple[Path, ...]) -> int:
    """\b
    compose export runs/glf_digits/seed-0                    into runs/glf_digits/seed-0/export
    compose export runs/glf_digits/seed-0 handed_on --checkpoint best
    cd handed_on && python sample.py default --count 16 --seed 0 --out samples.pt

    Weights, the printed program of every sampler, and the sources of the blocks they call. The same seed draws the
    same samples as `compose sample`.
    """
    from compose.cli.messages import bad_request
    from runners.export import export, is_export

    _, held = opened(folder, plugins, "train", checkpoint)
    target = out or folder / "export"
    if target.is_dir() and any(target.iterdir()) and not is_export(target):
        raise SpecError([bad_request(f"{target} holds other things, and no export", "name an empty folder")])
    if not held.run.spec.samplers:
        way = "add `samplers: {default: ~NAME}` to the spec"
        raise SpecError([bad_request("this run has no sampler, and an export draws", way)])
    try:
        click.echo(export(held.run, target, held.fields))
    except OSError as problem:
        cause = f"{problem.filename or target} cannot be written: {problem.strerror}"
        raise SpecError([bad_request(cause, "name another folder")]) from None
    return 0
