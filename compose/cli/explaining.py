"""`compose explain`: what a spec means, or what a finding's code means."""

import json
import re
from pathlib import Path

import click

from compose.cli.checking import settings, with_plugins
from compose.cli.commands import Command, Settings

__all__ = ["explain"]

CODE = re.compile(r"[A-Za-z]\d{3}")


@click.command(cls=Command, short_help="What a spec means; what a code means.")
@click.argument("subject", metavar="SPEC|CODE")
@settings
@with_plugins
@click.option("as_json", "--json", is_flag=True, help="The gradient matrix, the cost and the equations as JSON.")
@click.option("--code", is_flag=True, help="Print every generated program.")
@click.option("--latex", is_flag=True, help="Print the equations as LaTeX.")
def explain(subject: str, settings: Settings, plugins: tuple[Path, ...], as_json: bool, code: bool, latex: bool) -> int:
    """\b
    compose explain spec.yaml               equations, which term trains which block, noise, cost
    compose explain spec.yaml --code        the PyTorch it becomes
    compose explain spec.yaml --latex              its equations for a paper
    compose explain spec.yaml --json
    compose explain T202                    the page of a finding
    """
    if CODE.fullmatch(subject) and not Path(subject).exists():
        return _page(subject.upper())
    from compose.cli.messages import complain, count_errors, in_colour, unknown_code
    from compose.cli.plugins import load_plugins
    from compose.diagnostics import SpecError
    from compose.spec import load_spec

    if not Path(subject).is_file():
        raise SpecError([unknown_code(subject, None)])
    load_plugins(plugins)
    spec = load_spec(subject, settings)
    from compose.equations import latex_of
    from compose.explanation import explained, programs, tables
    from runners.launch import assemble, examine

    composition, findings = examine(spec)
    complain(findings, spec.sources)
    if count_errors(findings):
        return 2
    if as_json:
        click.echo(json.dumps(explained(composition), indent=1))
    elif latex:
        click.echo(latex_of(composition))
    elif code:
        click.echo(programs(assemble(composition, spec.run.seed)))
    else:
        import sys

        click.echo(tables(composition, color=in_colour(sys.stdout)), color=True)
    return 0


def _page(code: str) -> int:
    """The page of a code: its severity, the prose of its wording, and the specs that show it, where there are some."""
    from compose.cli.messages import unknown_code
    from compose.diagnostics import SpecError, nearest
    from compose.explanation import every_code, page_of
    from runners import launch

    assert launch.examine, "the runner's codes are declared by importing it"
    codes = every_code()
    if code not in codes:
        raise SpecError([unknown_code(code, nearest(code, codes))])
    click.echo(page_of(codes[code]))
    return 0
