"""A data set as a spec asks for it: its own options, and those that any may be given."""

import inspect
from collections.abc import Mapping

from blocks.types import SourceContract
from runners.datasets.options import bind
from runners.datasets.source import DATASETS, Source
from runners.datasets.treatment import treated

__all__ = ["COMMON", "contract", "open_source"]

COMMON = tuple(
    name for name, p in inspect.signature(treated).parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY
)
"""The options that any data set may be given."""


def open_source(kind: str, options: Mapping[str, object]) -> Source:
    """The data set `kind` with `options` as a spec writes them.

    Raises UnknownName for an unknown data set, UnknownOption and BadOption (both ValueErrors) for its options.
    """
    function, thing = DATASETS.find(kind), f"dataset `{kind}`"
    own = inspect.signature(function).parameters
    common = {name: value for name, value in options.items() if name in COMMON and name not in own}
    rest = {name: value for name, value in options.items() if name not in common}
    source = function(**bind(thing, function, rest, COMMON))
    return treated(source, **bind(thing, treated, common)) if common else source


def contract(kind: str, options: Mapping[str, object]) -> SourceContract:
    """What the data set promises: fields, ranges, rows.   Reads headers at most.   Raises as `open_source`."""
    return open_source(kind, options).contract
