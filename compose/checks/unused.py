"""What is declared and never used: lines, models, blocks and params.   Warnings; each cause is told once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from compose.build import Composition
from compose.catalogue import Catalogue
from compose.checks.names import updates
from compose.dependencies import Mention, mentions
from compose.diagnostics import Finding, Span, finding
from compose.expressions import Expression
from compose.spec import Function, Program, Spec
from compose.suggestions import meant

__all__ = ["check_unused", "lines_of_programs", "unused_names", "uses"]

WORD = re.compile(r"[A-Za-z_]\w*")
NOUNS = {"graph": "line", "models": "model", "blocks": "block"}


def check_unused(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Names that nothing else mentions; what is declared in an extended file may have been meant."""
    spec = composition.spec
    meant_by = {span: near for span, _, near in spec.document.doubtful} if spec.document is not None else {}
    for noun, name, span in unused_names(spec):
        yield unused(span, name, noun, [meant_by[span]] if span in meant_by else _extended(spec, noun, span))
    yield from _parameters(spec)


def _extended(spec: Spec, noun: str, span: Span) -> list[str]:
    """The names of that noun which stand in other files than `span`: one of them may have been meant."""
    section = next((section for section, known in NOUNS.items() if known == noun), "params")
    return [name for name in getattr(spec, section) if spec.span(section, name, key=True).file != span.file]


def lines_of_programs(spec: Spec) -> Iterator[tuple[str, Span, bool]]:
    """(name, place, whether it is the last) of the lines of models and samplers that no other expression names."""
    words = set(_words(spec.document.data if spec.document is not None else spec.to_data()))
    for declared in (*spec.models.values(), *spec.samplers.values()):
        body = declared.body if isinstance(declared, Function) else declared
        if isinstance(body, Program):
            for name in body.lines:
                if name not in words:
                    yield name, body.line_span(name, key=True), name == list(body.lines)[-1]


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
    yield from (("line", name, span) for name, span, last in lines_of_programs(spec) if not last)


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
    for section in (spec.graph, spec.models, spec.samplers, spec.evaluate):
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
