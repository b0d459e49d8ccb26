"""From a spec to its graphs: one for each update, for what a stage shares, and for each sampler and evaluation.

build(spec, fields) -> Composition, findings
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from blocks.types import Field
from compose import faults
from compose.declarations import Declared, declare_blocks, unknown_likes
from compose.dependencies import cycles
from compose.diagnostics import Finding, Span, SpecError
from compose.draws import FreshDraws
from compose.elaborate import Evaluator, Poisoned, World
from compose.evaluations import EvaluationGraph, build_evaluation
from compose.expressions import Expression
from compose.fitting import build_fits
from compose.graph import Graph, Node
from compose.sharing import fields_to_share, is_shareable
from compose.sizes import Sizes
from compose.spec import Function, Program, Spec, Stage, Update
from compose.tracer import Tracer
from compose.values import Record, Value, is_seed

__all__ = ["Composition", "SamplerGraph", "StageGraphs", "UpdateGraph", "build"]


@dataclass(eq=False)
class UpdateGraph:
    """One update: its graph, with the node of each term, monitored value and memory write."""

    name: str
    spec: Update
    graph: Graph
    terms: dict[str, Node] = field(default_factory=dict)
    signs: dict[str, float] = field(default_factory=dict)
    monitor: dict[str, Node] = field(default_factory=dict)
    write: dict[str, Node] = field(default_factory=dict)
    trains: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every term could be built."""
        return len(self.terms) == len(self.spec.minimize) + len(self.spec.maximize)


@dataclass(eq=False)
class StageGraphs:
    """One stage: its updates, and the graph of its shared values."""

    name: str
    index: int
    spec: Stage
    updates: list[UpdateGraph]
    shared: Graph | None = None
    fits: dict[str, SamplerGraph] = field(default_factory=dict)

    @property
    def trains(self) -> frozenset[str]:
        """The blocks that some update of the stage trains."""
        return frozenset(block for update in self.updates for block in update.trains)


@dataclass(eq=False)
class SamplerGraph:
    """A sampler or an evaluated value: its graph and what it gives."""

    name: str
    graph: Graph
    value: dict[str, Node]
    lone: bool
    span: Span | None
    options: Mapping[str, float | int | bool | str] = field(default_factory=dict)


@dataclass(eq=False)
class Composition:
    """Everything that a spec says, as graphs.

    `faulty` are the blocks and lines that could not be built; `misspelt`: a name was used that nothing has.
    """

    spec: Spec
    fields: Mapping[str, Field]
    blocks: Mapping[str, Declared]
    stages: list[StageGraphs]
    samplers: dict[str, SamplerGraph]
    sizes: Sizes
    used: set[str] = field(default_factory=set)
    faulty: set[str] = field(default_factory=set)
    evaluations: dict[str, EvaluationGraph] = field(default_factory=dict)
    misspelt: bool = False

    def graphs(self) -> Iterator[Graph]:
        """Every graph."""
        for stage in self.stages:
            if stage.shared is not None:
                yield stage.shared
            yield from (update.graph for update in stage.updates)
            yield from (fit.graph for fit in stage.fits.values())
        yield from (sampler.graph for sampler in self.samplers.values())
        for evaluation in self.evaluations.values():
            yield from (argument.graph.graph for argument in evaluation.arguments if argument.graph is not None)


class GraphBuilder:
    """Builds the graphs of one spec, collecting what is wrong."""

    def __init__(
        self, spec: Spec, fields: Mapping[str, Field], metrics: frozenset[str], unread: frozenset[str]
    ) -> None:
        self.spec, self.fields, self.metrics, self.unread = spec, fields, metrics, unread
        self.blocks, self.findings = declare_blocks(spec)
        circles, caught = cycles(spec)
        self.findings += circles if unread else [*circles, *unknown_likes(spec, fields)]
        self.told = {_place(one) for one in self.findings}
        self.faulty = (set(spec.blocks) - set(self.blocks)) | caught | unread
        batch = next((source.batch_size for source in spec.data.values()), 16)
        self.sizes = Sizes(self.blocks, fields, min(batch, 64))
        self.used: set[str] = set()

    def world(
        self,
        name: str,
        *,
        reader: Span | None = None,
        shared: Mapping[str, Node] | None = None,
        samplers: bool = False,
    ) -> World:
        """A new program's world.   `reader` is the sampler or evaluation that it is for: those have no clock."""
        seen = {key: held for key, held in self.spec.samplers.items() if samplers and not isinstance(held, Function)}
        sources = tuple(filter(None, self.spec.data)) or ("data",)
        further = (*self.spec.samplers, *sources, *self.metrics) if samplers else ()
        return World(
            self.spec, self.fields, self.blocks, Tracer(name), reader=reader, shared=shared or {}, samplers=seen,
            faulty=self.faulty, guessing="" in self.unread, further=further,
        )  # fmt: skip

    def collect(self, work: Callable[[], Value | None]) -> Value | None:
        """Run one piece of evaluation; what is wrong is kept."""
        try:
            return work()
        except SpecError as error:
            self.add(error.findings)
        except Poisoned:
            pass
        return None

    def add(self, found: Iterable[Finding]) -> None:
        """Keep what is wrong, each fault at one place once."""
        fresh = {place: one for one in reversed(list(found)) if (place := _place(one)) not in self.told}
        self.told |= fresh.keys()
        self.findings += reversed(fresh.values())

    def stage(self, stage: Stage, index: int) -> StageGraphs:
        """The graphs of one stage."""
        shared_graph, fields = self.shared(stage)
        kept = {**shared_graph.outputs, **fields} if shared_graph is not None else {}
        updates = [self.update(stage, update, kept) for update in stage.all_updates()]
        if shared_graph is not None:
            read = {str(node.arguments[0]) for update in updates for node in update.graph.nodes if node.origin}
            shared_graph.outputs |= {name: node for name, node in fields.items() if name in read}
        return StageGraphs(stage.name, index, stage, updates, shared_graph, build_fits(self, stage))

    def shared(self, stage: Stage) -> tuple[Graph | None, dict[str, Node]]:
        """The graph of what the stage's updates share, and the fields of shared draws that they may read: `s.z`."""
        if not stage.shared:
            return None, {}
        world = self.world(f"{stage.name}_shared")
        fields: dict[str, Node] = {}
        for name in stage.shared:
            span = stage.span("shared", list(stage.shared).index(name))
            value = self.collect(lambda name=name, span=span: self._shared_line(world, name, span))
            if isinstance(value, Node):
                world.tracer.graph.outputs[name] = value
                drawn = world.tracer.drawn(value)
                fields |= {k: v for _, one in drawn for k, v in fields_to_share(name, one.fields)}
            elif isinstance(value, Record):
                fields |= dict(fields_to_share(name, value.fields))
        self.used |= world.used
        return world.tracer.graph, fields

    def _shared_line(self, world: World, name: str, span: Span) -> Value:
        if name not in self.spec.graph:
            raise faults.unknown_name(span, name, self.spec.graph)
        value = world.name(name, span)
        if not is_shareable(value) and not (isinstance(value, Record) and dict(fields_to_share(name, value.fields))):
            raise faults.not_shareable(span, name, value)
        return value

    def update(self, stage: Stage, update: Update, kept: Mapping[str, Node]) -> UpdateGraph:
        """The graph of one update; `kept` are the values that the updates of the stage share."""
        world = self.world(f"{stage.name}_{update.name}", shared=kept)
        made = UpdateGraph(update.name, update, world.tracer.graph)
        for terms, sign in ((update.minimize, 1.0), (update.maximize, -1.0)):
            for name, term in terms.items():
                node = self.collect(lambda term=term, name=name: self._number(world, term.value, name, "terms"))
                if isinstance(node, Node):
                    made.terms[name], made.signs[name] = node, sign
                    made.graph.terms[name] = node, term.value.span
        for section, values, target in (
            ("monitor", update.monitor, made.monitor), ("write", update.write, made.write),
        ):  # fmt: skip
            for name, expression in values.items():
                node = self.collect(lambda e=expression, n=name, s=section: self._number(world, e, n, s))
                if isinstance(node, Node):
                    target[name] = node
        made.graph.outputs = {**made.terms, **{f"monitor {k}": v for k, v in made.monitor.items()}}
        made.graph.outputs |= {f"write {k}": v for k, v in made.write.items()}
        self._remember_lines(world)
        return made

    def _number(self, world: World, expression: Expression, name: str, section: str) -> Node:
        site = world.evaluator(f"{section}/{name}")  # a term may be called as a line of `graph` is: their draws differ
        value = site.operand(expression)
        if not isinstance(value, Node):
            raise faults.constant_term(expression.span, name)
        if not value.named and name not in self.blocks:
            world.tracer.rename(value, name)
        return value

    def _remember_lines(self, world: World) -> None:
        self.used |= world.used
        for name, value in world.evaluated.items():
            if isinstance(value, Node):
                self.sizes.lines.setdefault(name, value)

    def rest(self) -> Graph:
        """A graph of the lines that nothing uses, so that they are checked too."""
        world = self.world("unused")
        for name in (*self.spec.graph, *self.spec.models):
            if name not in self.used:
                span = self.spec.span("graph" if name in self.spec.graph else "models", name)
                self.collect(lambda name=name, span=span: world.name(name, span))
        world.tracer.graph.outputs = {n: v for n, v in world.evaluated.items() if isinstance(v, Node)}
        self._remember_lines(world)
        return world.tracer.graph

    def sampler(self, name: str, declared: Expression | Program | Function, section: str) -> SamplerGraph | None:
        """The graph of one sampler."""
        options: dict[str, float | int | bool | str] = {}

        def work(site: Evaluator) -> Value:
            if isinstance(declared, Function):
                bound = self._bound(site, declared, options)
                return self._body(site.with_(site.tracer, bound), declared.body)
            return self._body(site, declared)

        made = self.program(name, section, work)
        return replace(made, options=options) if made is not None else None

    def program(self, name: str, section: str, work: Callable[[Evaluator], Value]) -> SamplerGraph | None:
        """The graph of what `work` evaluates, without a clock; None if something is wrong with it."""
        span = self.spec.span(section, name)
        reader = self.spec.span(section, name, key=True)
        world = self.world(f"{section}_{name}", reader=reader, samplers=section == "evaluate")
        value = self.collect(lambda: work(world.evaluator(f"{section}/{name}")))
        self._remember_lines(world)
        if value is None:
            return None
        nodes = self.collect(lambda: Record(self._outputs(value, span)))
        if not isinstance(nodes, Record):
            return None
        outputs: dict[str, Node] = dict(nodes.fields)  # type: ignore[arg-type]
        world.tracer.graph.outputs = outputs
        return SamplerGraph(name, world.tracer.graph, outputs, isinstance(value, Node), span)

    def _bound(self, site: Evaluator, declared: Function, options: dict) -> dict[str, Value]:
        bound: dict[str, Value] = {}
        for parameter in declared.parameters:
            if parameter not in declared.defaults:
                raise faults.option_without_default(declared.parameter_spans.get(parameter), parameter)
            value = site(declared.defaults[parameter])
            if not isinstance(value, int | float | str):
                raise faults.not_a_number(declared.defaults[parameter].span, value)
            options[parameter] = value
            bound[parameter] = value
        return bound

    def _body(self, site: Evaluator, declared: Expression | Program) -> Value:
        if not isinstance(declared, Program):
            return site(declared)
        assert isinstance(site.draws, FreshDraws)
        values: dict[str, Value] = {}
        for line, expression in declared.lines.items():
            values[line] = Evaluator(
                site.world, site.tracer, {**site.locals, **values}, FreshDraws(f"{site.draws.line}.{line}")
            )(expression)
        return values[list(declared.lines)[-1]]

    def _outputs(self, value: Value, span: Span | None) -> dict[str, Node]:
        if isinstance(value, Node) and is_seed(value):
            raise faults.chain_noise(span, value)
        if isinstance(value, Node) and value.family is None:
            return {"value": value}
        if isinstance(value, Record):
            parts = {name: self._outputs(part, span) for name, part in value.fields.items()}
            flat = [(f"{name}.{key}", node) for name, part in parts.items() for key, node in part.items()]
            return {name.removesuffix(".value"): node for name, node in flat}
        raise faults.not_a_sample(span, value)


def build(
    spec: Spec,
    fields: Mapping[str, Field],
    metrics: frozenset[str] = frozenset(),
    *,
    unread: frozenset[str] = frozenset(),
    solve: bool = True,
) -> tuple[Composition, list[Finding]]:
    """The graphs of `spec` on data with these `fields`, and what is wrong with it.

    `metrics`: names that are functions in `evaluate`. `unread`: sources whose fields are not known, which is told
    already. `solve`: find the sizes too, of all that could be built.
    """
    builder = GraphBuilder(spec, fields, metrics, unread)
    stages = [builder.stage(stage, index) for index, stage in enumerate(spec.stages)]
    samplers = {name: builder.sampler(name, declared, "samplers") for name, declared in spec.samplers.items()}
    evaluations = {name: build_evaluation(builder, name, line) for name, line in spec.evaluate.lines.items()}
    rest = builder.rest()
    composition = Composition(
        spec, fields, builder.blocks, stages,
        {n: made for n, made in samplers.items() if made is not None}, builder.sizes,
        builder.used, builder.faulty, {n: made for n, made in evaluations.items() if made is not None},
        misspelt=any(found.code == "N101" for found in builder.findings),
    )  # fmt: skip
    if solve and not unread:
        builder.add(builder.sizes.solve([*composition.graphs(), rest], complete=not builder.findings))
    return composition, builder.findings


def _place(found: Finding) -> tuple[str, Span | None, str]:
    """What makes two findings the same fault: sizes are found in every graph, under other names of the nodes."""
    return found.code, found.span, "" if found.code.startswith("S") else found.message
