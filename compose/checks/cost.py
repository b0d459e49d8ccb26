"""Cost: parameters of each block, and how often each is evaluated, for one sample of the batch.

A loop of k steps evaluates its body k times, each time forward and backward for a chain's potential; `repeat(v, k)`
makes k rows of each. An adaptive solver takes as many evaluations as it needs: it counts once, and is listed. A
bijection says which of its sides is cheap; a call of the other counts as the passes that it takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from blocks import loops
from compose.build import Composition
from compose.catalogue import Catalogue
from compose.diagnostics import Finding, Span, finding
from compose.graph import Distribution, Graph, Node, Tensor

__all__ = ["check_sides", "cost"]

STAGES_OF = {"euler": 1, "midpoint": 2, "rk4": 4}  # field evaluations per step of a solver with fixed steps

SIDES = {  # methods of a flow by the way that they go: noise to data is forward
    **dict.fromkeys(("forward", "at", "forward_and_ladj", "log_prob_at"), "forward"),
    **dict.fromkeys(("inverse", "inverse_and_ladj", "log_prob"), "inverse"),
}
Passes = Callable[[Node], int]


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
    passes = _passes_of(composition)
    return {
        "parameters": {name: _parameters(composition, name) for name in composition.blocks},
        "updates": {
            stage.name: {
                update.name: evaluations(update.graph, update.graph.outputs.values(), passes)
                for update in stage.updates
            }
            for stage in composition.stages
        },
        "samplers": {
            name: evaluations(made.graph, made.value.values(), passes) for name, made in composition.samplers.items()
        },
        "chains": [chain for name, graph in named.items() for chain in _chains(name, graph, passes)],
        "adaptive": sorted({block for graph in named.values() for block in _adaptive(graph)}),
    }


def check_sides(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Losses that need the dear side of a bijection."""
    passes = _passes_of(composition)
    for stage in composition.stages:
        for update in stage.updates:
            for node in _computed(list(update.terms.values())):
                if node.use is not None and is_dear(composition, node):
                    cheap = composition.blocks[node.use.block].cheap
                    yield dear_side(node.span, node.use.block, cheap, passes(node))


def is_dear(composition: Composition, node: Node) -> bool:
    """Whether a node goes the dear way through a bijection."""
    declared = composition.blocks[node.use.block] if node.use is not None else None
    if declared is None or not declared.is_model or declared.cheap == "both":
        return False
    return SIDES.get(node.operation.target) not in (None, declared.cheap)


def _passes_of(composition: Composition) -> Passes:
    """How often a call evaluates the network of its block, for each row."""

    def passes(node: Node) -> int:
        if node.use is None or not is_dear(composition, node):
            return 1
        return int(getattr(composition.sizes.slots[node.use.block].module, "dear_passes", 1))

    return passes


def _computed(ends: list[Node]) -> Iterator[Node]:
    """Every node that these are computed of, those inside loops and those that a stage shares too."""
    waiting, seen = list(ends), set()
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            waiting += [edge.source for edge in node.edges] + [body.output for body in node.bodies]
            waiting += [node.origin] if node.origin is not None else []


def evaluations(graph: Graph, outputs: Iterable[Node], passes: Passes) -> dict[str, int]:
    """How often each block is evaluated, for one sample, to compute these nodes of the graph."""
    counts: Counter[str] = Counter()
    for node in graph.needed(list(outputs)):
        if node.use is not None:
            counts[node.use.block] += _rows(node) * passes(node)
        for body in node.bodies:
            for block, count in evaluations(body.graph, [body.output], passes).items():
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


def _chains(name: str, graph: Graph, passes: Passes) -> list[dict[str, Any]]:
    found = []
    for node in graph.walk():
        if node.operation.target in (loops.langevin, loops.descend):
            inside = evaluations(node.bodies[0].graph, [node.bodies[0].output], passes)
            found.append({"in": name, "line": node.name, "steps": steps(node), "potential": inside})
    return found


def _adaptive(graph: Graph) -> set[str]:
    found = set()
    for node in graph.walk():
        settings = node.options.get("settings")
        if node.bodies and settings is not None and settings["method"] not in STAGES_OF:
            found |= set(evaluations(node.bodies[0].graph, [node.bodies[0].output], lambda _: 1))
    return found


@finding("C101", "warning")
def dear_side(span: Span | None, block: str, cheap: str, passes: int) -> Finding:
    """A loss needs the dear side of a bijection, which takes many passes of its network where the other takes one.

    A masked autoregressive flow measures densities in one pass and draws in as many as a sample has entries; an
    inverse autoregressive flow draws, and measures its own draws, in one. Wrong: a term of `~prior` with a masked flow.
    Right: `-prior.log_prob(z)`, or a flow of couplings.
    """
    way, dear = ("noise to data", "data to noise") if cheap == "forward" else ("data to noise", "noise to data")
    right = f"its density at its own draws, `~{block}`" if cheap == "forward" else f"{block}.log_prob of given values"
    return Finding(
        span=span,
        message=f"`{block}` is cheap from {way}, and this goes from {dear}: {passes} passes for each sample and step",
        help=f"use {right}, or a flow that is cheap both ways: flow.realnvp",
    )
