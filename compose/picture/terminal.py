"""A picture for the terminal: boxes of characters, layers from top to bottom, lines through channels between them.

write(panels, title) -> text        write(.., color=True, ascii=True)
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from compose.picture.layout import Layout, arrange
from compose.picture.panels import Box, Line, Panel

__all__ = ["write"]

Sizes = Mapping[str, tuple[float, float]]
WIDEST = 26  # characters in a row of a box
APART = 3
UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
JOINTS = " │││─┘┐┤─└┌├─┴┬┼"  # by the sides that a cell is joined to: the sum of UP, DOWN, LEFT and RIGHT
PLAIN = {
    **dict.fromkeys("│┃╎", "|"), **dict.fromkeys("─━╌", "-"), **dict.fromkeys("┌┐└┘┏┓┗┛╭╮╰╯├┤┬┴┼", "+"),
    "▼": "v", "▲": "^", "╪": "=", "↻": "loop:", "ε": "eps", "…": "..",
}  # fmt: skip
BORDERS = {
    "light": "┌─┐│└┘", "heavy": "┏━┓┃┗┛", "round": "╭─╮│╰╯", "dashed": "┌╌┐╎└┘",
}  # fmt: skip
LOOKS = {"data": "round", "noise": "dashed", "loop": "dashed", "unknown": "dashed"}
COLOURS = {"stopped": "31", "fault": "31", "frozen": "34", "trained": "1", "stage": "33;32;35;36;34", "faulty": "31"}
LEGEND = {
    "trained": "┏━┓ a call of a block that is trained here", "stopped": "╪ the gradient stops here",
    "frozen": "freeze(..) parameters are constants on this call", "fault": "red: what is wrong",
}  # fmt: skip


def write(
    panels: Sequence[Panel], title: str, notes: Sequence[str] = (), *, color: bool = False, ascii: bool = False
) -> str:
    """The panels below each other.   `color` adds ANSI colours, `ascii` keeps to ASCII."""
    parts = [title]
    for panel in panels:
        parts.append(f"\n{panel.title}\n" + _drawn(_without_parameters(panel), color))
    said = [words for look, words in LEGEND.items() if look in _occurring(panels)]
    parts += ["", *said, *notes]
    text = "\n".join(parts).rstrip() + "\n"
    return text.translate({ord(key): value for key, value in PLAIN.items()}) if ascii else text


def _occurring(panels: Sequence[Panel]) -> set[str]:
    boxes = [box for panel in panels for box in panel.boxes.values()]
    return {line.look for panel in panels for line in panel.lines} | {box.state for box in boxes if box.look != "block"}


def _without_parameters(panel: Panel) -> Panel:
    """The panel without the boxes of blocks: a call tells its block."""
    boxes = {key: box for key, box in panel.boxes.items() if box.look != "block"}
    lines = [line for line in panel.lines if line.source in boxes and line.source != line.target]
    return Panel(panel.title, boxes, lines)


@dataclass
class _Sheet:
    """Cells by (row, column): a character and its colour; joints are drawn from the sides that they join."""

    cells: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)
    joints: dict[tuple[int, int], tuple[int, str]] = field(default_factory=dict)

    def put(self, row: int, column: int, text: str, colour: str = "") -> None:
        """Write `text` from this cell on."""
        for at, character in enumerate(text):
            self.cells[row, column + at] = character, colour

    def join(self, row: int, column: int, sides: int, colour: str) -> None:
        """Let a line pass through a cell, to these sides of it."""
        known, before = self.joints.get((row, column), (0, colour))
        self.joints[row, column] = known | sides, before or colour

    def down(self, column: int, first: int, last: int, colour: str) -> None:
        """A line from row `first` to row `last`, both ends of which it touches."""
        for row in range(first, last + 1):
            self.join(row, column, (UP if row > first else 0) | (DOWN if row < last else 0), colour)

    def along(self, row: int, first: int, last: int, colour: str) -> None:
        """A line from column `first` to column `last` of a row."""
        for column in range(first, last + 1):
            self.join(row, column, (LEFT if column > first else 0) | (RIGHT if column < last else 0), colour)

    def text(self, color: bool) -> str:
        """The rows."""
        shown = {place: (JOINTS[sides], colour) for place, (sides, colour) in self.joints.items()} | self.cells
        rows = []
        for row in range(1 + max((row for row, _ in shown), default=0)):
            width = 1 + max((column for held, column in shown if held == row), default=-1)
            cells = [shown.get((row, column), (" ", "")) for column in range(width)]
            rows.append("".join(f"\x1b[{c}m{t}\x1b[0m" if color and c else t for t, c in cells))
        return "\n".join(rows)


def _drawn(panel: Panel, color: bool) -> str:
    rows = {key: _rows(box) for key, box in panel.boxes.items()}
    sizes = {key: (len(held) + 2.0, max(map(len, held), default=0) + 4.0) for key, held in rows.items()}
    links = [(line.source, line.target) for line in panel.lines]
    layout = arrange(sizes, links, [line.look for line in panel.lines], apart=(0.0, APART), lane=1.0)
    channels = _channels(panel.lines, layout, sizes)
    sheet, tops, down = _Sheet(), [], 0
    heights = [
        int(max(sizes[key][0] for key, at in layout.layer_of.items() if at == layer))
        if layer in layout.layer_of.values()
        else 0
        for layer in range(len(layout.layers))
    ]
    for layer, height in enumerate(heights):
        tops.append(down)
        channel = channels.get(layer, [])
        down += height + (_depth(channel) if channel else 1)
    for key, box in panel.boxes.items():
        _box(sheet, box, rows[key], tops[layout.layer_of[key]], _left(layout.centres[key][1], sizes[key][1]))
    for layer, wires in channels.items():
        start = tops[layer] + heights[layer]
        for wire in wires:
            _wire(sheet, wire, start, tops[layer + 1], layout, sizes, tops)
    return sheet.text(color)


def _left(centre: float, wide: float) -> int:
    return round(centre - wide / 2)


def _rows(box: Box) -> list[str]:
    fault = [f"{box.fault}!"] if box.fault else []
    if box.inside is not None:
        inner = [f"  {held.text}" for held in box.inside.boxes.values() if held.text]
        return [*([box.name] if box.name else []), f"↻ {box.text}", *inner, *fault]
    words = textwrap.wrap(box.text, WIDEST, break_long_words=False)
    return [*([box.name] if box.name else []), *words, *fault] or [""]


def _box(sheet: _Sheet, box: Box, rows: list[str], top: int, left: int) -> None:
    heavy = box.state == "trained"
    a, b, c, d, e, f = BORDERS["heavy" if heavy else LOOKS.get(box.look, "light")]
    colour = "31" if box.fault else COLOURS["stage"].split(";")[box.stage % 5] if heavy or box.look == "term" else ""
    wide = max(map(len, rows)) + 2
    sheet.put(top, left, a + b * wide + c, colour)
    for at, row in enumerate(rows, 1):
        sheet.put(top + at, left, d, colour)
        sheet.put(top + at, left + 1, f" {row:<{wide - 1}}", "1" if at == 1 and box.name else "")
        sheet.put(top + at, left + wide + 1, d, colour)
    sheet.put(top + len(rows) + 1, left, e + b * wide + f, colour)


@dataclass
class _Wire:
    """What one lane does between two layers: it comes down at `start` and goes on at each of `ends`.

    Each end: its column, the box it enters (None: it goes on as a lane), its look and whether it is turned.
    """

    source: str | None
    start: int
    look: str
    turned: bool
    ends: list[tuple[int, str | None]]
    track: int = 0

    @property
    def span(self) -> tuple[int, int]:
        """From the leftmost to the rightmost column."""
        columns = [self.start, *(column for column, _ in self.ends)]
        return min(columns), max(columns)

    @property
    def straight(self) -> bool:
        """Whether it only goes down."""
        return self.span[0] == self.span[1]


def _channels(lines: Sequence[Line], layout: Layout, sizes: Sizes) -> dict[int, list[_Wire]]:
    """The wires below each layer, with the track in which each runs across."""
    found: dict[int, dict[tuple, _Wire]] = {}
    ports = _arrivals(lines, layout, sizes)
    for number, line in enumerate(lines):
        turned = number in layout.turned
        first, last = (line.target, line.source) if turned else (line.source, line.target)
        columns = [round(across) for _, across in (layout.routes[number][::-1] if turned else layout.routes[number])]
        columns[-1] = ports[number]
        columns[0] += 2 * turned
        begin = layout.layer_of[first]
        for at, (here, there) in enumerate(pairwise(columns)):
            key = (first, line.look, here, turned)
            wire = found.setdefault(begin + at, {}).setdefault(
                key, _Wire(first if at == 0 else None, here, line.look, turned, [])
            )
            end = (there, last if at == len(columns) - 2 else None)
            if end not in wire.ends:
                wire.ends.append(end)
    made = {layer: list(wires.values()) for layer, wires in found.items()}
    for wires in made.values():
        _tracks(wires)
    return made


def _arrivals(lines: Sequence[Line], layout: Layout, sizes: Sizes) -> dict[int, int]:
    """The column at which each line enters its box, from left to right as the lines come."""
    by_end: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        by_end.setdefault(line.source if number in layout.turned else line.target, []).append(number)
    found: dict[int, int] = {}
    for key, numbers in by_end.items():
        routes = {n: layout.routes[n][::-1] if n in layout.turned else layout.routes[n] for n in numbers}
        ordered = sorted(numbers, key=lambda n, routes=routes: routes[n][-2][1])
        middle, wide = layout.centres[key][1], sizes[key][1]
        step = min(4.0, (wide - 2) / len(ordered))
        for at, number in enumerate(ordered):
            found[number] = round(middle + (at - (len(ordered) - 1) / 2) * step)
    return found


def _tracks(wires: list[_Wire]) -> None:
    """A track for each wire that runs across: wires that overlap have different ones, and none hides another's ends."""
    placed: list[_Wire] = []
    waiting = [wire for wire in wires if not wire.straight]
    while waiting:
        wire = min(waiting, key=lambda wire: _blocked(wire, waiting))
        waiting.remove(wire)
        above = [other.track for other in placed if _hides(other, wire)]
        track = max(above, default=-1) + 1
        while any(other.track == track and _overlap(wire.span, other.span) for other in placed):
            track += 1
        wire.track = track
        placed.append(wire)


def _hides(upper: _Wire, lower: _Wire) -> bool:
    """Whether `lower` ends in the column in which `upper` starts: then it must run below."""
    return any(column == upper.start for column, _ in lower.ends)


def _blocked(wire: _Wire, waiting: Sequence[_Wire]) -> int:
    return sum(_hides(other, wire) for other in waiting if other is not wire)


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] <= b[1] + 1 and b[0] <= a[1] + 1


def _depth(channel: Sequence[_Wire]) -> int:
    """How many rows a channel needs: its tracks, the marks of stops, the heads of arrows."""
    across = [wire.track for wire in channel if not wire.straight]
    return 2 + (max(across) + 1 if across else 0) + any(wire.look == "stopped" for wire in channel)


def _wire(
    sheet: _Sheet,
    wire: _Wire,
    start: int,
    end: int,
    layout: Layout,
    sizes: Sizes,
    tops: Sequence[int],
) -> None:
    colour = COLOURS.get(wire.look, "")
    top = start
    if wire.source is not None:  # the box may be lower than its layer is deep
        top = tops[layout.layer_of[wire.source]] + int(sizes[wire.source][0])
    else:
        top = _layer_top(wire, layout, tops, start)
    row = start + 1 + wire.track
    if not wire.straight:
        sheet.down(wire.start, top, row, colour)
        sheet.along(row, *wire.span, colour)
    for column, target in wire.ends:
        sheet.down(column, top if wire.straight else row, end - 1 if target is not None else end, colour)
        if target is not None and not wire.turned:
            sheet.put(end - 1, column, "▼", colour)
            if wire.look == "stopped":
                sheet.put(end - 2, column, "╪", colour)
    if wire.turned and wire.source is not None:
        sheet.put(top, wire.start, "▲", colour)


def _layer_top(wire: _Wire, layout: Layout, tops: Sequence[int], start: int) -> int:
    """The first row of the layer above a channel, through which a lane comes."""
    return max(top for top in tops if top <= start - 1) if any(top <= start - 1 for top in tops) else start
