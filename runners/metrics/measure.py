"""The registry of metrics, what they take and return, and how one is called by name on values that a spec names.

What a metric takes stands in its annotations, which the checker reads: the axes of a tensor, a name standing for one
size throughout (`Annotated[Tensor, "n *event"]`), an axis that may be missing
in brackets; what a source must know (`Annotated[Source, needs_modes]`). A `Redrawn` in place of a tensor is drawn as
often as the metric asks. Beside what a score returns stands the better side (`Annotated[float, LOWER]`).
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args, get_type_hints

from torch import Tensor

from blocks.registry import Registry
from runners.datasets.options import bind
from runners.datasets.source import Density, Source

__all__ = ["HIGHER", "LOWER", "METRICS", "Argument", "Estimate", "NoFigure", "Redrawn", "Side", "annotated",
           "arguments", "better_side", "measure", "metric", "misfit", "redraws"]  # fmt: skip

METRICS = Registry("metric", "runners.metrics", "metric")
metric = METRICS

Argument = Literal["samples", "function", "source"]
"""What a metric takes in one place: a tensor with rows along its first axis, a function of such, or the data source."""


Side = Literal["lower", "higher"]
"""Of which values of a figure are the better ones."""

LOWER: Side = "lower"
HIGHER: Side = "higher"

KINDS: dict[object, Argument] = {Source: "source", Density: "function"}
"""What an annotation other than `Tensor` asks for."""


class NoFigure(ValueError):
    """These values have no such figure (they are not finite, a box cuts them); others of the same shapes may."""


class Redrawn(NamedTuple):
    """Values of samples that can be drawn again: `draw(j)` is draw j, "b *event", the same bits for the same j.

    Many draws of them need the memory of one, if each is let go before the next.
    """

    draw: Callable[[int], Tensor]

    @classmethod
    def once(cls, values: Tensor) -> "Redrawn":
        """Values that are there: draw 0.   Any other raises ValueError."""

        def draw(number: int) -> Tensor:
            if number:
                raise ValueError("these values are given, so they cannot be drawn again")
            return values

        return cls(draw)


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


def annotated(name: str) -> dict[str, Any]:
    """What is written beside the type of each positional argument of a metric (None: nothing).   Raises UnknownName."""
    hints = get_type_hints(METRICS.find(name), include_extras=True)
    return {given: (*get_args(hints[given])[1:], None)[0] for given in arguments(name)}


def redraws(name: str) -> frozenset[str]:
    """The positional arguments of a metric that it draws more than once.   Raises UnknownName."""
    hints = get_type_hints(METRICS.find(name))
    return frozenset(given for given in arguments(name) if hints[given] is Redrawn)


def better_side(name: str) -> Side | None:
    """Whether less or more of a metric is better, as its return annotation says; None: it is no score.

    Raises UnknownName.
    """
    hint = get_type_hints(METRICS.find(name), include_extras=True).get("return")
    return next((side for side in get_args(Side) if side in get_args(hint)[1:]), None)


def misfit(written: Sequence[str], events: Sequence[Sequence[int]]) -> int | None:
    """The first event that does not have the axes written for it ("n *event", "n 2", "n [k]"; "n" is its row)."""
    known: dict[str, object] = {}
    for at, (axes, event) in enumerate(zip(written, events, strict=True)):
        _, *written_axes = axes.split()
        missing = len(event) < len(written_axes)
        names = [axis.strip("[]") for axis in written_axes if not (missing and axis.startswith("["))]
        sizes: Sequence[object] = [tuple(event)] if names and names[0].startswith("*") else event
        if len(names) != len(sizes):
            return at
        for name, size in zip(names, sizes, strict=True):
            if known.setdefault(name, int(name) if name.isdigit() else size) != size:
                return at
    return None


def measure(
    name: str, values: Sequence[Tensor | Redrawn | Source | Density], options: Mapping[str, object] | None = None
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
    again = redraws(name)
    handed = [_handed(value, given in again) for given, value in zip(expected, values, strict=True)]
    result = function(*handed, **bind(f"metric `{name}`", function, options or {}))
    return result if isinstance(result, Estimate) else Estimate(float(result))


def _handed(value: Tensor | Redrawn | Source | Density, again: bool) -> Tensor | Redrawn | Source | Density:
    if again:
        return Redrawn.once(value) if isinstance(value, Tensor) else value
    return value.draw(0) if isinstance(value, Redrawn) else value


def _kind(value: Tensor | Redrawn | Source | Density) -> Argument:
    if isinstance(value, Tensor | Redrawn):
        return "samples"
    return "source" if isinstance(value, Source) else "function"
