"""`compose new` and `compose schema`: a spec to start from, and the language for an editor."""

import json
from pathlib import Path
from typing import Any

import click

from compose.cli.checking import with_plugins
from compose.cli.commands import Command
from compose.cli.completing import library_names

__all__ = ["new", "schema"]

SCHEMA_FILE = "compose.schema.json"
FIRST = "tutorial/glf_digits"


@click.command(cls=Command, short_help="A commented spec to start from.")
@click.argument("name", required=False)
@click.option(
    "base", "--from", default=FIRST, show_default=True, metavar="SPEC", shell_complete=library_names,
    help="A spec of the library.",
)  # fmt: skip
@click.option("--full", is_flag=True, help="Show every default, as comments.")
@click.option("as_python", "--python", is_flag=True, help="Write NAME.py, which builds the spec.")
@click.option("listed", "--list", is_flag=True, help="The library.")
def new(name: str | None, base: str, full: bool, as_python: bool, listed: bool) -> int:
    """\b
    compose new mine                                     writes mine.yaml, and compose.schema.json beside it
    compose new mine --from thesis/vaebm_swiss_roll --full
    compose new mine --from thesis/glf --python          mine.py, which checks and trains: python mine.py
    compose new --list                                   the library

    A spec that is there already is never written over. The first line of mine.yaml names the schema, by which an
    editor that knows YAML completes, explains and checks it; `compose schema` writes it anew.
    """
    if listed:
        from compose.cli.listing import show_library

        show_library()
        return 0
    if name is None:
        raise click.UsageError("name the spec: `compose new mine`, or `compose new --list`")
    path = Path(f"{name.removesuffix('.yaml').removesuffix('.py')}{'.py' if as_python else '.yaml'}")
    from compose.cli.messages import bad_request, tell
    from compose.creation import copied, with_defaults
    from compose.diagnostics import SpecError
    from compose.spec.fields import SLUG

    if not SLUG.fullmatch(path.stem):
        raise SpecError([bad_request(f"`{path.stem}` is no name for a spec", "use letters, digits, `_`, `-` and `.`")])
    if path.exists():
        raise SpecError([bad_request(f"{path} is there already", "give the new spec another name")])
    text = copied(base, path.stem)
    if as_python:
        from compose.builder.printing import to_script
        from compose.spec import parse_spec

        text = to_script(parse_spec(text))
    else:
        text = f"# yaml-language-server: $schema={SCHEMA_FILE}\n{with_defaults(text, *_kinds()) if full else text}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        if not as_python:
            (path.parent / SCHEMA_FILE).write_text(_schema(), encoding="utf-8")
    except OSError as error:
        raise SpecError(
            [bad_request(f"{path} cannot be written: {error.strerror}", "name a file in a folder that can be written")]
        ) from None
    click.echo(path)
    if not as_python:
        tell(f"{path.parent / SCHEMA_FILE}: the language, for the editor")
    return 0


@click.command(cls=Command, short_help="The language as JSON Schema, for editors.")
@with_plugins
def schema(plugins: tuple[Path, ...]) -> None:
    """\b
    compose schema > compose.schema.json
    compose schema --plugin mine.py > compose.schema.json          with the blocks of a plugin

    JSON Schema, draft-07. An editor that knows YAML completes, explains and checks a spec whose first line is
    `# yaml-language-server: $schema=compose.schema.json`; `compose new` writes both.
    """
    from compose.cli.plugins import load_plugins

    load_plugins(plugins)
    click.echo(_schema(), nl=False)


def _schema() -> str:
    from compose.schema import schema
    from runners.datasets.treatment import treated

    return json.dumps(schema(*_kinds(), treated), indent=1, ensure_ascii=False) + "\n"


def _kinds() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Blocks, data sets and optimizers, by name."""
    from blocks.registry import BLOCKS
    from runners.datasets import DATASETS
    from runners.optimizers import OPTIMIZERS

    blocks, sources, optimizers = (
        {name: known.find(name) for name in known.names()} for known in (BLOCKS, DATASETS, OPTIMIZERS)
    )
    return blocks, sources, optimizers
