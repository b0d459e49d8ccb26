"""`compose completion`: the shell completes commands, options, specs of the library, runs.   Nothing heavy is imported.

The machinery is click's: the shell calls `compose` with a variable set, and gets the words that fit.
"""

import itertools
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compose.cli.commands import Command

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["completion", "fitting", "library_names", "run_folders", "runs_in", "samplers_of_run", "specs_and_runs"]

LIBRARY = Path(__file__).resolve().parents[2] / "specs"
VARIABLE = "_COMPOSE_COMPLETE"
HEAD = re.compile(r"  (\w+)(?:\(.*\))?:")
DEEPEST = 4  # folders between here and a run: runs/NAME/seed-S, and one above


@click.command(cls=Command, short_help="Completion for bash, zsh or fish.")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """\b
    compose completion bash >> ~/.bashrc
    compose completion zsh >> ~/.zshrc
    compose completion fish > ~/.config/fish/completions/compose.fish

    Commands, options, specs, run folders and their samplers.
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    command = context.find_root().command
    script = made(command, {}, "compose", VARIABLE)
    click.echo(script.source_template % script.source_vars())


def library_names(context: click.Context, parameter: click.Parameter, written: str) -> "list[CompletionItem]":
    """The specs of the library."""
    return fitting(written, (path.relative_to(LIBRARY).with_suffix("").as_posix() for path in LIBRARY.rglob("*.yaml")))


def run_folders(context: click.Context, parameter: click.Parameter, written: str) -> "list[CompletionItem]":
    """Folders below this one that hold a run; any folder if there is none."""
    from click.shell_completion import CompletionItem

    return fitting(written, runs_in(Path())) or [CompletionItem(written, type="dir")]


def specs_and_runs(context: click.Context, parameter: click.Parameter, written: str) -> "list[CompletionItem]":
    """Specs of the library, runs, and files."""
    from click.shell_completion import CompletionItem

    return [
        *library_names(context, parameter, written),
        *fitting(written, runs_in(Path())),
        CompletionItem(written, type="file"),
    ]


def samplers_of_run(context: click.Context, parameter: click.Parameter, written: str) -> "list[CompletionItem]":
    """The samplers of the run that stands before; its spec is read as it is always written, a line a sampler's head."""
    try:
        lines = (Path(context.params["folder"]) / "spec.yaml").read_text(encoding="utf-8").split("\n")
    except (KeyError, OSError, TypeError):
        return []
    below = lines[lines.index("samplers:") + 1 :] if "samplers:" in lines else []
    section = itertools.takewhile(lambda line: line.startswith(" "), below)
    return fitting(written, (found[1] for line in section if (found := HEAD.match(line))))


def fitting(written: str, words: Iterable[str]) -> "list[CompletionItem]":
    """The words that begin as what is written."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(word) for word in sorted(words) if word.startswith(written)]


def runs_in(root: Path) -> Iterable[str]:
    """Folders with a `run.json`, not looked for within each other."""
    deepest = len(root.parts) + DEEPEST
    for folder, below, files in os.walk(root):
        if "run.json" in files:
            below.clear()
            yield Path(folder).as_posix()
        below[:] = [name for name in below if not name.startswith(".") and len(Path(folder).parts) < deepest]
