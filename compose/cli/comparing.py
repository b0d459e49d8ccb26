"""`compose diff`: what differs between two specs or runs, however they are written."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compose.cli.checking import with_plugins
from compose.cli.commands import Command
from compose.cli.completing import specs_and_runs

if TYPE_CHECKING:
    from compose.build import Composition
    from compose.spec import Spec

__all__ = ["diff"]

COLOURS = {"added": "green", "removed": "red", "changed": "yellow"}


@click.command(cls=Command, short_help="What differs between two specs or runs.")
@click.argument("one", metavar="A", shell_complete=specs_and_runs)
@click.argument("other", metavar="B", shell_complete=specs_and_runs)
@with_plugins
@click.option("as_json", "--json", is_flag=True, help="The changes as JSON.")
def diff(one: str, other: str, plugins: tuple[Path, ...], as_json: bool) -> int:
    """\b
    compose diff spec.yaml other.yaml
    compose diff thesis/glf thesis/glf_regularised       specs of the library
    compose diff runs/glf/seed-0 spec.yaml               a run: the spec it was trained with

    Blocks, lines, terms, what is trained, where gradients go, and cost; not the order or the form of writing. Exit
    status 0 if nothing differs that matters, 1 if something does, 2 if a spec is wrong.
    """
    from compose.cli.messages import in_colour
    from compose.cli.plugins import load_plugins
    from compose.difference import Difference, difference, report

    load_plugins(plugins)
    first, second = _spec(one), _spec(other)
    found = Difference()
    if first.hash() != second.hash():
        before, after = (_composition(spec, path) for spec, path in ((first, one), (second, other)))
        if before is None or after is None:
            return 2
        found = difference(before, after)
    if as_json:
        click.echo(json.dumps(found.to_data(), indent=1, ensure_ascii=False))
        return int(found.matters)
    paint = {kind: partial(click.style, fg=colour) for kind, colour in COLOURS.items()}
    click.echo(report(found, one, other, paint if in_colour(sys.stdout) else None), color=True)
    return int(found.matters)


def _spec(named: str) -> "Spec":
    """The spec in a file, of a run's folder, or of the library.   Raises SpecError."""
    from compose.cli.messages import no_run
    from compose.diagnostics import SpecError
    from compose.spec import load_spec
    from compose.spec.layers import LIBRARY, library

    path = Path(named)
    if path.is_dir():
        if not all((path / part).is_file() for part in ("spec.yaml", "run.json")):
            raise SpecError([no_run(named, f"{named} is no run folder: it has no spec.yaml and run.json")])
        return load_spec(path / "spec.yaml")
    if not path.exists() and named in library():
        return load_spec(LIBRARY / f"{named}.yaml")
    return load_spec(path)


def _composition(spec: "Spec", named: str) -> "Composition | None":
    """The composition of a spec; its errors are told, and then there is none."""
    from compose.cli.messages import complain, count_errors
    from runners.examination import examine
    from runners.folder import read_about
    from runners.given import handed_fields

    fields = handed_fields(read_about(Path(named))) if Path(named).is_dir() else None
    composition, findings = examine(spec, fields)
    errors = [found for found in findings if found.severity == "error"]
    complain(errors, spec.sources)
    return None if count_errors(errors) else composition
