"""`compose replay`: the step by which a run was lost, taken again, every value looked at."""

import json
from pathlib import Path

import click

from compose.cli.checking import with_plugins
from compose.cli.commands import Command
from compose.cli.completing import run_folders
from compose.diagnostics import SpecError

__all__ = ["replay"]


@click.command(cls=Command, short_help="Take the step again by which a run was lost.")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path), shell_complete=run_folders)
@click.option("as_json", "--json", is_flag=True, help="The same as JSON.")
@with_plugins
def replay(folder: Path, as_json: bool, plugins: tuple[Path, ...]) -> int:
    """\b
    compose replay runs/glf_digits/seed-0
    compose replay runs/glf_digits/seed-0 --json

    A run that meets a value which is not finite keeps that step in RUN/diverged: the weights before it, the batch, and
    with the seed the noise. Each value of the step is shown in the order of computing it, with its range; the first
    that is not finite is marked.
    """
    from compose.cli.messages import no_run
    from compose.cli.plugins import load_plugins

    load_plugins(plugins)
    from runners.folder import read_about
    from runners.replaying import replay
    from runners.state import RunFailed

    try:
        missing = set(read_about(folder).get("plugins", ())) - {str(path.resolve()) for path in plugins}
        if missing:
            raise RunFailed(f"{folder} was trained with plugins: add --plugin {' --plugin '.join(sorted(missing))}")
        found = replay(folder)
    except RunFailed as failure:
        raise SpecError([no_run(str(folder), str(failure), (), ())]) from None
    click.echo(json.dumps(found.to_data(), indent=1) if as_json else "\n".join([found.cause, *found.lines()]))
    return 0
