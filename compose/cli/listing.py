"""`compose list` and `compose version`: what a spec may name.   Sources are read, nothing is imported."""

import ast
import importlib.util
import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from blocks.registry import BLOCKS, OPERATORS, Registry
from compose.cli.commands import Command
from compose.cli.completing import fitting
from compose.cli.signatures import Page, page_of
from compose.diagnostics import SpecError, nearest
from compose.pages import summaries

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["listing", "show_library", "version"]

LIBRARY = Path(__file__).resolve().parents[2] / "specs"
SHELVES = {  # the registries of the layer above, as their sources declare them
    "data": ("dataset", "runners.datasets", "dataset"),
    "metrics": ("metric", "runners.metrics", "metric"),
    "optimizers": ("optimizer", "runners", "optimizer"),
}
WIDTH = 110
NOUNS = {
    "blocks": "networks, flows, energies, chains and memories, by `kind` in `blocks`",
    "operators": "what an expression may call: functions of values, dynamics, models made of models",
    "specs": "the library: what `compose new --from` starts from and `extends` builds on",
    "data": "data sets, by `source` in `data`",
    "metrics": "what a line of `evaluate` may call",
    "optimizers": "by `kind` in `optimizer`",
    "codes": "every finding; `compose explain CODE` shows its page",
}
WITHOUT_PAGES = ("specs", "codes")


def _nouns(context: click.Context, parameter: click.Parameter, written: str) -> "list[CompletionItem]":
    """What can be listed."""
    return fitting(written, NOUNS)


def _completed(context: click.Context, parameter: click.Parameter, written: str) -> "list[CompletionItem]":
    """The names of the sort that stands before."""
    noun = context.params.get("noun")
    return fitting(written, _all(noun)) if noun in NOUNS else []


@click.command("list", cls=Command, short_help="What a spec may name.")
@click.argument("noun", required=False, shell_complete=_nouns)
@click.argument("name", required=False, shell_complete=_completed)
@click.option("as_json", "--json", is_flag=True, help="JSON: name: summary, or with NAME all that there is to say.")
def listing(noun: str | None, name: str | None, as_json: bool) -> None:
    """\b
    compose list                             what can be listed
    compose list blocks                      encoders, decoders, flows, energies ...
    compose list blocks flow.realnvp         its options, their defaults, what may be called on it
    compose list data toy                    the same of a whole family
    compose list operators --json            what may be called in an expression
    compose list specs                       the library
    compose list codes                       every finding; `compose explain G101` shows one
    """
    if noun is None:
        _show_nouns(as_json)
        return
    if noun not in NOUNS:
        from compose.cli.messages import unknown_noun

        raise SpecError([unknown_noun(noun, list(NOUNS))])
    found = _all(noun)
    chosen = found if name is None else {known: found[known] for known in _named(noun, name, list(found))}
    if name is not None and noun not in WITHOUT_PAGES:
        pages = [page_of(noun, known) for known in chosen]
        shown = {page.name: {**asdict(page), "summary": chosen[page.name]} for page in pages}
        click.echo(json.dumps(shown, indent=1) if as_json else "\n\n\n".join(map(_shown, pages)))
    elif as_json:
        click.echo(json.dumps(chosen, indent=1))
    else:
        click.echo("\n".join(_columns([(known, summary) for known, summary in chosen.items()])))
        if name is None and noun not in WITHOUT_PAGES:
            click.echo(f"\n`compose list {noun} NAME` shows the options of one, or of a family", err=True)


def _show_nouns(as_json: bool) -> None:
    """What can be listed: how many there are of each, and what they are for."""
    counts = {noun: len(_all(noun)) for noun in NOUNS}
    if as_json:
        click.echo(json.dumps(counts, indent=1))
        return
    rows = [(noun, f"{count:>{len(str(max(counts.values())))}}", NOUNS[noun]) for noun, count in counts.items()]
    click.echo("\n".join(_columns(rows)))
    click.echo("\n`compose list NOUN` shows them", err=True)


def _all(noun: str) -> dict[str, str]:
    """Everything of a sort, with a line on each."""
    return {"specs": _library, "codes": summaries}.get(noun, lambda: _registered(noun))()


def _named(noun: str, name: str, known: list[str]) -> list[str]:
    """The thing of that name, or the family.   Raises SpecError, with the nearest name, if there is neither."""
    family = [each for each in known if each.startswith((f"{name}.", f"{name}/"))]
    if name in known or family:
        return [name] if name in known else family
    from compose.cli.messages import unknown_thing

    raise SpecError([unknown_thing(noun, name, nearest(name, known))])


def _shown(page: Page) -> str:
    """A page as text: what it is, how it is called, what a spec may write."""
    parts = [click.style(page.name, bold=True) + "\n" + textwrap.indent(page.text, "  ")]
    if page.call:
        parts.append(f"called with   {page.call}")
    if page.options:
        rows = [(one.name, one.type, "required" if one.default is None else one.default) for one in page.options]
        parts.append("\n".join(_columns([("option", "is", "default"), *rows])))
        meanings = {one.type: one.meaning for one in page.options if one.meaning}
        parts += [textwrap.fill(f"{kind}: {text}", WIDTH) for kind, text in meanings.items()]
    if page.methods:
        parts.append("\n".join(_columns([("in a spec", "gives"), *((f".{k}", v) for k, v in page.methods.items())])))
    return "\n\n".join(parts)


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines of aligned columns; the last one is wrapped, within a page if there is room for it."""
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(len(rows[0]) - 1 if rows else 0)]
    lines = []
    for row in rows:
        head = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False))
        wrapped = textwrap.wrap(row[-1], max(WIDTH - len(head) - 2, 40)) or [""]
        lines.append(f"{head}  {wrapped[0]}".rstrip())
        lines += [f"{' ' * len(head)}  {line}" for line in wrapped[1:]]
    return lines


def show_library() -> None:
    """The specs that come along, with a line on each."""
    click.echo("\n".join(_columns(list(_library().items()))))


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
