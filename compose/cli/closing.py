"""What `compose run` says at its end: the folder, the pictures, the numbers, and what one would want next."""

import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compose.cli.commands import Settings

if TYPE_CHECKING:
    from compose.spec import Spec
    from runners.run import Run

__all__ = ["commands_next", "say_what_was_made"]

LENGTH = re.compile(r"stages\.[^.]+\.(steps|epochs)")


def say_what_was_made(done: "Run") -> None:
    """The run folder, the last picture of every sampler, and the metrics, in aligned lines on stdout."""
    metrics = done.about.get("metrics", {})
    lines = [("run", str(done.folder)), *(("samples", str(path)) for path in _pictures(done))]
    lines += [(name, f"{value:.5g}") for name, value in metrics.items()]
    if best := done.about.get("best"):
        lines.append((f"best {best['name']}", f"{best['value']:.5g} after step {best['step']:,}"))
    width = max(10, *(len(label) for label, _ in lines))
    for label, text in lines:
        click.echo(f"{label:<{width}} {text}")


def commands_next(done: "Run", spec_file: Path, settings: Settings, plugins: Iterable[Path]) -> list[str]:
    """Commands to go on with, each of which works as it stands.

    `settings` and `plugins` are those of the run, which a longer run keeps.
    """
    spec: Spec = done.spec
    folder = shlex.quote(str(done.folder))
    needed = "".join(f" --plugin {shlex.quote(str(path))}" for path in plugins)
    shown = [f"compose sample {folder} {name}{needed}" for name in list(spec.samplers)[:SAMPLERS]]
    if spec.evaluate.lines:
        shown.append(f"compose eval {folder}{needed}")
    if spec.evaluate.keep and spec.samplers:
        shown.append(f"compose sample {folder} --checkpoint best{needed}")
    shown.append(f"tensorboard --logdir {folder}")
    longer = _longer(spec)
    if longer:
        kept = [one for one in settings if not LENGTH.fullmatch(one.partition("=")[0].strip())]
        words = "".join(f" --set {shlex.quote(one)}" for one in [*kept, *longer])
        shown.append(f"compose run {shlex.quote(str(spec_file))}{words}{needed} --fresh")
    return shown


SAMPLERS = 3  # of which a command is shown


def _pictures(done: "Run") -> list[Path]:
    """The newest picture of every sampler, and of every part of one, in the order of the spec."""
    from runners.folder import PICTURE

    newest: dict[str, tuple[int, Path]] = {}
    for path in (done.folder / "samples").glob("*.png"):
        if match := PICTURE.fullmatch(path.name):
            newest[match[1]] = max(newest.get(match[1], (-1, path)), (int(match[2]), path))
    order = {name: at for at, name in enumerate(done.spec.samplers)}
    known = [label for label in newest if label.split(".")[0] in order]
    return [newest[label][1] for label in sorted(known, key=lambda label: (order[label.split(".")[0]], label))]


def _longer(spec: "Spec") -> list[str]:
    """The settings that double the length of every stage that has one."""
    lengths = [("epochs", stage.epochs) if stage.epochs else ("steps", stage.steps) for stage in spec.stages]
    return [f"stages.{at}.{noun}={2 * count}" for at, (noun, count) in enumerate(lengths) if count]
