"""A flow that is told something: `flow(_, y)` is the flow given y, as a model (`~flow(_, y)`) and as a bijection.

A flow with several noise leaves is inverted to a record of them, from which `.at` makes the value again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from compose import faults
from compose.binding import as_argument, call_block
from compose.expressions import Call, Expression, Hole, Name, walk
from compose.graph import Node
from compose.values import BlockValue, Record, Value

if TYPE_CHECKING:
    from compose.declarations import Declared
    from compose.elaborate import Evaluator

__all__ = ["inverted", "is_told", "open_holes", "told"]


def is_told(expression: Expression, blocks: Mapping[str, Declared]) -> bool:
    """Whether an expression is a flow with its further arguments: `flow(_, y)`, `freeze(flow)(_, y)`."""
    if not isinstance(expression, Call) or len(expression.arguments) < 2:
        return False
    first, *others = expression.arguments
    if not isinstance(first.value, Hole) or first.name or any(argument.name for argument in others):
        return False
    if any(isinstance(part, Hole) for argument in others for part in walk(argument.value)):
        return False
    name = _block_name(expression.function)
    return name in blocks and blocks[name].is_model


def open_holes(expression: Expression, blocks: Mapping[str, Declared]) -> list[Hole]:
    """The holes of a function, in order: those of a flow that is told something are its own."""
    own = {id(part.arguments[0].value) for part in walk(expression) if isinstance(part, Call) and is_told(part, blocks)}
    return [part for part in walk(expression) if isinstance(part, Hole) and id(part) not in own]


def told(site: Evaluator, call: Call) -> BlockValue:
    """What `flow(_, y)` is: the flow with its further arguments."""
    block = site(call.function) if isinstance(call.function, Call) else _named(site, call.function)
    assert isinstance(block, BlockValue)
    others = [as_argument(site, site(given.value), block.name, given.value.span) for given in call.arguments[1:]]
    return replace(block, context=(*block.context, *(value for value in others if isinstance(value, Node))))


def _named(site: Evaluator, function: Expression) -> Value:
    assert isinstance(function, Name)
    return site.world.name(function.name, function.span, site.locals, called=True)


def _block_name(function: Expression) -> str:
    """The name that is called, if through `freeze(..)` or `ema(..)`; "" for anything else."""
    while isinstance(function, Call) and len(function.arguments) == 1:
        function = function.arguments[0].value
    return function.name if isinstance(function, Name) else ""


def inverted(site: Evaluator, block: BlockValue, call: Call) -> Value:
    """`flow.inverse(x)`: the noise of x, a record of it where there are several leaves."""
    leaves = site.world.blocks[block.name].leaves
    positional = [site(part) for part in call.positional]
    if not leaves:
        named = {argument.name: argument for argument in call.arguments if argument.name}
        places = [*(part.span for part in call.positional), *(call.span for _ in block.context)]
        return call_block(site, block, "inverse", [*positional, *block.context], named, call.span, places)
    if any(argument.name for argument in call.arguments):
        raise faults.wrong_count(call.span, f"{block.name}.inverse", 1, len(call.arguments))
    noise = call_block(site, block, "noise_of", [*positional, *block.context], {}, call.span)
    return Record({name: site.tracer.field(noise, index, span=call.span) for index, name in enumerate(leaves)})
