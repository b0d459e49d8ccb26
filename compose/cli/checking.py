"""`compose check`: proves specs, runs nothing."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compose.cli.commands import Command, Settings

if TYPE_CHECKING:
    from compose.diagnostics import Finding

__all__ = ["check", "settings", "with_plugins"]

SUFFIXES = (".yaml", ".yml", ".json")

settings = click.option(
    "settings",
    "--set",
    multiple=True,
    metavar="PATH=VALUE",
    help="Override one value of the spec; checked like the file.",
)
with_plugins = click.option(
    "plugins", "--plugin", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A Python file of yours, executed first, that declares blocks, operators, data or metrics.",
)  # fmt: skip


@click.command(cls=Command, short_help="Prove specs; run nothing.")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", type=click.Path(exists=True, path_type=Path))
@settings
@with_plugins
@click.option("as_json", "--json", is_flag=True, help="Findings as JSON on stdout.")
def check(specs: tuple[Path, ...], settings: Settings, plugins: tuple[Path, ...], as_json: bool) -> int:
    """\b
    compose check specs/tutorial/glf_digits.yaml
    compose check specs/                                     every spec of a folder
    compose check spec.yaml --set data.batch_size=64 --json

    Findings go to stderr (or as JSON to stdout). Exit status 2 if there are errors, 0 with warnings only.
    """
    from compose.cli.messages import complain, count_errors, tell
    from compose.cli.plugins import load_plugins
    from compose.diagnostics import to_json

    load_plugins(plugins)
    findings, failed = [], 0
    for path in _files(specs):
        found, sources = _examined(path, settings)
        errors = count_errors(found)
        findings += found
        failed += bool(errors)
        if not as_json:
            complain(found, sources)
            tell(f"{path}: {_counted(errors, 'error')}, {_counted(len(found) - errors, 'warning')}")
    if as_json:
        click.echo(json.dumps(to_json(findings), indent=1))
    return 2 if failed else 0


def _examined(path: Path, settings: Settings) -> "tuple[Sequence[Finding], Mapping[str, str]]":
    """The findings of one file, and the texts they stand in."""
    from compose.diagnostics import SpecError
    from compose.spec import load_spec

    try:
        spec = load_spec(path, settings)
        from runners.examination import examine

        return examine(spec)[1], spec.sources
    except SpecError as error:
        return list(error.findings), error.sources


def _files(paths: tuple[Path, ...]) -> list[Path]:
    """The files, and all specs of the folders, each once."""
    found = [
        file
        for path in paths
        for file in (sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES) if path.is_dir() else [path])
    ]
    if not found:
        raise click.UsageError(f"no spec lies in {', '.join(map(str, paths))}")
    return list(dict.fromkeys(found))


def _counted(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"
