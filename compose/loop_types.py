"""Type rules of loops, whose bodies are typed but which are never run on fake tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from blocks import loops
from blocks.dynamics import Trace
from compose.graph import Edge, Node, Tensor

__all__ = ["loop_result", "state_sources", "unlike"]


def state_sources(node: Node) -> list[Node | Tensor]:
    """For each state input of the body: the outer node it starts from, or its type."""
    function = node.operation.target
    first = node.arguments[0]
    if not isinstance(first, Edge):
        return [edge.source for edge in first.values()]
    if function in (loops.langevin, loops.descend):
        return [first.source]
    states: list[Node | Tensor] = [first.source]
    for extra in node.bodies[0].state[1:]:
        states.append(Tensor((), dtype="integer", chain=extra.chain) if extra.chain else Tensor((), batched=False))
    return states


def loop_result(
    node: Node,
    arguments: Any,  # noqa: ANN401
    options: Mapping[str, Any],
    fakes: Mapping[int, Any],
) -> Any:  # noqa: ANN401
    """What the loop gives, on fake tensors.   Raises ValueError where a body does not fit its state."""
    function, start = node.operation.target, arguments[0]
    output = fakes.get(id(node.bodies[0].output))
    keep = options.get("keep")
    if function in (loops.langevin, loops.descend):
        kept = int(options["steps"]) // int(keep) if keep else 0
        if isinstance(start, torch.Tensor):
            return Trace(torch.zeros_like(start), _path(start, kept) if keep else None)
        state = {name: torch.zeros_like(part) for name, part in start.items()}
        return Trace(state, {name: _path(part, kept) for name, part in state.items()} if keep else None)
    if function is loops.scan:
        if output is not None and output.shape != start.shape:
            raise ValueError(
                f"the kernel makes {tuple(output.shape[1:])} of {tuple(start.shape[1:])}: it must keep the shape"
            )
        kept = int(options["start"]) // int(keep) if keep else 0
        return loops.Scanned(torch.zeros_like(start), _path(start, kept) if keep else None)
    value = torch.zeros_like(start)
    if function in (loops.flow, loops.flow_inverse):
        return value
    return value, start.new_zeros(start.shape[:1])


def _path(state: torch.Tensor, kept: int) -> torch.Tensor:  # b *event -> b kept *event
    return state.new_zeros((len(state), kept, *state.shape[1:]))


def unlike(start: Node, state: Node) -> bool:
    """Whether a loop starts at a value of another size than its body takes."""
    return isinstance(start.type, Tensor) and isinstance(state.type, Tensor) and start.type.event != state.type.event
