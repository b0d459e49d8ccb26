"""Editing: one value of a text is changed, and everything else stays as it was written, comments too.

edit("compose: 1\\nstages: [{epochs: 10}]  # short\\n", "stages.0.epochs", 20)
"""

from collections.abc import Mapping
from typing import Any

from compose.diagnostics import SpecError
from compose.expressions import Expression, unparse
from compose.positions import Entry, Node, Path, loads
from compose.spec import findings as say
from compose.spec.writing import write_value, write_yaml

__all__ = ["edit"]


def edit(text: str, path: str | Path, value: Any, file: str = "<text>") -> str:  # noqa: ANN401  plain data
    """The text, YAML or JSON, with `value` at `path`, such as "stages.0.epochs"; a last key that is new is added.

    `value` is plain data or an expression. Behind an alias a value is shared, so that its place is not one place.
    Raises SpecError: the text cannot be read, the path leads nowhere, or through an alias.
    """
    steps = path.split(".") if isinstance(path, str) else list(path)
    value = unparse(value) if isinstance(value, Expression) else value
    document = loads(text, file)
    node, key, exact = document.root, None, []
    flow = document.source.lstrip()[:1] == "{"
    for at, step in enumerate(steps):
        flow, name = flow or _in_brackets(node), _exact(node, step)
        if name is None and (at < len(steps) - 1 or not isinstance(node.value, Mapping)):
            raise SpecError([say.bad_path(node.span, str(step), "the spec", _names(node))], document.sources)
        exact.append(str(step) if name is None else name)
        if name is None:
            made = _added(document.source, node, exact[-1], value, flow)
            break
        key, node = _below(node, name)
    else:
        made = _replaced(document.source, node, key, value, flow)
    if write_yaml({"": loads(made, file).data}) != write_yaml({"": _changed(document.data, exact, value)}):
        alias = "this part repeats another by `*`, so it"
        raise SpecError([say.bad_path(node.span, str(exact[-1]), alias, ())], document.sources)
    return made


def _replaced(text: str, node: Node, key: Node | None, value: Any, flow: bool) -> str:  # noqa: ANN401  plain data
    """The text with `value` in the place of a node, which stands behind `key` or is an item of a list."""
    start, end, column = node.start, node.end, (key or node).span.column - 1
    if key and isinstance(node.value, Mapping | tuple) and not _in_brackets(node):
        start = text.index(":", key.end) + 1
    written = write_value(value, " " * (column + 2 if key else column), flow)
    if key is None:
        return text[:start] + written.lstrip() + text[end:]
    before = text[:start].rstrip(" ") if written.startswith("\n") else text[:start]
    blank = " " if before.endswith(":") and not written.startswith("\n") else ""
    return before + blank + written + text[end:]


def _added(text: str, node: Node, name: str, value: Any, flow: bool) -> str:  # noqa: ANN401  plain data
    """The text with one more key at the end of a mapping."""
    entries = list(node.value.values()) if isinstance(node.value, Mapping) else []
    if flow:
        inside = entries[-1].value.end if entries else node.start + 1
        head = write_value(name, flow=text.lstrip()[:1] == "{" or not name.isidentifier())
        return f"{text[:inside]}{', ' if entries else ''}{head}: {write_value(value, flow=True)}{text[inside:]}"
    end = text.find("\n", entries[-1].value.end)
    end = len(text) if end < 0 else end
    indent = " " * (node.span.column - 1)
    written = write_value(value, indent + "  ")
    return (
        f"{text[:end]}\n{indent}{write_value(name)}:{'' if written.startswith(chr(10)) else ' '}{written}{text[end:]}"
    )


def _in_brackets(node: Node) -> bool:
    """Whether a mapping or list is written in brackets."""
    return isinstance(node.value, Mapping | tuple) and node.source.text[node.start] in "{["


def _exact(node: Node, step: str | int) -> str | int | None:
    """What a step is called in the text: a key, a function's whole key, or the number of an item."""
    names = _names(node)
    if isinstance(node.value, Mapping):
        head = str(step).split("(")[0].strip()
        return str(step) if step in node.value else dict(zip(names, node.value, strict=True)).get(head)
    if str(step) in names:
        return names.index(str(step))
    return int(step) if str(step).isdecimal() and int(step) < len(names) else None


def _names(node: Node) -> list[str]:
    """What may be called below a node: keys, functions without their parameters, items by name or number."""
    if isinstance(node.value, Mapping):
        return [key.split("(")[0].strip() for key in node.value]
    items = [item.data for item in node.value] if isinstance(node.value, tuple) else []
    return [str(item.get("name", at)) if isinstance(item, dict) else str(at) for at, item in enumerate(items)]


def _below(node: Node, step: str | int) -> tuple[Node | None, Node]:
    """The key and the value at an exact step; an item of a list has no key."""
    if isinstance(node.value, Mapping):
        entry: Entry = node.value[str(step)]
        return entry.key, entry.value
    assert isinstance(node.value, tuple)
    return None, node.value[int(step)]


def _changed(data: Any, steps: list[str | int], value: Any) -> Any:  # noqa: ANN401  plain data
    """The data with `value` at the end of exact steps."""
    if not steps:
        return value
    if isinstance(data, Mapping):
        return {**data, steps[0]: _changed(data.get(steps[0]), steps[1:], value)}
    return [_changed(item, steps[1:], value) if at == steps[0] else item for at, item in enumerate(data)]
