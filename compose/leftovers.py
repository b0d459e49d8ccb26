"""What has no size when all that could be found was found: told at its cause, not at what follows from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from compose.diagnostics import Finding
from compose.graph import Graph, Node
from compose.slots import Slots
from compose.wording import unsized_block, unsized_leaf

__all__ = ["leftovers"]


def leftovers(graph: Graph, slots: Slots, known: Collection[int]) -> Iterator[Finding]:
    """The faults of a graph in which nothing else failed.   `known`: the identities of the nodes that have a size.

    A call without an input that its block needs comes first, then draws that nothing shapes, then blocks.
    """
    live = graph.needed(list(graph.outputs.values()))
    bodies = [body.graph for node in live for body in node.bodies]
    nodes = [*live, *(node for body in bodies for node in body.walk())]
    unknown = [node for node in nodes if id(node) not in known]
    lacking = [found for node in unknown if node.use is not None and (found := slots.lacking(node)) is not None]
    leaves = [node for node in unknown if node.leaf is not None and node.leaf.law != "seed"]
    if lacking:
        yield from lacking
    elif leaves:
        for leaf in _first(leaves, nodes):
            assert leaf.leaf is not None
            block = _model_of(leaf, nodes, slots)
            told = unsized_leaf(leaf.span, leaf.leaf.path)
            yield unsized_block(slots.blocks[block].span, block) if block is not None else told
    else:
        for node in graph.walk():
            if node.use is not None and slots[node.use.block].module is None and id(node) not in known:
                yield unsized_block(slots.blocks[node.use.block].span, node.use.block)


def _first(leaves: Iterable[Node], nodes: Iterable[Node]) -> list[Node]:
    """The leaves without those that meet a value made of another: when that has a size, they have."""
    nodes, kept = list(nodes), []
    for leaf in leaves:
        users = [node for node in nodes if any(edge.source is leaf for edge in node.edges)]
        met = [edge.source for user in users for edge in user.edges if edge.source is not leaf]
        if not any(one in made for value in met for made in [_below(value)] for one in kept):
            kept.append(leaf)
    return kept


def _model_of(leaf: Node, nodes: Iterable[Node], slots: Slots) -> str | None:
    """The block of whose draw this is the noise."""
    users = [node.use.block for node in nodes if node.use and any(edge.source is leaf for edge in node.edges)]
    return next((block for block in users if slots.blocks[block].is_model), None)


def _below(node: Node) -> list[Node]:
    return node.graph.needed([node]) if node.graph is not None else [node]
