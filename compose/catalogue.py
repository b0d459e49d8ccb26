"""What the checker knows of the world outside the language: data sets, metrics and optimizers, by their contracts.

The language imports no data set and no optimizer; whoever runs it hands them over (see `runners`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from blocks.types import Field, SourceContract
from compose.diagnostics import Finding, Span, finding
from compose.spec import DataSource, Spec

__all__ = ["Catalogue", "read_fields"]

FieldsOf = Callable[[str, Mapping[str, Any]], SourceContract]
"""(source, options) -> its contract.

Raises LookupError for an unknown source, whose attribute `nearest`, if there is one, is the closest known name;
ValueError for its options, whose attribute `option`, if there is one, names the culprit.
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
            findings.append(unknown_source(source.span("source"), source.source, getattr(error, "nearest", None)))
            failed.add(name)
        except (ValueError, TypeError) as error:
            findings.append(refused_source(_place(source, getattr(error, "option", None)), source.source, str(error)))
            failed.add(name)
        else:
            fields |= {f"{name}.{key}" if name else key: held for key, held in contract.fields.items()}
    return fields, findings, frozenset(failed)


def _place(source: DataSource, option: str | None) -> Span:
    if option is None:
        return source.span("source")
    return source.span(option, key=True) if option in source.options else source.span("source")


@finding("N113", "error")
def unknown_source(span: Span, name: str, near: str | None) -> Finding:
    """The data come from a source that is not registered.   `compose list data` shows them all.

    Wrong: `data: {source: toy.moon}`.   Right: `data: {source: toy.moons}`.
    """
    way = f"write `{near}`" if near else "`compose list data` shows every source"
    return Finding(span=span, message=f"no data source is called `{name}`", help=way)


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
