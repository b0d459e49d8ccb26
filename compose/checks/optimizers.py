"""Optimizers: their kinds, their options, and the names in a learning rate that follows the clock."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from blocks.registry import OPERATORS
from compose.build import Composition
from compose.catalogue import Catalogue
from compose.checks.names import updates
from compose.declarations import unknown_option
from compose.dependencies import mentions
from compose.diagnostics import Finding, Span, SpecError, finding
from compose.elaborate import CLOCK
from compose.expressions import Expression
from compose.faults import unknown_name
from compose.spec import Optimizer, OptimizerOverride
from compose.spec.findings import out_of_range
from compose.suggestions import meant, respelt

__all__ = ["check_optimizers"]

SCHEDULES = ("linear", "cosine")


def _is_positive_or_0(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value < math.inf


def _are_decays(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(_is_positive_or_0(b) and b < 1 for b in value)


RANGES = {
    **dict.fromkeys(("lr", "eps", "weight_decay", "momentum"), ("a number of 0 or more", _is_positive_or_0)),
    "betas": ("two numbers from 0 to below 1", _are_decays),
}
"""In words, and as a test, what an option of this name may be in every optimizer."""


def check_optimizers(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Optimizers that are not registered, options that they do not have."""
    for stage in composition.spec.stages:
        for part in updates(stage):
            if part.optimizer is not None:
                yield from _rates(composition, part.optimizer)
                yield from _ranges(part.optimizer)
                if catalogue.optimizers:
                    yield from _options(part.optimizer, catalogue)


def _options(optimizer: Optimizer, catalogue: Catalogue) -> Iterator[Finding]:
    known = catalogue.optimizers.get(optimizer.kind)
    if known is None:
        yield unknown_optimizer(optimizer.span("kind"), optimizer.kind, catalogue.optimizers)
        return
    noun = f"the optimizer `{optimizer.kind}`"
    for name in optimizer.options:
        if name not in known:
            yield unknown_option(optimizer.span(name, key=True), name, noun, (*known, *Optimizer.keys()))
    for block, override in optimizer.blocks.items():
        for name in override.options:
            if name not in known:
                place = optimizer.span("blocks", block, name, key=True)
                yield unknown_option(place, name, noun, (*known, *OptimizerOverride.keys()))


def _rates(composition: Composition, optimizer: Optimizer) -> Iterator[Finding]:
    """A learning rate may use the clock, params and operators, and nothing else."""
    known = (*CLOCK, *composition.spec.params, *SCHEDULES, *OPERATORS.names())
    for rate in (optimizer.lr, *(override.lr for override in optimizer.blocks.values())):
        for mention in mentions(rate) if isinstance(rate, Expression) else ():
            if mention.name not in known:
                yield from _found(unknown_name(mention.span, mention.name, known))


def _ranges(optimizer: Optimizer) -> Iterator[Finding]:
    """Numbers beyond what any optimizer takes; what follows the clock is not looked at."""
    for part, path in ((optimizer, ()), *((part, ("blocks", name)) for name, part in optimizer.blocks.items())):
        for name, value in {"lr": part.lr, **part.options}.items():
            if name in RANGES and value is not None and not isinstance(value, Expression):
                wanted, fits = RANGES[name]
                if not fits(value):
                    yield out_of_range(optimizer.span(*path, name), f"`{name}`", wanted, str(value))


def _found(error: SpecError) -> Iterable[Finding]:
    return error.findings


@finding("N123", "error")
def unknown_optimizer(span: Span, kind: str, known: Iterable[str]) -> Finding:
    """An optimizer is named that is not registered.

    Wrong: `optimizer: {kind: adm}`.   Right: `optimizer: {kind: adam}`.
    """
    names = tuple(known)
    return Finding(
        span=span,
        message=f"no optimizer is called `{kind}`",
        help=meant(kind, names, f"it is one of {', '.join(names)}"),
        fix=respelt(span, kind, names),
    )
