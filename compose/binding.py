"""Arguments to parameters: calls of blocks and of operators, as their Python signatures say."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import torch

from blocks.operators import arithmetic
from blocks.registry import OPERATORS
from blocks.types import Count
from compose import faults
from compose.diagnostics import Span
from compose.expressions import Argument, Call, Expression, Name
from compose.graph import BlockUse, Edge, Node
from compose.values import BlockValue, Model, Record, Value, is_seed

if TYPE_CHECKING:
    from compose.elaborate import Evaluator

__all__ = ["as_argument", "call_block", "call_block_at", "call_operator", "option", "placed", "whole"]

ARITHMETIC = (
    arithmetic.add, arithmetic.subtract, arithmetic.multiply, arithmetic.divide, arithmetic.floor_divide,
    arithmetic.power, arithmetic.negative,
)  # fmt: skip
LARGEST_COUNT = 1_000_000  # of steps, copies, states that are kept


def call_operator(site: Evaluator, name: str, expression: Call) -> Value:
    """A call of a registered operator.   Parameters annotated as tensors are values, the others are plain options."""
    function = OPERATORS.find(name)
    parameters, hints = _signature(function)
    positional: list[Any] = []
    options: dict[str, Any] = {}
    order = _order(parameters)
    for argument in expression.arguments:
        if argument.name is None:
            word = order[min(len(positional), len(order) - 1)]
            hint, given = hints.get(word, Any), argument.value
            if not _is_value(hint):
                positional.append(option(site, given, hint, word))
            elif function.rule.laws and isinstance(law := site(given), Node) and law.family:
                positional.append(law)
            else:
                positional.append(_operand_or_record(site, given))
        elif argument.name not in parameters:
            raise faults.unknown_argument(argument.name_span or argument.span, argument.name, name, list(parameters))
        elif not _is_value(hints.get(argument.name, Any)):
            options[argument.name] = option(site, argument.value, hints.get(argument.name, Any), argument.name)
        else:
            options[argument.name] = site.operand(argument.value)
    try:
        inspect.signature(function).bind(*positional, **options)
    except TypeError:
        raise faults.wrong_arguments(expression.span, name, _shown(parameters), len(expression.arguments)) from None
    return _mapped(site, function, positional, options, expression.span)


def _mapped(
    site: Evaluator,
    function: Any,  # noqa: ANN401
    positional: list[Any],
    options: Mapping[str, Any],
    span: Span | None,
) -> Value:
    """The operator on its arguments; over a record, on each of its fields."""
    records = [value for value in positional if isinstance(value, Record)]
    for value in positional:
        if isinstance(value, Node) and is_seed(value):
            raise faults.chain_noise(span, value)
    if records:
        names = list(records[0].fields)
        if any(list(other.fields) != names for other in records):
            raise faults.unlike_records(span, names, [list(other.fields) for other in records])
        parts = {
            name: _mapped(
                site, function, [v.fields[name] if isinstance(v, Record) else v for v in positional], options, span
            )
            for name in names
        }
        return Record(parts)
    if not any(isinstance(value, Node) for value in (*positional, *options.values())):
        return _number(function, positional, options, span)
    family = next((value.family for value in positional if isinstance(value, Node) and value.family), None)
    return site.tracer.call(function, *positional, options=options, span=span, family=family)


def _number(function: Any, positional: list[Any], options: Mapping[str, Any], span: Span | None) -> float:  # noqa: ANN401
    """What an operator makes of numbers alone.   Raises SpecError where it wants a batch, or an event."""
    parameters, hints = _signature(function)
    order = _order(parameters)
    given = [
        torch.tensor(float(value))[None] if _is_value(hints.get(order[min(i, len(order) - 1)], Any)) else value
        for i, value in enumerate(positional)
    ]
    try:
        return float(function(*given, **options))
    except (IndexError, RuntimeError, TypeError, ValueError):  # a lone number has neither rows nor axes
        raise faults.not_a_tensor(span, positional[0]) from None


def _order(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    """The parameters that are given by position; the last may stand for any number of them."""
    return [word for word, given in parameters.items() if given.kind is not given.KEYWORD_ONLY] or [""]


def _is_value(hint: Any) -> bool:  # noqa: ANN401
    """Whether a parameter takes a value of the graph: a tensor is among what its annotation allows."""
    return hint is Any or hint is torch.Tensor or torch.Tensor in typing.get_args(hint)


def _operand_or_record(site: Evaluator, expression: Expression) -> Value:
    value = site(expression)
    return value if isinstance(value, Record) else site.as_operand(value, expression.span)


def call_block_at(site: Evaluator, block: BlockValue, method: str, call: Call) -> Node:
    """A method of a block on the arguments of a call as it is written."""
    places = [part.span for part in call.positional]
    named = {argument.name: argument for argument in call.arguments if argument.name}
    return call_block(site, block, method, [site(part) for part in call.positional], named, call.span, places)


def call_block(
    site: Evaluator,
    block: BlockValue,
    method: str,
    positional: list[Value],
    named: Mapping[str, Argument],
    span: Span | None,
    places: Sequence[Span | None] = (),
) -> Node:
    """A call of a method of a block: a node with a parameter edge.   `places`: where the positional arguments stand."""
    declared = site.world.blocks[block.name]
    parameters, hints = _signature(getattr(declared.block, method))
    places = places or [span] * len(positional)
    arguments = [
        as_argument(site, value, declared.name, place) for value, place in zip(positional, places, strict=True)
    ]
    options: dict[str, Any] = {}
    for name, argument in named.items():
        if name not in parameters:
            known = [parameter for parameter in parameters if parameter != "self"]
            raise faults.unknown_argument(argument.name_span or span, name, block.name, known)
        if _is_word(hints.get(name)):
            options[name] = option(site, argument.value, hints[name], name)
        else:
            options[name] = as_argument(site, site(argument.value), declared.name, argument.value.span)
    _check_times(site, declared.name, method, parameters, arguments, options, span, places)
    gives = declared.returns if method == "forward" else declared.methods.get(method, "tensor")
    try:
        inspect.signature(getattr(declared.block, method)).bind(None, *arguments, **options)
    except TypeError:
        called = block.name if method == "forward" else f"{block.name}.{method}"
        raise faults.wrong_arguments(span, called, _shown(parameters), len(arguments) + len(options)) from None
    use = BlockUse(block.name, block.frozen, block.average, span)
    family = gives if gives not in ("tensor", "scalar") else None
    return site.tracer.block(use, method, *map(placed, arguments, places), options=options, span=span, family=family)


def placed(value: Value, span: Span | None) -> Any:  # noqa: ANN401  an edge, or the constant that it is
    """A value as an argument that stands at `span`."""
    return Edge(value, span=span) if isinstance(value, Node) else value


def _shown(parameters: Mapping[str, inspect.Parameter]) -> str:
    """A signature as a spec would write it: `(a, b, k=..)`; what has a default is left out."""
    words = []
    for name, given in parameters.items():
        if given.kind is given.VAR_POSITIONAL:
            words.append("..")
        elif name != "self" and given.default is given.empty:
            words.append(f"{name}=.." if given.kind is given.KEYWORD_ONLY else name)
    return f"({', '.join(words)})"


def option(site: Evaluator, expression: Expression, hint: Any, name: str) -> Any:  # noqa: ANN401
    """A plain option of a call: a bare word where the signature lists words, a count, a constant or a clock value."""
    words = _words(hint)
    if words and isinstance(expression, Name):
        if expression.name not in words:
            raise faults.unknown_word(expression.span, expression.name, words)
        return expression.name
    value = site(expression)
    if isinstance(value, Model | BlockValue):
        raise faults.not_a_number(expression.span, value)
    if hint == Count:
        return whole(value, name, expression.span)
    if hint is int and not (isinstance(value, int | float) and abs(value) <= LARGEST_COUNT and value == int(value)):
        raise faults.not_whole(expression.span, name, value, LARGEST_COUNT)
    return value


def whole(value: Value, name: str, span: Span | None) -> int:
    """A count: a whole number from 1 to a million."""
    counts = isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= LARGEST_COUNT
    if not counts or value != int(value):  # type: ignore[arg-type]
        raise faults.not_whole(span, name, value, LARGEST_COUNT)
    return int(value)  # type: ignore[arg-type]


def bounded(site: Evaluator, expression: Expression, name: str, wanted: str, fits: Callable[[float], bool]) -> Any:  # noqa: ANN401  a number, or what is one
    """An operand that is in its range where it is a number, `wanted` in words; what a clock gives is not looked at."""
    value = site.operand(expression)
    if isinstance(value, int | float) and not fits(value):
        raise faults.out_of_bounds(expression.span, name, wanted, value)
    return value


def as_argument(site: Evaluator, value: Value, block: str, span: Span | None) -> Node | float | int:
    """A value as an argument of a block.   Raises SpecError for a model, and for a number where no level is meant."""
    if isinstance(value, Node) and is_seed(value):
        raise faults.chain_noise(span, value)
    if isinstance(value, Node) and value.family is None:
        return value
    if isinstance(value, int | float) and site.world.blocks[block].role == "chain":  # a level may be a number
        return value
    if site.as_model(value) is not None:
        raise faults.model_as_argument(span, block, value)
    raise faults.not_a_tensor(span, value)


def _check_times(
    site: Evaluator,
    block: str,
    method: str,
    parameters: Mapping[str, Any],
    arguments: list[Any],
    options: Mapping[str, Any],
    span: Span | None,
    places: Sequence[Span | None],
) -> None:
    """A chain takes its own time steps: the argument called `t` is one of them, or a whole number."""
    if site.world.blocks[block].role != "chain":
        return
    names = [name for name in parameters if name != "self"]
    time = {**dict(zip(names, arguments, strict=False)), **options}.get("t")
    place = dict(zip(names, places, strict=False)).get("t") or span
    computed = isinstance(time, Node) and time.chain is None and time.operation.target in ARITHMETIC
    if isinstance(time, Node) and computed and any(edge.source.chain == block for edge in time.edges):
        raise faults.beyond_levels(place, block, method, site.world.blocks[block].options["steps"])
    if isinstance(time, Node) and time.chain != block:
        raise faults.foreign_time(place, block, method, time.chain)
    if isinstance(time, float):
        raise faults.not_a_level(place, block, time)


@cache
def _signature(function: Any) -> tuple[Mapping[str, inspect.Parameter], Mapping[str, Any]]:  # noqa: ANN401
    return inspect.signature(function).parameters, typing.get_type_hints(function, include_extras=True)


def _words(hint: Any) -> tuple[str, ...]:  # noqa: ANN401
    if typing.get_origin(hint) is Literal:
        return tuple(word for word in typing.get_args(hint) if isinstance(word, str))
    return tuple(word for part in typing.get_args(hint) for word in _words(part))


def _is_word(hint: Any) -> bool:  # noqa: ANN401
    return bool(_words(hint))
