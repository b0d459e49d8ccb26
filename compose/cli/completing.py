"""`compose completion`: the shell completes commands, options, specs of the library, run folders.   Nothing is imported.

The machinery is click's: the shell calls `compose` with a variable set, and gets the words that fit.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from compose.cli.commands import Command

__all__ = ["completion", "library_names", "run_folders", "specs_and_runs"]

LIBRARY = Path(__file__).resolve().parents[2] / "specs"
VARIABLE = "_COMPOSE_COMPLETE"
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
    made = get_completion_class(shell)
    assert made is not None
    command = context.find_root().command
    script = made(command, {}, "compose", VARIABLE)
    click.echo(script.source_template % script.source_vars())


def library_names(context: click.Context, parameter: click.Parameter, written: str) -> list[CompletionItem]:
    """The specs of the library."""
    return _fitting(written, (path.relative_to(LIBRARY).with_suffix("").as_posix() for path in LIBRARY.rglob("*.yaml")))


def run_folders(context: click.Context, parameter: click.Parameter, written: str) -> list[CompletionItem]:
    """Folders below this one that hold a run; any folder if there is none."""
    return _fitting(written, _runs(Path())) or [CompletionItem(written, type="dir")]


def specs_and_runs(context: click.Context, parameter: click.Parameter, written: str) -> list[CompletionItem]:
    """Specs of the library, runs, and files."""
    return [
        *library_names(context, parameter, written),
        *_fitting(written, _runs(Path())),
        CompletionItem(written, type="file"),
    ]


def samplers(context: click.Context, parameter: click.Parameter, written: str) -> list[CompletionItem]:
    """The samplers of the run that stands before."""
    try:
        about = json.loads((Path(context.params["folder"]) / "run.json").read_text(encoding="utf-8"))
    except (KeyError, OSError, TypeError, json.JSONDecodeError):
        return []
    return _fitting(written, about.get("samplers", ()))


def _fitting(written: str, words: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(word) for word in sorted(words) if word.startswith(written)]


def _runs(root: Path) -> Iterable[str]:
    """Folders with a `run.json`, not looked for within each other."""
    for folder, below, files in os.walk(root):
        if "run.json" in files:
            below.clear()
            yield Path(folder).as_posix()
        below[:] = [name for name in below if not name.startswith(".") and len(Path(folder).parts) < DEEPEST]
