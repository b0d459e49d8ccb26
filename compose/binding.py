"""Arguments to parameters: calls of blocks and of operators, as their Python signatures say."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import torch

from blocks.registry import OPERATORS
from compose import faults
from compose.diagnostics import Span
from compose.expressions import Call, Expression, Name
from compose.graph import BlockUse, Node
from compose.values import BlockValue, Model, Record, Value

if TYPE_CHECKING:
    from compose.elaborate import Evaluator

__all__ = ["call_block", "call_operator", "option"]


def call_operator(site: Evaluator, name: str, expression: Call) -> Value:
    """A call of a registered operator.   Positional parameters are values, keyword-only ones are plain options."""
    function = OPERATORS.find(name)
    parameters, hints = _signature(function)
    positional: list[Any] = []
    options: dict[str, Any] = {}
    for argument in expression.arguments:
        if argument.name is None:
            positional.append(_operand_or_record(site, argument.value))
        elif argument.name not in parameters:
            raise faults.unknown_argument(argument.value.span, argument.name, name, list(parameters))
        elif parameters[argument.name].kind is inspect.Parameter.KEYWORD_ONLY:
            options[argument.name] = option(site, argument.value, hints.get(argument.name, Any))
        else:
            options[argument.name] = site.operand(argument.value)
    try:
        inspect.signature(function).bind(*positional, **options)
    except TypeError as error:
        raise faults.wrong_arguments(expression.span, expression.function, str(error)) from None
    return _mapped(site, function, positional, options, expression.span)


def _mapped(site: Evaluator, function: Any, positional: list[Any], options: Mapping[str, Any], span: Span | None) -> Value:  # noqa: ANN401
    """The operator on its arguments; over a record, on each of its fields."""
    records = [value for value in positional if isinstance(value, Record)]
    if records:
        names = list(records[0].fields)
        if any(list(other.fields) != names for other in records):
            raise faults.unlike_records(span, names, [list(other.fields) for other in records])
        parts = {
            name: _mapped(site, function, [v.fields[name] if isinstance(v, Record) else v for v in positional], options, span)
            for name in names
        }
        return Record(parts)
    if not any(isinstance(value, Node) for value in (*positional, *options.values())):
        return float(function(*(torch.tensor(float(value))[None] for value in positional), **options))
    return site.tracer.call(function, *positional, options=options, span=span)


def _operand_or_record(site: Evaluator, expression: Expression) -> Value:
    value = site(expression)
    return value if isinstance(value, Record) else site.as_operand(value, expression.span)


def call_block(
    site: Evaluator, block: BlockValue, method: str, positional: list[Value], named: Mapping[str, Expression], span: Span | None
) -> Node:
    """A call of a method of a block: a node with a parameter edge."""
    declared = site.world.blocks[block.name]
    parameters, hints = _signature(getattr(declared.block, method))
    arguments = [_argument(site, value, declared.name, span) for value in positional]
    options: dict[str, Any] = {}
    for name, expression in named.items():
        if name not in parameters:
            raise faults.unknown_argument(expression.span, name, block.name, [p for p in parameters if p != "self"])
        if _is_word(hints.get(name)):
            options[name] = option(site, expression, hints[name])
        else:
            options[name] = _argument(site, site(expression), declared.name, expression.span)
    _check_times(site, declared.name, method, parameters, arguments, options, span)
    gives = declared.returns if method == "forward" else declared.methods.get(method, "tensor")
    try:
        inspect.signature(getattr(declared.block, method)).bind(None, *arguments, **options)
    except TypeError as error:
        raise faults.wrong_arguments(span, Name(block.name, span=span), str(error)) from None
    use = BlockUse(block.name, block.frozen, block.average, span)
    family = gives if gives not in ("tensor", "scalar") else None
    return site.tracer.block(use, method, *arguments, options=options, span=span, family=family)


def option(site: Evaluator, expression: Expression, hint: Any) -> Any:  # noqa: ANN401
    """A plain option of a call: a bare word where the signature lists words, else a constant or a clock value."""
    words = _words(hint)
    if words and isinstance(expression, Name):
        if expression.name not in words:
            raise faults.unknown_word(expression.span, expression.name, words)
        return expression.name
    value = site(expression)
    if isinstance(value, Model | BlockValue):
        raise faults.not_a_number(expression.span, value)
    return value


def _argument(site: Evaluator, value: Value, block: str, span: Span | None) -> Node | float | int:
    if isinstance(value, Node) and value.family is None:
        return value
    if isinstance(value, int | float):
        return value
    if site.as_model(value) is not None:
        raise faults.model_as_argument(span, block)
    raise faults.not_a_tensor(span, value)


def _check_times(
    site: Evaluator, block: str, method: str, parameters: Mapping[str, Any], arguments: list[Any], options: Mapping[str, Any],
    span: Span | None,
) -> None:  # fmt: skip
    """A chain takes its own time steps: the argument called `t` is one of them, or a whole number."""
    if site.world.blocks[block].role != "chain":
        return
    bound = {**dict(zip([p for p in parameters if p != "self"], arguments, strict=False)), **options}
    time = bound.get("t")
    if isinstance(time, Node) and time.chain != block:
        raise faults.foreign_time(span, block, method, time.chain)
    if isinstance(time, float):
        raise faults.not_a_level(span, block, time)


@cache
def _signature(function: Any) -> tuple[Mapping[str, inspect.Parameter], Mapping[str, Any]]:  # noqa: ANN401
    return inspect.signature(function).parameters, typing.get_type_hints(function)


def _words(hint: Any) -> tuple[str, ...]:  # noqa: ANN401
    if typing.get_origin(hint) is Literal:
        return tuple(word for word in typing.get_args(hint) if isinstance(word, str))
    return tuple(word for part in typing.get_args(hint) for word in _words(part))


def _is_word(hint: Any) -> bool:  # noqa: ANN401
    return bool(_words(hint))
