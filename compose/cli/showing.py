"""`compose show`: the composition as a picture."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compose.cli.checking import settings, with_plugins
from compose.cli.commands import Command, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compose.build import Composition
    from compose.diagnostics import Finding

__all__ = ["show"]

ENDINGS = {".svg": "svg", ".png": "png", ".pdf": "pdf", ".mmd": "mermaid", ".mermaid": "mermaid", ".txt": "terminal"}
IN_BYTES = ("png", "pdf")  # what no terminal shows


@click.command(cls=Command, short_help="Draw the composition.")
@click.argument("spec_file", metavar="SPEC", type=click.Path(path_type=Path))
@settings
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file to draw into.")
@click.option(
    "form", "--format", type=click.Choice(sorted(set(ENDINGS.values()))),
    help="By default what the ending of --out says; on a terminal, a drawing of characters.",
)  # fmt: skip
@click.option("as_ascii", "--ascii", is_flag=True, help="Draw for a terminal that has only ASCII.")
@with_plugins
def show(
    spec_file: Path, settings: Settings, out: Path | None, form: str | None, as_ascii: bool, plugins: tuple[Path, ...]
) -> int:
    """\b
    compose show specs/tutorial/glf_digits.yaml                     on a terminal: drawn there
    compose show specs/tutorial/glf_digits.yaml --out glf.svg       or .png, .pdf, .mmd (Mermaid), .txt
    compose show specs/tutorial/glf_digits.yaml --format mermaid

    Blocks, values and uses, one panel an update, then one a sampler. Edges that stop a gradient are red, calls of a
    frozen block blue and dashed; trained blocks have the colour of their stage. A spec with errors is drawn as far as
    it could be built, its faults marked (exit status 2).
    """
    from compose.cli.messages import complain, count_errors
    from compose.cli.plugins import load_plugins
    from compose.spec import load_spec

    load_plugins(plugins)
    spec = load_spec(spec_file, settings)
    chosen = form or _by_ending(out) or ("terminal" if as_ascii or sys.stdout.isatty() else None)
    if out is None and (chosen is None or chosen in IN_BYTES):
        chosen = chosen or "svg"
        out = Path(f"{spec.name}.{chosen}")
    assert chosen is not None
    from runners.examination import examine

    composition, findings = examine(spec)
    complain(findings, spec.sources)
    _write(_picture(composition, findings, chosen, as_ascii, out is None), out)
    return 2 if count_errors(findings) else 0


def _by_ending(out: Path | None) -> str | None:
    """The form that a file's name asks for."""
    from compose.cli.messages import bad_request
    from compose.diagnostics import SpecError

    if out is not None and out.suffix not in ENDINGS:
        raise SpecError([bad_request(f"no picture can be drawn as `{out}`", f"end its name in {', '.join(ENDINGS)}")])
    return ENDINGS[out.suffix] if out is not None else None


def _picture(
    composition: "Composition", findings: "Sequence[Finding]", form: str, as_ascii: bool, to_terminal: bool
) -> bytes:
    from compose.cli.messages import in_colour
    from compose.picture import draw, draw_for_terminal

    if form != "terminal":
        return draw(composition, form, findings)
    color = to_terminal and in_colour(sys.stdout)
    return draw_for_terminal(composition, findings, color=color, ascii=as_ascii).encode()


def _write(picture: bytes, out: Path | None) -> None:
    """To the file, whose name is said, or to the terminal."""
    from compose.cli.messages import bad_request
    from compose.diagnostics import SpecError

    if out is None:
        click.echo(picture.decode(), nl=False, color=True)
        return
    try:
        out.write_bytes(picture)
    except OSError as error:
        raise SpecError(
            [bad_request(f"{out} cannot be written: {error.strerror}", "name another file by `--out`")]
        ) from None
    click.echo(out)
