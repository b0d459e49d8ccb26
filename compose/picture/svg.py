"""A scene as an SVG of its own: no script, no outer file; a dark sheet where the reader's system is dark."""

from __future__ import annotations

from xml.sax.saxutils import escape

from compose.picture.scene import Curve, Label, Rectangle, Scene, Shape
from compose.picture.styles import DARK, LIGHT, Paint, paint_of

__all__ = ["write"]

SANS = "'DejaVu Sans','Helvetica Neue',Arial,sans-serif"
FIXED = "'DejaVu Sans Mono',Menlo,Consolas,monospace"


def write(scene: Scene) -> str:
    """The text of the SVG file."""
    wide, tall = scene.size
    styles = {shape.style: f"s{at}" for at, shape in enumerate({shape.style: shape for shape in scene.shapes}.values())}
    drawn = "\n".join(_element(shape, styles[shape.style]) for shape in scene.shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{tall:.0f}" '
        f'viewBox="0 0 {wide:.0f} {tall:.0f}">\n'
        f"<style>\ntext{{font-family:{SANS};stroke:none}}\n.paper{{fill:{LIGHT['paper'].fill}}}\n"
        f"{_sheet(styles, LIGHT)}\n@media (prefers-color-scheme: dark){{\n.paper{{fill:{DARK['paper'].fill}}}\n"
        f"{_sheet(styles, DARK)}\n}}\n</style>\n"
        f'<rect class="paper" width="100%" height="100%"/>\n{drawn}\n</svg>\n'
    )


def _sheet(styles: dict[str, str], sheet: dict[str, Paint]) -> str:
    return "\n".join(f".{short}{{{_rule(style, paint_of(style, sheet))}}}" for style, short in styles.items())


def _rule(style: str, paint: Paint) -> str:
    said = {
        "fill": paint.fill,
        "stroke": paint.stroke,
        "stroke-width": paint.width,
        "stroke-dasharray": " ".join(f"{each:g}" for each in paint.dashes) if paint.dashes else None,
        "font-family": FIXED if "mono" in style.split() else None,
    }
    return ";".join(f"{key}:{value}" for key, value in said.items() if value is not None)


def _element(shape: Shape, short: str) -> str:
    match shape:
        case Rectangle((x, y), (wide, tall), radius):
            size = f'width="{wide:.1f}" height="{tall:.1f}" rx="{radius:.1f}"'
            return f'<rect class="{short}" x="{x:.1f}" y="{y:.1f}" {size}/>'
        case Label((x, y), text, size, _, anchor, bold):
            weight = ' font-weight="bold"' if bold else ""
            where = f'x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}"{weight}'
            return f'<text class="{short}" {where}>{escape(text)}</text>'
        case Curve(points, _, arrow, bar):
            (x, y), *rest = points
            body = f"M{x:.1f},{y:.1f} C" + " ".join(f"{a:.1f},{b:.1f}" for a, b in rest)
            drawn = f'<path class="{short}" d="{body}"/>'
            if arrow:
                drawn += f'<path class="{short}" style="stroke-dasharray:none" d="{_arrow(shape)}"/>'
            if bar is not None:
                x, y = bar
                drawn += f'<path class="{short}" style="stroke-width:3" d="M{x:.1f},{y - 6:.1f} V{y + 6:.1f}"/>'
            return drawn


def _arrow(curve: Curve) -> str:
    (x, y), back = curve.points[-1], curve.points[-2][0] > curve.points[-1][0]
    tail = x + 6 if back else x - 6
    return f"M{tail:.1f},{y - 3.5:.1f} L{x:.1f},{y:.1f} L{tail:.1f},{y + 3.5:.1f}"
