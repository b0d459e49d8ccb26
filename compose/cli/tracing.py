"""`compose whence`: which run made a picture."""

import json
from pathlib import Path

import click

from compose.cli.commands import Command
from compose.diagnostics import SpecError

__all__ = ["whence"]


@click.command(cls=Command, short_help="Which run made a picture.")
@click.argument("picture", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--runs", "homes", default="runs", show_default=True, type=click.Path(path_type=Path),
              help="Where to look for the run.")  # fmt: skip
@click.option("as_json", "--json", is_flag=True, help="The same as JSON.")
def whence(picture: Path, homes: Path, as_json: bool) -> int:
    """\b
    compose whence runs/glf_digits/seed-0/samples/default-00000100.png
    compose whence figure.png --runs ~/results

    The spec, its hash, the seed, the step and the commit stand in the picture; the run is found by the first three.
    """
    from compose.cli.messages import bad_request
    from runners.origin import origin_of, run_of

    try:
        found = origin_of(picture.read_bytes())
    except OSError as problem:
        raise SpecError([bad_request(f"{picture} cannot be read: {problem.strerror}", "name a PNG file")]) from None
    if found is None:
        way = "pictures that `compose run`, `sample` and `probe` write do, until another program saves them anew"
        raise SpecError([bad_request(f"{picture} does not say where it comes from", way)])
    run = run_of(found, picture, homes)
    told = {"run": str(run) if run else None, **found}
    if as_json:
        click.echo(json.dumps(told, indent=1))
        return 0
    for name, value in told.items():
        shown = f"none of this spec and seed below {homes}" if value is None and name == "run" else value
        click.echo(f"{name:<12} {shown}")
    return 0
