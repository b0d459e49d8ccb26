"""What validation looks at: which split of the data, which figure, and whether more or less of it is better."""

from collections.abc import Collection, Iterator, Mapping

from compose.build import Composition
from compose.diagnostics import Finding, Span, finding
from compose.expressions import Call, Name
from compose.spec import Evaluation
from runners.datasets import Source
from runners.metrics import METRICS, Side, better_side

__all__ = ["TEST", "VALIDATION", "better_of", "check_goals", "split_of"]

VALIDATION, TEST = "validation", "test"

SIDES: Mapping[str, Side] = {"lowest": "lower", "highest": "higher"}


def better_of(asked: Evaluation) -> Side | None:
    """The better side of the figure that `keep` names: as it says, or as the metric says of itself; None: unknown."""
    if asked.goal is None:
        return None
    word, line = asked.goal
    made = asked.lines.get(line)
    metric: str | None = made.function.name if isinstance(made, Call) and isinstance(made.function, Name) else None
    known = better_side(metric) if metric is not None and metric in METRICS.names() else None
    said: Side | None = SIDES.get(word)
    return said or known


def split_of(sources: Collection[Source]) -> str | None:
    """The split that validation reads: `validation` where all sources have it, else `test`; None: neither."""
    held = [set(source.contract.splits) for source in sources]
    return next((split for split in (VALIDATION, TEST) if held and all(split in one for one in held)), None)


def check_goals(composition: Composition, sources: Mapping[str, Source]) -> Iterator[Finding]:
    """What `every` and `keep` cannot do: measure without held-out data, find the best without a better side."""
    asked = composition.spec.evaluate
    if asked.goal is not None and asked.goal.line in asked.lines and better_of(asked) is None:
        yield no_better_side(asked.span("keep"), asked.goal.line)
    if asked.every is not None and asked.lines and sources and split_of(sources.values()) is None:
        yield nothing_held_out(asked.span("every"))


@finding("R252", "error")
def no_better_side(span: Span, line: str) -> Finding:
    """The best of a figure is to be kept, and nothing says whether more or less of it is better.

    Metrics say it of themselves; a mean of values per sample, and a metric that is no score, do not.
    Wrong: `keep: best nll` over `nll: -flow.log_prob(x)`.   Right: `keep: lowest nll`.
    """
    return Finding(
        span=span,
        message=f"nothing says whether a high `{line}` or a low one is better",
        help=f"write `keep: lowest {line}` or `keep: highest {line}`",
    )


@finding("R253", "error")
def nothing_held_out(span: Span) -> Finding:
    """`evaluate` is to measure while training, and the data hold no rows back to measure on.

    Wrong: `every: 5 epochs` over data with a `train` split only.   Right: with `validation: 0.1` under `data`.
    """
    return Finding(
        span=span,
        message="the data have neither a `validation` nor a `test` split to measure on",
        help="hold rows out: `validation: 0.1` under `data`, where the source knows it; or remove `every`",
    )
