"""A composition as tables: data, blocks, lines with their equations, stages, samplers, cost."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from blocks.types import Classes, Field, Levels, Taken
from compose.build import Composition, StageGraphs, UpdateGraph
from compose.checks import cost, gradient_matrix
from compose.equations import Paper, equations_of, noise_space, to_unicode
from compose.expressions import unparse
from compose.graph import Distribution, Tensor
from compose.settings import length_of, options_of, settings_of_stage, settings_of_update, turns_of
from compose.spec import Spec
from compose.ways import way_of_graph

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

__all__ = ["WIDTH", "tables"]

WIDTH = 110
SIGNS = {"reaches": "reaches", "frozen": "frozen", "stopped": "stopped", "no path": "-", "untrained": "·"}
PAINT = {"reaches": "green", "frozen": "blue", "stopped": "red", "no path": "dim", "untrained": "dim"}


def tables(composition: Composition, *, color: bool = False, width: int = WIDTH) -> str:
    """Everything about a composition but its code, as text of `width` columns."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=color,
        no_color=not color,
        highlight=False,
        markup=False,  # brackets are the spec's own
        color_system="standard" if color else None,
    )
    _data(console, composition)
    _blocks(console, composition)
    paper = equations_of(composition)
    _lines(console, composition.spec, paper)
    for stage in composition.stages:
        _stage(console, composition, stage, paper)
    _samplers(console, composition, paper)
    _cost(console, composition)
    shown = console.file.getvalue()  # type: ignore[attr-defined]  the StringIO above
    return "\n".join(line.rstrip() for line in shown.split("\n")).rstrip()


def _table(console: Console, title: str, *columns: str, right: Sequence[str] = ()) -> Table:
    """A table below its title; it is filled, then printed.   The columns of `right` hold numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    if title:
        console.print(title, style="bold")
    made = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", justify="right" if column in right else "left")
    return made


def _close(console: Console, made: Table) -> None:
    console.print(made)
    console.print()


def _data(console: Console, composition: Composition) -> None:
    spec = composition.spec
    made = _table(console, spec.name, "data", "batch", "gives", right=["batch"])
    for name, source in spec.data.items():
        prefix = f"{name}." if name else ""
        fields = {key: field for key, field in composition.fields.items() if key.startswith(prefix)}
        gives = ", ".join(f"{key}: {_field(field)}" for key, field in fields.items() if not key.endswith("index"))
        options = f" ({options_of(source.options)})" if source.options else ""
        head = f"{name}: {source.source}" if name else source.source
        made.add_row(head + options, str(source.batch_size), gives)
    if made.rows:
        _close(console, made)


def _field(field: Field) -> str:
    if field.classes:
        return f"class of {field.classes}"
    known = field.low is not None and field.high is not None
    return (" x ".join(map(str, field.event)) or "number") + (f" in [{field.low:g}, {field.high:g}]" if known else "")


def _blocks(console: Console, composition: Composition) -> None:
    counts, results = cost(composition)["parameters"], _results(composition)
    made = _table(console, "", "block", "kind", "options", "takes", "makes", "parameters", right=["parameters"])
    for name, declared in composition.blocks.items():
        slot, written = composition.sizes.slots[name], composition.spec.blocks[name]
        takes = ", ".join(_size(taken) for taken in slot.takes)
        fixed = "" if declared.trainable else " (not trainable)"
        made.add_row(
            name,
            declared.kind + fixed,
            options_of({key: declared.options[key] for key in written.options}),
            takes,
            results.get(name) or (takes if declared.is_model else ""),  # a flow makes what it takes
            f"{counts.get(name, 0):,}",
        )
    _close(console, made)


RESULTS = ("forward", "at", "read")  # the calls that make a block's value


def _results(composition: Composition) -> dict[str, str]:
    """What the calls of each block give: a size, or a distribution over values of one."""
    found: dict[str, str] = {}
    for node in (node for graph in composition.graphs() for node in graph.walk()):
        if node.use is None or node.operation.target not in RESULTS or node.use.block in found:
            continue
        if isinstance(node.type, Distribution):
            found[node.use.block] = f"{node.type.family} of {_size(node.type.value.event)}"
        elif isinstance(node.type, Tensor):
            found[node.use.block] = _size(node.type.event)
    return found


def _size(size: Taken | None) -> str:
    if isinstance(size, Levels):
        return f"time step of {size.count}"
    if isinstance(size, Classes):
        return f"class of {size.count}"
    return "?" if size is None else " x ".join(map(str, size)) or "number"


def _lines(console: Console, spec: Spec, paper: Paper) -> None:
    """Params with their values, models, then the graph: each line as the spec writes it, and as an equation."""
    if not (spec.models or spec.graph or spec.params):
        return
    made = _table(console, "", "line", "is", "equation")
    if spec.params:
        made.add_row("params", options_of(spec.values))
    for name, declared in (*spec.models.items(), *spec.graph.items()):
        lines = getattr(declared, "lines", None) or {"": declared}
        parameters = getattr(declared, "parameters", ())
        head = f"{name}({', '.join(parameters)})" if parameters else name
        written = "\n".join(f"{key}: {unparse(line)}" if key else unparse(line) for key, line in lines.items())
        made.add_row(head, written, to_unicode({**paper.models, **paper.lines}[name]))
    _close(console, made)


def _stage(console: Console, composition: Composition, stage: StageGraphs, paper: Paper) -> None:
    console.print(f"stage {stage.name}: {length_of(stage.spec)}", style="bold")
    _settings(console, settings_of_stage(stage.spec))
    for update in stage.updates:
        turns = turns_of(update)
        title = f"update {update.name}{f', {turns}' if turns else ''}: " if stage.spec.updates or turns else ""
        console.print(f"{title}trains {', '.join(update.trains) or 'nothing'}", style="bold")
        _settings(console, settings_of_update(update, composition.spec))
        equations = paper.updates[stage.name][update.name]
        _terms(console, update, gradient_matrix(composition)[stage.name][update.name], equations.terms)
        _aside(console, "where", equations.where)
        _aside(console, "noise", noise_space(update.graph, update.terms.values()))
    if not stage.updates:
        console.print()


def _settings(console: Console, lines: Iterable[tuple[str, str]]) -> None:
    from rich.table import Table

    made = Table.grid(padding=(0, 2, 0, 0))
    for column in ("", "label", "text"):
        made.add_column(overflow="fold", min_width=9 if column == "label" else None)
    for label, text in lines:
        made.add_row("", label, text)
    if made.rows:
        console.print(made)


def _aside(console: Console, word: str, equations: Sequence[str]) -> None:
    """What belongs to the table above: `where z ~ q(z|x), ..`."""
    if equations:
        console.print(f"{word} {', '.join(map(to_unicode, equations))}\n")


def _terms(
    console: Console, update: UpdateGraph, verdicts: Mapping[str, Mapping[str, str]], equations: Mapping[str, str]
) -> None:
    """A row a term: what it is, in the spec and on paper, and which block it reaches."""
    columns = list(next(iter(verdicts.values()), {}))
    lazy = {name: term.every for name, term in {**update.spec.minimize, **update.spec.maximize}.items()}
    made = _table(
        console, "", "term", "is", "equation", *(["every"] if max(lazy.values(), default=1) > 1 else []), *columns
    )
    for name, term in {**update.spec.minimize, **update.spec.maximize}.items():
        sign = "maximize " if name in update.spec.maximize else ""
        every = [f"{term.every} steps" if term.every > 1 else ""] if max(lazy.values()) > 1 else []
        cells = [_cell(verdicts.get(name, {}).get(block, "")) for block in columns]
        made.add_row(name, f"{sign}{unparse(term.value)}", to_unicode(equations[name]), *every, *cells)
    if made.rows:
        console.print()
        console.print(made)
    console.print()


def _cell(verdict: str) -> Text:
    from rich.text import Text  # on use, as all of rich

    return Text(SIGNS.get(verdict, verdict), style=PAINT.get(verdict, ""))


def _samplers(console: Console, composition: Composition, paper: Paper) -> None:
    spec = composition.spec
    if not composition.samplers:
        return
    rows = []
    for name, held in composition.samplers.items():
        given = ", ".join(
            f"{key}: {node.type}" if key != "value" else str(node.type) for key, node in held.value.items()
        )
        reads = sorted(
            {str(n.arguments[0]) for n in held.graph.needed(list(held.value.values())) if n.operation.target == "data"}
        )
        options = ", ".join(f"{key}={value}" for key, value in held.options.items())
        noise = ", ".join(map(to_unicode, noise_space(held.graph, held.value.values())))
        told = {"sampler": name, "equation": to_unicode(paper.samplers[name]), "noise": noise, "gives": given}
        rows.append({**told, "reads": ", ".join(reads), "options": options})
    columns = [column for column in rows[0] if any(row[column] for row in rows)]
    made = _table(console, "", *columns)
    for row in rows:
        made.add_row(*[row[column] for column in columns])
    _close(console, made)
    if spec.evaluate.lines:
        measured = _table(console, "", "evaluate", "is")
        for word, value in spec.evaluate.settings.items():
            measured.add_row(word, str(value))
        for name, line in spec.evaluate.lines.items():
            measured.add_row(name, unparse(line))
        _close(console, measured)


def _ways(composition: Composition) -> Iterator[str]:
    """What `run: {compile: true}` makes of each update, then of each sampler, which always runs as it is."""
    said = {"whole": "whole", "bodies": "loop bodies", "eager": "-"}
    for stage in composition.stages:
        for update in stage.updates:
            yield said[way_of_graph(update.graph)]
    yield from ("-" for _ in composition.samplers)


def _cost(console: Console, composition: Composition) -> None:
    """Evaluations of each block for one sample: a step of an update, a draw of a sampler."""
    found = cost(composition)
    used = {
        f"a step of {stage}" + (f", {update}" if len(held) > 1 else ""): counts
        for stage, held in found["updates"].items()
        for update, counts in held.items()
    }
    used |= {f"a draw of {name}": counts for name, counts in found["samplers"].items()}
    blocks = [name for name in composition.blocks if any(name in counts for counts in used.values())]
    ways = dict(zip(used, _ways(composition), strict=True))
    made = _table(console, "", "evaluations per sample", *blocks, "torch.compile", right=blocks)
    for what, counts in used.items():
        made.add_row(what, *[f"{counts[block]:,}" if counts.get(block) else "" for block in blocks], ways[what])
    if blocks:
        _close(console, made)
    if found["adaptive"]:
        console.print(f"an adaptive solver evaluates {', '.join(found['adaptive'])} as often as it must: counted once")
