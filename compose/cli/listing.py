"""`compose list` and `compose version`: what a spec may name.   Sources are read, nothing is imported."""

import ast
import importlib.util
import json
import textwrap
from pathlib import Path

import click

from blocks.registry import BLOCKS, OPERATORS, Registry
from compose.cli.commands import Command
from compose.pages import summaries

__all__ = ["listing", "version"]

LIBRARY = Path(__file__).resolve().parents[2] / "specs"
SHELVES = {  # the registries of the layer above, as their sources declare them
    "data": ("dataset", "runners.datasets", "dataset"),
    "metrics": ("metric", "runners.metrics", "metric"),
    "optimizers": ("optimizer", "runners", "optimizer"),
}
NOUNS = ("blocks", "operators", "specs", "data", "metrics", "optimizers", "codes")


@click.command("list", cls=Command, short_help="What a spec may name.")
@click.argument("noun", type=click.Choice(NOUNS))
@click.option("as_json", "--json", is_flag=True, help="A JSON object, name: summary.")
def listing(noun: str, as_json: bool) -> None:
    """\b
    compose list blocks              encoders, decoders, flows, energies ...
    compose list operators --json    what may be called in an expression
    compose list specs               the library
    compose list codes               every finding; `compose explain G101` shows one
    """
    found = {"specs": _library, "codes": summaries}.get(noun, lambda: _registered(noun))()
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    width = max(map(len, found), default=0)
    for name, summary in found.items():
        lines = textwrap.wrap(summary, max(110 - width - 2, 40)) or [""]
        click.echo("\n".join(f"{name if at == 0 else '':<{width}}  {line}".rstrip() for at, line in enumerate(lines)))


def _registered(noun: str) -> dict[str, str]:
    registry = {"blocks": BLOCKS, "operators": OPERATORS}.get(noun) or Registry(*SHELVES[noun])
    found = {name: registry.summary(name) for name in registry.names()}
    return dict(sorted({**found, **_forms()}.items())) if noun == "operators" else found


def _forms() -> dict[str, str]:
    """The words of the language that act on models and functions: `@form("kl")`, read from the sources."""
    spec = importlib.util.find_spec("compose")
    assert spec is not None and spec.submodule_search_locations
    found = {}
    for path in sorted((Path(next(iter(spec.submodule_search_locations))) / "forms").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for call in getattr(node, "decorator_list", ()):
                if isinstance(node, ast.FunctionDef) and isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                    words = [
                        word.value
                        for word in call.args
                        if isinstance(word, ast.Constant) and isinstance(word.value, str)
                    ]
                    found |= dict.fromkeys(
                        words[:1] if call.func.id == "form" else [], (ast.get_docstring(node) or "").split("\n")[0]
                    )
    return found


def _library() -> dict[str, str]:
    """The specs that come along, each with the first line of its first comment."""
    found = {}
    for path in sorted(LIBRARY.rglob("*.yaml")):
        comments = [
            line.removeprefix("#").strip()
            for line in path.read_text(encoding="utf-8").split("\n")
            if line.startswith("#")
        ]
        found[path.relative_to(LIBRARY).with_suffix("").as_posix()] = comments[0] if comments else ""
    return found


@click.command(cls=Command, short_help="The version of the program.")
def version() -> None:
    """\b
    compose version
    """
    from importlib.metadata import PackageNotFoundError  # on use: 25 ms
    from importlib.metadata import version as version_of

    try:
        click.echo(f"compose {version_of('compose-generative')}")
    except PackageNotFoundError:  # run from a folder, not installed
        click.echo("compose (not installed)")
