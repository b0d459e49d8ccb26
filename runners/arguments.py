"""The arguments of a metric against what it takes: sizes that agree, functions of one number, sources that suffice.

All of it is known before anything runs: sizes are inferred, and a metric's annotations say what must agree.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from compose.diagnostics import Finding, Note, Span, finding
from compose.evaluations import Argument, EvaluationGraph
from compose.graph import Tensor as TensorType
from runners.datasets import Source
from runners.metrics.measure import annotated, misfit, redraws

__all__ = ["DRAWS", "misfits"]

DRAWS = "draws"
"""The option of a metric that says how often it draws the values of each sample."""

Sized = tuple[Argument, str, TensorType, str]
"""An argument, what the metric calls it, its type, and the axes that are written for it."""


def misfits(line: EvaluationGraph, metric: str, sources: Mapping[str, Source]) -> Iterator[Finding]:
    """What the metric cannot take of arguments that are each of the right kind."""
    told, again = annotated(metric), redraws(metric)
    sized: list[Sized] = []
    for given, (name, says) in zip(line.arguments, told.items(), strict=True):
        known = _type(given)
        if given.kind in ALONE:
            yield from ALONE[given.kind](metric, given, name, says, sources)
        elif says is not None and known is not None:
            sized.append((given, name, known, says))
        if name in again:
            yield from _drawn_again(line, given)
    at = misfit([says for *_, says in sized], [known.event for _, _, known, _ in sized])
    if at is not None:
        yield unlike_values(metric, sized, at)


def _type(given: Argument) -> TensorType | None:
    made = given.graph.value.get("value") if given.graph is not None else None
    return made.type if made is not None and isinstance(made.type, TensorType) else None


def _source(
    metric: str,
    given: Argument,
    name: str,
    says: Any,  # noqa: ANN401  what the metric needs of it
    sources: Mapping[str, Source],
) -> Iterator[Finding]:
    if says is not None and given.name in sources:
        try:
            says(sources[given.name])
        except ValueError as error:
            yield unfit_source(given.span, metric, str(error))


def _function(
    metric: str,
    given: Argument,
    name: str,
    says: Any,  # noqa: ANN401  a density has no axes
    sources: Mapping[str, Source],
) -> Iterator[Finding]:
    known = _type(given)
    if known is not None and known.event:
        yield wide_function(given.span, metric, name, str(known))


def _drawn_again(line: EvaluationGraph, given: Argument) -> Iterator[Finding]:
    """Draws that there cannot be: fewer than one, or several of a value without noise, which are all the same."""
    draws, span = line.options.get(DRAWS, 1), line.spans.get(DRAWS) or line.span
    if given.graph is None or not isinstance(draws, int | float):
        return
    random = any(node.leaf is not None for node in given.graph.graph.needed(list(given.graph.value.values())))
    if draws < 1:
        yield no_draws(span, f"`{DRAWS}` is {draws:g}, and a mean is of 1 or more")
    elif draws > 1 and not random:
        yield no_draws(span, f"`{given.name}` is the same in each of {draws:g} draws: nothing in it is drawn")


ALONE: Mapping[str, Callable[[str, Argument, str, Any, Mapping[str, Source]], Iterator[Finding]]] = {
    "source": _source,
    "function": _function,
}
"""By what an argument is: how it is checked, where it is checked by itself."""


@finding("T276", "error")
def unlike_values(metric: str, given: Sequence[Sized], at: int) -> Finding:
    """Values are handed to a metric whose shapes it cannot take, by themselves or together.

    Wrong: `fid: frechet(default, z)` of images and codes.   Right: `fid: frechet(default, x)`.
    """
    culprit, name, known, _ = given[at]
    takes = ", ".join(f"{each}: {says}" for _, each, _, says in given)
    notes = tuple(
        Note(other.span, f"`{each}` is {kind}") for other, each, kind, _ in given if other is not culprit and other.span
    )
    return Finding(
        span=culprit.span,
        message=f"`{metric}` cannot take {known} for `{name}`",
        help=f"it takes ({takes}), in which a name is one size throughout",
        notes=notes,
    )


@finding("T277", "error")
def unfit_source(span: Span | None, metric: str, cause: str) -> Finding:
    """A metric reads of the data's source what it does not know: the centres of its modes, its exact density.

    Wrong: `modes: mode_coverage(default, data)` of digits.   Right: `distance: mmd(default, x)`.
    """
    return Finding(
        span=span,
        message=f"`{metric}` cannot read this source: {cause}",
        help="take a metric of values, such as frechet(default, x) or mmd(default, x)",
    )


@finding("T278", "error")
def wide_function(span: Span | None, metric: str, name: str, known: str) -> Finding:
    """A metric takes a log-density, one number for each point, and is given a function that makes more.

    Wrong: `z: log_normaliser(encoder(_))`.   Right: `z: log_normaliser(-energy(_))`.
    """
    return Finding(
        span=span,
        message=f"`{metric}` takes one number per sample for `{name}`, and this function gives {known}",
        help="sum it over the event, sum(..), or name a log-density, `flow.log_prob(_)`",
    )


@finding("T419", "error")
def no_draws(span: Span | None, cause: str) -> Finding:
    """A metric is to draw a value several times that is not random, or less than once.

    Wrong: `bound: iwae(vae.log_prob(z=encoder(x).mean, x=x), draws=50)`.   Right: `bound: iwae(log_weight, draws=50)`.
    """
    return Finding(
        span=span,
        message=cause,
        help="draw z in a line of `graph` (`z: ~q`), weigh that draw, and write draws=1 or more",
    )
