"""The registry of metrics, what they return, and how one is called by name on values that a spec names."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_type_hints

from torch import Tensor

from blocks.registry import Registry
from runners.datasets.options import bind
from runners.datasets.source import Density, Source

__all__ = ["METRICS", "Argument", "Estimate", "arguments", "measure", "metric"]

METRICS = Registry("metric", "runners.metrics", "metric")
metric = METRICS

Argument = Literal["samples", "function", "source"]
"""What a metric takes in one place: a tensor with rows along its first axis, a function of such, or the data source."""


KINDS: dict[object, Argument] = {Source: "source", Density: "function"}
"""What an annotation other than `Tensor` asks for."""


class Estimate(NamedTuple):
    """A number and, where one is known, its standard error."""

    value: float
    error: float | None = None


def arguments(name: str) -> dict[str, Argument]:
    """The positional arguments of a metric, in order, and what each must be.   Raises UnknownName."""
    function = METRICS.find(name)
    hints = get_type_hints(function)
    parameters = inspect.signature(function).parameters.values()
    positional = [p.name for p in parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    return {given: KINDS.get(hints[given], "samples") for given in positional}


def measure(
    name: str, values: Sequence[Tensor | Source | Density], options: Mapping[str, object] | None = None
) -> Estimate:
    """The metric `name` of `values`, in the order of `arguments(name)`, with options as a spec writes them.

    Raises UnknownName, UnknownOption, BadOption, and ValueError if the values are of another number or kind.
    """
    expected = arguments(name)
    found = [_kind(value) for value in values]
    if found != list(expected.values()):
        signature = ", ".join(f"{given}: {kind}" for given, kind in expected.items())
        raise ValueError(f"metric `{name}` takes ({signature}), but it was given ({', '.join(found)})")
    function = METRICS.find(name)
    result = function(*values, **bind(f"metric `{name}`", function, options or {}))
    return result if isinstance(result, Estimate) else Estimate(float(result))


def _kind(value: Tensor | Source | Density) -> Argument:
    if isinstance(value, Tensor):
        return "samples"
    return "source" if isinstance(value, Source) else "function"
