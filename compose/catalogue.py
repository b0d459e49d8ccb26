"""What the checker knows of the world outside the language: data sets, metrics and optimizers, by their contracts.

The language imports no data set and no optimizer; whoever runs it hands them over (see `runners`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from blocks.types import Field, SourceContract
from compose.diagnostics import Finding, Span, finding
from compose.spec import DataSource, Spec
from compose.suggestions import meant, respelt

__all__ = ["Catalogue", "read_fields"]

FieldsOf = Callable[[str, Mapping[str, Any]], SourceContract]
"""(source, options) -> its contract.

Raises LookupError for an unknown source, whose attribute `known`, if there is one, holds the names that there are (or
`nearest` the closest of them);
ValueError for its options, whose attribute `option`, if there is one, names the culprit, and whose `known` those that
there are, if it is none of them.
"""


@dataclass(frozen=True)
class Catalogue:
    """Contracts: `fields_of` a source, names of `metrics`, options by name of `optimizers` (empty: not checked)."""

    fields_of: FieldsOf
    metrics: frozenset[str] = frozenset()
    optimizers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of_fields(cls, fields: Mapping[str, Field], metrics: frozenset[str] = frozenset()) -> Catalogue:
        """A catalogue in which every source has these fields."""
        return cls(lambda source, options: SourceContract(dict(fields)), metrics)


def read_fields(spec: Spec, catalogue: Catalogue) -> tuple[dict[str, Field], list[Finding], frozenset[str]]:
    """The fields of the spec's data ("x"; of several sources "photos.x"), what is wrong, the sources that failed."""
    fields: dict[str, Field] = {}
    findings: list[Finding] = []
    failed = set()
    for name, source in spec.data.items():
        try:
            contract = catalogue.fields_of(source.source, source.options)
        except LookupError as error:
            known = getattr(error, "known", ()) or filter(None, [getattr(error, "nearest", None)])
            findings.append(unknown_source(source.span("source"), source.source, tuple(known)))
            failed.add(name)
        except (ValueError, TypeError) as error:
            findings.append(_refused(source, getattr(error, "option", None), getattr(error, "known", ()), str(error)))
            failed.add(name)
        else:
            fields |= {f"{name}.{key}" if name else key: held for key, held in contract.fields.items()}
    return fields, findings, frozenset(failed)


def _refused(source: DataSource, option: str | None, known: Iterable[str], cause: str) -> Finding:
    if option is None or option not in source.options:
        return refused_source(source.span("source"), source.source, cause)
    span = source.span(option, key=True)
    if known:
        return unknown_source_option(span, source.source, option, (*known, *DataSource.keys()))
    return refused_source(span, source.source, cause)


@finding("N113", "error")
def unknown_source(span: Span, name: str, known: tuple[str, ...]) -> Finding:
    """The data come from a source that is not registered.   `compose list data` shows them all.

    Wrong: `data: {source: toy.moon}`.   Right: `data: {source: toy.moons}`.
    """
    return Finding(
        span=span,
        message=f"no data source is called `{name}`",
        help=meant(name, known, "`compose list data` shows every source"),
        fix=respelt(span, name, known),
    )


def unknown_source_option(span: Span, name: str, option: str, known: tuple[str, ...]) -> Finding:
    """An option that the source does not have: the same code as any option that it refuses."""
    cause = refused_source(span, name, f"it has no option `{option}`")
    listed = f"its options are {', '.join(known)}"
    return replace(cause, help=meant(option, known, listed), fix=respelt(span, option, known))


@finding("N114", "error")
def refused_source(span: Span, name: str, cause: str) -> Finding:
    """A data source refuses an option, or misses one.

    Wrong: `data: {source: toy.moons, noise: loud}`.   Right: `data: {source: toy.moons, noise: 0.1}`.
    """
    return Finding(
        span=span,
        message=cause if f"`{name}`" in cause else f"the data source `{name}` refuses this: {cause}",
        help="change what stands beside `source`",
    )
