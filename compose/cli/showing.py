"""`compose show`: the composition as a picture."""

from pathlib import Path

import click

from compose.cli.checking import settings, with_plugins
from compose.cli.commands import Command, Settings

__all__ = ["show"]

FORMATS = ("png", "svg", "pdf")


@click.command(cls=Command, short_help="Draw the composition.")
@click.argument("spec_file", metavar="SPEC", type=click.Path(path_type=Path))
@settings
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A .png, .svg or .pdf file.  [NAME.svg]")
@with_plugins
def show(spec_file: Path, settings: Settings, out: Path | None, plugins: tuple[Path, ...]) -> int:
    """\b
    compose show specs/tutorial/glf_digits.yaml
    compose show specs/tutorial/glf_digits.yaml --out glf.png

    Blocks, values and uses: edges that stop a gradient are red, calls of a frozen block blue and dashed.
    """
    from compose.cli.messages import bad_request, complain, count_errors
    from compose.cli.plugins import load_plugins
    from compose.diagnostics import SpecError
    from compose.spec import load_spec

    load_plugins(plugins)
    spec = load_spec(spec_file, settings)
    path = out or Path(f"{spec.name}.svg")
    form = next((known for known in FORMATS if path.suffix == f".{known}"), None)
    if form is None:
        raise SpecError(
            [bad_request(f"`{path}` is no picture", f"end its name in {', '.join(f'.{f}' for f in FORMATS)}")]
        )
    from compose.picture import draw
    from runners.launch import examine

    composition, findings = examine(spec)
    complain(findings, spec.sources)
    if count_errors(findings):
        return 2
    try:
        path.write_bytes(draw(composition, form))
    except OSError as error:
        raise SpecError(
            [bad_request(f"{path} cannot be written: {error.strerror}", "name another file by `--out`")]
        ) from None
    click.echo(path)
    return 0
