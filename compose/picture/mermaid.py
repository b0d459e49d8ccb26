"""A picture as a Mermaid flowchart, which GitHub and many editors draw: mermaid.js.org/syntax/flowchart.html."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from compose.picture.panels import Box, Panel
from compose.picture.styles import LIGHT, STAGES, Paint, paint_of

__all__ = ["write"]

SHAPES: Mapping[str, tuple[str, str]] = {"data": ("([", "])"), "noise": ("([", "])"), "block": ("(", ")")}
ARROWS = {"stopped": "--x", "frozen": "-.->", "parameters": "-.-", "fault": "==>"}


def write(panels: Sequence[Panel], title: str, notes: Sequence[str] = ()) -> str:
    """The text of the chart: a subgraph for each panel."""
    writer = _Writer()
    rows = ["---", f"title: {title}", "---", "flowchart LR"]
    for at, panel in enumerate(panels):
        rows += [f'  subgraph P{at}["{_quoted(panel.title)}"]', "    direction LR"]
        rows += [f"    {row}" for row in writer.panel(panel, f"p{at}")]
        rows.append("  end")
    rows += [f"  linkStyle {','.join(map(str, held))} {rule}" for rule, held in writer.links.items()]
    rows += [f"  classDef {name} {rule}" for name, rule in writer.classes.items()]
    rows += [f"  %% {note}" for note in notes]
    return "\n".join(rows) + "\n"


class _Writer:
    """Counts the links, which Mermaid styles by their numbers, and collects the classes of boxes."""

    def __init__(self) -> None:
        self.count = 0
        self.links: dict[str, list[int]] = {}
        self.classes: dict[str, str] = {}

    def panel(self, panel: Panel, prefix: str) -> Iterator[str]:
        """The boxes and links of a panel; ids are numbers, since names may be words of Mermaid."""
        ids = {key: f"{prefix}n{at}" for at, key in enumerate(panel.boxes)}
        for key, box in panel.boxes.items():
            if box.inside is not None:
                name = f"{box.name}: " if box.name else ""
                yield f'subgraph {ids[key]}["↻ {_quoted(name + box.text)}"]'
                yield from (f"  {row}" for row in self.panel(box.inside, ids[key]))
                yield "end"
            else:
                yield f"{ids[key]}{_shape(box)}:::{self.styled(box)}"
        for line in panel.lines:
            yield f"{ids[line.source]} {ARROWS.get(line.look, '-->')} {ids[line.target]}"
            rule = _rule(paint_of(line.look, LIGHT)) if line.look != "value" else ""
            if rule:
                self.links.setdefault(rule, []).append(self.count)
            self.count += 1

    def styled(self, box: Box) -> str:
        """The class of a box, declared once."""
        stage = f" stage{box.stage % len(STAGES)}" if box.state == "trained" or box.look == "term" else ""
        style = f"box {box.look} {box.state}{stage}{' faulty' if box.fault else ''}"
        name = "_".join(style.split())
        ink = LIGHT["trained-text" if box.look == "block" and box.state == "trained" else "ink"].fill
        self.classes[name] = f"{_rule(paint_of(style, LIGHT))},color:{ink}"
        return name


def _rule(paint: Paint) -> str:
    said = {"fill": paint.fill, "stroke": paint.stroke, "stroke-width": f"{paint.width:g}px" if paint.width else None}
    said["stroke-dasharray"] = " ".join(f"{each:g}" for each in paint.dashes) if paint.dashes else None
    return ",".join(f"{key}:{value}" for key, value in said.items() if value is not None)


def _shape(box: Box) -> str:
    opening, closing = SHAPES.get(box.look, ("[", "]"))
    rows = [*([f"<b>{_quoted(box.name)}</b>"] if box.name else []), *([_quoted(box.text)] if box.text else [])]
    rows += [box.fault] if box.fault else []
    return f'{opening}"{"<br>".join(rows)}"{closing}'


def _quoted(text: str) -> str:
    for character, entity in (("&", "&amp;"), ('"', "&quot;"), ("<", "&lt;"), (">", "&gt;"), ("#", "&#35;")):
        text = text.replace(character, entity)
    return text
