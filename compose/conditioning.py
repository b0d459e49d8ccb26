"""A flow that is told something: `flow(_, y)` is the flow given y, as a model (`~flow(_, y)`) and as a bijection.

A flow with several noise leaves is inverted to a record of them, from which `.at` makes the value again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from compose import faults
from compose.binding import as_argument, call_block
from compose.expressions import Call, Expression, Hole, Name, walk
from compose.graph import Node
from compose.values import BlockValue, Record, Value

if TYPE_CHECKING:
    from compose.elaborate import Evaluator

__all__ = ["conditioned_block", "inverted"]


def conditioned_block(site: Evaluator, expression: Expression, holes: Sequence[Hole]) -> BlockValue | None:
    """The flow that `flow(_, y)` calls, with its further arguments; None for any other expression with holes."""
    if not isinstance(expression, Call) or len(expression.arguments) < 2 or len(holes) != 1:
        return None
    first, *others = expression.arguments
    if first.value is not holes[0] or any(argument.name for argument in others):
        return None
    called = _called_block(site, expression.function)
    if called is None or not site.world.blocks[called.name].is_model:
        return None
    told = [as_argument(site, site(argument.value), called.name, argument.value.span) for argument in others]
    return replace(called, context=(*called.context, *(value for value in told if isinstance(value, Node))))


def _called_block(site: Evaluator, function: Expression) -> BlockValue | None:
    """The block that the function of a call is, or is a view of (`freeze(b)`)."""
    value: Value | None = None
    if isinstance(function, Name):
        if function.name not in site.locals and function.name in site.world.blocks:
            value = site.world.name(function.name, function.span, site.locals, called=True)
    elif isinstance(function, Call) and not any(isinstance(part, Hole) for part in walk(function)):
        value = site(function)
    return value if isinstance(value, BlockValue) else None


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
