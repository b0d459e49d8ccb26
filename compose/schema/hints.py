"""From types to JSON Schema: of a record's fields, and of the options in a constructor's signature."""

import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Union

from compose.spec import Record
from compose.spec import fields as of

__all__ = ["Schema", "of_field", "options_of", "required_of"]

Schema = dict[str, Any]
EXPRESSION = {"$ref": "#/definitions/expression"}
ARITHMETIC = {"$ref": "#/definitions/arithmetic"}
FIELDS: list[tuple[Any, Schema]] = [
    (of.Word, {"type": "string", "minLength": 1}),
    (of.Slug, {"type": ["string"], "pattern": f"^{of.SLUG.pattern}$"}),
    (of.Words, {"type": "array", "items": {"type": "string"}}),
    (of.Flag, {"type": "boolean"}),
    (of.Whole, {"anyOf": [{"type": "integer", "minimum": 1}, ARITHMETIC]}),
    (of.WholeOrZero, {"anyOf": [{"type": "integer", "minimum": 0}, ARITHMETIC]}),
    (of.Positive, {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, ARITHMETIC]}),
    (of.Decay, {"anyOf": [{"type": "number", "minimum": 0, "exclusiveMaximum": 1}, ARITHMETIC]}),
    (of.Formula, EXPRESSION),
    (of.FormulaOrNumber, EXPRESSION),
    (of.Loose, {}),
    (of.Raw, {}),
]
PLAIN: dict[Any, Schema] = {
    int: {"anyOf": [{"type": "integer"}, ARITHMETIC]},
    float: {"anyOf": [{"type": "number"}, ARITHMETIC]},
    bool: {"type": "boolean"},
    str: {"type": "string"},
    types.NoneType: {"type": "null"},
}


def of_field(hint: Any) -> Schema:  # noqa: ANN401  an annotation
    """What a field of a record takes; a record is a definition of its own."""
    known = next((schema for mark, schema in FIELDS if mark == hint), None)
    if known is not None:
        return dict(known)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return of_field(inner[0])
    if origin in (Union, types.UnionType):
        return of_field(next(part for part in inner if part is not types.NoneType))
    if origin is Literal:
        return {"enum": list(inner)}
    if origin is dict:
        return {"type": "object", "additionalProperties": of_field(inner[1])}
    if origin is tuple:
        return {"type": "array", "items": of_field(inner[0])}
    if inspect.isclass(hint) and issubclass(hint, Record):
        return {"$ref": f"#/definitions/{hint.__name__}"}
    return {}


def options_of(owner: Callable[..., Any]) -> dict[str, Schema]:
    """The options that the signature of a block, data set or optimizer lists, each with its type and default."""
    hints = typing.get_type_hints(owner.__init__ if inspect.isclass(owner) else owner)
    parameters = inspect.signature(owner).parameters.values()
    return {
        one.name: {**_of_option(hints.get(one.name, Any)), **_default(one.default), **_said(owner, one.name)}
        for one in parameters
        if one.kind is one.KEYWORD_ONLY
    }


def required_of(owner: Callable[..., Any]) -> list[str]:
    """The options that have no default."""
    parameters = inspect.signature(owner).parameters.values()
    return [one.name for one in parameters if one.kind is one.KEYWORD_ONLY and one.default is one.empty]


def _of_option(hint: Any) -> Schema:  # noqa: ANN401  an annotation
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        parts = [_of_option(part) for part in inner]
        return {"anyOf": [choice for part in parts for choice in part.get("anyOf", [part])]} if all(parts) else {}
    if origin is Literal:
        return {"enum": list(inner)}
    if origin in (list, tuple, Sequence):
        return {"type": "array", "items": _of_option(inner[0]) if inner else {}}
    if origin is Mapping:
        return {"type": "object"}
    return dict(PLAIN.get(hint, {}))


def _default(value: Any) -> Schema:  # noqa: ANN401  any default
    if value is inspect.Parameter.empty or not isinstance(value, int | float | str | tuple | list | None):
        return {}
    return {"default": list(value) if isinstance(value, tuple) else value}


def _said(owner: Callable[..., Any], name: str) -> Schema:
    """What the docstring says of an option: the sentence behind `name:`."""
    prose = " ".join((inspect.getdoc(owner) or "").split())
    found = re.search(rf"(?:^|[.;:] |`){name}`?: ([^.]+\.?)", prose)
    return {"description": found[1] if found else f"An option of this kind; {name.replace('_', ' ')}."}
