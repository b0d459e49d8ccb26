"""`compose run`: checks, trains, and says what it made."""

import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compose.cli.checking import settings, with_plugins
from compose.cli.commands import Command, Settings
from compose.cli.stopping import unwinding
from compose.diagnostics import SpecError

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
@click.option("--force", is_flag=True, help="Go on with a spec that was edited, if the saved state fits it.")
@click.option("--devices", type=click.IntRange(min=1), help="Processes, a device each; as `--set run.devices=N`.")
@click.option("--strategy", help="How they work together; as `--set run.strategy=WORD`.")
@click.option("--seed", type=click.IntRange(min=0), help="The seed, as `--set run.seed=N`.")
@click.option("--seeds", metavar="0,1,2", help="A run for each seed, and a table of their figures.")
@click.option("sweeps", "--sweep", multiple=True, metavar="PATH=A,B,C", help="A run for each value; sweeps multiply.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="Runs of a study that go on side by side.  [1]")
@with_plugins
@click.option("--quiet", is_flag=True, help="Say nothing while training.")
@click.option(
    "--smoke",
    is_flag=True,
    help="One step of every update, one draw of every sampler, saved and loaded; nothing is kept.",
)
def run(
    spec_file: Path, settings: Settings, out: Path | None, fresh: bool, force: bool, devices: int | None,
    strategy: str | None, seed: int | None, seeds: str | None, sweeps: tuple[str, ...], jobs: int,
    plugins: tuple[Path, ...], quiet: bool, smoke: bool,
) -> int:  # fmt: skip
    """\b
    compose run specs/tutorial/glf_digits.yaml              train; the same command goes on after a stop
    compose run spec.yaml --set stages.0.epochs=20          override anything
    compose run spec.yaml --seed 1 --out runs/second
    compose run spec.yaml --smoke                           does it run at all?
    compose run spec.yaml --seeds 0,1,2 --jobs 2            three runs, two at a time, and a table
    compose run spec.yaml --seeds 0,1 --sweep params.T=2,4,8 --sweep data.batch_size=64,256

    Exit status: 0 done, 1 the run failed or a line of `evaluate` has no figure, 2 the spec or the command line is
    wrong; after saving: 130, 143 or 129 stopped by SIGINT, SIGTERM or SIGHUP, 75 by the signal of `run.preemption`.
    """
    from compose.cli.plugins import load_plugins
    from compose.spec import load_spec

    load_plugins(plugins)
    short = {"devices": devices, "strategy": strategy}
    settings = (*settings, *(f"run.{key}={value}" for key, value in short.items() if value is not None))
    if seeds is not None or sweeps:
        return _study(spec_file, settings, seed, seeds, sweeps, out, jobs, plugins, quiet, only_one=fresh or smoke)
    asked = (*settings, *([] if seed is None else [f"run.seed={seed}"]))
    spec = load_spec(spec_file, asked)
    order = {"out": out, "fresh": fresh, "quiet": quiet, "plugins": plugins, "force": force}
    with unwinding(spec.run.preemption):
        return _one(spec_file, spec, asked, order, smoke)


def _one(spec_file: Path, spec: "Spec", asked: Settings, order: dict[str, Any], smoke: bool) -> int:
    from compose.cli.messages import complain, count_errors, tell
    from runners.examination import examine, shortened
    from runners.world import follows, world_of

    if not smoke and follows(world_of(spec.run.devices, spec.run.nodes)):
        return _follow(spec, order)
    composition, findings = examine(shortened(spec) if smoke else spec, to_run=True)
    complain(findings, spec.sources)
    if errors := count_errors(findings):
        tell(f"{spec_file}: {errors} error{'s' * (errors > 1)}; nothing was run")
        return 2
    if smoke:
        status = _smoke(composition)
        if not status:
            tell(f"{spec_file}: every update stepped, every sampler drew, and what was saved was loaded")
        return status
    from runners.launch import Order  # it imports the loop: not before the spec is right

    status, done = _train(composition, Order(**order))
    status = status or _without_figures(done, order["quiet"])
    if done is not None:
        from compose.cli.closing import commands_next, say_what_was_made

        with suppress(BrokenPipeError):  # the run is done, whether or not somebody reads so
            say_what_was_made(done)
            if not order["quiet"]:
                lines = commands_next(done, spec_file, asked, order["plugins"])
                click.echo("\nnext:\n" + "\n".join(f"  {line}" for line in lines))
    return status


def _study(
    spec_file: Path, settings: Settings, seed: int | None, seeds: str | None, sweeps: tuple[str, ...],
    out: Path | None, jobs: int, plugins: tuple[Path, ...], quiet: bool, *, only_one: bool,
) -> int:  # fmt: skip
    from compose.cli.messages import bad_request
    from compose.cli.studying import Study, carry_out, read_seeds, read_sweeps

    if seed is not None and seeds is not None:
        raise SpecError([bad_request("`--seed` and `--seeds` exclude each other", "write all of them in `--seeds`")])
    if only_one:
        way = "leave them out; another study is one with another `--out`"
        raise SpecError([bad_request("`--fresh` and `--smoke` are for one run, not for several", way)])
    chosen = read_seeds(seeds) if seeds is not None else [] if seed is None else [seed]
    return carry_out(Study(spec_file, settings, chosen, read_sweeps(sweeps), out, jobs, plugins, quiet))


def _follow(spec: "Spec", order: dict[str, Any]) -> int:
    """Train along with the first process, which says what there is to say."""
    from runners.examination import examine
    from runners.launch import Order, train
    from runners.state import RunFailed

    try:
        train(spec, examine(spec, to_run=True)[0], replace(Order(**order), quiet=True))
    except RunFailed:
        return 1
    return 0


def _smoke(composition: "Composition") -> int:
    """Train a shortened spec into a folder that is gone afterwards, load what it saved, and draw from that."""
    from runners.launch import Order, reopen

    with tempfile.TemporaryDirectory(prefix="compose-smoke-") as folder:
        status, done = _train(composition, Order(out=Path(folder) / "run", quiet=True, trial=True))
        status = status or _without_figures(done, quiet=True)
        if done is not None:
            again = reopen(done.folder).run
            for name in [name for name in done.spec.samplers if not again.reads(name)]:
                again.sample(name, 2)
    return status


def _without_figures(done: "Run | None", quiet: bool) -> int:
    """Tell which lines of `evaluate` have no figure at the end; the exit status that is due to them.

    Why was said when they were asked, unless the run was quiet.
    """
    from compose.cli.messages import tell

    refused = done.refused if done is not None else {}
    for name, cause in refused.items():
        tell(cause if quiet else f"`{name}` has no figure")
    return 1 if refused else 0


def _train(composition: "Composition", order: "Order") -> "tuple[int, Run | None]":
    from compose.cli.messages import tell
    from compose.picture import draw
    from runners.exhausted import Exhausted
    from runners.launch import train
    from runners.state import Diverged, Interrupted, RunFailed

    try:
        return 0, train(composition.spec, composition, replace(order, picture=draw(composition)))
    except (Diverged, Exhausted):
        raise  # a finding, shown as any other
    except RunFailed as failure:
        tell(f"the run failed: {failure}")
        return 1, None
    except Interrupted as stop:
        tell(f"{stop}; the same command goes on from there")
        return stop.status, None
