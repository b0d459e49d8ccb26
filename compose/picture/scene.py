"""A picture as shapes: boxes are placed, lines are routed between them, everything gets its style; no file format yet.

scene_of(panels, title) -> Scene        svg.write(scene), raster.write(scene, "png")
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from compose.picture.layout import Layout, arrange
from compose.picture.panels import Box, Line, Panel

__all__ = ["Curve", "Label", "Rectangle", "Scene", "scene_of"]

Point = tuple[float, float]
SMALL, LARGE, TITLE = 11.0, 13.0, 15.0  # px
MONO, BOLD = 0.63, 0.66  # widths of a character by its height, of monospaced and (on the safe side) of bold fonts
PADDING, GAPS, LANE = 9.0, (52.0, 14.0), 8.0
MARGIN, LEADING = 22.0, 15.0
WIDEST = 30  # characters in a row


@dataclass(frozen=True)
class Rectangle:
    """A box with rounded corners."""

    corner: Point
    size: Point
    radius: float
    style: str


@dataclass(frozen=True)
class Curve:
    """Straight pieces and S-shaped ones, alternately, as cubic Béziers (start, then triples); with an arrow's head.

    `bar`: where a small bar crosses it, or None.
    """

    points: tuple[Point, ...]
    style: str
    arrow: bool = True
    bar: Point | None = None


@dataclass(frozen=True)
class Label:
    """A row of text; `anchor` is "start" or "middle"."""

    at: Point
    text: str
    size: float
    style: str
    anchor: str = "middle"
    bold: bool = False


Shape = Rectangle | Curve | Label


@dataclass
class Scene:
    """Shapes, those behind first, on a sheet of this size (px)."""

    size: Point
    shapes: list[Shape] = field(default_factory=list)


def scene_of(panels: Sequence[Panel], title: str, notes: Sequence[str] = ()) -> Scene:
    """The panels below each other, with the legend of what occurs in them; `notes` stand at the end."""
    shapes: list[Shape] = [Label((MARGIN, MARGIN + 12), title, TITLE, "ink", "start", True)]
    down, width = MARGIN + 30.0, 560.0
    for panel in panels:
        size, places = _placed(panel)
        if panel.title:
            shapes.append(Label((MARGIN, down + 12), panel.title, LARGE, "ink", "start", True))
        shapes += _shapes(panel, places, (MARGIN, down + 26))
        down += 26 + size[1] + 26
        width = max(width, size[0])
    for row in notes:
        shapes.append(Label((MARGIN, down + 8), row, SMALL, "fault-text", "start"))
        down += LEADING
    shapes += _legend(panels, down + 6)
    return Scene((width + 2 * MARGIN, down + 30 + MARGIN / 2), shapes)


@dataclass(frozen=True)
class _Place:
    """A box's size and rows; a loop's inside, placed."""

    layout: Layout
    sizes: Mapping[str, Point]
    inside: Mapping[str, _Place]


def _placed(panel: Panel) -> tuple[Point, _Place]:
    inside = {key: _placed(box.inside) for key, box in panel.boxes.items() if box.inside is not None}
    sizes = {key: _size(box, inside[key][0] if key in inside else None) for key, box in panel.boxes.items()}
    lines = _between(panel)
    links = [(line.source, line.target) for line in lines]
    layout = arrange(sizes, links, [line.look for line in lines], apart=GAPS, lane=LANE)
    return layout.size, _Place(layout, sizes, {key: place for key, (_, place) in inside.items()})


def _between(panel: Panel) -> list[Line]:
    """The lines that join two boxes."""
    return [line for line in panel.lines if line.source != line.target]


def _rows(box: Box) -> list[str]:
    return textwrap.wrap(box.text, WIDEST, break_long_words=False)[:3] if box.text else []


def _size(box: Box, inside: Point | None) -> Point:
    rows = _rows(box)
    wide = max([LARGE * BOLD * len(box.name), *(SMALL * MONO * len(row) for row in rows), 24.0]) + 2 * PADDING
    tall = LEADING * (len(rows) + bool(box.name)) + 10.0
    if inside is None:
        return wide, tall
    head = LARGE * BOLD * len(box.name) + SMALL * MONO * len(box.text) + 4 * PADDING
    return max(head, inside[0] + 2 * PADDING), inside[1] + 2 * PADDING + 22.0


def _shapes(panel: Panel, place: _Place, corner: Point) -> list[Shape]:
    """The shapes of a panel, its lines behind its boxes."""
    found: list[Shape] = []
    found += _curves(_between(panel), place, corner)
    found += [_back(place, line, corner) for line in panel.lines if line.source == line.target]
    for key, box in panel.boxes.items():
        (x, y), (wide, tall) = place.layout.centres[key], place.sizes[key]
        left, top = corner[0] + x - wide / 2, corner[1] + y - tall / 2
        found.append(Rectangle((left, top), (wide, tall), _radius(box, tall), _style(box)))
        ink = "trained-text" if box.look == "block" and box.state == "trained" else "ink"
        if box.inside is not None:
            found += _head(box, (left + PADDING, top + 17))
            found += _shapes(box.inside, place.inside[key], (left + PADDING, top + PADDING + 22))
            continue
        rows, down = _rows(box), top + 5 + LEADING * 0.75
        if box.name:
            found.append(Label((left + wide / 2, down), box.name, LARGE, ink, bold=True))
            down += LEADING
        for row in rows:
            found.append(Label((left + wide / 2, down), row, SMALL, f"{ink} mono"))
            down += LEADING
        if box.fault:
            found.append(Label((left + wide / 2, top - 3), box.fault, SMALL, "fault-text", bold=True))
    return found


def _head(box: Box, at: Point) -> list[Shape]:
    """The head of a loop: a turning arrow and what it does."""
    words = f"\u21bb {box.name}: {box.text}" if box.name else f"\u21bb {box.text}"
    return [Label(at, words, SMALL, "ink", "start", True)]


def _radius(box: Box, tall: float) -> float:
    return min(tall / 2, 14.0) if box.look in ("data", "noise") else 9.0 if box.look in ("block", "loop") else 3.0


def _style(box: Box) -> str:
    trained = f" stage{box.stage % 5}" if box.state == "trained" or box.look == "term" else ""
    return f"box {box.look} {box.state}{trained}{' faulty' if box.fault else ''}".strip()


def _curves(lines: Sequence[Line], place: _Place, corner: Point) -> list[Curve]:
    """Each line from the right side of its source to the left side of its target; ends spread over the sides."""
    layout = place.layout
    leaving, arriving = _ports(lines, place)
    found: list[Curve] = []
    for number, line in enumerate(lines):
        route = layout.routes[number]
        turned = number in layout.turned
        first, last = (line.target, line.source) if turned else (line.source, line.target)
        route = route[::-1] if turned else route
        start = (layout.centres[first][0] + place.sizes[first][0] / 2, route[0][1] + leaving[number])
        end = (layout.centres[last][0] - place.sizes[last][0] / 2, route[-1][1] + arriving[number])
        points = _path(start, end, route[1:-1], layout.layers, layout.layer_of[first])
        moved = tuple((x + corner[0], y + corner[1]) for x, y in (points[::-1] if turned else points))
        bar = _before_end(moved) if line.look == "stopped" else None
        found.append(Curve(moved, f"line {line.look}", True, bar))
    return found


def _back(place: _Place, line: Line, corner: Point) -> Curve:
    """A line from a box over its top to itself."""
    (x, y), (wide, tall) = place.layout.centres[line.source], place.sizes[line.source]
    right, left, middle = corner[0] + x + wide / 2, corner[0] + x - wide / 2, corner[1] + y
    top = middle - tall / 2 - 12
    way = ((right, middle), (right + 24, middle), (right + 24, top), (right - 6, top))
    home = ((left + 16, top), (left + 6, top), (left + 6, top), (left - 24, top), (left - 24, middle), (left, middle))
    return Curve((*way, *home), f"line {line.look}")


def _ports(lines: Sequence[Line], place: _Place) -> tuple[dict[int, float], dict[int, float]]:
    """For each line, how far from the middle of a side it leaves and arrives: ordered as what they join."""
    layout = place.layout
    found: tuple[dict[int, float], dict[int, float]] = ({}, {})
    sides: dict[tuple[str, int], list[int]] = {}
    routes = [route[::-1] if n in layout.turned else route for n, route in enumerate(layout.routes)]
    for number, line in enumerate(lines):
        ends = (line.target, line.source) if number in layout.turned else (line.source, line.target)
        for side, key in enumerate(ends):
            sides.setdefault((key, side), []).append(number)
    for (key, side), numbers in sides.items():
        ways = {n: (routes[n][1 if side == 0 else -2][1], lines[n].look if side == 0 else str(n)) for n in numbers}
        if side == 0:  # the lines of one look leave together
            mean = {
                look: sum(y for y, of in ways.values() if of == look) / sum(of == look for _, of in ways.values())
                for _, look in ways.values()
            }
            ways = {n: (mean[look], look) for n, (_, look) in ways.items()}
        ordered = sorted(set(ways.values()))
        step = min(9.0, (place.sizes[key][1] - 12.0) / len(ordered))
        for number, way in ways.items():
            found[side][number] = (ordered.index(way) - (len(ordered) - 1) / 2) * step
    return found


def _path(start: Point, end: Point, lanes: Sequence[Point], layers: Sequence[Point], layer: int) -> list[Point]:
    """Cubic pieces: bent between two layers only, straight past the boxes of a layer, so that no box is crossed."""
    points, here = [start], start
    stops = [*((layers[layer + 1 + at], y) for at, (_, y) in enumerate(lanes))]
    here = _straight(points, here, (layers[layer][1], start[1]))
    for (left, right), y in stops:
        here = _bent(points, here, (left, y))
        here = _straight(points, here, (right, y))
    begin = layers[layer + 1 + len(lanes)][0]
    here = _bent(points, here, (begin, end[1]))
    _straight(points, here, end)
    return points


def _straight(points: list[Point], here: Point, there: Point) -> Point:
    if here != there:
        third = (there[0] - here[0]) / 3
        points += [(here[0] + third, here[1]), (there[0] - third, there[1]), there]
    return there


def _bent(points: list[Point], here: Point, there: Point) -> Point:
    middle = (here[0] + there[0]) / 2
    points += [(middle, here[1]), (middle, there[1]), there]
    return there


def _before_end(points: Sequence[Point]) -> Point:
    """A little before the end of a line."""
    last, before = points[-4:], points[-7:-3]
    return _on(last, 0.8) if len(before) < 4 or abs(last[3][0] - last[0][0]) > 16 else _on(before, 0.85)


def _on(piece: Sequence[Point], part: float) -> Point:
    """A point on a cubic piece, `part` of the way."""
    a, b, c, d = piece
    rest = 1.0 - part
    weights = (rest**3, 3 * rest**2 * part, 3 * rest * part**2, part**3)
    return tuple(sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True)) for axis in (0, 1))  # type: ignore[return-value]


LEGEND = {
    "parameters": "parameters", "stopped": "gradient stopped", "frozen": "frozen: a constant on this call",
    "fault": "wrong",
}  # fmt: skip
SAMPLES = {"trained": ("box block trained stage0", "trained"), "constant": ("box block constant", "constant")}


def _legend(panels: Sequence[Panel], down: float) -> list[Shape]:
    """What the lines and boxes that occur mean."""
    looks = {line.look for panel in panels for line in panel.lines}
    states = {box.state: box.stage for panel in panels for box in panel.boxes.values() if box.look == "block"}
    found: list[Shape] = []
    across = MARGIN
    for state, (style, words) in SAMPLES.items():
        if state in states:
            style = style.replace("stage0", f"stage{states[state] % 5}")
            found.append(Rectangle((across, down), (26.0, 14.0), 5.0, style))
            found.append(Label((across + 32, down + 11), words, SMALL, "ink", "start"))
            across += 32 + SMALL * MONO * len(words) + 20
    for look, words in LEGEND.items():
        if look in looks:
            ends = ((across, down + 7), (across + 12, down + 7), (across + 24, down + 7), (across + 36, down + 7))
            found.append(Curve(ends, f"line {look}", True, _on(ends, 0.5) if look == "stopped" else None))
            found.append(Label((across + 42, down + 11), words, SMALL, "ink", "start"))
            across += 42 + SMALL * MONO * len(words) + 20
    return found
