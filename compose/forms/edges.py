"""Forms that mark edges:  sg(v) stops a gradient, freeze(b) and ema(b) mark calls of a block; grad(f, v); records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from compose import faults
from compose.diagnostics import Span
from compose.flow import depends
from compose.forms import form
from compose.graph import Node, Operation
from compose.values import BlockValue, Function, Record, Value

if TYPE_CHECKING:
    from compose.elaborate import Evaluator

__all__ = ["freeze", "gradient", "stop_gradient"]


@form("sg")
def stop_gradient(site: Evaluator, span: Span, value: Value) -> Value:
    """The same value; its gradient stops on this edge.   Source: thesis eq. 3.7."""
    if isinstance(value, Node):
        return site.tracer.stop(value, span)
    if isinstance(value, Record):
        return Record({name: stop_gradient(site, span, part) for name, part in value.fields.items()})
    if isinstance(value, int | float):
        return value
    raise faults.not_a_tensor(span, value)  # a block is frozen, not stopped


@form("freeze")
def freeze(site: Evaluator, span: Span, freeze: BlockValue) -> Value:
    """The block with its parameters constant on the calls made through it; gradients to the inputs pass."""
    return replace(freeze, frozen=True)


@form("ema")
def average(site: Evaluator, span: Span, ema: BlockValue) -> Value:
    """The block with its averaged weights, which are constants."""
    return replace(ema, average=True, frozen=True)


@form("grad")
def gradient(site: Evaluator, span: Span, f: Summand, v: Node) -> Value:
    """The gradient of f's sum with respect to v: the shape of v."""
    if isinstance(f, BlockValue | Function):
        raise faults.not_a_tensor(span, f, way=f"write grad({f.name}({v.name}), {v.name})")
    if not depends(f, v):
        raise faults.unrelated_gradient(span)
    return site.tracer.emit(Operation("grad", "grad"), f, v, span=span, name=f"grad_{f.name}")


@form("record", open_fields=True)
def record(site: Evaluator, span: Span, *, fields: Mapping[str, Value]) -> Value:
    """A record of named values or models."""
    return Record(fields)


Summand = Node | BlockValue | Function
