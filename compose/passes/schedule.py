"""Order: a value that is used once is computed where it is used, as it would be written.

    schedule(graph)     same values, each node where the readable print of the program computes it

Nodes become *statements*, or parts of one. A part is used once, is small, has no name of its own in the spec, and stays
in its region of recording. Calls of one block keep their order, since they may write its statistics.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator

import torch
from torch import fx

__all__ = ["is_accessor", "is_part", "schedule"]

LARGEST = 4  # operations in one statement, beyond which a part gets a line of its own
BARRIERS = (torch._C._set_grad_enabled, torch.is_grad_enabled)


def schedule(graph: fx.Graph) -> None:
    """Reorder `graph` in place, and mark the parts of statements."""
    nodes = list(graph.nodes)
    kept: set[fx.Node] = set()  # must be statements: moving them would turn the order of some block's calls
    while True:
        parts = _parts(nodes, kept)
        statements = [node for node in nodes if node not in parts]
        order = list(dict.fromkeys(held for node in statements for held in (*_before(node, parts), node)))
        turned = _turned(nodes, order)
        if not turned:
            break
        kept |= turned
    for node in nodes:
        node.meta["part"] = node in parts
    for node in order[:-1]:
        order[-1].prepend(node)


def is_part(node: fx.Node) -> bool:
    """Whether a node is written inside the statement that uses it."""
    return bool(node.meta.get("part"))


def is_accessor(node: fx.Node) -> bool:
    """Whether a node reads an attribute or an entry, which is written wherever it is used."""
    return node.target in (getattr, operator.getitem) and not node.meta.get("named")


def uses_of(node: fx.Node) -> Iterator[fx.Node]:
    """The nodes that use `node`, once for each time they do; what reads an attribute of it uses it."""
    for user in node.users:
        count = len([held for held in _arguments(user) if held is node])
        yield from (uses_of(user) if is_accessor(user) else [user] * count)


def _arguments(node: fx.Node) -> list[fx.Node]:
    found: list[fx.Node] = []
    fx.map_arg((node.args, node.kwargs), lambda held: found.append(held) or held)
    return found


def _parts(nodes: list[fx.Node], kept: set[fx.Node]) -> set[fx.Node]:
    region, where = 0, {}
    for node in nodes:
        region += node.target in BARRIERS
        where[node] = region
    parts: set[fx.Node] = set()
    size: dict[fx.Node, int] = {}
    for node in nodes:
        if node.op in ("placeholder", "output"):
            continue
        if node.op == "get_attr" or is_accessor(node):
            parts.add(node)
            size[node] = sum(size.get(held, 0) for held in _arguments(node) if held in parts)
            continue
        size[node] = 1 + sum(size.get(held, 0) for held in _arguments(node) if held in parts)
        users = list(uses_of(node))
        alone = len(users) == 1 and where[users[0]] == where[node]
        result = _is_result(node, nodes)
        small = size[node] <= LARGEST + 2 * result and (result or not node.meta.get("named"))
        if alone and small and node not in kept and node.target not in BARRIERS:
            parts.add(node)
    return parts


def _is_result(node: fx.Node, nodes: list[fx.Node]) -> bool:
    """Whether a node is all that its function returns."""
    result = nodes[-1].args[0]
    return node is result or (isinstance(result, dict) and [*result.values()] == [node])


def _before(node: fx.Node, parts: set[fx.Node]) -> Iterator[fx.Node]:
    """The parts of a statement in the order in which Python computes them."""
    for held in dict.fromkeys(_arguments(node)):
        if held in parts:
            yield from _before(held, parts)
            yield held


def _turned(nodes: list[fx.Node], order: list[fx.Node]) -> set[fx.Node]:
    """Calls of a block that would come after a call of it which they came before."""
    place = {node: at for at, node in enumerate(order)}
    last: dict[str, fx.Node] = {}
    turned: set[fx.Node] = set()
    for node in nodes:
        block = _block(node)
        if block is not None:
            if block in last and place[last[block]] > place[node]:
                turned.add(last[block])
            last[block] = node
    return turned


def _block(node: fx.Node) -> str | None:
    """The block that a node calls."""
    if node.op == "call_module":
        return str(node.target)
    if node.op == "call_method" and isinstance(node.args[0], fx.Node) and node.args[0].op == "get_attr":
        return str(node.args[0].target)
    return None
