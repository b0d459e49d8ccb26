"""Running nodes on fake tensors, which have shapes and no data: what a node gives, its type, its rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from blocks.calculus import as_row
from compose.allowance import Allowance
from compose.diagnostics import Finding, Span
from compose.faults import not_a_tensor
from compose.graph import Distribution, Edge, Graph, Node, Tensor, Type, map_edges
from compose.loop_types import loop_result
from compose.wording import changed_rows, shapes_disagree

__all__ = [
    "REFUSALS", "execute", "extra_axes", "fake", "faking", "of_constants", "refused", "rerun", "type_of", "wrong_rows",
]  # fmt: skip

DTYPES = {"float": torch.float32, "integer": torch.int64, "boolean": torch.bool}
REFUSALS = (RuntimeError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError, AssertionError)
"""What a block or an operator raises on values that it does not take."""

LOG = logging.getLogger("torch._subclasses.fake_tensor")
Fakes = Mapping[int, Any]
"""By the identity of a node, what it gives on fake tensors."""


@contextmanager
def faking(mode: Allowance) -> Iterator[None]:
    """Within, large tensors have no data, and none a gradient; what torch logs of calls that fail is ours to tell.

    Noise that is drawn within is not missed outside.
    """
    before, LOG.disabled = LOG.disabled, True
    try:
        with torch.random.fork_rng(devices=()), mode, torch.no_grad():
            yield
    finally:
        LOG.disabled = before


def fake(known: Tensor, batch: int) -> torch.Tensor:
    """A tensor of this type, in a batch of `batch` samples: of zeros, or of the first time step of a chain."""
    lead = (batch * known.rows,) if known.batched else ()
    return torch.full((*lead, *known.event), 1 if known.chain else 0, dtype=DTYPES[known.dtype])


def execute(node: Node, call: Any, fakes: Fakes) -> Any:  # noqa: ANN401  whatever the node gives
    """What a node gives; `call` is the module, or its method, that it calls.   Raises one of REFUSALS."""
    axes, lone = extra_axes(node), of_constants(node)

    def value(edge: Edge) -> Any:  # noqa: ANN401
        held = as_row(fakes[id(edge.source)]) if lone else fakes[id(edge.source)]
        return held.reshape(held.shape + (1,) * axes[id(edge)]) if id(edge) in axes else held

    arguments = map_edges(node.arguments, value)
    options = map_edges(dict(node.options), value)
    result = EXECUTE[node.operation.kind](node, call, arguments, options, fakes)
    return result[0] if lone else result


def _field(node: Node, call: Any, arguments: Any, options: dict[str, Any], fakes: Fakes) -> Any:  # noqa: ANN401
    held, key = arguments[0], node.operation.target
    return held[key] if isinstance(held, dict) or isinstance(key, int) else getattr(held, key)


EXECUTE: Mapping[str, Callable[[Node, Any, Any, dict[str, Any], Fakes], Any]] = {
    "call": lambda node, call, arguments, options, fakes: node.operation.target(*arguments, **options),
    "block": lambda node, call, arguments, options, fakes: call(*arguments, **options),
    "method": lambda node, call, arguments, options, fakes: getattr(arguments[0], node.operation.target)(
        *arguments[1:], **options
    ),
    "field": _field,
    "grad": lambda node, call, arguments, options, fakes: torch.zeros_like(arguments[1]),
    "loop": lambda node, call, arguments, options, fakes: loop_result(node, arguments, options, fakes),
    "stop": lambda node, call, arguments, options, fakes: arguments[0],
}


def of_constants(node: Node) -> bool:
    """Whether what sums or averages over the event meets constants only: all of their axes are the event."""
    target = node.operation.target
    summed = getattr(getattr(target, "rule", None), "scalar", False)
    if not summed and (target != "log_prob" or node.use is not None):
        return False
    sources = [edge.source.type for edge in node.edges]
    types = [held.value if isinstance(held, Distribution) else held for held in sources]
    constants = [held for held in types if isinstance(held, Tensor) and not held.batched]
    return len(constants) == len(types) and any(held.event for held in constants)


def extra_axes(node: Node) -> dict[int, int]:
    """Axes of length 1 to append to each edge of an aligned operation, so that batched values meet from the left."""
    if not node.operation.align:
        return {}
    ranks = {
        id(e): len(e.source.type.event)
        for e in node.edges
        if isinstance(e.source.type, Tensor) and e.source.type.batched
    }
    longest = max(ranks.values(), default=0)
    return {edge: longest - rank for edge, rank in ranks.items() if rank < longest}


def type_of(node: Node, result: Any) -> Type:  # noqa: ANN401
    """The type of what a node gave."""
    sources = [edge.source.type for edge in node.edges]
    if node.operation.kind == "grad":
        return sources[1]
    tensors = [t.value if isinstance(t, Distribution) else t for t in sources if t is not None]
    change = getattr(getattr(node.operation.target, "rule", None), "rows", "same")
    rows = _rows(node, change, max((t.rows for t in tensors if t.batched), default=1))
    batched = any(t.batched for t in tensors) and change != "constant"
    if isinstance(result, torch.Tensor):
        return _tensor_type(result, batched or _from_state(node), rows, node.chain)
    if node.family:
        mean = result.mean
        held = mean if isinstance(mean, torch.Tensor) else torch.zeros(())
        return Distribution(node.family, _tensor_type(held, batched, rows, None))
    return None


def _rows(node: Node, change: str, rows: int) -> int:
    """What becomes of `rows` entries for each row of the batch."""
    if change not in ("repeat", "interpolate", "group"):
        return rows
    factor = node.options.get("k", node.options.get("n", node.arguments[-1] if node.arguments else 1))
    if not isinstance(factor, int | float):
        return rows
    return rows * int(factor) if change != "group" else max(rows // max(int(factor), 1), 1)


def _tensor_type(result: torch.Tensor, batched: bool, rows: int, chain: str | None) -> Tensor:
    dtype = "float" if result.is_floating_point() else "boolean" if result.dtype == torch.bool else "integer"
    event = tuple(result.shape[1:]) if batched else tuple(result.shape)
    return Tensor(tuple(map(int, event)), batched, rows if batched else 1, dtype, chain)


def _from_state(node: Node) -> bool:
    """Fields of a loop's result are batched, though the result itself has no type."""
    sources = [edge.source for edge in node.edges]
    return node.operation.kind == "field" and bool(sources) and sources[0].type is None


def refused(node: Node, error: Exception) -> Finding:
    """Why a node failed: a number stands where only a tensor can, or sizes do not fit."""
    numbers = [argument for argument in node.arguments if isinstance(argument, int | float)]
    if isinstance(error, AttributeError | TypeError) and numbers:
        (found,) = not_a_tensor(node.span, numbers[0]).findings
        return found
    return shapes_disagree(node.span, *_reason(node, error))


def _reason(node: Node, error: Exception) -> tuple[str, list[tuple[Span | None, str]]]:
    """Why a node failed, and what it was given where.

    What a block says of itself is said again; of an operator that meets several values, their sizes say more.
    """
    given = [(edge.span or edge.source.span, edge.source.type) for edge in node.edges if edge.source.type is not None]
    cause = str(error).strip().split("\n")[0] or type(error).__name__
    if not isinstance(error, ValueError) and len(given) > 1:
        cause = " with ".join(str(known) for _, known in given)
    return cause, [(span, f"this is {known}") for span, known in given]


def wrong_rows(node: Node, result: Any, batch: int) -> Finding | None:  # noqa: ANN401
    """What is wrong with a value that has not one row for each sample."""
    known = node.type
    if isinstance(known, Tensor) and known.batched and result.shape[:1] != (batch * known.rows,):
        return changed_rows(node.span, batch * known.rows, tuple(result.shape))
    return None


def _supplied(node: Node, outer: Node | None, fakes: Fakes, batch: int) -> dict[int, Any]:
    """An input at this batch size: what it captures, if that is known; a tensor; 0 for a seed."""
    if outer is not None:
        return {id(node): fakes[id(outer)]} if id(outer) in fakes else {}
    return {id(node): fake(node.type, batch) if isinstance(node.type, Tensor) else 0}


def rerun(graph: Graph, callee: Callable[[Node], Any], solved: Fakes, batch: int) -> Iterator[Finding]:
    """What is wrong at another batch size: a batch axis mixed up with others.   The nodes of `solved` have types."""
    fakes: dict[int, Any] = {}
    outer = {id(inner): edge.source for node in graph.walk() for body in node.bodies for edge, inner in body.captures}
    for node in graph.walk():
        if id(node) not in solved:
            continue
        if node.operation.kind == "input":
            fakes |= _supplied(node, outer.get(id(node)), fakes, batch)
            continue
        if all(id(edge.source) in fakes for edge in node.edges):
            try:
                fakes[id(node)] = execute(node, callee(node), fakes)
            except REFUSALS as error:
                yield refused(node, error)
                return
            wrong = wrong_rows(node, fakes[id(node)], batch)
            if wrong is not None:
                yield wrong
                return
