"""Options: what a spec writes beside a name, bound to the keyword-only parameters of the function of that name.

The signature is the schema: its annotations say what a value may be, its defaults what it is when nothing is written.
"""

import difflib
import inspect
import reprlib
from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

__all__ = ["BadOption", "UnknownOption", "bind", "check_positive"]

STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True)


class UnknownOption(ValueError):
    """An option that a thing does not have; carries those that it has, and the nearest (or None)."""

    def __init__(self, thing: str, option: str, known: list[str]) -> None:
        close = difflib.get_close_matches(option, known, n=1, cutoff=0.5)
        self.option, self.nearest, self.known = option, close[0] if close else None, tuple(known)
        hint = f"; the nearest is `{self.nearest}`" if close else f"; it has {_listed(known)}"
        super().__init__(f"{thing} has no option `{option}`{hint}")


class BadOption(ValueError):
    """An option with a value that it cannot have, or one that is required and missing."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option


def bind(
    thing: str, function: Callable[..., Any], options: Mapping[str, object], others: Sequence[str] = ()
) -> dict[str, Any]:
    """The keyword arguments that `options` mean for `function`: names and types are checked, whole floats may be ints.

    `thing` is what a message calls it ("dataset `toy.moons`"); `others` are options that are bound elsewhere. Values
    are not converted otherwise: "3" is no number.
    Raises UnknownOption, BadOption.
    """
    parameters = inspect.signature(function).parameters.values()
    allowed = {p.name: p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
    annotations = get_type_hints(function)
    for name in options:
        if name not in allowed:
            raise UnknownOption(thing, name, [*allowed, *others])
    for name, parameter in allowed.items():
        if parameter.default is inspect.Parameter.empty and name not in options:
            raise BadOption(name, f"{thing} needs the option `{name}`: {_wording(annotations[name])}")
    return {name: _checked(thing, name, annotations[name], value) for name, value in options.items()}


def check_positive(**values: float | None) -> None:
    """Raise BadOption for the first value that is given and not above zero: `check_positive(size=size, limit=None)`."""
    for name, value in values.items():
        if value is not None and not value > 0:
            raise BadOption(name, f"`{name}` is {value:g}, but it must be above 0")


def _checked(thing: str, name: str, annotation: Any, value: object) -> Any:  # noqa: ANN401  an annotation, and its value
    whole = int(value) if isinstance(value, float) and value.is_integer() else value  # `size: 1e4` is a float in YAML
    try:
        return TypeAdapter(annotation, config=STRICT).validate_python(whole)
    except ValidationError as error:
        raise BadOption(
            name, f"option `{name}` of {thing} is {reprlib.repr(value)}, but it must be {_wording(annotation)}"
        ) from error


WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", NoneType: "null"}


def _wording(annotation: Any) -> str:  # noqa: ANN401  an annotation
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_wording(part) for part in get_args(annotation))
    return WORDS.get(annotation) or (annotation.__name__ if isinstance(annotation, type) else str(annotation))


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
