"""Evaluation: the lines of `evaluate`, each a number and its standard error.

    a value per sample       its mean over the test split
    a metric                 of draws of a sampler, values on the test split, the data's source, and functions

A sampler that reads no data is drawn as often as the test split has rows, or `count=` times.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count as counting
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from blocks.registry import UnknownName
from compose.build import Composition
from compose.diagnostics import Finding, Span, finding
from compose.evaluations import Argument, EvaluationGraph
from compose.graph import Tensor as TensorType
from compose.program import CompiledArgument, CompiledEvaluation
from compose.suggestions import meant, respelt
from runners.arguments import DRAWS, misfits
from runners.catalogue import open_sources
from runners.datasets import BadOption, Source, UnknownOption, Unreadable
from runners.datasets.options import bind
from runners.goals import check_goals
from runners.inputs import Inputs
from runners.metrics import METRICS, Estimate, NoFigure, Redrawn, arguments, measure
from runners.metrics.likelihood import mean_estimate
from runners.sampling import draw_rows, evaluating, place_of
from runners.state import Executable
from runners.tables import Column, columns

T = TypeVar("T")

__all__ = ["Refusal", "check_evaluations", "evaluate", "rows_of"]

COUNT = "count"
"""The option of any metric that says how often samplers are drawn for it."""


class Refusal(NamedTuple):
    """Why a line has no figure; `passing` if it is these values, so that a run further on may have it."""

    line: str
    cause: str
    passing: bool

    def __str__(self) -> str:
        return f"`{self.line}` cannot be evaluated: {self.cause}"


def evaluate(
    executable: Executable,
    sources: Mapping[str, Source],
    *,
    averaged: frozenset[str] = frozenset(),
    seed: int = 0,
    split: str = "test",
    only: Collection[str] | None = None,
    most: int | None = None,
    refused: Callable[[Refusal], None],
) -> dict[str, Estimate]:
    """The lines of the spec's `evaluate` by name, all or `only` some; `refused` is told why a metric refuses a line.

    On all rows of the split, or at `most` so many, and as many draws. Rows that lie on the disk are read as they are
    needed, and again for each line.
    """
    rows = _rows(sources, split, most, lambda source, count: columns(source, split, count))
    found = {}
    for name in (name for name in executable.spec.evaluate.lines if only is None or name in only):
        line = executable.evaluation(name, averaged)
        try:
            found[name] = _measured(executable, line, sources, rows, seed, most)
        except Unreadable:  # of which no other line can be measured either
            raise
        except ValueError as error:
            refused(Refusal(name, str(error), isinstance(error, NoFigure)))
    return found


def rows_of(sources: Mapping[str, Source], split: str, count: int | None = None) -> dict[str, Tensor]:
    """The rows of a split by field ("x", or "photos.x" of several sources), all or the first `count`.

    Sources of unequal length are cut to the shortest.   Raises UnknownSplit.
    """
    return _rows(sources, split, count, lambda source, rows: source.head(split, rows))


def _rows(
    sources: Mapping[str, Source], split: str, count: int | None, lying: Callable[[Source, int], Mapping[str, T]]
) -> dict[str, Tensor | T]:
    """As `rows_of`, those of sources that do not hold the split by `lying(source, rows)`."""
    shortest = min((source.rows(split) for source in sources.values()), default=0)
    wanted, found = min(shortest, count or shortest), dict[str, Tensor | T]()
    for name, source in sources.items():
        fields = source.head(split, wanted) if source.is_kept(split) else lying(source, wanted)
        found |= {f"{name}.{field}" if name else field: values for field, values in fields.items()}
    return found


def _measured(
    executable: Executable,
    line: CompiledEvaluation,
    sources: Mapping[str, Source],
    rows: Mapping[str, Tensor | Column],
    seed: int,
    most: int | None,
) -> Estimate:
    options = dict(line.options)
    count = int(options.pop(COUNT, 0)) or max((len(values) for values in rows.values()), default=0)
    count = min(count, most or count)
    if most is not None and isinstance(options.get(DRAWS), int | float):
        options[DRAWS] = min(options[DRAWS], most)
    values = [_value(executable, given, sources, rows, count, seed, line.name) for given in line.arguments]
    if line.metric is not None:
        return measure(line.metric, values, options)
    (value,) = values
    assert isinstance(value, Redrawn), "the checker lets only tensors through"
    return mean_estimate(value.draw(0))


def _value(  # what names an argument's noise, and what it may read
    executable: Executable,
    given: CompiledArgument,
    sources: Mapping[str, Source],
    rows: Mapping[str, Tensor | Column],
    count: int,
    seed: int,
    line: str,
) -> Redrawn | Source | Callable[[Tensor], Tensor]:
    sampler = given.sampler
    if sampler is None:
        if given.name not in sources:
            raise ValueError(f"it needs the source of the data, `{given.name or 'data'}`, and there is none here")
        return sources[given.name]
    if given.kind == "function":
        return _function(executable, given, seed, line)

    def draw(number: int) -> Tensor:
        scope = f"evaluate/{line}/{given.name}"
        made = draw_rows(executable, sampler, count, seed, scope=scope, batch=rows, repeat=number)
        if not isinstance(made, Tensor):
            raise ValueError(f"it needs a tensor, and `{given.name}` gives a record of {', '.join(made)}")
        return made

    return Redrawn(draw)


def _function(executable: Executable, given: CompiledArgument, seed: int, line: str) -> Callable[[Tensor], Tensor]:
    """The program as a function of its one data field: "b *event" -> "b", without gradients.

    Each call draws noise of its own, which the number of the call names.
    """
    assert given.sampler is not None
    program = given.sampler.program
    dtype, device = place_of(executable.blocks)
    inputs = Inputs(program, seed, f"evaluate/{line}", dtype=dtype, device=device)
    numbers = counting()

    def call(points: Tensor) -> Tensor:
        with torch.no_grad(), evaluating(executable.blocks), evaluating(executable.averages):
            batch = {field: points.to(device, dtype) for field in inputs.data}
            return program(inputs.values(len(points), batch, chunk=next(numbers)))["value"]

    return call


# checked before anything runs -----------------------------------------------------------------------------------------


def check_evaluations(composition: Composition) -> list[Finding]:
    """What is wrong with the metrics' arguments and options, and with values that are not one number per sample."""
    try:
        sources = open_sources(composition.spec)
    except (UnknownName, ValueError):  # which is told
        sources = {}
    lines = composition.evaluations.values()
    return [*(found for line in lines for found in _check(line, sources)), *check_goals(composition, sources)]


def _check(line: EvaluationGraph, sources: Mapping[str, Source]) -> Iterator[Finding]:
    if line.metric is None:
        graph = line.arguments[0].graph
        known = graph.value.get("value") if graph else None
        kind = known.type if known is not None else None
        if isinstance(kind, TensorType) and (kind.event or not kind.batched):
            yield not_per_sample(line.span, line.name, str(kind))
        return
    expected = list(arguments(line.metric).items())
    signature = " and ".join(WRITTEN[kind] for _, kind in expected)
    if len(expected) != len(line.arguments):
        count = len(line.arguments)
        got = f"{count or 'no'} argument{'s' * (count != 1)}"
        yield wrong_arguments(line.span, line.metric, signature, got, _completed(line, expected))
        return
    wrong = []
    for given, (name, kind) in zip(line.arguments, expected, strict=True):
        parts = _parts(given)
        what = WORDS[given.kind] if given.kind != kind else f"a record of {parts}" if parts else None
        if what is not None:
            wrong.append(wrong_arguments(given.span, line.metric, signature, f"{what} for `{name}`"))
    yield from wrong or misfits(line, line.metric, sources)
    options = {name: value for name, value in line.options.items() if name != COUNT}
    try:
        bind(f"metric `{line.metric}`", METRICS.find(line.metric), options)
    except UnknownOption as error:
        yield unknown_metric_option(line, error)
    except BadOption as error:
        yield wrong_metric_option(line.spans.get(error.option) or line.span, str(error))


def _completed(line: EvaluationGraph, expected: Sequence[tuple[str, str]]) -> str:
    """The call with the data where values or the source are missing behind what is given; "" if more is wrong."""
    given = [argument.name for argument in line.arguments if argument.kind in ("samples", "source")]
    rest = expected[len(given) :]
    if len(given) < len(line.arguments) or not given or not rest or any(kind not in FILLED for _, kind in rest):
        return ""
    return f"{line.metric}({', '.join([*given, *(FILLED[kind] for _, kind in rest)])})"


def _parts(given: Argument) -> str:
    """The fields of a record, which no metric takes; "" of anything else."""
    return ", ".join(given.graph.value) if given.graph is not None and not given.graph.lone else ""


WRITTEN = {"samples": "values (a sampler, an expression)", "function": "a function (`energy(_)`)", "source": "`data`"}
FILLED = {"samples": "x", "source": "data"}
WORDS = {"samples": "values", "function": "a function", "source": "the source of the data"}


@finding("T241", "error")
def not_per_sample(span: Span | None, name: str, kind: str) -> Finding:
    """A line of `evaluate` that is no metric must be one number per sample, since it is averaged over the test split.

    Wrong: `error: x_hat - x`.   Right: `error: squared_error(x_hat, x)`.
    """
    return Finding(
        span=span,
        message=f"`{name}` is averaged over the test split, and is {kind}",
        help="make it one number per sample: sum(..), mean(..), squared_error(.., ..)",
    )


@finding("T242", "error")
def wrong_arguments(span: Span | None, metric: str, signature: str, got: str, way: str = "") -> Finding:
    """A metric is given other things than it takes: values (a sampler, an expression), the source `data`, a function.

    Wrong: `modes: mode_coverage(default, x)`.   Right: `modes: mode_coverage(default, data)`.
    """
    return Finding(
        span=span,
        message=f"`{metric}` is given {got}",
        help=f"write {way}; it takes {signature}" if way else f"it takes {signature}",
    )


def unknown_metric_option(line: EvaluationGraph, error: UnknownOption) -> Finding:
    """An option that the metric does not have: the same code as any option that it refuses."""
    span, known = line.names.get(error.option), (*error.known, COUNT)
    found = wrong_metric_option(span or line.span, f"the metric `{line.metric}` has no option `{error.option}`")
    return replace(found, help=meant(error.option, known, found.help), fix=respelt(span, error.option, known))


@finding("T243", "error")
def wrong_metric_option(span: Span | None, cause: str) -> Finding:
    """An option of a metric is unknown, or has a value that it cannot have.

    Wrong: `modes: mode_coverage(default, data, sigma=3)`.   Right: `modes: mode_coverage(default, data, sigmas=3)`.
    """
    return Finding(
        span=span, message=cause, help="correct the option; beside its own each metric has `count=`, how many to draw"
    )
