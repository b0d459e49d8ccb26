"""A scene as a "png" or a "pdf", by matplotlib."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from compose.picture.scene import Curve, Label, Rectangle, Scene, Shape
from compose.picture.styles import LIGHT, Paint, paint_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["write"]

PER_INCH = 96.0  # CSS pixels


def write(scene: Scene, form: str, *, scale: float = 1.5) -> bytes:
    """The file's bytes; a "png" has `scale` pixels for each of the scene."""
    from matplotlib.figure import Figure  # 0.5 s: imported on use

    wide, tall = scene.size
    figure = Figure(figsize=(wide / PER_INCH, tall / PER_INCH), dpi=PER_INCH * scale, facecolor=LIGHT["paper"].fill)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, wide), ylim=(tall, 0))
    for order, shape in enumerate(scene.shapes):
        _draw(axes, shape, paint_of(shape.style, LIGHT), order)
    written = io.BytesIO()
    figure.savefig(written, format=form)
    return written.getvalue()


def _draw(axes: Axes, shape: Shape, paint: Paint, order: int) -> None:
    from matplotlib.patches import FancyBboxPatch, PathPatch
    from matplotlib.path import Path

    points = 72 / PER_INCH  # matplotlib's widths and font sizes
    stroke = {
        "edgecolor": paint.stroke or "none",
        "linewidth": (paint.width or 1.0) * points,
        "linestyle": (0, tuple(each / (paint.width or 1.0) for each in paint.dashes)) if paint.dashes else "-",
        "zorder": order,
    }
    match shape:
        case Rectangle(corner, (wide, tall), radius):
            box = f"round,pad=0,rounding_size={radius}"
            axes.add_patch(FancyBboxPatch(corner, wide, tall, boxstyle=box, facecolor=paint.fill or "none", **stroke))
        case Label((x, y), text, size, style, anchor, bold):
            axes.text(
                x, y, text, fontsize=size * points, color=paint.fill, zorder=order, weight="bold" if bold else "normal",
                ha="left" if anchor == "start" else "center", va="baseline", parse_math=False,
                family="DejaVu Sans Mono" if "mono" in style.split() else "DejaVu Sans",
            )  # fmt: skip
        case Curve(path, _, arrow, bar):
            codes = [Path.MOVETO, *[Path.CURVE4] * (len(path) - 1)]
            axes.add_patch(PathPatch(Path(path, codes), facecolor="none", **stroke))
            (x, y), back = path[-1], path[-2][0] > path[-1][0]
            tail = x + 6 if back else x - 6
            solid = {"color": paint.stroke, "linewidth": (paint.width or 1.0) * points, "zorder": order}
            if arrow:
                axes.plot([tail, x, tail], [y - 3.5, y, y + 3.5], **solid)
            if bar is not None:
                axes.plot([bar[0]] * 2, [bar[1] - 6, bar[1] + 6], **{**solid, "linewidth": 3 * points})
