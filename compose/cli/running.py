"""`compose run`: checks, trains, and says what it made."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compose.cli.checking import settings, with_plugins
from compose.cli.commands import Command, Settings

if TYPE_CHECKING:
    from compose.build import Composition
    from compose.spec import Spec
    from runners.launch import Order
    from runners.run import Run

__all__ = ["run"]


@click.command(cls=Command, short_help="Train a spec, or go on where it stopped.")
@click.argument("spec_file", metavar="SPEC", type=click.Path(path_type=Path))
@settings
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="The run folder.  [runs/NAME/seed-S]")
@click.option("--fresh", is_flag=True, help="Start the next run instead of going on with the last one.")
@click.option("--seed", type=click.IntRange(min=0), help="The seed, as `--set run.seed=N`.")
@with_plugins
@click.option("--quiet", is_flag=True, help="Say nothing while training.")
@click.option("--smoke", is_flag=True, help="One step of every update, one draw of every sampler, nothing kept.")
def run(
    spec_file: Path, settings: Settings, out: Path | None, fresh: bool, seed: int | None, plugins: tuple[Path, ...],
    quiet: bool, smoke: bool,
) -> int:  # fmt: skip
    """\b
    compose run specs/tutorial/glf_digits.yaml              train; the same command goes on after a stop
    compose run spec.yaml --set stages.0.epochs=20          override anything
    compose run spec.yaml --seed 1 --out runs/second
    compose run spec.yaml --smoke                           does it run at all?

    Exit status: 0 done, 1 the run failed, 2 the spec or the command line is wrong, 130 or 143 stopped by a signal
    after saving.
    """
    from compose.cli.messages import complain, count_errors, tell
    from compose.cli.plugins import load_plugins
    from compose.spec import load_spec

    load_plugins(plugins)
    spec = load_spec(spec_file, [*settings, *([] if seed is None else [f"run.seed={seed}"])])
    from runners.launch import Order, examine, shortened

    composition, findings = examine(shortened(spec) if smoke else spec, to_run=True)
    complain(findings, spec.sources)
    if errors := count_errors(findings):
        tell(f"{spec_file}: {errors} error{'s' * (errors > 1)}; nothing was run")
        return 2
    if smoke:
        with tempfile.TemporaryDirectory(prefix="compose-smoke-") as folder:
            status, _ = _train(composition, Order(out=Path(folder) / "run", quiet=True))
        if not status:
            tell(f"{spec_file}: every update stepped, every sampler drew")
        return status
    status, done = _train(composition, Order(out, fresh, quiet, plugins))
    if done is not None:
        _say_what_was_made(done, spec_file, quiet)
    return status


def _train(composition: "Composition", order: "Order") -> "tuple[int, Run | None]":
    from compose.cli.messages import tell
    from compose.picture import draw
    from runners.launch import train
    from runners.state import Interrupted, RunFailed

    try:
        return 0, train(composition.spec, composition, replace(order, picture=draw(composition)))
    except RunFailed as failure:
        tell(f"the run failed: {failure}")
        return 1, None
    except Interrupted as stop:
        tell(f"{stop}; the same command goes on from there")
        return stop.status, None


def _say_what_was_made(done: "Run", spec_file: Path, quiet: bool) -> None:
    """The folder, the pictures, the numbers, and what one would want next."""
    spec: Spec = done.spec
    click.echo(f"run        {done.folder}")
    for name in spec.samplers:
        made = sorted((done.folder / "samples").glob(f"{name}-*.png"))
        if made:
            click.echo(f"samples    {made[-1]}")
    metrics = done.about.get("metrics", {})
    for name, value in metrics.items():
        click.echo(f"{name:<10} {value:.5g}")
    if quiet:
        return
    sampler = next(iter(spec.samplers), None)
    setting = _a_setting(spec)
    click.echo("\nnext:")
    if sampler is not None:
        click.echo(f"  compose sample {done.folder} {sampler} --count 16")
    click.echo(f"  tensorboard --logdir {done.folder}")
    click.echo(f"  compose run {spec_file} --set {setting} --fresh")


def _a_setting(spec: "Spec") -> str:
    """One setting that may be changed: the length of the first stage, doubled."""
    first = spec.stages[0] if spec.stages else None
    if first is None:
        return "run.seed=1"
    return f"stages.0.epochs={2 * first.epochs}" if first.epochs else f"stages.0.steps={2 * (first.steps or 1)}"
