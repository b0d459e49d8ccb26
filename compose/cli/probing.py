"""`compose probe`: one value of a spec or of a run, on one batch."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compose.cli.checking import settings, with_plugins
from compose.cli.commands import Command, Settings
from compose.cli.completing import specs_and_runs
from compose.cli.drawing import of_checkpoint, opened
from compose.diagnostics import SpecError, refuse_errors

if TYPE_CHECKING:
    from runners.probe import Probed

__all__ = ["probe"]


@click.command(cls=Command, short_help="Look at one value on one batch.")
@click.argument("subject", metavar="SPEC|RUN", type=click.Path(path_type=Path), shell_complete=specs_and_runs)
@click.argument("node")
@settings
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The picture.  [RUN/probe/NODE.png]")
@click.option("as_json", "--json", is_flag=True, help='{"PART": {"shape": ..., "low": ..., ...}}; "" of a lone value.')
@of_checkpoint
@with_plugins
def probe(
    subject: Path, node: str, settings: Settings, out: Path | None, as_json: bool, checkpoint: str,
    plugins: tuple[Path, ...],
) -> int:  # fmt: skip
    """\b
    compose probe spec.yaml x_hat                           a node of the graph, with first weights
    compose probe runs/glf_digits/seed-0 z                  with the weights of a run
    compose probe runs/glf_digits/seed-0 reconstruction     a term of a stage
    compose probe spec.yaml 'energy(neg) - energy(x)'       any expression of them

    Shape, dtype, range, mean, deviation, the share that is not finite, and a picture where the value has one.
    """
    from compose.cli.messages import bad_request, tell
    from runners.probe import placed_at_node

    if subject.is_dir() and settings:
        raise SpecError([bad_request("`--set` is for a spec, and this is a run", "leave it out")])
    if not subject.is_dir() and checkpoint != "latest":
        raise SpecError([bad_request("`--checkpoint` is for a run, and this is a spec", "name a run folder")])
    with placed_at_node():
        if subject.is_dir():
            found = _of_run(subject, node, out, checkpoint, plugins)
        else:
            found = _of_spec(subject, node, settings, out, plugins)
    if as_json:
        click.echo(json.dumps({part: asdict(one) for part, one in found.items()}, indent=1))
        return 0
    for part, one in found.items():
        click.echo(_told(f"{node}.{part}" if part else node, one))
    if all(one.picture is None for one in found.values()):
        tell("a value of this shape has no picture")
    return 0


def _told(name: str, one: "Probed") -> str:
    facts = {"shape": " ".join(map(str, one.shape)) or "one number", "dtype": one.dtype}
    if one.low is not None:
        facts |= {"range": f"{one.low:.5g} .. {one.high:.5g}", "mean": f"{one.mean:.5g} +- {one.std:.5g}"}
    facts |= {"not finite": f"{one.lost:.3%}", **({"picture": one.picture} if one.picture else {})}
    return "\n".join([name, *(f"  {label:<10}  {text}" for label, text in facts.items())])


def _picture(folder: Path, node: str, out: Path | None) -> Path:
    return out or folder / "probe" / f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', node).strip('_')}.png"


def _of_spec(
    path: Path, node: str, settings: Settings, out: Path | None, plugins: tuple[Path, ...]
) -> "dict[str, Probed]":
    """The value with first weights, on the first batch of training."""
    from compose.cli.plugins import load_plugins
    from compose.spec import load_spec
    from runners.probe import asked_for, probe

    load_plugins(plugins)
    spec = load_spec(path, (*settings, asked_for(load_spec(path, settings), node)))
    from runners.catalogue import open_sources
    from runners.launch import assemble, batches_of, examine
    from runners.weights import fill_blocks

    composition, findings = examine(spec, to_run=True)
    refuse_errors(findings, spec.sources)
    executable = assemble(composition, spec.run.seed)
    fill_blocks(dict(executable.blocks.items()), spec)
    rows = batches_of(spec, open_sources(spec)).batch(0)
    return probe(executable, frozenset(), rows, composition.fields, spec.run.seed,
                 _picture(Path("runs") / spec.name, node, out))  # fmt: skip


def _of_run(
    folder: Path, node: str, out: Path | None, checkpoint: str, plugins: tuple[Path, ...]
) -> "dict[str, Probed]":
    """The value with the weights of a run, on the first rows of its test split, or of training."""
    from compose.cli.messages import bad_request
    from runners.evaluate import rows_of
    from runners.goals import split_of
    from runners.origin import stamp
    from runners.probe import asked_for, probe

    _, found = opened(folder, plugins, "train", checkpoint, lambda spec: asked_for(spec, node))
    run = found.run
    if not found.sources:
        raise SpecError([bad_request("the data of this run came from Python", "probe the spec of a run with a source")])
    first = next(iter(run.spec.data.values()))
    rows = rows_of(found.sources, split_of(found.sources.values()) or "train", first.batch_size)
    return probe(
        run.executable,
        run.averaged,
        rows,
        found.fields,
        run.seed,
        _picture(folder, node, out),
        stamp(run.about, run.state.run_step, node),
    )
