"""`compose explain`: what a spec means, or what a finding's code means."""

import io
import json
import runpy
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from operator import eq
from pathlib import Path
from typing import TYPE_CHECKING

import click

from blocks.registry import BLOCKS
from compose.cli.checking import settings, with_plugins
from compose.cli.commands import Command, Settings
from compose.cli.examining import examined

if TYPE_CHECKING:
    from compose.diagnostics import Finding
    from compose.pages import Case

__all__ = ["explain", "said_of", "typed"]


@click.command(cls=Command, short_help="What a spec means; what a code means.")
@click.argument("subject", metavar="SPEC|CODE")
@settings
@with_plugins
@click.option("as_json", "--json", is_flag=True, help="The gradient matrix, cost and equations as JSON; or the page.")
@click.option("--code", is_flag=True, help="Print every generated program.")
@click.option("--latex", is_flag=True, help="Print the equations as LaTeX.")
def explain(subject: str, settings: Settings, plugins: tuple[Path, ...], as_json: bool, code: bool, latex: bool) -> int:
    """\b
    compose explain spec.yaml               equations, which term trains which block, noise, cost
    compose explain spec.yaml --code        the PyTorch it becomes
    compose explain spec.yaml --latex              its equations for a paper
    compose explain spec.yaml --json
    compose explain T202                    the page of a finding; --json too
    """
    if not Path(subject).suffix and not Path(subject).is_file():
        return _page(subject, as_json)
    from compose.cli.messages import complain, count_errors, in_colour
    from compose.cli.plugins import load_plugins
    from compose.spec import load_spec

    load_plugins(plugins)
    spec = load_spec(subject, settings)
    from compose.equations import latex_of
    from compose.explanation import explained, programs, tables
    from runners.examination import examine

    composition, findings = examine(spec)
    complain(findings, spec.sources)
    if count_errors(findings):
        return 2
    if as_json:
        click.echo(json.dumps(explained(composition), indent=1))
    elif latex:
        click.echo(latex_of(composition))
    elif code:
        from runners.launch import assemble  # what only a run needs

        click.echo(programs(assemble(composition, spec.run.seed)))
    else:
        click.echo(tables(composition, color=in_colour(sys.stdout)), color=True)
    return 0


def _page(subject: str, as_json: bool) -> int:
    """The page of a code; what is said of its wrong spec is found by checking that spec now."""
    from compose.cli.messages import in_colour, unknown_code
    from compose.diagnostics import SpecError, to_json
    from compose.pages import page, summaries

    code, codes = subject.upper(), summaries()
    if code not in codes:
        family = [each for each in codes if each[0] == code[:1] and code[1:2].isdigit()]
        near = max(family, key=lambda each: sum(map(eq, each, code)), default=None)  # most characters in their places
        raise SpecError([unknown_code(subject, near)])
    from compose.explanation import WIDTH, every_code, headline, page_of
    from runners import launch

    assert launch.examine, "the runner's codes are declared by importing it"
    told, known = page(code), every_code()[code]
    findings, sources = said_of(told.wrong)
    if as_json:
        cases = {key: {"files": one.files, "command": one.command} for key, one in told.cases.items()}
        plain = {"code": code, "severity": known.severity, "headline": headline(known), "prose": told.prose}
        click.echo(json.dumps({**plain, **cases, **to_json(findings)}, indent=1))
    else:
        width, colour = min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH), in_colour(sys.stdout)
        click.echo(page_of(known, told, findings, sources, color=colour, width=width), color=colour)
    return 0


def said_of(case: "Case") -> "tuple[Sequence[Finding], Mapping[str, str]]":
    """What a user is told who has these files and types this command, and the texts that it is told of."""
    from compose.diagnostics import SpecError

    silent = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, chdir(folder), redirect_stdout(silent), redirect_stderr(silent):
        case.write(Path())
        if case.before:
            typed(case.before)
        _, command, *words = shlex.split(case.command)
        try:
            if command in ("check", "run"):
                told = _examined(command, words)
                if told[0] or command == "check":
                    return told
            typed(case.command)
        except SpecError as error:
            return error.findings, error.sources
    return [], {}


def _examined(command: str, words: list[str]) -> "tuple[Sequence[Finding], Mapping[str, str]]":
    """What `compose check` or `compose run` says of a spec before anything runs."""
    from compose.cli import commands
    from compose.cli.plugins import load_plugins

    asked = commands.commands[command].make_context(command, words).params
    with BLOCKS.forgetting():
        load_plugins(asked["plugins"])
        (path, *_) = asked.get("specs") or [asked["spec_file"]]
        return examined(path, asked["settings"], to_run=command == "run")


def typed(command: str) -> int:
    """The exit status of a command, `compose ..` or `python FILE`, given in this process.   Raises SpecError."""
    from compose.cli import commands

    program, first, *words = shlex.split(command)
    with BLOCKS.forgetting():
        if program == "python":
            runpy.run_path(first, run_name="__main__")
            return 0
        return commands.main([first, *words], standalone_mode=False) or 0
