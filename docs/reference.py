"""The language reference: a page for each kind of thing that a spec may name, written from the registries.

python -m docs.reference        into docs/reference/, which is not committed
"""

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from blocks.registry import BLOCKS, OPERATORS, Registry
from compose import expressions
from compose.forms import FORMS
from runners.datasets import DATASETS
from runners.metrics import METRICS
from runners.optimizers import OPTIMIZERS

__all__ = ["write_reference"]

Option = tuple[str, str, str]
"""Name, type, default."""

INTRODUCTIONS = {
    "blocks": "What owns parameters or state. In a spec: `name: {kind: decoder.mlp, hidden: [64]}`. What a block takes "
    "and makes is read off its calls; every other option is below, with its default.",
    "operators": "What may be called in an expression, by name. Values are batched, events have any shape; a loss "
    "gives one number a sample.",
    "forms": "Words of the language that act on models, blocks, functions or edges, and so are no operators.",
    "data": "What `data: {source: NAME, ...}` may name. Each declares its fields, their shapes and ranges.",
    "metrics": "What a line of `evaluate` may call. An argument is a sampler, the data, values, or a function.",
    "optimizers": "What `optimizer: {kind: NAME, ...}` may name. Any number may follow the clock.",
}
REGISTRIES = {
    "blocks": BLOCKS,
    "operators": OPERATORS,
    "data": DATASETS,
    "metrics": METRICS,
    "optimizers": OPTIMIZERS,
}


def write_reference(folder: Path) -> None:
    """Write every page below `folder`; a page that would be the same is left alone, so that builds stay incremental."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def pages() -> Mapping[str, str]:
    """The reference, a Markdown text for each page."""
    forms = ((name, form.__doc__ or "", ()) for name, form in sorted(FORMS.items()))
    return {
        "grammar": f"# The grammar\n\n```text\n{inspect.getdoc(expressions)}\n```\n",
        "forms": _page("forms", forms),
        **{noun: _page(noun, _entries(registry)) for noun, registry in REGISTRIES.items()},
    }


def _entries(registry: Registry) -> Iterable[tuple[str, str, Iterable[Option]]]:
    things = {name: registry.find(name) for name in registry.names()}
    return ((name, inspect.getdoc(thing) or "", _options(thing)) for name, thing in things.items())


def _page(noun: str, entries: Iterable[tuple[str, str, Iterable[Option]]]) -> str:
    parts = [f"# {noun.capitalize()}", INTRODUCTIONS[noun]]
    for name, doc, options in entries:
        parts += [f"## `{name}`", f"```text\n{doc.strip()}\n```", _table(list(options))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _options(thing: Callable[..., Any]) -> list[Option]:
    hints = typing.get_type_hints(thing.__init__ if inspect.isclass(thing) else thing)
    return [
        (name, _type(hints.get(name, Any)), "" if given.default is given.empty else f"`{given.default!r}`")
        for name, given in inspect.signature(thing).parameters.items()
        if given.kind is given.KEYWORD_ONLY
    ]


def _type(hint: Any) -> str:  # noqa: ANN401  any annotation
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(f"`{word}`" for word in typing.get_args(hint))
    if inspect.isclass(hint):
        return f"`{hint.__name__}`"
    return f"`{str(hint).replace('typing.', '').replace('collections.abc.', '')}`"


def _table(options: list[Option]) -> str:
    if not options:
        return ""
    rows = [f"| `{name}` | {kind.replace('|', chr(92) + '|')} | {default} |" for name, kind, default in options]
    return "\n".join(["| option | type | default |", "| --- | --- | --- |", *rows])


if __name__ == "__main__":
    write_reference(Path(__file__).resolve().parent / "reference")
