"""The language as JSON Schema (draft-07): an editor completes, explains and checks a spec while it is written.

The keys are those of the records in `compose.spec`; the options of blocks, data sets and optimizers are those of their
signatures. A schema sees one value at a time: names, shapes and gradients are for `compose check`.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from compose.expressions.structured import FLAGS, HEADS
from compose.schema.hints import Schema, of_field, options_of, required_of
from compose.schema.prose import MEANING
from compose.spec import BlockDeclaration, DataSource, Optimizer, Record, RunOptions, Spec
from compose.spec.measuring import GOAL, INTERVAL
from compose.spec.parts import DEVICES, PRECISIONS, PREEMPTIONS, STRATEGIES

__all__ = ["Kinds", "schema"]

Kinds = Mapping[str, Callable[..., Any]]
"""What a `kind` or a `source` may name, and whose signature lists its options."""

NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
HEAD = r"^[A-Za-z_][A-Za-z0-9_]*\s*(\(.*\))?$"
CHOICES: Mapping[tuple[type[Record], str], tuple[str, ...]] = {
    (RunOptions, "precision"): PRECISIONS,
    (RunOptions, "device"): DEVICES,
    (RunOptions, "strategy"): STRATEGIES,
    (RunOptions, "preemption"): PREEMPTIONS,
}
BY_NAME = "In a spec that extends another: parts of its list by name, or by number from 0."


def schema(blocks: Kinds, sources: Kinds, optimizers: Kinds, any_source: Callable[..., Any] | None = None) -> Schema:
    """The schema of a whole spec in which these may be named.   `any_source`: whose options any source may be given."""
    definitions = {record.__name__: _record(record) for record in MEANING if record is not Spec}
    definitions |= {"expression": EXPRESSION, "structured": STRUCTURED, "arithmetic": ARITHMETIC}
    definitions["BlockDeclaration"] = _by_kind(BlockDeclaration, "kind", blocks)
    definitions["DataSource"] = _by_kind(DataSource, "source", sources, common=any_source)
    definitions["Optimizer"] = _by_kind(Optimizer, "kind", optimizers, default="adam")
    lines = {"anyOf": [{"$ref": "#/definitions/expression"}, {"type": "null"}]}
    definitions["Evaluation"] |= {"additionalProperties": lines, "propertyNames": {"pattern": NAME}}
    for word, pattern in (("every", INTERVAL), ("keep", GOAL)):
        definitions["Evaluation"]["properties"][word]["pattern"] = f"^{pattern.pattern}$"
    definitions["Stage"]["not"] = {"required": ["epochs", "steps"]}
    for keys in (definitions["Stage"]["properties"], definitions["Update"]["properties"]):
        for terms in ("minimize", "maximize"):
            keys[terms] |= _removable(keys[terms])
    updates = definitions["Stage"]["properties"]["updates"]
    definitions["Stage"]["properties"]["updates"] = _by_number(updates["description"], "Update")
    made = _record(Spec)
    _sections(made["properties"])
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "compose",
        "description": "A composition of deep generative models.",
        **made,
        "required": ["compose"],
        "if": {"not": {"required": ["extends"]}},
        "then": _WHOLE,
        "definitions": definitions,
    }


_WHOLE: Schema = {  # what holds of a spec that extends no other
    "properties": {
        "blocks": {"additionalProperties": {"required": ["kind"]}},
        "stages": {
            "type": "array",
            "items": {
                "anyOf": [{"required": [key]} for key in ("epochs", "steps", "copy", "fit")],
                "properties": {
                    "updates": {
                        "type": "array",
                        "items": {"anyOf": [{"required": [key]} for key in ("minimize", "maximize", "write")]},
                    }
                },
            },
        },
    }
}


def _sections(keys: dict[str, Schema]) -> None:
    """What the records do not say of the sections of a spec; a key without a value takes the base's away."""
    names = {"propertyNames": {"pattern": NAME}}
    nothing = {"type": "null"}
    keys["compose"]["const"] = 1
    constant = {"type": ["number", "string", "boolean", "null"]}
    keys["params"] |= {"type": "object", "additionalProperties": constant, **names}
    body = {"anyOf": [{"$ref": "#/definitions/expression"}, {"type": "object", "minProperties": 1, **names,
            "additionalProperties": {"anyOf": [{"$ref": "#/definitions/expression"}, nothing]}}, nothing]}  # fmt: skip
    for section in ("models", "samplers"):
        keys[section] |= {"type": "object", "additionalProperties": body, "propertyNames": {"pattern": HEAD}}
    for section in ("graph", "blocks"):
        keys[section] |= {**_removable(keys[section]), **names}
    source = {"$ref": "#/definitions/DataSource"}
    keys["data"] = {
        "description": keys["data"]["description"],
        "type": "object",
        "if": {"additionalProperties": {"type": "object"}, "minProperties": 1},
        "then": {"additionalProperties": source, **names},
        "else": source,
    }
    keys["stages"] = _by_number(keys["stages"]["description"], "Stage")


def _removable(entries: Schema) -> Schema:
    """What the keys of a mapping may hold, or nothing, which takes the base's away."""
    return {"additionalProperties": {"anyOf": [entries["additionalProperties"], {"type": "null"}]}}


def _by_number(description: str, record: str) -> Schema:
    """A list of records; in a spec that extends another, also parts of its list."""
    one = {"$ref": f"#/definitions/{record}"}
    parts = {"type": "object", "description": BY_NAME, "additionalProperties": {"anyOf": [one, {"type": "null"}]}}
    return {"description": description, "anyOf": [{"type": "array", "items": one, "minItems": 1}, parts]}


def _record(record: type[Record]) -> Schema:
    """The keys of a record: their types, what they mean, their defaults."""
    hints = typing.get_type_hints(record, include_extras=True)
    keys = {}
    for name, part in record.model_fields.items():
        if name == "options":
            continue
        key = part.alias or name
        choices = CHOICES.get((record, key))
        default = part.get_default(call_default_factory=True)
        keys[key] = {
            **({"enum": list(choices)} if choices else of_field(hints[name])),
            "description": MEANING[record][key],
            **({"default": default} if isinstance(default, int | float | str) and default != "" else {}),
        }
    required = [part.alias or name for name, part in record.model_fields.items() if part.is_required()]
    made: Schema = {"type": "object", "description": _first(record), "properties": keys}
    if "options" not in record.model_fields:
        made["additionalProperties"] = False
    if required and record not in (BlockDeclaration, DataSource):  # these may be written in part
        made["required"] = required
    if "value" in required:  # a bare expression is the value
        heads = [{"required": [head]} for head in HEADS if head != "value"]
        form = {
            "if": {"type": "object", "not": {"anyOf": heads}},
            "then": made,
            "else": {"$ref": "#/definitions/expression"},
        }
        return {"description": made["description"], **form}
    return made


def _by_kind(
    record: type[Record],
    key: str,
    kinds: Kinds,
    default: str | None = None,
    common: Callable[..., Any] | None = None,
) -> Schema:
    """A record whose further keys depend on its kind, but for `common`; `key:` alone takes away what the base says."""
    made = _record(record)
    own = made["properties"]
    own[key] |= {"enum": list(kinds), "enumDescriptions": [_first(kind) for kind in kinds.values()]}
    made["allOf"] = []
    for name, kind in kinds.items():
        asked: Schema = {"properties": {key: {"const": name}}, "required": [key]}
        if name == default:
            asked = {"anyOf": [asked, {"not": {"required": [key]}}]}
        asked_of = {**(options_of(common) if common else {}), **options_of(kind)}
        options = {option: held for option, held in asked_of.items() if option not in own}
        then = {"properties": {**dict.fromkeys(own, True), **options}, "additionalProperties": {"type": "null"}}
        made["allOf"].append(
            {"if": asked, "then": {**then, "required": [n for n in required_of(kind) if n in options]}}
        )
    return made


def _first(thing: Callable[..., Any]) -> str:
    """The first paragraph of a docstring."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


ARITHMETIC: Schema = {
    "description": "Arithmetic over params: `2 * T`.",
    "type": "string",
    "pattern": r"^[-+*/(). \w]+$",
}
EXPRESSION: Schema = {
    "description": "An expression, such as `-prior.log_prob(sg(z))`.",
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "array", "items": {"$ref": "#/definitions/expression"}, "minItems": 1},
        {"$ref": "#/definitions/structured"},
    ],
}
_PART: Schema = {"$ref": "#/definitions/expression"}
STRUCTURED: Schema = {
    "description": "An expression as nodes and edges, for programs that write specs.",
    "type": "object",
    "properties": {
        "node": {"type": "string", "description": "A name, and its fields by dots."},
        "text": {"type": "string", "description": "A text in quotes."},
        "hole": {"const": True, "description": "`_`: an argument left open."},
        "value": {**_PART, "description": "What the flags stand on."},
        "negative": {**_PART, "description": "What a minus stands before."},
        "call": {**_PART, "description": "What is called."},
        "operator": {"enum": ["+", "-", "*", "/", "//", "**"], "description": "Between the two of `of`."},
        "compare": {"enum": ["<", "<=", ">", ">=", "=="], "description": "Between the two of `of`, within `where`."},
        "field": {"type": "string", "description": "An attribute of `of`."},
        "of": {**_PART, "description": "Arguments by place, or operands."},
        "with": {"type": "object", "additionalProperties": _PART, "description": "Arguments by name."},
        **{
            flag: {"type": "boolean", "description": f"A flag of the edge: {flag.replace('_', ' ')}."} for flag in FLAGS
        },
    },
    "additionalProperties": False,
    "anyOf": [{"required": [head]} for head in HEADS],
}
