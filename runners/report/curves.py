"""Curves: the losses and figures that a run has logged, drawn as SVG of our own, which needs nothing to be loaded.

The axis of values is logarithmic where all are positive and span more than a factor of 50. A value that is not finite
is a gap. Of more than 400 points neighbours are put together, of which the lowest and the highest are drawn.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from runners.report.markup import Markup, joined, tag

__all__ = ["COLOURS", "Curve", "curves_of", "draw", "thinned", "ticks"]

Curve = Sequence[tuple[int, float]]
"""Steps and values."""

COLOURS = ("#2662a8", "#c8501e", "#2f8f4e", "#8a4bb0", "#b8860b", "#c2185b", "#00838f", "#5d4037")
WIDTH, HEIGHT = 360, 210
LEFT, RIGHT, TOP, BOTTOM = 58, 10, 8, 30  # pixels around the frame
MOST = 400  # points of a curve that are drawn
FACTOR = 50  # from where on values are drawn by their logarithms
GROUPS = {"terms": "", "monitor": "monitor/", "metrics": "evaluate/"}


def curves_of(path: Path) -> dict[str, Curve]:
    """What a record has logged, by `STAGE/UPDATE/TERM`, `monitor/..`, `evaluate/..`; a single point is no curve."""
    found: dict[str, dict[int, float]] = {}
    for step, name, value in _logged(path):
        found.setdefault(name, {})[step] = value  # of one step the last: a stage without steps measures there again
    return {name: sorted(points.items()) for name, points in found.items() if len(points) > 1}


def _logged(path: Path) -> Iterator[tuple[int, str, float]]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:  # cut off while it was written
            continue
        for group, prefix in GROUPS.items():
            held = said.get(group, {}) if isinstance(said, dict) else {}
            for name, value in held.items() if isinstance(held, dict) else ():
                place = "" if group == "metrics" else f"{said.get('stage', '')}/"
                if isinstance(value, int | float):
                    yield int(said.get("run_step", 0)), f"{prefix}{place}{name}", float(value)


def draw(curves: Mapping[str, Curve], colours: Mapping[str, str]) -> Markup:
    """The curves in one frame, each in its colour: an `svg`, with ticks of step and value."""
    points = [point for curve in curves.values() for point in curve if math.isfinite(point[1])]
    if not points:
        return tag("p", "no finite value was logged", class_="none")
    values, steps = [value for _, value in points], [step for step, _ in points]
    logarithmic = min(values) > 0 and max(values) > FACTOR * min(values)
    scale = math.log10 if logarithmic else float
    low, high = _frame(scale(min(values)), scale(max(values)))
    first, last = min(steps), max(max(steps), min(steps) + 1)

    def place(step: float, value: float) -> tuple[float, float]:
        across = LEFT + (step - first) / (last - first) * (WIDTH - LEFT - RIGHT)
        return across, TOP + (high - scale(value)) / (high - low) * (HEIGHT - TOP - BOTTOM)

    drawn = [_axis_of_values(tick, place(first, tick)[1]) for tick in _value_ticks(low, high, logarithmic)]
    drawn += [_axis_of_steps(tick, place(tick, points[0][1])[0]) for tick in ticks(first, last, 4) if tick == int(tick)]
    for name, curve in curves.items():
        drawn += _lines([(place(*one) if math.isfinite(one[1]) else None) for one in thinned(curve)], colours[name])
    frame = tag("rect", x=LEFT, y=TOP, width=WIDTH - LEFT - RIGHT, height=HEIGHT - TOP - BOTTOM, class_="frame")
    said = f"curves of {', '.join(curves)} over steps {first} to {last}"
    return tag("svg", frame, *drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=said)


def thinned(curve: Curve, most: int = MOST) -> list[tuple[int, float]]:
    """At most `most` points: of each bunch of neighbours the lowest and the highest, in the order of their steps."""
    if len(curve) <= most:
        return list(curve)
    size = math.ceil(2 * len(curve) / most)
    kept = []
    for start in range(0, len(curve), size):
        bunch = curve[start : start + size]
        finite = [one for one in bunch if math.isfinite(one[1])] or bunch[:1]
        kept += sorted({min(finite, key=lambda one: one[1]), max(finite, key=lambda one: one[1])})
    return kept


def ticks(low: float, high: float, count: int) -> list[float]:
    """At most about `count` round numbers (1, 2 or 5 times a power of ten apart) from low to high."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    apart = next(step * power for step in (1, 2, 5, 10) if step * power >= rough * (1 - 1e-9))
    return [at * apart for at in range(math.ceil(low / apart - 1e-9), math.floor(high / apart + 1e-9) + 1)]


def _value_ticks(low: float, high: float, logarithmic: bool) -> list[float]:
    if not logarithmic:
        return ticks(low, high, 6)
    whole = range(math.ceil(low), math.floor(high) + 1)
    return [10.0**power for power in whole if power % max(1, len(whole) // 5) == 0]


def _frame(low: float, high: float) -> tuple[float, float]:
    """Some air around the values; a constant lies in the middle."""
    air = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return low - air, high + air


def _axis_of_values(value: float, height: float) -> Markup:
    line = tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{height:.1f}", y2=f"{height:.1f}", class_="tick")
    return joined(line, tag("text", f"{value:.6g}", x=LEFT - 5, y=f"{height + 4:.1f}", text_anchor="end"))


def _axis_of_steps(step: float, across: float) -> Markup:
    line = tag(
        "line", x1=f"{across:.1f}", x2=f"{across:.1f}", y1=HEIGHT - BOTTOM, y2=HEIGHT - BOTTOM + 4, class_="tick"
    )
    return joined(line, tag("text", f"{step:,.0f}", x=f"{across:.1f}", y=HEIGHT - BOTTOM + 18, text_anchor="middle"))


def _lines(places: Sequence[tuple[float, float] | None], colour: str) -> Iterator[Markup]:
    """A line through each run of places without a gap; a lone place is a dot."""
    gaps = [-1, *(at for at, place in enumerate(places) if place is None), len(places)]
    for before, after in pairwise(gaps):
        part = [place for place in places[before + 1 : after] if place is not None]
        if len(part) == 1:
            yield tag("circle", cx=f"{part[0][0]:.1f}", cy=f"{part[0][1]:.1f}", r=2, fill=colour)
        elif part:
            path = " ".join(f"{across:.1f},{height:.1f}" for across, height in part)
            yield tag("polyline", points=path, fill="none", stroke=colour, stroke_width="1.5")
