"""What a picture shows, before anything is placed: panels of boxes and lines, one for each update and each sampler.

A box is a line of the spec, a call of a block, a draw of noise, a loop. What is computed only for one box is written
in it. Boxes of blocks are parameters: a line from one joins it to each of its calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from compose.build import Composition, SamplerGraph, StageGraphs, UpdateGraph
from compose.graph import Body, Graph, Node, uses
from compose.picture.words import loop_name, loop_title, node_text

__all__ = ["Box", "Line", "Look", "Panel", "State", "panel_of", "panels", "sampler_panels"]

Look = Literal["data", "noise", "value", "call", "loop", "term", "block", "unknown"]
State = Literal["", "trained", "constant"]
LineLook = Literal["value", "stopped", "parameters", "frozen", "fault"]
HIDDEN = ("field", "stop")  # operations that a reader sees on the line
INPUTS = ("input",)
GIVEN: Mapping[str, Look] = {"noise": "noise", "state": "noise"}
WORDS = {"state": ""}  # what a given value says of itself, where that is not its kind


@dataclass
class Box:
    """One thing in a picture: its name (bold), the expression below it, what it is, and whether it is trained here.

    `stage` chooses the colour of what is trained; `inside` is the body of a loop; `fault` is the code of what is wrong.
    """

    name: str
    text: str = ""
    look: Look = "value"
    state: State = ""
    stage: int = 0
    inside: Panel | None = None
    fault: str = ""


@dataclass(frozen=True)
class Line:
    """A use of one box by another, by their keys."""

    source: str
    target: str
    look: LineLook = "value"


@dataclass
class Panel:
    """Boxes by key, and the lines between them."""

    title: str = ""
    boxes: dict[str, Box] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True)
class _Scene:
    """What a panel is drawn for: which blocks have parameters, which are trained, the colour."""

    parametric: frozenset[str]
    trained: frozenset[str]
    stage: int


def panels(composition: Composition) -> list[Panel]:
    """One panel for each update that could be built, stages in order."""
    return [
        panel_of(composition, stage, update) for stage in composition.stages for update in stage.updates if update.terms
    ]


def panel_of(composition: Composition, stage: StageGraphs, update: UpdateGraph) -> Panel:
    """The panel of one update."""
    scene = _Scene(_parametric(composition), frozenset(update.trains), stage.index)
    made = _panel(update.graph, [*update.terms.values()], update.terms, scene)
    made.title = title_of(composition, stage, update)
    return made


def sampler_panels(composition: Composition) -> list[Panel]:
    """One panel for each sampler that could be built; nothing is trained there, so all blocks are constants."""
    return [_sampler(composition, sampler) for sampler in composition.samplers.values() if sampler.value]


def _sampler(composition: Composition, sampler: SamplerGraph) -> Panel:
    scene = _Scene(_parametric(composition), frozenset(), 0)
    made = _panel(sampler.graph, [*sampler.value.values()], {}, scene)
    for part, node in sampler.value.items():
        box = _box_of(node, made)
        if box is not None and (sampler.lone or not box.name):
            box.name = sampler.name if sampler.lone else part
    made.title = f"sampler {sampler.name}"
    return made


def _box_of(node: Node, panel: Panel) -> Box | None:
    """The box that a node is drawn as: its own, or that of the loop whose end it is."""
    while node.name not in panel.boxes and node.edges:
        node = node.edges[0].source
    return panel.boxes.get(node.name)


def _parametric(composition: Composition) -> frozenset[str]:
    return frozenset(name for name, declared in composition.blocks.items() if declared.role != "chain")


def title_of(composition: Composition, stage: StageGraphs, update: UpdateGraph) -> str:
    """`glf, stage 1 of 2, energy: trains energy`: the parts that tell something."""
    many = f"stage {stage.index + 1} of {len(composition.stages)}" if len(composition.stages) > 1 else ""
    named = stage.name if many and stage.name != f"stage{stage.index + 1}" else ""
    place = 1 + next(at for at, each in enumerate(stage.updates) if each is update)
    one = f"update {place} of {len(stage.updates)}" if len(stage.updates) > 1 else ""
    where = ", ".join(part for part in (many, named, one) if part)
    return f"{where + ': ' if where else ''}trains {', '.join(update.trains) or 'nothing'}"


def _panel(graph: Graph, outputs: Sequence[Node], ends: Mapping[str, Node], scene: _Scene) -> Panel:
    shown = graph.needed(list(outputs))
    terms = {id(node): name for name, node in ends.items()}
    results = _results(shown, terms)
    boxed = {
        id(node): node
        for node in shown
        if id(node) in terms or not (_folds(node, shown, scene) or any(node is held for held in results.values()))
    }
    short = {key: terms.get(key) or _label(results.get(key, node)) for key, node in boxed.items()}
    made = Panel()
    for node in boxed.values():
        name = results[id(node)].name if id(node) in results else terms.get(id(node))
        made.boxes[node.name] = _box(node, name, short, scene)
        lines = [Line(source.name, node.name, "stopped" if cut else "value") for source, cut in _sources(node, boxed)]
        made.lines += dict.fromkeys(lines)
        for use in dict.fromkeys((use.block, use.frozen) for use in uses(node) if use.block in scene.parametric):
            key = f"block {use[0]}"
            made.boxes.setdefault(key, Box(use[0], "", "block", _state(use[0], scene), scene.stage))
            made.lines.append(Line(key, node.name, "frozen" if use[1] else "parameters"))
    return made


def _state(block: str, scene: _Scene) -> State:
    return "trained" if block in scene.trained else "constant"


def _folds(node: Node, shown: Iterable[Node], scene: _Scene) -> bool:
    """Whether a node is written in the box of what uses it: it has no name, no parameters, and one use."""
    if node.operation.kind in HIDDEN and not node.named:
        return True
    if node.named or node.bodies or node.operation.kind in INPUTS:
        return False
    if node.use is not None and node.use.block in scene.parametric:
        return False
    return len(_users(node, shown)) <= 1


def _users(node: Node, shown: Iterable[Node]) -> list[Node]:
    """What uses a node, through what only picks a part of it or stops its gradient."""
    found: list[Node] = []
    for user in shown:
        if any(edge.source is node for edge in user.edges):
            hidden = user.operation.kind in HIDDEN and not user.named
            found += _users(user, shown) if hidden else [user]
    return found


def _results(shown: Iterable[Node], terms: Mapping[int, str]) -> dict[int, Node]:
    """The line that is the end of a loop, by the loop: the loop goes by its name."""
    ends = [node for node in shown if node.named and node.operation.target == "state" and id(node) not in terms]
    return {id(edge.source): node for node in ends for edge in node.edges if edge.source.bodies}


def _label(node: Node) -> str:
    """How other boxes call a box."""
    if node.named:
        return node.name
    if node.use is not None:
        method = "" if node.operation.target == "forward" else f".{node.operation.target}"
        return f"{node.use.block}{method}(…)"
    if node.leaf is not None:
        return "ε"
    if node.bodies:
        return loop_name(node)
    return node.name if node.operation.kind in INPUTS else str(getattr(node.operation.target, "__name__", node.name))


def _box(node: Node, given: str | None, short: Mapping[int, str], scene: _Scene) -> Box:
    name = given or (node.name if node.named else "")
    if node.operation.kind in INPUTS:
        kind = str(node.operation.target)
        words = _law(node) if node.leaf is not None else WORDS.get(kind, kind)
        if node.leaf is not None and not name:
            return Box("", f"ε {words}", "noise")
        return Box(name or node.name, words, GIVEN.get(kind, "data"))
    if node.bodies:
        inside = _body(node.bodies[0], scene)
        state: State = "trained" if any(box.state == "trained" for box in inside.boxes.values()) else ""
        return Box(name, loop_title(node), "loop", state, scene.stage, inside)
    held = [use.block for use in uses(node) if use.block in scene.parametric]
    text = node_text(node, lambda other: short.get(id(other)))
    text = text if text != name else ""
    if given is not None:
        return Box(name, text, "term", _state(held[0], scene) if held else "", scene.stage)
    return Box(name, text, "call" if held else "value", _state(held[0], scene) if held else "", scene.stage)


def _body(body: Body, scene: _Scene) -> Panel:
    """The inside of a loop; blocks of dynamics are trained there only if a gradient comes back out."""
    trained = scene.trained if body.differentiable else frozenset[str]()
    made = _panel(body.graph, [body.output], {}, _Scene(scene.parametric, trained, scene.stage))
    made.boxes = {key: box for key, box in made.boxes.items() if box.look != "block"}
    made.lines = [line for line in made.lines if line.source in made.boxes]
    return made


def _law(node: Node) -> str:
    assert node.leaf is not None
    law, high = node.leaf.law, node.leaf.high
    return {"seed": "~normal, each step", "integers": f"~1 .. {high}"}.get(law, f"~{law}")


def _sources(node: Node, boxed: Mapping[int, Node]) -> list[tuple[Node, bool]]:
    """The boxes that a node reads, and whether the gradient is stopped on the way."""
    found: list[tuple[Node, bool]] = []
    waiting = [(edge.source, edge.stop_gradient or _cuts(node)) for edge in node.edges]
    while waiting:
        source, cut = waiting.pop(0)
        if id(source) in boxed:
            found.append((source, cut))
        else:
            waiting += [(edge.source, cut or edge.stop_gradient or _cuts(source)) for edge in source.edges]
    return found


def _cuts(node: Node) -> bool:
    """Whether no gradient goes through: `sg`, or a discrete draw."""
    passes = node.operation.passes
    discrete = node.operation.target == "at" and passes is not None and not any(passes)
    return node.operation.kind == "stop" or discrete
