"""What a composition means, for a reader: stages, equations, which term trains which block, what it costs, its code.

tables(composition) -> text        explained(composition) -> plain data       programs(executable) -> Python
"""

from __future__ import annotations

import importlib
import io
import pkgutil
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from blocks.types import Classes, Field, Levels, Taken
from compose.build import Composition, StageGraphs, UpdateGraph
from compose.checks import cost, gradient_matrix
from compose.diagnostics import CODES, Code, Finding, render
from compose.expressions import unparse
from compose.pages import Case, Page
from compose.settings import length_of, options_of, settings_of_stage, settings_of_update, turns_of
from compose.spec import Spec

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
    """The gradient matrix, stage -> update -> term -> block -> verdict; how updates step; and the cost."""
    spec = composition.spec
    return {
        "gradients": gradient_matrix(composition),
        "settings": {
            stage.name: {
                update.name: [list(line) for line in settings_of_update(update, spec)] for update in stage.updates
            }
            for stage in composition.stages
        },
        "cost": cost(composition),
    }


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
    _data(console, composition)
    _blocks(console, composition)
    _lines(console, composition.spec)
    for stage in composition.stages:
        _stage(console, composition, stage)
    _samplers(console, composition)
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
    counts = cost(composition)["parameters"]
    made = _table(console, "", "block", "kind", "options", "takes", "makes", "parameters", right=["parameters"])
    for name, declared in composition.blocks.items():
        slot, written = composition.sizes.slots[name], composition.spec.blocks[name]
        takes = ", ".join(_size(taken) for taken in slot.takes)
        makes = _size(slot.makes) if slot.makes else ""
        fixed = "" if declared.trainable else " (not trainable)"
        made.add_row(
            name,
            declared.kind + fixed,
            options_of({key: declared.options[key] for key in written.options}),
            takes,
            makes,
            f"{counts.get(name, 0):,}",
        )
    _close(console, made)


def _size(size: Taken | None) -> str:
    if isinstance(size, Levels):
        return f"time step of {size.count}"
    if isinstance(size, Classes):
        return f"class of {size.count}"
    return "?" if size is None else " x ".join(map(str, size)) or "number"


def _lines(console: Console, spec: Spec) -> None:
    """The equations: params with their values, models, then the graph."""
    if not (spec.models or spec.graph or spec.params):
        return
    made = _table(console, "", "line", "is")
    if spec.params:
        made.add_row("params", options_of(spec.values))
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
    _close(console, made)


def _stage(console: Console, composition: Composition, stage: StageGraphs) -> None:
    console.print(f"stage {stage.name}: {length_of(stage.spec)}", style="bold")
    _settings(console, settings_of_stage(stage.spec))
    for update in stage.updates:
        turns = turns_of(update)
        title = f"update {update.name}{f', {turns}' if turns else ''}: " if stage.spec.updates or turns else ""
        console.print(f"{title}trains {', '.join(update.trains) or 'nothing'}", style="bold")
        _settings(console, settings_of_update(update, composition.spec))
        _terms(console, update, gradient_matrix(composition)[stage.name][update.name])
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


def _terms(console: Console, update: UpdateGraph, verdicts: Mapping[str, Mapping[str, str]]) -> None:
    """A row a term: what it is, and which block it reaches."""
    columns = list(next(iter(verdicts.values()), {}))
    lazy = {name: term.every for name, term in {**update.spec.minimize, **update.spec.maximize}.items()}
    made = _table(console, "", "term", "is", *(["every"] if max(lazy.values(), default=1) > 1 else []), *columns)
    for name, term in {**update.spec.minimize, **update.spec.maximize}.items():
        sign = "maximize " if name in update.spec.maximize else ""
        every = [f"{term.every} steps" if term.every > 1 else ""] if max(lazy.values()) > 1 else []
        cells = [_cell(verdicts.get(name, {}).get(block, "")) for block in columns]
        made.add_row(name, f"{sign}{unparse(term.value)}", *every, *cells)
    if made.rows:
        console.print()
        console.print(made)
    console.print()


def _cell(verdict: str) -> Text:
    from rich.text import Text  # on use, as all of rich

    return Text(SIGNS.get(verdict, verdict), style=PAINT.get(verdict, ""))


def _samplers(console: Console, composition: Composition) -> None:
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
        rows.append({"sampler": name, "gives": given, "reads": ", ".join(reads), "options": options})
    columns = [column for column in rows[0] if any(row[column] for row in rows)]
    made = _table(console, "", *columns)
    for row in rows:
        made.add_row(*[row[column] for column in columns])
    _close(console, made)
    if spec.evaluate:
        measured = _table(console, "", "evaluate", "is")
        for name, line in spec.evaluate.items():
            measured.add_row(name, unparse(line))
        _close(console, measured)


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
    made = _table(console, "", "evaluations per sample", *blocks, right=blocks)
    for what, counts in used.items():
        made.add_row(what, *[f"{counts[block]:,}" if counts.get(block) else "" for block in blocks])
    if blocks:
        _close(console, made)
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
