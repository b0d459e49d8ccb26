"""Layered layout:  layers, order within a layer, coordinates, as in Gansner et al. 1993, "A technique for drawing
directed graphs".   Layers and coordinates are the optima of two linear programs, the order is found by sweeps.

arrange(sizes, links) -> Layout: where each box stands, and for each link the places it goes through

A size is (along, across): along the direction in which the layers follow each other, and across it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import networkx as nx
import numpy as np

__all__ = ["Layout", "arrange"]

Point = tuple[float, float]
Link = tuple[str, str]
Held = str | tuple[int, int]
"""What stands in a layer: a box, or the place where link (number, layer) passes through it."""
Neighbours = dict[Held, list[Held]]
SWEEPS = 12
STRAIGHT = {0: 1.0, 1: 2.0, 2: 8.0}  # the weight of a piece of a link, by how many of its ends are lanes


@dataclass
class Layout:
    """Centres of boxes; routes of links as the centres of what they pass; where each layer starts and ends; the size.

    `turned`: links against the layers' direction (of circles); their routes still go from their source.
    """

    centres: dict[str, Point] = field(default_factory=dict)
    routes: list[list[Point]] = field(default_factory=list)
    layers: list[tuple[float, float]] = field(default_factory=list)
    layer_of: dict[str, int] = field(default_factory=dict)
    turned: set[int] = field(default_factory=set)
    size: Point = (0.0, 0.0)


def arrange(
    sizes: Mapping[str, Point], links: Sequence[Link], kinds: Sequence[str], *, apart: Point, lane: float = 10.0
) -> Layout:
    """Boxes in layers, `apart` from each other along and across; links pass through lanes between the boxes.

    Links of one kind from one box share their lanes as far as they go together.
    """
    if not sizes:
        return Layout()
    forward, turned = _without_circles(sizes, links)
    layer_of = _layers(list(sizes), forward)
    first: dict[tuple[str, str, bool], int] = {}
    lane_of = [
        first.setdefault((source, kind), at) for at, ((source, _), kind) in enumerate(zip(forward, kinds, strict=True))
    ]
    layers, pieces = _with_lanes(layer_of, forward, lane_of)
    order = _ordered(layers, pieces)
    across = _coordinates(order, pieces, {name: size[1] for name, size in sizes.items()}, apart[1], lane)
    made = Layout(layer_of=layer_of, turned=turned)
    at = 0.0
    for here in order:
        thick = max(sizes[held][0] if isinstance(held, str) else 0.0 for held in here)
        made.layers.append((at, at + thick))
        at += thick + apart[0]
    middle = [(start + end) / 2 for start, end in made.layers]
    made.centres = {name: (middle[layer_of[name]], across[name]) for name in sizes}
    for number, (source, target) in enumerate(forward):
        between = [(lane_of[number], layer) for layer in range(layer_of[source] + 1, layer_of[target])]
        route = [
            made.centres[source],
            *((middle[held[1]], across[held]) for held in between),
            made.centres[target],
        ]
        made.routes.append(route[::-1] if number in turned else route)
    ends = [across[name] + size[1] / 2 for name, size in sizes.items()]
    made.size = (at - apart[0], max([*ends, *(value for held, value in across.items() if not isinstance(held, str))]))
    return made


def _without_circles(names: Mapping[str, Point], links: Sequence[Link]) -> tuple[list[Link], set[int]]:
    """The links, those that would close a circle turned around, and which these are."""
    kept = nx.DiGraph()
    kept.add_nodes_from(names)
    forward, turned = [], set()
    for number, (source, target) in enumerate(links):
        if nx.has_path(kept, target, source):
            source, target = target, source
            turned.add(number)
        kept.add_edge(source, target)
        forward.append((source, target))
    return forward, turned


def _layers(names: list[str], links: Sequence[Link]) -> dict[str, int]:
    """The layer of each box: links go at least one layer on, and their lengths sum to the least."""
    from scipy.optimize import linprog  # 0.2 s: imported on use, as in `_coordinates`

    if not links:
        return dict.fromkeys(names, 0)
    place = {name: at for at, name in enumerate(names)}
    costs, rows = np.zeros(len(names)), np.zeros((len(links), len(names)))
    for row, (source, target) in enumerate(links):
        rows[row, [place[source], place[target]]] = 1.0, -1.0
        costs[place[target]] += 1.0
        costs[place[source]] -= 1.0
    costs += 1e-4  # parts that nothing joins start together
    solved = linprog(costs, rows, -np.ones(len(links)), bounds=(0, len(names)), method="highs-ds")
    found = np.rint(solved.x).astype(int)
    return {name: int(found[place[name]] - found.min()) for name in names}


def _with_lanes(
    layer_of: Mapping[str, int], links: Sequence[Link], lane_of: Sequence[int]
) -> tuple[list[list[Held]], list[tuple[Held, Held]]]:
    """What stands in each layer, and the pieces of the links, each from one layer to the next."""
    layers: list[list[Held]] = [[] for _ in range(1 + max(layer_of.values()))]
    for name, layer in layer_of.items():
        layers[layer].append(name)
    pieces: list[tuple[Held, Held]] = []
    for number, (source, target) in enumerate(links):
        lanes: list[Held] = [(lane_of[number], layer) for layer in range(layer_of[source] + 1, layer_of[target])]
        for layer, held in enumerate(lanes, layer_of[source] + 1):
            if held not in layers[layer]:
                layers[layer].append(held)
        pieces += pairwise([source, *lanes, target])
    return layers, list(dict.fromkeys(pieces))


def _ordered(layers: list[list[Held]], pieces: Sequence[tuple[Held, Held]]) -> list[list[Held]]:
    """The order within the layers with the fewest crossings that sweeps find."""
    before: Neighbours = {}
    after: Neighbours = {}
    for source, target in pieces:
        after.setdefault(source, []).append(target)
        before.setdefault(target, []).append(source)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, pieces)
    order = [list(layer) for layer in layers]
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        neighbours = before if down else after
        steps = range(1, len(order)) if down else range(len(order) - 2, -1, -1)
        for at in steps:
            fixed = {held: place for place, held in enumerate(order[at - 1 if down else at + 1])}
            here = {held: place for place, held in enumerate(order[at])}

            def wanted(held: Held, fixed: dict = fixed, here: dict = here, neighbours: dict = neighbours) -> float:
                known = [fixed[other] for other in neighbours.get(held, ()) if other in fixed]
                return sum(known) / len(known) if known else here[held]

            order[at].sort(key=wanted)
        _swap(order, before, after)
        found = _crossings(order, pieces)
        if found < fewest:
            best, fewest = [list(layer) for layer in order], found
    return best


def _swap(order: list[list[Held]], before: Neighbours, after: Neighbours) -> None:
    """Exchange neighbours in a layer where that takes crossings away."""
    place = {held: at for layer in order for at, held in enumerate(layer)}
    for layer in order:
        for at in range(len(layer) - 1):
            upper, lower = layer[at], layer[at + 1]
            gained = sum(
                (place[a] > place[b]) - (place[a] < place[b])
                for joined in (before, after)
                for a in joined.get(upper, ())
                for b in joined.get(lower, ())
            )
            if gained > 0:
                layer[at], layer[at + 1] = lower, upper
                place[upper], place[lower] = at + 1, at


def _crossings(order: list[list[Held]], pieces: Sequence[tuple[Held, Held]]) -> int:
    """How many pairs of pieces cross."""
    place = {held: (layer, at) for layer, here in enumerate(order) for at, held in enumerate(here)}
    by_layer: dict[int, list[tuple[int, int]]] = {}
    for source, target in pieces:
        by_layer.setdefault(place[source][0], []).append((place[source][1], place[target][1]))
    return sum(
        (a - c) * (b - d) < 0 for held in by_layer.values() for i, (a, b) in enumerate(held) for c, d in held[i + 1 :]
    )


def _coordinates(
    order: list[list[Held]], pieces: Sequence[tuple[Held, Held]], across: Mapping[str, float], apart: float, lane: float
) -> dict[Held, float]:
    """Coordinates across the layers: the order is kept, boxes do not touch, and links are as straight as can be."""
    from scipy.optimize import linprog
    from scipy.sparse import lil_matrix

    held = [each for layer in order for each in layer]
    place = {each: at for at, each in enumerate(held)}
    pairs = [pair for layer in order for pair in pairwise(layer)]
    count = len(held)
    rows = lil_matrix((2 * len(pieces) + len(pairs), count + len(pieces)))
    limits, costs = np.zeros(rows.shape[0]), np.zeros(rows.shape[1])
    costs[:count] = 1e-4  # towards the top
    for at, (source, target) in enumerate(pieces):
        costs[count + at] = STRAIGHT[sum(not isinstance(end, str) for end in (source, target))]
        for sign, row in ((1.0, 2 * at), (-1.0, 2 * at + 1)):
            rows[row, place[source]], rows[row, place[target]], rows[row, count + at] = sign, -sign, -1.0

    def room(each: Held) -> float:
        return across[each] if isinstance(each, str) else lane

    for at, (upper, lower) in enumerate(pairs):
        row = 2 * len(pieces) + at
        rows[row, place[upper]], rows[row, place[lower]] = 1.0, -1.0
        limits[row] = -((room(upper) + room(lower)) / 2 + apart)
    low = [room(each) / 2 for each in held] + [0.0] * len(pieces)
    solved = linprog(costs, rows.tocsr(), limits, bounds=[(least, None) for least in low], method="highs")
    return {each: float(solved.x[at]) for each, at in place.items()}
