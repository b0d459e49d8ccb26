"""What a composition means, for a reader: stages, equations, which term trains which block, what it costs, its code.

tables(composition) -> text        explained(composition) -> plain data       programs(executable) -> Python
"""

from __future__ import annotations

import importlib
import io
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from blocks.types import Classes, Levels, Taken
from compose.build import Composition, StageGraphs, UpdateGraph
from compose.checks import cost, gradient_matrix
from compose.diagnostics import CODES, Code
from compose.equations import Paper, equations_of, noise_space, to_unicode
from compose.expressions import unparse
from compose.spec import Optimizer, Spec

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from compose.compiler import Executable

__all__ = ["every_code", "explained", "page_of", "programs", "tables"]

WIDTH = 110
SIGNS = {"reaches": "reaches", "frozen": "frozen", "stopped": "stopped", "no path": "-", "untrained": "·"}
PAINT = {"reaches": "green", "frozen": "blue", "stopped": "red", "no path": "dim", "untrained": "dim"}


def explained(composition: Composition) -> dict[str, Any]:
    """The gradient matrix, stage -> update -> term -> block -> verdict, the cost, and the equations as LaTeX."""
    equations = asdict(equations_of(composition))
    return {"gradients": gradient_matrix(composition), "cost": cost(composition), "equations": equations}


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
    _blocks(console, composition)
    paper = equations_of(composition)
    _models(console, composition.spec, paper)
    for stage in composition.stages:
        _stage(console, composition, stage, paper)
    _samplers(console, composition, paper)
    _cost(console, composition)
    return console.file.getvalue().rstrip()  # type: ignore[attr-defined]  the StringIO above


def _table(console: Console, title: str, *columns: str) -> Table:
    """A table below its title; it is filled, then printed."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    console.print(title, style="bold")
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def _blocks(console: Console, composition: Composition) -> None:
    made = _table(console, f"{composition.spec.name}: blocks", "block", "kind", "takes", "makes", "parameters")
    counts = cost(composition)["parameters"]
    for name, declared in composition.blocks.items():
        slot = composition.sizes.slots[name]
        takes = ", ".join(_size(taken) for taken in slot.takes)
        made.add_row(name, declared.kind, takes, _size(slot.makes) if slot.makes else "", f"{counts.get(name, 0):,}")
    console.print(made)


def _size(size: Taken | None) -> str:
    if isinstance(size, Levels):
        return f"time step of {size.count}"
    if isinstance(size, Classes):
        return f"class of {size.count}"
    return "?" if size is None else " x ".join(map(str, size)) or "number"


def _models(console: Console, spec: Spec, paper: Paper) -> None:
    """The composition: every model and line of the graph as an equation, beside what the spec writes."""
    if not (spec.models or spec.graph):
        return
    made = _table(console, "composition", "name", "is", "equation")
    for name, declared in (*spec.models.items(), *spec.graph.items()):
        lines = getattr(declared, "lines", None) or {"": declared}
        parameters = getattr(declared, "parameters", ())
        head = f"{name}({', '.join(parameters)})" if parameters else name
        written = "\n".join(f"{key}: {unparse(line)}" if key else unparse(line) for key, line in lines.items())
        made.add_row(head, written, to_unicode({**paper.models, **paper.lines}[name]))
    console.print(made)


def _stage(console: Console, composition: Composition, stage: StageGraphs, paper: Paper) -> None:
    spec, matrix = stage.spec, gradient_matrix(composition)[stage.name]
    length = f"{spec.epochs} epochs" if spec.epochs else f"{spec.steps} steps"
    shared = f", shared: {', '.join(spec.shared)}" if spec.shared else ""
    for update in stage.updates:
        verdicts = matrix[update.name]
        columns = list(next(iter(verdicts.values()), {}))
        trains = ", ".join(update.trains) or "nothing"
        title = f"stage {stage.name} ({length}{shared}), update {update.name}: trains {trains}; {_optimizer(update)}"
        made = _table(console, title, "term", "is", "equation", *columns)
        equations = paper.updates[stage.name][update.name]
        for name, term in {**update.spec.minimize, **update.spec.maximize}.items():
            sign = "- " if name in update.spec.maximize else ""
            lazy = f"  (every {term.every} steps)" if term.every > 1 else ""
            cells = [_cell(verdicts.get(name, {}).get(block, "")) for block in columns]
            made.add_row(name, f"{sign}{unparse(term.value)}{lazy}", to_unicode(equations.terms[name]), *cells)
        console.print(made)
        _aside(console, "where", equations.where)
        _aside(console, "noise", noise_space(update.graph, update.terms.values()))


def _aside(console: Console, word: str, equations: Sequence[str]) -> None:
    """What belongs to the table above: `where z ~ q(z|x), ..`."""
    if equations:
        console.print(f"{word} {', '.join(map(to_unicode, equations))}\n")


def _optimizer(update: UpdateGraph) -> str:
    chosen = update.spec.optimizer or Optimizer()
    rate = chosen.lr if isinstance(chosen.lr, int | float) else unparse(chosen.lr)
    return f"{chosen.kind}, lr {rate}"


def _cell(verdict: str) -> Text:
    from rich.text import Text  # on use, as all of rich

    return Text(SIGNS.get(verdict, verdict), style=PAINT.get(verdict, ""))


def _samplers(console: Console, composition: Composition, paper: Paper) -> None:
    rows = [(name, held) for name, held in composition.samplers.items()]
    if not rows:
        return
    made = _table(console, "samplers", "name", "equation", "noise", "gives", "reads", "options")
    for name, held in rows:
        given = ", ".join(
            f"{key}: {node.type}" if key != "value" else str(node.type) for key, node in held.value.items()
        )
        reads = sorted(
            {str(n.arguments[0]) for n in held.graph.needed(list(held.value.values())) if n.operation.target == "data"}
        )
        noise = ", ".join(map(to_unicode, noise_space(held.graph, held.value.values())))
        equation = to_unicode(paper.samplers[name])
        options = ", ".join(f"{key}={value}" for key, value in held.options.items())
        made.add_row(name, equation, noise, given, ", ".join(reads), options)
    console.print(made)


def _cost(console: Console, composition: Composition) -> None:
    """Evaluations of each block for one sample: a step of an update, a draw of a sampler."""
    found = cost(composition)
    used = {
        f"a step of {stage}, {update}": counts
        for stage, held in found["updates"].items()
        for update, counts in held.items()
    }
    used |= {f"a draw of {name}": counts for name, counts in found["samplers"].items()}
    made = _table(console, "network evaluations per sample", "for", *composition.blocks)
    for what, counts in used.items():
        made.add_row(what, *[str(counts.get(block, "")) for block in composition.blocks])
    console.print(made)
    if found["adaptive"]:
        console.print(f"an adaptive solver evaluates {', '.join(found['adaptive'])} as often as it must: counted once")


def programs(executable: Executable) -> str:
    """Every generated program as one Python text: the updates of each stage, what it shares, samplers, evaluations."""
    parts: list[str] = []
    for index in range(len(executable.composition.stages)):
        stage = executable.stage(index)
        if stage.shared is not None:
            parts.append(f"# stage {stage.name}: shared by its updates\n{stage.shared.code}")
        for update in stage.updates:
            head = f"# stage {stage.name}, update {update.name}: trains {', '.join(update.trains)}"
            parts.append(f"{head}\n{update.program(update.active(0)).code}")
    for name in executable.composition.samplers:
        parts.append(f"# sampler {name}\n{executable.sampler(name).program.code}")
    for name in executable.composition.evaluations:
        measured = executable.evaluation(name)
        parts += [f"# evaluate {name}\n{given.sampler.program.code}" for given in measured.arguments if given.sampler]
    return "\n\n".join(parts)


# codes ----------------------------------------------------------------------------------------------------------------


def every_code() -> Mapping[str, Code]:
    """Every code of the language, sorted.   Imports what words the findings."""
    import compose

    for found in pkgutil.walk_packages(compose.__path__, "compose."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    return dict(sorted(CODES.items()))


def page_of(code: Code) -> str:
    """The page of a code: what it is called, the prose of its wording, and specs that show it where they lie beside."""
    import inspect

    name = code.name.rpartition(".")[2].replace("_", " ")
    return f"{code.severity}[{code.code}]: {name}\n\n{inspect.cleandoc(code.page)}"
