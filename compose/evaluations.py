"""What `evaluate` asks for, as graphs: values averaged over the test split, and the arguments of metrics.

nll: -ode.log_prob(x)                             a value per sample of the test split: its mean
share: share_within(default, data)                a metric of draws of a sampler and of the data's source
fid: frechet(default, x)                          ... and of an expression, here the data themselves
nats: tilted_log_likelihood(ebm.log_density(_), x)    ... and of a function, which the metric calls itself
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from compose import faults
from compose.conditioning import open_holes
from compose.diagnostics import Finding, Span, finding
from compose.elaborate import Poisoned
from compose.expressions import Call, Expression, Name
from compose.graph import Node
from compose.spec import Function as FunctionDeclaration
from compose.values import BlockValue, Function, Value

if TYPE_CHECKING:
    from compose.build import GraphBuilder, SamplerGraph

__all__ = ["Argument", "EvaluationGraph", "build_evaluation"]

SOURCE = "data"
"""The name of the data's source where there is one; several have names of their own."""


@dataclass(eq=False)
class Argument:
    """One argument of a metric: values of a program, a function (a program of one data field), or a source by name."""

    kind: Literal["samples", "function", "source"]
    name: str
    graph: SamplerGraph | None = None
    span: Span | None = None


@dataclass(eq=False)
class EvaluationGraph:
    """One line of `evaluate`.   `metric` is None for the mean of a value, which is then the only argument.

    `spans` are the places of the values of its options, `names` those of their names.
    """

    name: str
    metric: str | None
    arguments: list[Argument]
    options: Mapping[str, Any] = field(default_factory=dict)
    spans: Mapping[str, Span | None] = field(default_factory=dict)
    names: Mapping[str, Span | None] = field(default_factory=dict)
    span: Span | None = None


def build_evaluation(builder: GraphBuilder, name: str, expression: Expression) -> EvaluationGraph | None:
    """The graphs of one line, or None if something is wrong with it, which the builder then knows."""
    call = expression if isinstance(expression, Call) and isinstance(expression.function, Name) else None
    metric = call.function.name if call and isinstance(call.function, Name) else None
    if call is None or metric not in builder.metrics:
        made = _argument(builder, name, name, expression)
        if made is not None and made.kind != "samples":
            builder.add([not_a_value(expression.span, name)])
            return None
        return EvaluationGraph(name, None, [made], span=expression.span) if made else None
    arguments, options, spans = [], {}, {}
    for at, argument in enumerate(call.arguments):
        if argument.name:
            options[argument.name] = builder.collect(lambda given=argument.value: _constant(builder, given))
            spans[argument.name] = argument.value.span
        else:
            arguments.append(_argument(builder, f"{name}_{at}" if at else name, name, argument.value))
    complete = [argument for argument in arguments if argument is not None]
    if len(complete) < len(arguments):
        return None
    names = {argument.name: argument.name_span for argument in call.arguments if argument.name}
    return EvaluationGraph(name, metric, complete, options, spans, names, expression.span)


def _argument(builder: GraphBuilder, name: str, line: str, expression: Expression) -> Argument | None:
    """A source by its name, a sampler by its name, a function where `_` stands in it, else an expression."""
    word = expression.name if isinstance(expression, Name) else None
    span = expression.span
    if word is not None and (word in builder.spec.data or (word == SOURCE and set(builder.spec.data) == {""})):
        return Argument("source", "" if word == SOURCE else word, span=span)
    if word in builder.spec.samplers:
        graph = builder.sampler(word, builder.spec.samplers[word], "samplers")
        return Argument("samples", word, graph, span) if graph else None
    if word in builder.spec.blocks or _is_function(builder, word) or open_holes(expression, builder.blocks):
        graph = builder.program(line, "evaluate", lambda site: _applied(builder, site, expression))
        return Argument("function", name, graph, span) if graph else None
    graph = builder.program(line, "evaluate", lambda site: site(expression))
    return Argument("samples", name, graph, span) if graph else None


def _is_function(builder: GraphBuilder, word: str | None) -> bool:
    return isinstance(builder.spec.models.get(word or ""), FunctionDeclaration)


def _applied(builder: GraphBuilder, site: Any, expression: Expression) -> Value:  # noqa: ANN401  the evaluator
    """The function that `expression` stands for, applied to the data's first field of real numbers."""
    called = site.function(expression)
    if not isinstance(called, BlockValue | Function):
        raise faults.needs_function(expression.span, called)
    first = next((name for name, held in builder.fields.items() if held.dtype.startswith("float")), None)
    if first is None and builder.unread:  # which is told
        raise Poisoned("x")
    if first is None:
        raise faults.unknown_name(expression.span, "x", builder.fields)
    value = site.apply(called, [site.tracer.given("data", first, expression.span)], expression.span)
    return value if isinstance(value, Node) else site.as_operand(value, expression.span)


def _constant(builder: GraphBuilder, expression: Expression) -> Any:  # noqa: ANN401  a number, a text, a list
    value = builder.world("options", reader=expression.span).evaluator("options")(expression)
    if isinstance(value, int | float | str):
        return value
    if isinstance(value, tuple) and all(isinstance(part, int | float) for part in value):
        return list(value)
    raise faults.not_a_number(expression.span, value)


@finding("T240", "error")
def not_a_value(span: Span | None, name: str) -> Finding:
    """A line of `evaluate` is neither a metric nor a value of each sample.

    Wrong: `nll: energy`.   Right: `nll: energy(x)`.
    """
    return Finding(
        span=span,
        message=f"`{name}` is no value that could be averaged over the test split",
        help="write an expression of the data, or a metric (`compose list metrics`)",
    )
