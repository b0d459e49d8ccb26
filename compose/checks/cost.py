"""Cost: parameters of each block, and how often each is evaluated, for one sample of the batch.

A loop of k steps evaluates its body k times, each time forward and backward for a chain's potential; `repeat(v, k)`
makes k rows of each. An adaptive solver takes as many evaluations as it needs: it counts once, and is listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from blocks import loops
from compose.build import Composition
from compose.graph import Distribution, Graph, Node, Tensor

__all__ = ["cost"]

STAGES_OF = {"euler": 1, "midpoint": 2, "rk4": 4}  # field evaluations per step of a solver with fixed steps


def cost(composition: Composition) -> dict[str, Any]:
    """What a composition costs, as plain data.

    parameters   block -> number of parameters
    updates      stage -> update -> block -> evaluations per sample and step
    samplers     name -> block -> evaluations per sample
    chains       place -> the steps of a chain and what its potential evaluates: how far a tilt reaches back
    adaptive     blocks that an adaptive solver evaluates, each of whose solves is counted as one evaluation
    """
    graphs = {stage.name: stage for stage in composition.stages}
    named = {f"{stage.name}.{update.name}": update.graph for stage in graphs.values() for update in stage.updates}
    named |= {name: sampler.graph for name, sampler in composition.samplers.items()}
    return {
        "parameters": {name: _parameters(composition, name) for name in composition.blocks},
        "updates": {
            stage.name: {
                update.name: evaluations(update.graph, update.graph.outputs.values()) for update in stage.updates
            }
            for stage in composition.stages
        },
        "samplers": {name: evaluations(made.graph, made.value.values()) for name, made in composition.samplers.items()},
        "chains": [chain for name, graph in named.items() for chain in _chains(name, graph)],
        "adaptive": sorted({block for graph in named.values() for block in _adaptive(graph)}),
    }


def evaluations(graph: Graph, outputs: Iterable[Node]) -> dict[str, int]:
    """How often each block is evaluated, for one sample, to compute these nodes of the graph."""
    counts: Counter[str] = Counter()
    for node in graph.needed(list(outputs)):
        if node.use is not None:
            counts[node.use.block] += _rows(node)
        for body in node.bodies:
            for block, count in evaluations(body.graph, [body.output]).items():
                counts[block] += count * steps(node)
    return dict(counts)


def steps(node: Node) -> int:
    """How often a loop evaluates its body; 1 for an adaptive solver."""
    options = node.options
    if node.operation.target in (loops.langevin, loops.descend):
        return int(options["steps"])
    if node.operation.target is loops.scan:
        return int(options["start"])
    settings = options["settings"]
    return int(settings.get("steps") or 1) * STAGES_OF.get(settings["method"], 1)


def _rows(node: Node) -> int:
    known = node.type.value if isinstance(node.type, Distribution) else node.type
    sources = [edge.source.type for edge in node.edges]
    return (
        known.rows if isinstance(known, Tensor) else max((s.rows for s in sources if isinstance(s, Tensor)), default=1)
    )


def _parameters(composition: Composition, name: str) -> int:
    module = composition.sizes.slots[name].module
    return 0 if module is None else sum(parameter.numel() for parameter in module.parameters())


def _chains(name: str, graph: Graph) -> list[dict[str, Any]]:
    found = []
    for node in graph.walk():
        if node.operation.target in (loops.langevin, loops.descend):
            inside = evaluations(node.bodies[0].graph, [node.bodies[0].output])
            found.append({"in": name, "line": node.name, "steps": steps(node), "potential": inside})
    return found


def _adaptive(graph: Graph) -> set[str]:
    found = set()
    for node in graph.walk():
        settings = node.options.get("settings")
        if node.bodies and settings is not None and settings["method"] not in STAGES_OF:
            found |= set(evaluations(node.bodies[0].graph, [node.bodies[0].output]))
    return found
