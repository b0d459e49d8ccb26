"""What a composition means, for a reader: stages, equations, which term trains which block, what it costs, its code.

tables(composition) -> text        explained(composition) -> plain data       programs(executable) -> Python
"""

from __future__ import annotations

import importlib
import io
import pkgutil
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from blocks.types import Classes, Levels, Taken
from compose.build import Composition, StageGraphs, UpdateGraph
from compose.checks import cost, gradient_matrix
from compose.diagnostics import CODES, Code, Finding, render
from compose.expressions import unparse
from compose.pages import Case, Page
from compose.spec import Optimizer, Spec

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from compose.compiler import Executable

__all__ = ["every_code", "explained", "headline", "page_of", "programs", "tables"]

WIDTH = 110
SIGNS = {"reaches": "reaches", "frozen": "frozen", "stopped": "stopped", "no path": "-", "untrained": "·"}
PAINT = {"reaches": "green", "frozen": "blue", "stopped": "red", "no path": "dim", "untrained": "dim"}
KEY = re.compile(r"\w+(?:\([^)\n]*\))?(?=:(?:\s|$))", re.MULTILINE)  # in YAML
PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"}  # control characters, made visible


def explained(composition: Composition) -> dict[str, Any]:
    """The gradient matrix, stage -> update -> term -> block -> verdict, and the cost."""
    return {"gradients": gradient_matrix(composition), "cost": cost(composition)}


def tables(composition: Composition, *, color: bool = False, width: int = WIDTH) -> str:
    """Everything about a composition but its code, as text of `width` columns."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=color,
        no_color=not color,
        highlight=False,
        color_system="standard" if color else None,
    )
    _blocks(console, composition)
    _models(console, composition.spec)
    for stage in composition.stages:
        _stage(console, composition, stage)
    _samplers(console, composition)
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


def _models(console: Console, spec: Spec) -> None:
    if not (spec.models or spec.graph):
        return
    made = _table(console, "lines", "name", "is")
    for name, declared in (*spec.models.items(), *spec.graph.items()):
        lines = getattr(declared, "lines", None)
        parameters = getattr(declared, "parameters", ())
        head = f"{name}({', '.join(parameters)})" if parameters else name
        if lines is None:
            made.add_row(head, unparse(declared))
        else:
            made.add_row(
                head, "\n".join(f"{key}: {unparse(line)}" if key else unparse(line) for key, line in lines.items())
            )
    console.print(made)


def _stage(console: Console, composition: Composition, stage: StageGraphs) -> None:
    spec, matrix = stage.spec, gradient_matrix(composition)[stage.name]
    length = f"{spec.epochs} epochs" if spec.epochs else f"{spec.steps} steps"
    shared = f", shared: {', '.join(spec.shared)}" if spec.shared else ""
    for update in stage.updates:
        verdicts = matrix[update.name]
        columns = list(next(iter(verdicts.values()), {}))
        trains = ", ".join(update.trains) or "nothing"
        title = f"stage {stage.name} ({length}{shared}), update {update.name}: trains {trains}; {_optimizer(update)}"
        made = _table(console, title, "term", "is", *columns)
        for name, term in {**update.spec.minimize, **update.spec.maximize}.items():
            sign = "- " if name in update.spec.maximize else ""
            lazy = f"  (every {term.every} steps)" if term.every > 1 else ""
            cells = [_cell(verdicts.get(name, {}).get(block, "")) for block in columns]
            made.add_row(name, f"{sign}{unparse(term.value)}{lazy}", *cells)
        console.print(made)


def _optimizer(update: UpdateGraph) -> str:
    chosen = update.spec.optimizer or Optimizer()
    rate = chosen.lr if isinstance(chosen.lr, int | float) else unparse(chosen.lr)
    return f"{chosen.kind}, lr {rate}"


def _cell(verdict: str) -> Text:
    from rich.text import Text  # on use, as all of rich

    return Text(SIGNS.get(verdict, verdict), style=PAINT.get(verdict, ""))


def _samplers(console: Console, composition: Composition) -> None:
    rows = [(name, held) for name, held in composition.samplers.items()]
    if not rows:
        return
    made = _table(console, "samplers", "name", "gives", "reads", "options")
    for name, held in rows:
        given = ", ".join(
            f"{key}: {node.type}" if key != "value" else str(node.type) for key, node in held.value.items()
        )
        reads = sorted(
            {str(n.arguments[0]) for n in held.graph.needed(list(held.value.values())) if n.operation.target == "data"}
        )
        made.add_row(name, given, ", ".join(reads), ", ".join(f"{key}={value}" for key, value in held.options.items()))
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


def page_of(
    code: Code, page: Page, findings: Iterable[Finding], sources: Mapping[str, str], *,
    color: bool = False, width: int = WIDTH,
) -> str:  # fmt: skip
    """The page of a code: what is wrong, why it matters, a spec that is wrong and what is said of it, the right one.

    `findings`, in `sources`, are what a user is told who does what is wrong; prose is `width` columns wide.
    """
    head = render([Finding(code.code, code.severity, message=headline(code))], {}, color=color)
    told = render(findings, sources, color=color) or "(on this machine nothing is said of it)"
    changed = {name: text for name, text in page.right.files.items() if page.wrong.files.get(name) != text}
    wrong = _case("wrong", "1;31", page.wrong, page.wrong.files, color)
    right = _case("right", "1;32", page.right, changed, color)
    return "\n\n".join([head, textwrap.fill(page.prose, width, break_on_hyphens=False), wrong, told, right])


def headline(code: Code) -> str:
    """What is wrong: the first line of the docstring that words it."""
    return code.page.split("\n")[0].rstrip(".")


def _case(title: str, style: str, case: Case, files: Mapping[str, str], color: bool) -> str:
    """Of a case `files`, and what is typed."""

    def ink(style: str, text: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if color else text

    shown = [ink(style, title)]
    for name, text in files.items():
        seen = text.translate(PICTURES)
        painted = KEY.sub(lambda key: ink("34", key[0]), seen) if name.endswith(".yaml") else seen
        shown += [f"  {ink('1', name)}"] if set(case.files) != {"spec.yaml"} else []
        shown.append(textwrap.indent(painted.rstrip("\n"), "    "))
    shown.append("\n".join(f"  $ {ink('1', command)}" for command in (case.before, case.command) if command))
    return "\n\n".join(shown)
