"""The types of the values in a spec, each a reader that says in the user's words what it wanted."""

import keyword
import math
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, PlainValidator, ValidationInfo

from compose.diagnostics import SpecError
from compose.expressions import Expression, Number, from_structured
from compose.expressions.parser import parse
from compose.spec import findings as say
from compose.spec.numbers import evaluate_constant, is_constant
from compose.spec.records import Given, Items, Place, Reading, Refused, Scalar, Table, describe, plain, refuse

__all__ = [
    "Choice",
    "Decay",
    "Flag",
    "Formula",
    "FormulaOrNumber",
    "FreeNumber",
    "Loose",
    "Positive",
    "Raw",
    "Slug",
    "Tabular",
    "Whole",
    "WholeOrZero",
    "Word",
    "Words",
    "bad_names",
    "is_name",
    "read_formula",
]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SLUG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")

Reader = Callable[[Any, ValidationInfo], Any]


def is_name(text: str) -> bool:
    """Whether a text may name a block, a line, a param ...: a word that neither Python nor the language keeps."""
    return bool(NAME.fullmatch(text)) and not keyword.iskeyword(text) and text not in ("_", "true", "false")


def bad_names(table: Table, noun: str, info: ValidationInfo) -> list[str]:
    """The keys of a table that are no names, each reported."""
    wrong = [key for key in table if not is_name(key)]
    for key in wrong:
        refuse(info, say.bad_name(table.place.span((key,), key=True), key, noun))
    return wrong


def read_formula(value: Any, info: ValidationInfo) -> Expression:  # noqa: ANN401  placed data, or an Expression
    """An expression: a text, a number, or the structured form."""
    if not isinstance(value, Given):
        return from_structured(value) if isinstance(value, str | int | float | list | dict) else value
    if isinstance(value, Scalar) and value.value is None:
        raise refuse(info, say.empty_value(value.place.span((), key=True), _key(value.place)))
    try:
        return from_structured(plain(value), value.place)
    except SpecError as problem:
        for found in problem.findings:
            refuse(info, found)
        raise refuse_again() from None


def refuse_again() -> Exception:
    """What to raise when the findings are reported already."""
    return Refused("reported")


def _key(place: Place) -> str:
    return str(place.path[-1]) if place.path else "the spec"


def _scalar(wanted: str, example: str, accept: Callable[[Any], Any]) -> Reader:
    """A reader of scalars: `accept` gives the value, or None if it is not what is wanted."""

    def read(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data, or plain from Python
        if not isinstance(value, Given):
            return value
        if isinstance(value, Scalar) and value.value is None:
            raise refuse(info, say.empty_value(value.place.span((), key=True), _key(value.place)))
        read = accept(value.value) if isinstance(value, Scalar) else None
        if read is None:
            way_out = f"write {example}" if example else ""
            raise refuse(info, say.wrong_type(value.place.span(), value.place.name, wanted, describe(value), way_out))
        return read

    return read


def _text(value: Any) -> str | None:  # noqa: ANN401  a scalar
    return value if isinstance(value, str) and value else None


def _slug(value: Any) -> str | None:  # noqa: ANN401  a scalar
    return value if isinstance(value, str) and SLUG.fullmatch(value) else None


def _flag(value: Any) -> bool | None:  # noqa: ANN401  a scalar
    return value if isinstance(value, bool) else None


def _choice(choices: tuple[str, ...]) -> Reader:
    def read(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data, or plain from Python
        if not isinstance(value, Given):
            return value
        text = str(value.value) if isinstance(value, Scalar) else describe(value)
        if text not in choices:
            raise refuse(info, say.not_a_choice(value.place.span(), value.place.name, text, choices))
        return text

    return read


def _number(wanted: str, fits: Callable[[float], bool], whole: bool) -> Reader:
    """A reader of numbers; a text is an expression of params, evaluated here."""

    def read(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data, or plain from Python
        if not isinstance(value, Given):
            return value
        found = _evaluated(value, wanted, info)
        exact = int(found) if whole and math.isfinite(found) and found == int(found) else found
        if not math.isfinite(found) or (whole and not isinstance(exact, int)) or not fits(found):
            got = describe(value) if found == value.value else f"{describe(value)}, which is {found}"  # type: ignore[union-attr]
            raise refuse(info, say.out_of_range(value.place.span(), value.place.name, wanted, got))
        return exact if whole else float(found)

    return read


def _evaluated(value: Given, wanted: str, info: ValidationInfo) -> int | float:
    if isinstance(value, Scalar) and value.value is None:
        raise refuse(info, say.empty_value(value.place.span((), key=True), _key(value.place)))
    if isinstance(value, Scalar) and isinstance(value.value, int | float) and not isinstance(value.value, bool):
        return value.value
    if not isinstance(value, Scalar) or not isinstance(value.value, str):
        raise refuse(info, say.wrong_type(value.place.span(), value.place.name, wanted, describe(value)))
    reading = info.context if isinstance(info.context, Reading) else Reading()
    try:
        expression = parse(value.value, lambda start, end: value.place.text_span((), start, end))
        if not is_constant(expression, reading.params) and _waits(expression, reading):
            raise refuse_again()
        return evaluate_constant(expression, reading.params)
    except SpecError as problem:
        for found in problem.findings:
            refuse(info, found)
        raise refuse_again() from None


def _waits(expression: Expression, reading: Reading) -> bool:
    """Whether a param that it uses has no value, for a cause that is told already."""
    return is_constant(expression, {**reading.params, **dict.fromkeys(reading.unresolved)})


def _formula_or_number(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data, or plain from Python
    """A float if it is arithmetic over params, else the expression (of the clock)."""
    made = read_formula(value, info)
    params = info.context.params if isinstance(info.context, Reading) else {}
    if not isinstance(made, float) and not is_constant(made, params):
        return made
    try:
        return made if isinstance(made, float) else float(evaluate_constant(made, params))
    except SpecError as problem:
        for found in problem.findings:
            refuse(info, found)
        raise refuse_again() from None


def _loose(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data, or plain from Python
    """Plain data, in which texts that are arithmetic over params are numbers."""
    if isinstance(value, Table):
        return {key: _loose(part, info) for key, part in value.items()}
    if isinstance(value, Items):
        return [_loose(part, info) for part in value]
    if isinstance(value, Scalar) and isinstance(value.value, str) and isinstance(info.context, Reading):
        try:
            made = parse(value.value, lambda start, end: value.place.text_span((), start, end))
        except SpecError:
            return value.value
        usable = is_constant(made, info.context.params) and not isinstance(made, Number)
        return evaluate_constant(made, info.context.params) if usable else value.value
    return plain(value)


def _words(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data, or plain from Python
    if not isinstance(value, Given):
        return tuple(value) if isinstance(value, list) else value
    if not isinstance(value, Items):
        shown = f"`[{value.value}]`" if isinstance(value, Scalar) else "`[a, b]`"
        raise refuse(
            info,
            say.wrong_type(value.place.span(), value.place.name, "a list of names", describe(value), f"write {shown}"),
        )
    read = _scalar("a name", "", _text)
    return tuple(read(part, info) for part in value)


def _tabular(noun: str, named: bool) -> Reader:
    """A reader of a mapping from names (if `named`) to whatever its field says."""

    def read(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data, or plain from Python
        if not isinstance(value, Given):
            return value
        if isinstance(value, Scalar) and value.value is None:
            raise refuse(info, say.empty_value(value.place.span((), key=True), _key(value.place)))
        if not isinstance(value, Table):
            way_out = "write `name: value` lines below it"
            nouns = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
            found = say.wrong_type(value.place.span(), value.place.name, f"{nouns} by name", describe(value), way_out)
            raise refuse(info, found)
        wrong = bad_names(value, noun, info) if named else []
        return Table({key: part for key, part in value.items() if key not in wrong}, value.place)

    return read


def Tabular(noun: str, named: bool = True) -> BeforeValidator:  # noqa: N802  used as a type
    """Marks a dict field: each key names a `noun`."""
    return BeforeValidator(_tabular(noun, named))


def Choice(choices: Iterable[str]) -> BeforeValidator:  # noqa: N802  used as a type
    """Marks a field that takes one of a few texts."""
    return BeforeValidator(_choice(tuple(choices)))


if TYPE_CHECKING:
    Formula = Expression
    FormulaOrNumber = Expression | float
    Loose = Any
    Raw = Any
else:
    Formula = Annotated[Any, PlainValidator(read_formula)]
    FormulaOrNumber = Annotated[Any, PlainValidator(_formula_or_number)]
    Loose = Annotated[Any, PlainValidator(_loose)]
    Raw = Annotated[Any, PlainValidator(plain)]
Word = Annotated[str, BeforeValidator(_scalar("a text", "", _text))]
Slug = Annotated[str, BeforeValidator(_scalar("a short name", "letters, digits, `_`, `-` and `.` only", _slug))]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Flag = Annotated[bool, BeforeValidator(_scalar("true or false", "", _flag))]
LARGEST = 1_000_000_000
WHOLE = f"a whole number from 1 to {LARGEST:,}"
Whole = Annotated[int, BeforeValidator(_number(WHOLE, lambda number: 1 <= number <= LARGEST, True))]
WholeOrZero = Annotated[int, BeforeValidator(_number("a whole number, 0 or more", lambda number: number >= 0, True))]
Positive = Annotated[float, BeforeValidator(_number("a number above 0", lambda number: number > 0, False))]
Decay = Annotated[
    float, BeforeValidator(_number("a number from 0 up to, not including, 1", lambda n: 0 <= n < 1, False))
]
FreeNumber = Annotated[float, BeforeValidator(_number("a number", lambda number: True, False))]
