"""Writing a spec: as canonical data, as what its hash is taken of, as YAML, as JSON."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from compose.expressions import Expression, Number, to_structured, unparse
from compose.expressions.syntax import Boolean
from compose.positions.scalars import resolve
from compose.spec.parts import Function, Program
from compose.spec.records import Record
from compose.spec.root import Spec

__all__ = ["canonical", "dump_json", "dump_yaml", "to_data", "write_value", "write_yaml"]

PLAIN = re.compile(r"[A-Za-z0-9_~./(+-][A-Za-z0-9_~./()+*=<>, '\[\]-]*")
Write = Callable[[Expression], Any]
ORDERED = ("models", "graph", "samplers")  # keys whose order is part of what a spec says: lines run from top to bottom


def to_data(spec: Spec, structured: bool = False) -> dict[str, Any]:
    """The spec as plain data: nothing that equals its default, `extends` merged in.

    Expressions are texts, or nodes and edges if `structured`; those of params, which are arithmetic, are always texts.
    """
    data = _record(spec, to_structured if structured else _short, skip=("extends",))
    if structured and spec.params:
        data["params"] = _plain(spec.params, _short)
    if set(spec.data) == {""}:
        data["data"] = data["data"][""]
    for at, stage in enumerate(data.get("stages", ())):
        _unnumber(stage, f"stage{at + 1}")
        for number, update in enumerate(stage.get("updates", ())):
            _unnumber(update, f"update{number + 1}")
    return data


def canonical(spec: Spec) -> dict[str, Any]:
    """What the hash is taken of: the data, with mappings whose order matters as lists of pairs."""
    data = to_data(spec)
    for section in ORDERED:
        if section in data:
            parts = {k: list(v.items()) if isinstance(v, dict) else v for k, v in data[section].items()}
            data[section] = list(parts.items()) if section == "graph" else parts
    return data


def dump_yaml(spec: Spec) -> str:
    """The spec as YAML that loads to an equal spec."""
    return write_yaml(to_data(spec))


def dump_json(spec: Spec, structured: bool = False) -> str:
    """The spec as JSON that loads to an equal spec; `structured`: expressions as nodes and edges, for programs."""
    return json.dumps(to_data(spec, structured), indent=2, ensure_ascii=False) + "\n"


def write_yaml(data: Mapping[str, Any]) -> str:
    """Plain data as YAML: mappings in block style, lists of scalars in one line, texts quoted where they must be."""
    return "\n".join(_lines(data)) + "\n"


def write_value(value: Any, indent: str = "", flow: bool = False) -> str:  # noqa: ANN401  plain data
    """One value as it may stand behind its key: in that line, or on lines of their own, `indent` deep.

    Within `{ }` and `[ ]`, and in JSON, it is written in `flow`: there it is JSON.
    """
    if flow:
        return json.dumps(value, ensure_ascii=False)
    return "\n" + "\n".join(_lines(value, indent)) if _nested(value) else _flow(value)


def _record(record: Record, write: Write, skip: tuple[str, ...] = ()) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name, part in type(record).model_fields.items():
        value = getattr(record, name)
        if (
            name in skip
            or name == "options"
            or (not part.is_required() and value == part.get_default(call_default_factory=True))
        ):
            continue
        data[part.alias or name] = _plain(value, write)
    return {**data, **_plain(getattr(record, "options", {}), write)}


def _plain(value: Any, write: Write) -> Any:  # noqa: ANN401  any part of a spec
    if isinstance(value, Program):
        return {name: _plain(line, write) for name, line in value.lines.items()}
    if isinstance(value, Function):
        return _plain(value.body, write)
    if isinstance(value, Record):
        made = _record(value, write)
        bare = set(made) == {"value"} and "value" in type(value).keys()[:1]
        return made["value"] if bare and not _is_record_like(made["value"]) else made
    if isinstance(value, Expression):
        return write(value)
    if isinstance(value, Mapping):
        return {_key(name, part): _plain(part, write) for name, part in value.items()}
    return [_plain(part, write) for part in value] if isinstance(value, list | tuple) else value


def _short(expression: Expression) -> Any:  # noqa: ANN401  plain data
    """The text of an expression; a number or a truth value is itself."""
    return expression.value if isinstance(expression, Number | Boolean) else unparse(expression)


def _is_record_like(form: Any) -> bool:  # noqa: ANN401  plain data
    """Whether a form would be read as a record with the key `value`, and not as an expression."""
    return isinstance(form, Mapping) and "value" in form


def _key(name: str, part: Any) -> str:  # noqa: ANN401  any part of a spec
    if not isinstance(part, Function):
        return name
    written = [f"{each}={unparse(part.defaults[each])}" if each in part.defaults else each for each in part.parameters]
    return f"{name}({', '.join(written)})"


def _unnumber(part: dict[str, Any], name: str) -> None:
    if part.get("name") == name:
        del part["name"]


def _lines(value: Mapping[str, Any] | list[Any], indent: str = "") -> list[str]:
    if isinstance(value, Mapping):
        return [
            line for key, part in value.items() for line in _headed(f"{indent}{_scalar(key)}:", part, indent + "  ")
        ]
    lines = []
    for item in value:
        below = _lines(item, indent + "  ") if _nested(item) else [f"{indent}  {_flow(item)}"]
        lines += [f"{indent}- {below[0][len(indent) + 2 :]}", *below[1:]]
    return lines


def _headed(head: str, value: Any, indent: str) -> list[str]:  # noqa: ANN401  plain data
    return [head, *_lines(value, indent)] if _nested(value) else [f"{head} {_flow(value)}"]


def _nested(value: Any) -> bool:  # noqa: ANN401  plain data
    """Whether a value takes lines of its own."""
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value)


def _flow(value: Any) -> str:  # noqa: ANN401  plain data
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow_item(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {_flow_item(part)}" for key, part in value.items())
            + "}"
        )
    return _scalar(value)


def _flow_item(value: Any) -> str:  # noqa: ANN401  plain data
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", value):
        return json.dumps(value, ensure_ascii=False)
    return _flow(value)


def _scalar(value: Any) -> str:  # noqa: ANN401  plain data
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float):
        text = repr(value)
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(text, text)
    return value if _is_plain(value) else json.dumps(value, ensure_ascii=False)


def _is_plain(text: str) -> bool:
    """Whether a text can stand without quotes and is read back as itself."""
    if not PLAIN.fullmatch(text) or text.endswith(" ") or text.startswith(("- ", "---", "...")) or text == "-":
        return False
    return len(text) < 300 and resolve(text) == text
