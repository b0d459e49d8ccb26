"""What of a program `torch.compile` takes: the whole of it, the bodies of its loops, or nothing.

whole    no loop: one graph from the inputs to the loss
bodies   each chain's potential, with its gradient, and each scan's kernel: a loop of k steps is not unrolled
eager    an adaptive solver, whose steps depend on values; a gradient that a term is made of, whose own gradient
         PyTorch's compiler gets wrong (2.13: one step of R1 in float64 moved a weight the other way)
"""

from collections.abc import Iterable
from typing import Literal

from blocks import loops
from blocks.calculus import gradient
from compose.graph import Graph

__all__ = ["BODIES", "Way", "way_of", "way_of_graph"]

Way = Literal["whole", "bodies", "eager"]

BODIES = (loops.langevin, loops.descend, loops.scan)
CALLED = {"grad": gradient}
"""What a node of a kind will call, where its target does not say it."""
SOLVERS = (loops.flow, loops.flow_inverse, loops.flow_with_ladj, loops.flow_inverse_with_ladj)


def way_of(called: Iterable[object]) -> Way:
    """The way of a program, by the functions that it calls."""
    found = [target for target in called if target in BODIES or target in SOLVERS or target is gradient]
    if not found:
        return "whole"
    return "bodies" if any(target in BODIES for target in found) else "eager"


def way_of_graph(graph: Graph) -> Way:
    """The same of a graph that is not compiled yet."""
    operations = (node.operation for node in graph.nodes)
    return way_of(CALLED.get(operation.kind, operation.target) for operation in operations)
