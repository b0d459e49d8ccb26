"""Forms: words of the language that are not operators, because they act on models, blocks, functions or edges.

A form is a function `(site, span, *, arguments)` with the decorator; the annotation of each parameter says what stands
there (see `CONVERT`), its default that it may be left out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from compose import faults
from compose.binding import bounded, whole
from compose.expressions import Boolean, Call, Expression, Name, Sequence
from compose.models import ProgramModel, Start
from compose.values import BlockValue, Function, Value

if TYPE_CHECKING:
    from compose.elaborate import Evaluator

__all__ = ["FORMS", "form"]

FURTHER = "*"  # the positional arguments of a form that takes any number of them
FORMS: dict[str, Callable[[Evaluator, Call], Value]] = {}


def form(name: str, open_fields: bool = False) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """Declare a form.   `open_fields`: any further named arguments are values, passed as `fields`."""

    def declare(function: Callable[..., Value]) -> Callable[..., Value]:
        parameters = dict(list(inspect.signature(function).parameters.items())[2:])
        parameters.pop("fields", None)

        def call(site: Evaluator, expression: Call) -> Value:
            given = _bind(site, name, parameters, expression, open_fields)
            return function(site, expression.span, *given.pop(FURTHER, ()), **given)

        call.__doc__ = function.__doc__
        FORMS[name] = call
        return function

    return declare


def _bind(
    site: Evaluator, form_name: str, parameters: dict[str, inspect.Parameter], expression: Call, open_fields: bool
) -> dict[str, Any]:
    positional = [name for name, given in parameters.items() if given.kind is given.POSITIONAL_OR_KEYWORD]
    variadic = next((given for given in parameters.values() if given.kind is given.VAR_POSITIONAL), None)
    values: dict[str, Any] = {FURTHER: []} if variadic is not None else {}
    fields: dict[str, Any] = {}
    count = 0
    for argument in expression.arguments:
        name = argument.name
        if name is None:
            if variadic is not None:
                values[FURTHER].append(_converted(site, variadic, argument.value))
                continue
            if count >= len(positional):
                raise faults.too_many_arguments(argument.value.span, form_name, len(positional))
            name, count = positional[count], count + 1
        if name in parameters:
            values[name] = _converted(site, parameters[name], argument.value)
        elif open_fields:
            fields[name] = site(argument.value)
        else:
            raise faults.unknown_argument(argument.name_span or argument.span, name, form_name, list(parameters))
    for name, parameter in parameters.items():
        if name not in values and parameter.default is parameter.empty and parameter is not variadic:
            raise faults.missing_argument(expression.span, form_name, name)
    return {**values, "fields": fields} if open_fields else values


def _converted(site: Evaluator, parameter: inspect.Parameter, expression: Expression) -> Any:  # noqa: ANN401
    return CONVERT[str(parameter.annotation).split(" |")[0]](site, expression, parameter.name)


def _block(site: Evaluator, expression: Expression, name: str) -> BlockValue:
    value = site(expression)
    if not isinstance(value, BlockValue):
        raise faults.needs_block(expression.span, name, value)
    return value


def _chain(site: Evaluator, expression: Expression, name: str) -> BlockValue:
    value = site(expression)
    if not isinstance(value, BlockValue) or site.world.blocks[value.name].role != "chain":
        raise faults.not_a_chain(expression.span, value)
    return value


def _program(site: Evaluator, expression: Expression, name: str) -> ProgramModel:
    value = site(expression)
    if not isinstance(value, ProgramModel):
        raise faults.not_a_program(expression.span, value)
    return value


def _function(site: Evaluator, expression: Expression, name: str) -> Value:
    value = site.function(expression)
    if isinstance(value, BlockValue | Function) or site.as_bijection(value) is not None:
        return value
    raise faults.needs_function(expression.span, value)


def _summand(site: Evaluator, expression: Expression, name: str) -> Value:
    """A tensor; a function by its name is let through, lest it be told to be no tensor only."""
    value = site(expression) if isinstance(expression, Name) else None
    return value if isinstance(value, BlockValue | Function) else site.tensor(expression)


def _target(site: Evaluator, expression: Expression, name: str) -> Value:
    value = site.function(expression)
    if isinstance(value, BlockValue | Function) or site.as_model(value) is not None:
        return value
    raise faults.needs_function(expression.span, value)


def _whole(site: Evaluator, expression: Expression, name: str) -> int:
    return whole(site(expression), name, expression.span)


def _flag(site: Evaluator, expression: Expression, name: str) -> bool:
    if not isinstance(expression, Boolean):
        word = expression.name if isinstance(expression, Name) else "this"
        raise faults.unknown_word(expression.span, word, ("true", "false"))
    return expression.value


def _space(site: Evaluator, expression: Expression, name: str) -> str:
    word = expression.name if isinstance(expression, Name) else "this"
    if word not in ("noise", "values"):
        raise faults.unknown_word(expression.span, word, ("noise", "values"))
    return word


def _weights(site: Evaluator, expression: Expression, name: str) -> tuple[Any, ...]:
    items = expression.items if isinstance(expression, Sequence) else (expression,)
    return tuple(bounded(site, item, "weight", "larger than 0", lambda v: v > 0) for item in items)


def _pair(site: Evaluator, expression: Expression, name: str) -> Any:  # noqa: ANN401
    value = site(expression)
    if not (isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, int | float) for part in value)):
        raise faults.not_a_number(expression.span, value)
    return value


CONVERT: dict[str, Callable[[Evaluator, Expression, str], Any]] = {
    "Value": lambda site, expression, name: site(expression),
    "Node": lambda site, expression, name: site.tensor(expression),
    "Operand": lambda site, expression, name: site.operand(expression),
    "Positive": lambda site, expression, name: bounded(site, expression, name, "larger than 0", lambda v: v > 0),
    "NotNegative": lambda site, expression, name: bounded(site, expression, name, "0 or larger", lambda v: v >= 0),
    "Model": lambda site, expression, name: site.model(expression),
    "BlockValue": _block,
    "Chain": _chain,
    "ProgramModel": _program,
    "Callable": _function,
    "Target": _target,
    "Summand": _summand,
    "Start": lambda site, expression, name: Start(site(expression), expression.span),
    "Whole": _whole,
    "Flag": _flag,
    "Space": _space,
    "Pair": _pair,
    "Weights": _weights,
}

from compose.forms import bijections, densities, dynamics, edges, models, schedules  # noqa: E402, F401  they declare
