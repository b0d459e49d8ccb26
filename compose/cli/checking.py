"""`compose check`: proves specs, runs nothing."""

from pathlib import Path

import click

from compose.cli.commands import Command, Settings

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
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", type=click.Path(path_type=Path))
@settings
@with_plugins
@click.option(
    "form",
    "--format",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    show_default=True,
    help="How findings are written: text on stderr, the others on stdout.",
)
@click.option("form", "--json", flag_value="json", help="Short for --format json.")
@click.option("mend", "--fix", is_flag=True, help="Mend what is safe to mend, in the files themselves, and look again.")
@click.option("differ", "--diff", is_flag=True, help="Show what --fix would change; change nothing.")
def check(
    specs: tuple[Path, ...], settings: Settings, plugins: tuple[Path, ...], form: str, mend: bool, differ: bool
) -> int:
    """\b
    compose check specs/tutorial/glf_digits.yaml
    compose check specs/                                     every spec of a folder
    compose check spec.yaml --set data.batch_size=64 --json
    compose check spec.yaml --fix                            correct misspellings and the like
    compose check specs/ --format github                     notes beside the lines, in a workflow

    Findings go to stderr (in other formats to stdout). Exit status 2 if there are errors, 0 with warnings only.
    """
    from compose.cli.examining import examined
    from compose.cli.messages import complain, count_errors, tell
    from compose.cli.plugins import load_plugins

    load_plugins(plugins)
    findings, failed = [], 0
    for path in _files(specs):
        mended = _fixes(path, settings, differ) if mend or differ else 0
        found, sources = examined(path, settings)
        errors = count_errors(found)
        findings += found
        failed += bool(errors)
        if form == "text":
            complain(found, sources)
            fixed = f", {_counted(mended, 'fix')} made" if mended else ""
            tell(f"{path}: {_counted(errors, 'error')}, {_counted(len(found) - errors, 'warning')}{fixed}")
    if form != "text":
        from compose.formats import FORMATS

        click.echo(FORMATS[form](dict.fromkeys(findings)))
    return 2 if failed else 0


def _fixes(path: Path, settings: Settings, differ: bool) -> int:
    """Mend the file, or only show how; gives the number of edits made."""
    from compose.cli.fixing import fix, show_fixes

    if not differ:
        return fix(path, settings)
    show_fixes(path, settings)
    return 0


def _files(paths: tuple[Path, ...]) -> list[Path]:
    """The files, and all specs of the folders, each once."""
    found = [
        file
        for path in paths
        for file in (sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES) if path.is_dir() else [path])
    ]
    if not found:
        from compose.cli.messages import bad_request
        from compose.diagnostics import SpecError

        cause = f"no spec lies in {', '.join(map(str, paths))}"
        raise SpecError([bad_request(cause, f"name a spec, or a folder with files in {', '.join(SUFFIXES)}")])
    return list(dict.fromkeys(found))


def _counted(count: int, noun: str) -> str:
    ending = "" if count == 1 else "es" if noun.endswith("x") else "s"
    return f"{count or 'no'} {noun}{ending}"
