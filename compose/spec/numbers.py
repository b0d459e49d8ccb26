"""Numbers that are known before anything runs: params, and arithmetic over them."""

import math
from collections.abc import Callable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from compose.diagnostics import NOWHERE, Finding, Span, SpecError
from compose.expressions import Attribute, Binary, Call, Expression, Name, Negative, Number, parse, walk
from compose.expressions.findings import bad_number
from compose.spec import findings as say

__all__ = [
    "Constant", "Param", "arithmetic", "as_param", "check_divisor", "evaluate_constant", "is_constant",
    "partly_resolved", "resolve_params",
]  # fmt: skip

Constant = int | float | bool | str
Param = Constant | Expression
LARGEST_BITS = 1024  # of a whole number; a float ends there too


def evaluate_constant(expression: Expression, params: Mapping[str, Any]) -> int | float:
    """The number that arithmetic over `params` gives; `8 / 2` is 4.0, `8 // 2` is 4.

    Raises SpecError with a placed finding: an unknown name, a param that is no number, a call, a division by zero.
    """
    match expression:
        case Number(value):
            return value
        case Negative(operand):
            return -evaluate_constant(operand, params)
        case Name(name):
            return _param(name, params, expression.span)
        case Binary(operator, left, right):
            return arithmetic(
                operator, evaluate_constant(left, params), evaluate_constant(right, params), expression.span
            )
    raise SpecError([say.not_constant(expression.span, "this")])


def is_constant(expression: Expression, params: Mapping[str, Any]) -> bool:
    """Whether the expression is arithmetic over numbers and these params alone."""
    return all(
        isinstance(part, Number | Negative | Binary) or (isinstance(part, Name) and part.name in params)
        for part in walk(expression)
    )


def as_param(text: str, names: Mapping[str, Any], locate: Callable[[int, int], Span] | None = None) -> Param:
    """What a param written as a text is: an expression if it is arithmetic that uses a param, else the text itself."""
    try:
        made = parse(text, locate)
    except SpecError:
        return text
    used = [part.name for part in walk(made) if isinstance(part, Name)]
    if isinstance(made, Number) or any(isinstance(part, Call | Attribute) for part in walk(made)):
        return text
    return made if is_constant(made, names) or any(name in names for name in used) else text


def resolve_params(params: Mapping[str, Param], place: Callable[[str], Span] | None = None) -> dict[str, Constant]:
    """The value of every param, those defined by others computed.

    Raises SpecError with all findings: unknown names, circles, impossible arithmetic. `place` tells where a
    param stands.
    """
    values, found = partly_resolved(params, place or (lambda name: NOWHERE))
    if found:
        raise SpecError(found)
    return {name: values[name] for name in params}


def partly_resolved(
    params: Mapping[str, Param], place: Callable[[str], Span]
) -> tuple[dict[str, Constant], list[Finding]]:
    """The values of the params that have one, and the findings for the others; each cause is told once."""
    needs = {name: _needs(value, params) for name, value in params.items()}
    values: dict[str, Constant] = {}
    found: list[Finding] = []
    for name in _ordered(needs, place, found):
        value = params[name]
        if isinstance(value, float) and not math.isfinite(value):
            found.append(bad_number(place(name), str(value)))
        elif isinstance(value, int | float | str):
            values[name] = value
        elif all(need in values for need in needs[name]):
            try:
                values[name] = evaluate_constant(value, values)
            except SpecError as problem:
                found += problem.findings
    return values, found


def _ordered(needs: dict[str, set[str]], place: Callable[[str], Span], found: list[Finding]) -> list[str]:
    """The names, each after those that it needs; the first name of a circle is left out, and the circle is reported."""
    while True:
        try:
            return list(TopologicalSorter(needs).static_order())
        except CycleError as circle:
            names = tuple(reversed(circle.args[1]))
            first = min(names, key=list(needs).index)
            turn = names.index(first)
            names = (*names[turn:-1], *names[:turn], first)
            found.append(say.param_cycle(place(first), names, tuple(place(name) for name in names[1:-1])))
            needs = {name: set() if name in names else below for name, below in needs.items()}


def _needs(value: Param, params: Mapping[str, Param]) -> set[str]:
    if isinstance(value, int | float | str):
        return set()
    return {part.name for part in walk(value) if isinstance(part, Name) and part.name in params}


def _param(name: str, params: Mapping[str, Any], span: Span) -> int | float:
    if name not in params:
        raise SpecError([say.unknown_param(span, name, params)])
    value = params[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpecError([say.text_param(span, name, str(value).lower() if isinstance(value, bool) else str(value))])
    return value


def check_divisor(operator: str, right: object, span: Span) -> None:
    """Raise SpecError if a tensor is divided by the number 0."""
    if operator in ("/", "//") and isinstance(right, int | float) and right == 0:
        raise SpecError([say.bad_arithmetic(span, "this divides by 0", "divide by another number")])


def arithmetic(operator: str, left: int | float, right: int | float, span: Span) -> int | float:
    """`left operator right`, within the range of numbers.   Raises SpecError with a placed finding."""
    try:
        if operator == "**":
            value = _power(left, right)
        elif operator in ("/", "//"):
            value = left / right if operator == "/" else left // right
        else:
            value = left + right if operator == "+" else left - right if operator == "-" else left * right
        if isinstance(value, complex):
            problem = f"this is a root of {_shown(left)}, and a negative number has none"
            raise SpecError([say.bad_arithmetic(span, problem, "make what stands before `**` positive")])
        if not math.isfinite(value) or (isinstance(value, int) and value.bit_length() > LARGEST_BITS):
            raise OverflowError
    except ZeroDivisionError:
        problem, way = f"this divides {_shown(left)} by 0", "change the params, so that the divisor is not 0"
        raise SpecError([say.bad_arithmetic(span, problem, way)]) from None
    except OverflowError:
        problem = f"{_shown(left)} {operator} {_shown(right)} is larger than a number can be"
        raise SpecError([say.bad_arithmetic(span, problem, "make one of the two smaller")]) from None
    return value


def _shown(value: int | float) -> str:
    """A number in a sentence; of one with very many digits only that."""
    return str(value) if isinstance(value, float) or abs(value) < 10**12 else "a huge number"


def _power(left: int | float, right: int | float) -> Any:  # noqa: ANN401  complex for a root of a negative number
    whole = isinstance(left, int) and isinstance(right, int) and right > 0 and abs(left) > 1
    if whole and math.log2(abs(left)) * right > 2 * LARGEST_BITS:
        raise OverflowError
    return left**right
