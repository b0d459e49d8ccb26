"""Broken compositions: what could be built, and where the fault is.

An update that could not be built is drawn from its lines alone, one box for each: a name that nothing has is a dashed
red box, a circle is a circle of red lines, any other fault stands at its line, by its code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import networkx as nx

from compose.build import Composition, StageGraphs, UpdateGraph
from compose.dependencies import Mention, definitions, mentions
from compose.diagnostics import Finding, Span
from compose.expressions import unparse
from compose.picture.panels import Box, Line, Look, Panel, panel_of, title_of
from compose.spec import Function, Program, Spec

__all__ = ["footnotes", "with_faults"]

UNKNOWN = "N101"  # a name that nothing has


def footnotes(findings: Iterable[Finding]) -> list[str]:
    """A row for each error."""
    return [
        f"{found.code}{f', line {found.span.line}' if found.span else ''}: {found.message.replace('`', '')}"
        for found in findings
        if found.severity == "error"
    ]


def with_faults(composition: Composition, findings: Sequence[Finding]) -> list[Panel]:
    """A panel for each update: from its graph if all its terms could be built, else from its lines."""
    errors = [found for found in findings if found.severity == "error"]
    made = []
    for stage in composition.stages:
        for update in stage.updates:
            if update.complete:
                panel = panel_of(composition, stage, update)
                _mark(panel, _places(composition.spec, stage, update), errors)
            else:
                panel = _Lines(composition, update, errors).panel(title_of(composition, stage, update), stage.index)
                _mark(panel, _places(composition.spec, stage, update), errors)
            made.append(panel)
    return made


def _places(spec: Spec, stage: StageGraphs, update: UpdateGraph) -> dict[str, Span]:
    """Where each line, block and term stands, by the name of its box."""
    found = {name: spec.span(section, name) for section in ("graph", "models") for name in getattr(spec, section)}
    found |= {f"block {name}": spec.span("blocks", name) for name in spec.blocks}
    for section in ("minimize", "maximize"):
        found |= {name: update.spec.span(section, name) for name in getattr(update.spec, section)}
    return found


def _mark(panel: Panel, places: Mapping[str, Span], errors: Iterable[Finding]) -> None:
    """Each error at the box whose text it stands in."""
    for found in errors:
        for key, box in panel.boxes.items():
            place = places.get(key) or places.get(box.name)
            if place is not None and found.span is not None and _within(found.span, place) and box.look != "unknown":
                box.fault = found.code


def _within(inner: Span, outer: Span) -> bool:
    start, end = (inner.line, inner.column), (inner.end_line, inner.end_column)
    return (
        inner.file == outer.file and (outer.line, outer.column) <= start and end <= (outer.end_line, outer.end_column)
    )


class _Lines:
    """The lines that an update reads, by name, and what each mentions: nothing of it need be right."""

    def __init__(self, composition: Composition, update: UpdateGraph, errors: Sequence[Finding]) -> None:
        spec = composition.spec
        self.composition, self.trains = composition, update.trains or tuple(update.spec.train or ())
        self.terms = {**update.spec.minimize, **update.spec.maximize}
        self.lines: dict[str, list[Mention]] = definitions(spec)
        self.texts = {name: _text(declared) for name, declared in (*spec.graph.items(), *spec.models.items())}
        self.unknown = {found.span for found in errors if found.code == UNKNOWN and found.span is not None}
        self.unknown |= {note.span for found in errors if found.code == UNKNOWN for note in found.notes}

    def panel(self, title: str, stage: int) -> Panel:
        """A box for each term and for each line that it needs."""
        made = Panel(title)
        self.stage = stage
        network = nx.DiGraph()
        waiting = []
        for name, term in self.terms.items():
            made.boxes[f"term {name}"] = Box(name, unparse(term.value), "term", stage=stage)
            waiting.append((f"term {name}", mentions(term.value)))
        while waiting:
            user, used = waiting.pop(0)
            for mention in used:
                source = self._box(made, mention)
                if source is None or network.has_edge(source, user):
                    continue
                network.add_edge(source, user)
                if mention.name in self.lines and mention.name not in self._done(made):
                    made.boxes[mention.name].text = self.texts[mention.name]
                    waiting.append((mention.name, self.lines[mention.name]))
        circles = {edge for part in nx.strongly_connected_components(network) for edge in _inside(network, part)}
        for source, target in network.edges:
            known = "parameters" if source.startswith("block ") else "value"
            made.lines.append(Line(source, target, "fault" if (source, target) in circles else known))
        return made

    def _done(self, made: Panel) -> set[str]:
        return {key for key, box in made.boxes.items() if box.text}

    def _box(self, made: Panel, mention: Mention) -> str | None:
        """The key of the box of a mentioned name, which is made if there is none; None for words of the language."""
        name = mention.name
        if mention.span in self.unknown:
            made.boxes.setdefault(name, Box(name, "unknown", "unknown", fault=UNKNOWN))
            return name
        spec = self.composition.spec
        if name in spec.blocks:
            state = "trained" if name in self.trains else "constant"
            made.boxes.setdefault(f"block {name}", Box(name, "", "block", state, self.stage))
            return f"block {name}"
        if name in self.lines:
            made.boxes.setdefault(name, Box(name, "", "value"))
            return name
        if name in self.composition.fields:
            look: Look = "data"
            made.boxes.setdefault(name, Box(name, "data", look))
            return name
        return None


def _inside(network: nx.DiGraph, part: set[str]) -> list[tuple[str, str]]:
    """The lines of a circle."""
    return list(network.subgraph(part).edges) if len(part) > 1 or network.has_edge(*2 * [*part]) else []


def _text(declared: object) -> str:
    if isinstance(declared, Function | Program):
        return "; ".join(unparse(line) for line in declared.lines.values())
    return unparse(declared)  # type: ignore[arg-type]
