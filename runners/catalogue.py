"""The catalogue: the contracts of data sets, metrics and optimizers, as the checker wants them."""

from collections.abc import Mapping
from typing import Any

from blocks.types import Field, SourceContract
from compose.catalogue import Catalogue
from compose.spec import DataSource, Spec
from runners import optimizers
from runners.datasets import Source, contract, open_source
from runners.metrics import METRICS

__all__ = ["catalogue_of", "open_sources"]


def catalogue_of(spec: Spec, fields: Mapping[str, Field] | None = None) -> Catalogue:
    """What a check of `spec` may rely on.   `fields`: those of the user's own data, which no source declares."""

    def fields_of(source: str, options: Mapping[str, Any]) -> SourceContract:
        if fields is not None:
            return SourceContract(dict(fields))
        return contract(source, _resolved(options, spec))

    known = {name: tuple(optimizers.contract(name)) for name in optimizers.OPTIMIZERS.names()}
    return Catalogue(fields_of, frozenset(METRICS.names()), known)


def open_sources(spec: Spec) -> dict[str, Source]:
    """The sources of a checked spec by name ("" if there is one).   Nothing is loaded yet."""
    return {name: _opened(source, spec) for name, source in spec.data.items()}


def _opened(source: DataSource, spec: Spec) -> Source:
    return open_source(source.source, _resolved(source.options, spec))


def _resolved(options: Mapping[str, Any], spec: Spec) -> dict[str, Any]:
    """Options in which the name of a param stands for its value."""
    return {name: spec.values.get(value, value) if isinstance(value, str) else value for name, value in options.items()}
