"""What is declared and never used: lines, models, blocks and params.   Warnings; each cause is told once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from compose.build import Composition
from compose.catalogue import Catalogue
from compose.checks.names import updates
from compose.dependencies import mentions
from compose.diagnostics import Finding, Span, finding
from compose.expressions import Expression
from compose.spec import Spec

__all__ = ["check_unused"]

WORD = re.compile(r"[A-Za-z_]\w*")
NOUNS = {"graph": "line", "models": "model", "blocks": "block"}


def check_unused(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Names that nothing else mentions; not while another name is misspelt, which may be one of these."""
    spec = composition.spec
    if composition.misspelt:
        return
    used = {*_in_expressions(spec), *_elsewhere(spec)}
    for section, noun in NOUNS.items():
        for name in getattr(spec, section):
            if name not in used:
                yield unused(spec.span(section, name, key=True), name, noun)
    words = set(_words(spec.document.data if spec.document is not None else spec.to_data()))
    for name in spec.params:
        if name not in words:
            yield unused(spec.span("params", name, key=True), name, "param")


def _in_expressions(spec: Spec) -> Iterator[str]:
    for section in (spec.graph, spec.models, spec.samplers, spec.evaluate):
        for name, declared in section.items():
            yield from (
                mention.name for mention in mentions(declared) if section is spec.samplers or mention.name != name
            )
    for stage in spec.stages:
        for part in updates(stage):
            terms = [term.value for term in (*part.minimize.values(), *part.maximize.values())]
            for expression in (*terms, *part.monitor.values(), *part.write.values()):
                yield from (mention.name for mention in mentions(expression))
            if part.optimizer is not None and isinstance(part.optimizer.lr, Expression):
                yield from (mention.name for mention in mentions(part.optimizer.lr))
        for fit in stage.fit.values():
            yield from (mention.name for mention in mentions(fit.value))


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
def unused(span: Span, name: str, noun: str) -> Finding:
    """A line, model, block or param is declared, and nothing uses it.

    Wrong: `graph: {z: encoder(x), w: encoder(x)}` where no term uses `w`.   Right: remove `w`.
    """
    return Finding(span=span, message=f"nothing uses the {noun} `{name}`", help="remove it")
