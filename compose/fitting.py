"""Fits: `fit: {prior: z}` on a stage. What each block is fitted to is a graph of its own, run over the data once.

A block can be fitted if its class has `fit(values, seed, *, ...)`, whose keyword-only parameters are the options;
`least_rows(event, **options)` says how many values that takes, and what asks for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from compose.catalogue import Catalogue
from compose.declarations import Declared, bind_options
from compose.diagnostics import NOWHERE, Finding, Note, Span, SpecError, finding
from compose.graph import Node, Tensor, Type
from compose.values import Value

if TYPE_CHECKING:
    from compose.build import Composition, GraphBuilder, SamplerGraph
    from compose.spec import Fit, Spec, Stage

__all__ = ["PREFIX", "build_fits", "can_fit", "check_fits", "options_of_fit"]

PREFIX = "fit "  # of the output that a block is fitted to, as its graph calls it: its size is the block's


def can_fit(declared: Declared) -> bool:
    """Whether blocks of this kind know a fit."""
    return callable(getattr(declared.block, "fit", None))


def build_fits(builder: GraphBuilder, stage: Stage) -> dict[str, SamplerGraph]:
    """By block, the graph of what it is fitted to.   What is wrong is kept by the builder."""
    made: dict[str, SamplerGraph] = {}
    for name, fit in stage.fit.items():
        graph = _graph(builder, stage, name, fit)
        if graph is not None:
            made[name] = graph
    return made


def _graph(builder: GraphBuilder, stage: Stage, name: str, fit: Fit) -> SamplerGraph | None:
    from compose.build import SamplerGraph

    world = builder.world(f"{stage.name}_fit_{name}", reader=stage.span("fit", name, key=True))
    value = builder.collect(lambda: _values(builder, world.evaluator(f"fit/{name}"), name, fit))
    builder.used |= world.used
    if not isinstance(value, Node):
        return None
    world.tracer.graph.outputs = {f"{PREFIX}{name}": value}
    return SamplerGraph(name, world.tracer.graph, {"value": value}, True, fit.value.span)


def _values(builder: GraphBuilder, site: Any, name: str, fit: Fit) -> Value:  # noqa: ANN401  an evaluator
    value = site.tensor(fit.value)
    if any(node.use is not None and node.use.block == name for node in site.tracer.graph.needed([value])):
        raise SpecError([fitted_to_itself(fit.value.span, name)])
    if name in builder.blocks and can_fit(builder.blocks[name]):
        options_of_fit(builder.blocks[name], fit, builder.spec)
    return value


def _path(spec: Spec, name: str, fit: Fit) -> tuple[Any, ...]:
    """Where a fit stands in the spec."""
    at = next((index for index, stage in enumerate(spec.stages) if stage.fit.get(name) is fit), 0)
    return ("stages", at, "fit", name)


def options_of_fit(declared: Declared, fit: Fit, spec: Spec) -> dict[str, Any]:
    """The options of a fit with defaults filled in.   Raises SpecError with every misfit."""
    block: Any = declared.block
    return bind_options(block.fit, fit.options, spec, _path(spec, declared.name, fit), f"the fit of `{declared.kind}`")


def check_fits(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Fits to constants, and fits and codebooks with fewer values than they take, where the rows are counted."""
    for stage in composition.stages:
        for name, graph in stage.fits.items():
            known, declared = graph.value["value"].type, composition.blocks.get(name)
            if isinstance(known, Tensor) and not known.batched and declared is not None and can_fit(declared):
                yield fitted_to_a_constant(graph.span, name)
            else:
                yield from _few(composition, catalogue, name, known, stage.spec.span("fit", name, key=True))
        written = {name: node.type for update in stage.updates for name, node in update.write.items()}
        for part in (stage.spec, *stage.spec.updates):
            for name in filter(written.__contains__, part.write):
                yield from _few(composition, catalogue, name, written[name], part.span("write", name, key=True))


def _few(composition: Composition, catalogue: Catalogue, name: str, known: Type, span: Span) -> Iterator[Finding]:
    """Fewer values in an epoch than the block takes, where it says how many that is."""
    declared = composition.blocks.get(name)
    least = getattr(declared.block, "least_rows", None) if declared is not None else None
    rows = _rows(composition, catalogue) if least is not None else None
    if declared is not None and least is not None and rows is not None and isinstance(known, Tensor) and known.batched:
        count, cause = least(known.event, **declared.options)
        if rows * known.rows < count:
            yield too_few_rows(span, name, cause, count, rows, declared.span)


def _rows(composition: Composition, catalogue: Catalogue) -> int | None:
    """The rows of an epoch, which ends with the longest source; None if a source does not say."""
    rows = []
    for source in composition.spec.data.values():
        try:
            splits: Mapping[str, int] = catalogue.fields_of(source.source, source.options).splits
        except (LookupError, ValueError, TypeError):
            return None
        if not splits.get("train"):
            return None
        rows.append(splits["train"] // source.batch_size * source.batch_size)
    return max(rows, default=None)


@finding("N304", "error")
def fitted_to_itself(span: Span, name: str) -> Finding:
    """A block is fitted to values that are made with that very block.

    Wrong: `fit: {prior: ~prior}`.   Right: `fit: {prior: z}`.
    """
    return Finding(
        span=span,
        message=f"`{name}` is fitted here to values that it makes itself",
        help=f"fit it to what it should describe, as codes of the data: `{name}: z`",
    )


@finding("T409", "error")
def fitted_to_a_constant(span: Span | None, name: str) -> Finding:
    """A block is fitted to a value that is the same for all samples, so that there is nothing to fit.

    Wrong: `fit: {prior: scale}` of a parameter.   Right: `fit: {prior: z}`.
    """
    return Finding(
        span=span or NOWHERE,
        message=f"`{name}` is fitted to a constant, of which there is one for all samples",
        help="fit it to a value that each sample has, such as a field of the data or its code",
    )


@finding("S231", "error")
def too_few_rows(span: Span, name: str, cause: str, least: int, rows: int, place: Span) -> Finding:
    """A fit or a codebook needs more values than the data have rows: more components, dimensions or codes than those.

    Wrong: `{kind: prior.mixture, components: 500}` fitted to 200 rows.   Right: `components: 10`.
    """
    return Finding(
        span=span,
        message=f"{cause} takes {least:,} values, and an epoch of the data gives {rows:,}",
        help=f"write a smaller number for `{name}`, or give it more data",
        notes=(Note(place, f"`{name}` is declared here"),),
    )
