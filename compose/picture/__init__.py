"""The picture of a composition: blocks, values and uses, one panel an update, then one a sampler.

Value edges are dark, those that stop a gradient red with a bar; parameter edges are grey, frozen ones blue and dashed.
A trained block is filled with the colour of its stage, a constant one is pale.

    draw(composition, "png") -> bytes      draw(composition, "svg", findings) of what could be built, its faults marked
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from compose.build import Composition
from compose.diagnostics import Finding
from compose.picture import mermaid, raster, svg, terminal
from compose.picture.faults import footnotes, with_faults
from compose.picture.panels import Panel, sampler_panels
from compose.picture.scene import scene_of

__all__ = ["FORMATS", "draw", "draw_for_terminal"]


Writer = Callable[[Sequence[Panel], str, Sequence[str]], bytes]


def draw(composition: Composition, format: str = "png", findings: Sequence[Finding] = ()) -> bytes:
    """The whole composition as one of `FORMATS`; the errors among `findings` are marked."""
    return FORMATS[format](_panels(composition, findings), composition.spec.name, footnotes(findings))


def draw_for_terminal(
    composition: Composition, findings: Sequence[Finding] = (), *, color: bool = False, ascii: bool = False
) -> str:
    """The whole composition in characters.   `color` adds ANSI colours, `ascii` keeps to ASCII."""
    panels = _panels(composition, findings)
    return terminal.write(panels, composition.spec.name, footnotes(findings), color=color, ascii=ascii)


def _panels(composition: Composition, findings: Sequence[Finding]) -> list[Panel]:
    return [*with_faults(composition, findings), *sampler_panels(composition)]


FORMATS: Mapping[str, Writer] = {
    "svg": lambda panels, title, notes: svg.write(scene_of(panels, title, notes)).encode(),
    "png": lambda panels, title, notes: raster.write(scene_of(panels, title, notes), "png"),
    "pdf": lambda panels, title, notes: raster.write(scene_of(panels, title, notes), "pdf"),
    "mermaid": lambda panels, title, notes: mermaid.write(panels, title, notes).encode(),
    "terminal": lambda panels, title, notes: terminal.write(panels, title, notes).encode(),
}
