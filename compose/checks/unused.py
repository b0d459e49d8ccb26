"""What is declared and never used: lines, models, blocks and params.   Warnings; each cause is told once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from compose.build import Composition
from compose.catalogue import Catalogue
from compose.checks.names import updates
from compose.checks.signs import expressions_of
from compose.dependencies import Mention, mentions, programs_of
from compose.diagnostics import Finding, Note, Span, finding
from compose.expressions import Attribute, Call, Expression, walk
from compose.spec import Function, Program, Spec
from compose.suggestions import meant

__all__ = ["check_unused", "lines_of_programs", "unused_names", "uses"]

WORD = re.compile(r"\b[A-Za-z_]\w*")  # not the e of 1e-3
NOUNS = {"graph": "line", "models": "model", "blocks": "block"}


def check_unused(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Names that nothing else mentions; what is declared in an extended file may have been meant."""
    spec = composition.spec
    meant_by = {span: near for span, _, near in spec.document.doubtful} if spec.document is not None else {}
    displaced = list(_displaced(spec))
    told = {note.span for found in displaced for note in found.notes}
    for noun, name, span in unused_names(spec):
        if span in told:
            continue
        yield unused(span, name, noun, [meant_by[span]] if span in meant_by else _extended(spec, noun, span))
    yield from _parameters(spec)
    yield from displaced


def _extended(spec: Spec, noun: str, span: Span) -> list[str]:
    """The names of that noun which stand in other files than `span`: one of them may have been meant."""
    if len(spec.sources) < 2:
        return []
    section = next((section for section, known in NOUNS.items() if known == noun), "params")
    return [name for name in getattr(spec, section) if spec.span(section, name, key=True).file != span.file]


def lines_of_programs(spec: Spec) -> Iterator[tuple[str, Span, bool]]:
    """(name, place, whether it is the last) of the lines of models and samplers that no other expression names."""
    words = set(_words(spec.document.data if spec.document is not None else spec.to_data()))
    for program in programs_of(spec):
        for name in program.lines:
            if name not in words:
                yield name, program.line_span(name, key=True), name == list(program.lines)[-1]


def _dead_lines(spec: Spec) -> Iterator[tuple[Program, list[str]]]:
    """The lines before the last of each program that neither another line of it uses, nor anything as `s.line`."""
    outside = {word for each in expressions_of(spec) for part in walk(each) for word in _fields(part)}
    for program in programs_of(spec):
        used = outside | _inside(program)
        yield program, [name for name in list(program.lines)[:-1] if name not in used]


def _inside(program: Program) -> set[str]:
    return {mention.name for line in program.lines.values() for mention in mentions(line)}


def _displaced(spec: Spec) -> Iterator[Finding]:
    """Programs of an extended spec whose result nothing uses any more, since a line of this spec stands below it."""
    for program, dead in _dead_lines(spec):
        *before, last = program.lines
        if before and before[-1] in dead and program.line_span(last).file != program.line_span(before[-1]).file:
            near = [name for name in before if name in dead or _only_in(name, before[-1], program)]
            place = program.line_span(before[-1], key=True)
            yield displaced_result(program.line_span(last, key=True), last, before[-1], place, near)


def _only_in(name: str, user: str, program: Program) -> bool:
    """Whether of all lines of the program only `user` names `name`."""
    users = [
        key for key, line in program.lines.items()
        if any(mention.name == name for mention in mentions(line))
    ]  # fmt: skip
    return users == [user]


def _fields(part: Expression) -> Iterator[str]:
    """Names that an expression uses as a field, or as an argument: `s.z`, `z=..`."""
    if isinstance(part, Attribute):
        yield part.name
    elif isinstance(part, Call):
        yield from part.named


def unused_names(spec: Spec) -> Iterator[tuple[str, str, Span]]:
    """(noun, name, place) of every line, model, block and param that nothing mentions."""
    used = {*uses(spec), *_elsewhere(spec)}
    for section, noun in NOUNS.items():
        for name in getattr(spec, section):
            if name not in used:
                yield noun, name, spec.span(section, name, key=True)
    words = set(_words(spec.document.data if spec.document is not None else spec.to_data()))
    for name in spec.params:
        if name not in words:
            yield "param", name, spec.span("params", name, key=True)
    for program, dead in _dead_lines(spec):
        yield from (("line", name, program.line_span(name, key=True)) for name in dead)


def _parameters(spec: Spec) -> Iterator[Finding]:
    """Parameters of functions that the body does not use, though it uses a name that looks like them."""
    for declared in (*spec.models.values(), *spec.samplers.values()):
        if isinstance(declared, Function):
            inside = list(_all_names(declared.body))
            for name in declared.parameters:
                if name not in inside:
                    others = [each for each in inside if each not in declared.parameters]
                    yield unused(declared.parameter_spans[name], name, "parameter", others)


def _all_names(body: Expression | Program) -> Iterator[str]:
    lines = body.lines.values() if isinstance(body, Program) else (body,)
    yield from (mention.name for line in lines for mention in mentions(line))


def uses(spec: Spec) -> dict[str, list[Span]]:
    """Every global name that an expression mentions, its own line aside, and where."""
    found: dict[str, list[Span]] = {}
    for mention in _in_expressions(spec):
        found.setdefault(mention.name, []).append(mention.span)
    return found


def _in_expressions(spec: Spec) -> Iterator[Mention]:
    for section in (spec.graph, spec.models, spec.samplers, spec.evaluate.lines):
        for name, declared in section.items():
            yield from (mention for mention in mentions(declared) if section is spec.samplers or mention.name != name)
    for stage in spec.stages:
        for part in updates(stage):
            terms = [term.value for term in (*part.minimize.values(), *part.maximize.values())]
            for expression in (*terms, *part.monitor.values(), *part.write.values()):
                yield from mentions(expression)
            if part.optimizer is not None and isinstance(part.optimizer.lr, Expression):
                yield from mentions(part.optimizer.lr)
        for fit in stage.fit.values():
            yield from mentions(fit.value)


def _elsewhere(spec: Spec) -> Iterator[str]:
    """Names that stand outside of expressions and are uses."""
    yield from (block.like for block in spec.blocks.values() if block.like)
    for stage in spec.stages:
        yield from stage.shared
        yield from stage.copies.values()
        for part in updates(stage):
            yield from (name.split(".")[0] for name in part.train or ())  # of no use, and that is told elsewhere


def _words(data: Any) -> Iterator[str]:  # noqa: ANN401  plain data
    """Every word of a spec but the keys under `params`."""
    if isinstance(data, str):
        yield from WORD.findall(data)
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from _words(list(value.values()) if key == "params" and isinstance(value, Mapping) else value)
            if "(" in key:
                yield from WORD.findall(key)
    elif isinstance(data, list | tuple):
        for part in data:
            yield from _words(part)


@finding("N130", "warning")
def unused(span: Span, name: str, noun: str, near: Sequence[str] = ()) -> Finding:
    """A line, model, block or param is declared, and nothing uses it.

    Wrong: `graph: {z: encoder(x), w: encoder(x)}` where no term uses `w`.   Right: remove `w`.
    """
    return Finding(span=span, message=f"nothing uses the {noun} `{name}`", help=meant(name, near, "remove it"))


@finding("N182", "warning")
def displaced_result(span: Span, name: str, before: str, place: Span, dead: Sequence[str]) -> Finding:
    """A line that is new in an extended program is its last, so its result, and the one that was so leads nowhere.

    Wrong: `x: ..` over a model whose lines are `x0` and `x_prev`.   Right: `x0: ..`, which is changed and no new line.
    """
    return Finding(
        span=span,
        message=f"`{name}` is a new line, and now the result in the place of `{before}`, which nothing uses any more",
        help=meant(name, dead, f"give it the name of the line that it is to change, or use `{before}` in it"),
        notes=(Note(place, "the result without the new line"),),
    )
