"""The picture of a composition: blocks, values and uses, one panel an update.

Value edges are black, those that stop a gradient red; parameter edges are grey, frozen ones blue and dashed.

    draw(composition, "png") -> bytes
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from compose.build import Composition
from compose.graph import Node, uses

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Picture", "draw", "picture_of"]

Point = tuple[float, float]
FILL = {
    "block": "#fde9c8",
    "leaf": "#e6e6e6",
    "data": "#d5e8d4",
    "term": "#f8cecc",
    "value": "#ffffff",
    "parameters": "#dae8fc",
}
EDGE = {"value": ("0.25", "-"), "stopped": ("#d62728", "-"), "parameters": ("0.65", "-"), "frozen": ("#1f77b4", "--")}
GIVEN = ("data", "leaf", "parameters")
HIDDEN = ("stop", "field")  # operations that a reader sees on the edge


@dataclass
class Picture:
    """One panel: what stands where, of what kind, under which label, and the lines between: (from, to, kind)."""

    title: str
    places: dict[str, Point] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    edges: list[tuple[str, str, str]] = field(default_factory=list)


def draw(composition: Composition, format: str = "png") -> bytes:
    """The whole composition as a "png", "svg" or "pdf"."""
    from matplotlib.figure import Figure  # 0.5 s: imported on use

    pictures = [
        picture_of(
            f"{composition.spec.name}: {stage.name}, {update.name} (trains {', '.join(update.trains)})", update.terms
        )
        for stage in composition.stages
        for update in stage.updates
    ]
    heights = [1.0 + 0.62 * _rows(picture) for picture in pictures]
    width = max((1 + max((x for x, _ in picture.places.values()), default=0) for picture in pictures), default=1)
    figure = Figure(figsize=(max(6.0, 1.9 * width), sum(heights) or 1.0), dpi=110)
    bottom = 1.0
    for picture, height in zip(pictures, heights, strict=True):
        share = height / sum(heights)
        bottom -= share
        _panel(figure, figure.add_axes((0.01, bottom, 0.98, share)), picture, width)
    written = io.BytesIO()
    figure.savefig(written, format=format)
    return written.getvalue()


def picture_of(title: str, outputs: Mapping[str, Node]) -> Picture:
    """The panel of the nodes that `outputs` depend on, from left to right in the order of the computation."""
    graph = next((node.graph for node in outputs.values() if node.graph is not None), None)
    picture = Picture(title)
    if graph is None:
        return picture
    shown = [node for node in graph.needed(list(outputs.values())) if node.operation.kind not in HIDDEN]
    ends = {id(node) for node in outputs.values()}
    picture.labels = {node.name: name for name, node in outputs.items()}
    depth: dict[int, int] = {}
    for node in shown:
        sources = [_seen(edge.source, edge.stop_gradient) for edge in node.edges]
        depth[id(node)] = 1 + max((depth.get(id(source), 0) for source, _ in sources), default=0)
        picture.kinds[node.name] = "term" if id(node) in ends else _kind(node)
        picture.edges += [
            (s.name, node.name, "stopped" if stopped else "value") for s, stopped in dict.fromkeys(sources)
        ]
        for use in dict.fromkeys((use.block, use.frozen) for use in uses(node)):
            picture.kinds[f"[{use[0]}]"] = "parameters"
            picture.edges.append((f"[{use[0]}]", node.name, "frozen" if use[1] else "parameters"))
    _place(picture, {node.name: depth[id(node)] for node in shown})
    return picture


def _seen(source: Node, stopped: bool) -> tuple[Node, bool]:
    """The value that a reader sees at the other end of an edge, and whether the gradient is stopped on the way."""
    while source.operation.kind in HIDDEN and source.edges:
        edge = source.edges[0]
        stopped = stopped or edge.stop_gradient or source.operation.kind == "stop"
        source = edge.source
    return source, stopped


def _kind(node: Node) -> str:
    if node.operation.kind == "input":
        return "data" if node.operation.target == "data" else "leaf"
    return "block" if node.use is not None or node.bodies else "value"


def _place(picture: Picture, depth: Mapping[str, int]) -> None:
    """Columns by depth, what nothing computes just before its first use; rows by the mean row of what a value reads."""
    columns: dict[int, list[str]] = {}
    for name, kind in picture.kinds.items():
        users = [depth[target] for source, target, _ in picture.edges if source == name]
        given = kind in GIVEN and users
        columns.setdefault(min(users) - 1 if given else depth[name], []).append(name)
    rows: dict[str, float] = {}

    def wanted(name: str) -> float:
        read = [rows[source] for source, target, _ in picture.edges if target == name and source in rows]
        return sum(read) / len(read) if read else -1.0 if picture.kinds[name] == "parameters" else 9.0

    for column in sorted(columns):
        for at, name in enumerate(sorted(columns[column], key=wanted)):
            rows[name] = float(at)
            picture.places[name] = (float(column - min(columns)), float(at))


def _rows(picture: Picture) -> int:
    return 1 + int(max((y for _, y in picture.places.values()), default=0))


def _panel(figure: Figure, axes: Axes, picture: Picture, width: float) -> None:
    axes.set_axis_off()
    axes.set(xlim=(-0.6, width - 0.4), ylim=(_rows(picture) - 0.4, -1.0))
    axes.text(-0.55, -0.75, picture.title, fontsize=9, weight="bold")
    boxes = {}
    for name, (x, y) in picture.places.items():
        kind = picture.kinds[name]
        shape = "round,pad=0.35" if kind in GIVEN else "square,pad=0.35"
        box = {"boxstyle": shape, "facecolor": FILL[kind], "edgecolor": "0.4"}
        boxes[name] = axes.text(
            x, y, _short(picture.labels.get(name, name)), ha="center", va="center", fontsize=7, bbox=box, zorder=2
        )
    figure.draw_without_rendering()  # only now do the boxes know where they end
    for source, target, kind in picture.edges:
        colour, style = EDGE[kind]
        arrow = {
            "arrowstyle": "-|>", "color": colour, "linestyle": style, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 1,
            "connectionstyle": "arc3,rad=0.08", "patchA": boxes[source].get_bbox_patch(),
            "patchB": boxes[target].get_bbox_patch(),
        }  # fmt: skip
        axes.annotate("", xy=picture.places[target], xytext=picture.places[source], zorder=1, arrowprops=arrow)


def _short(name: str, most: int = 22) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
