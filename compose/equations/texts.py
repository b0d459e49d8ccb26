"""Equations as a text of their own, and the noise spaces that are derived."""

from __future__ import annotations

import re
from collections.abc import Iterable

from compose.build import Composition
from compose.checks.cost import steps
from compose.equations.paper import Paper, equations_of
from compose.equations.rules import symbol
from compose.equations.writer import Writer
from compose.graph import Graph, Node, Tensor

__all__ = ["latex_of", "noise_space", "symbols"]

LONGEST = 10  # characters of a subscript: the names of samplers and of chains' starts are words
SEED = "seed"  # the law of what a loop makes its noise from


def latex_of(composition: Composition) -> str:
    """Every equation as LaTeX, one a line, below the name of what it is of."""
    paper = equations_of(composition)
    rows = [f"% models of {composition.spec.name}", *paper.models.values()]
    for stage, updates in paper.updates.items():
        for name, held in updates.items():
            rows += ["", f"% stage {stage}, update {name}"]
            rows += [rf"\mathcal{{L}}_{{\mathrm{{{_escaped(term)}}}}} = {tex}" for term, tex in held.terms.items()]
            rows += held.where
    rows += ["", "% samplers", *(f"{tex}  % {name}" for name, tex in paper.samplers.items())]
    legend = [f"% {tex}  {meaning}" for tex, meaning in symbols(composition, paper).items()]
    return "\n".join([*rows, "", "% symbols", *legend])


def symbols(composition: Composition, paper: Paper) -> dict[str, str]:
    """What the symbols of the equations stand for, as LaTeX: data, blocks, and the notation that is used."""
    used = "\n".join(paper.all())
    found: dict[str, list[str]] = {}
    for name, field in composition.fields.items():
        if _stands(symbol(name), used) and not name.endswith("index"):
            found[symbol(name)] = [f"`{name}` of the data, {' x '.join(map(str, field.event)) or 'a number'}"]
    for name, declared in composition.blocks.items():
        tex = Writer(composition).stands_for(name)
        if _stands(tex, used):
            found.setdefault(tex, []).append(f"`{name}`, {declared.kind}")
    told = {tex: "; ".join(meanings) for tex, meanings in found.items()}
    return told | {tex: meaning for tex, meaning in NOTATION.items() if tex in used}


def _stands(tex: str, used: str) -> bool:
    """Whether a symbol is in the equations, not as a part of a longer word."""
    return re.search(rf"(?<![A-Za-z]){re.escape(tex)}(?![A-Za-z])", used) is not None


NOTATION = {
    r"\epsilon": "standard normal noise",
    r"\mathcal{N}": "a normal distribution",
    r"\mathrm{sg}": "its argument, through which no gradient passes",
    r"\bar{\theta}": "parameters that are constant here, or averaged",
    r"\mathrm{KL}": "the Kullback-Leibler divergence",
    r"\mathbb{E}": "an expectation",
    r"\nabla": "a gradient",
    r"\propto": "equal up to a constant factor",
    r"\mathrm{Langevin}": "where so many Langevin steps of size eta end",
    r"\mathrm{HMC}": "where so many steps of Hamiltonian Monte Carlo end",
    r"\mathrm{MALA}": "where so many Metropolis-adjusted Langevin steps end",
}


def _escaped(name: str) -> str:
    return name.replace("_", r"\_")


def noise_space(graph: Graph, outputs: Iterable[Node]) -> list[str]:
    """The leaves of noise that some values come from, each with its space, as LaTeX.

    epsilon_z in R^20, and 60 x n for the noise of 60 steps.
    """
    found = []
    for node in graph.needed(list(outputs)):
        if node.leaf is not None and node.leaf.law != SEED:
            found.append(_leaf(node))
        inside = [_leaf(held) for body in node.bodies for held in body.graph.nodes if held.leaf is not None]
        seeds = [edge.source.leaf for edge in node.edges if edge.source.leaf is not None]
        inside += ["n"] if any(leaf.law == SEED for leaf in seeds) and not inside else []
        found += [rf"{steps(node)} \times {leaf}" for leaf in inside]
    return found


def _leaf(node: Node) -> str:
    assert node.leaf is not None
    last = node.leaf.path.split("/")[-1].split(".")[-1]
    if node.leaf.law == "integers":  # a time step is no noise, but what is drawn
        return rf"{symbol(last)} \in \{{1, \ldots, {node.leaf.high or 'T'}\}}"
    space = _space(node.type, node.leaf.law) if isinstance(node.type, Tensor) else r"\cdot"
    name = rf"\epsilon_{{{symbol(last)}}}" if len(symbol(last)) < LONGEST else r"\epsilon"
    return rf"{name} \in {space}"


def _space(known: Tensor, law: str) -> str:
    sizes = r" \times ".join(map(str, known.event))
    field = "[0, 1]" if law == "uniform" else r"\mathbb{R}"
    return f"{field}^{{{sizes}}}" if sizes else field
