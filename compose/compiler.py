"""The compiler: a checked composition becomes programs on real blocks.

compile_composition(composition) -> Executable
executable.stage(i, averaged) -> CompiledStage        executable.sampler(name, averaged) -> CompiledSampler
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from torch import fx, nn

from compose.build import Composition, SamplerGraph, StageGraphs, UpdateGraph
from compose.fitting import options_of_fit
from compose.flow import Flow
from compose.gradients import carried
from compose.graph import BlockUse, Graph, Node, Tensor
from compose.lowering import Lowered, Lowering, View, lower
from compose.options import sampler_with
from compose.paths import path_samplers
from compose.printer import print_program
from compose.program import (
    CompiledArgument,
    CompiledEvaluation,
    CompiledFit,
    CompiledSampler,
    CompiledStage,
    CompiledUpdate,
    Program,
)
from compose.spec import Spec
from compose.views import Views

__all__ = ["Executable", "compile_composition"]

T = TypeVar("T")


class Executable:
    """The blocks of a composition, and its programs, compiled when they are first asked for."""

    def __init__(self, composition: Composition, blocks: nn.ModuleDict, averages: nn.ModuleDict) -> None:
        self.composition, self.blocks, self.averages = composition, blocks, averages
        self.needs_data = frozenset(name for name, block in blocks.items() if getattr(block, "needs_data", False))
        self.views = Views(dict(blocks.items()), dict(averages.items()))
        self._made: dict[tuple[object, ...], Any] = {}

    @property
    def spec(self) -> Spec:
        """What it was compiled from."""
        return self.composition.spec

    def forget(self) -> None:
        """Compile anew what is asked for next: tensors of the modules were replaced (moved, laid out otherwise)."""
        self.views.forget()
        self._made.clear()

    def stage(self, index: int, averaged: frozenset[str] = frozenset()) -> CompiledStage:
        """Stage `index`; blocks of `averaged` that it does not train are seen by their averages."""
        graphs = self.composition.stages[index]
        self.views.forget()
        view = _StageView(self.views, graphs, averaged)
        updates = tuple(self._update(update, view.of(update.trains)) for update in graphs.updates)
        shared = _shared_program(graphs, graphs.shared, view) if graphs.shared is not None else None
        return CompiledStage(graphs.name, index, graphs.spec, updates, shared, self._fits(graphs, averaged))

    def sampler(self, name: str, averaged: frozenset[str] = frozenset()) -> CompiledSampler:
        """A named sampler.   Raises KeyError for a name that the spec does not have."""
        graphs = self.composition.samplers[name]
        return self._once(("sampler", name, averaged), lambda: self._sampler(graphs, averaged))

    def sampler_with(
        self, name: str, averaged: frozenset[str], options: Mapping[str, float | int | bool]
    ) -> CompiledSampler:
        """A named sampler with other values of its options.   Raises SpecError for those that it cannot have."""
        return self._sampler(sampler_with(self.composition, name, options), averaged)

    def path(self, name: str, averaged: frozenset[str] = frozenset()) -> list[CompiledSampler]:
        """Samplers whose values, side by side, are the way of the chain that a sampler runs; none if it runs none."""
        return self._once(
            ("path", name, averaged),
            lambda: [self._sampler(graphs, averaged) for graphs in path_samplers(self.composition, name)],
        )

    def evaluation(self, name: str, averaged: frozenset[str] = frozenset()) -> CompiledEvaluation:
        """A line of `evaluate`.   Raises KeyError for a name that the spec does not have."""
        return self._once(("evaluation", name, averaged), lambda: self._evaluation(name, averaged))

    def _once(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """What is made for a key, again for the same buffers: a run draws and measures often, and PyTorch keeps the
        code of every program that was ever compiled."""
        buffers = tuple(map(id, (*self.blocks.buffers(), *self.averages.buffers())))
        if (key, buffers) not in self._made:
            self._made[key, buffers] = make()
        return self._made[key, buffers]

    def _evaluation(self, name: str, averaged: frozenset[str]) -> CompiledEvaluation:
        graphs = self.composition.evaluations[name]
        arguments = tuple(
            CompiledArgument(given.kind, given.name, self._sampler(given.graph, averaged) if given.graph else None)
            for given in graphs.arguments
        )
        return CompiledEvaluation(name, graphs.metric, arguments, graphs.options)

    def _fits(self, graphs: StageGraphs, averaged: frozenset[str]) -> dict[str, CompiledFit]:
        view, made = _SamplerView(self.views, averaged), {}
        for name, fit in graphs.fits.items():
            title = f"What {name} is fitted to in {graphs.name}."
            program = self._program(fit.graph, fit.value, view, f"{graphs.name}_fit_{name}", title, lone=True)
            options = options_of_fit(self.composition.blocks[name], graphs.spec.fit[name], self.spec)
            made[name] = CompiledFit(program, options)
        return made

    def _sampler(self, graphs: SamplerGraph, averaged: frozenset[str]) -> CompiledSampler:
        self.views.forget()
        view, name, title = _SamplerView(self.views, averaged), f"sample_{graphs.name}", f"The sampler {graphs.name}."
        program = self._program(graphs.graph, graphs.value, view, name, title, lone=list(graphs.value) == ["value"])
        conditional = any(given.kind == "data" for given in program.inputs)
        gives = {key: node.type for key, node in graphs.value.items()}
        return CompiledSampler(graphs.name, program, conditional, graphs.options, gives)

    def _program(
        self, graph: Graph, outputs: dict[str, Node], view: View, name: str, title: str, lone: bool
    ) -> Program:
        def finish(lowering: Lowering) -> dict[str, Any]:
            made = {key: _detached(lowering, lowering.made[id(node)], node) for key, node in outputs.items()}
            return made if lone else {"value": made}

        flow = Flow(graph, [], list(outputs.values()), lambda use: False, recording=False)
        lowered = lower(graph, list(outputs.values()), flow, view, finish)
        return _finished(lowered, name, title, self.views)

    def _update(self, update: UpdateGraph, view: _UpdateView) -> CompiledUpdate:
        every = {name: term.every for name, term in {**update.spec.minimize, **update.spec.maximize}.items()}

        def compile_active(active: frozenset[str]) -> Program:
            return _update_program(update, active, view)

        return CompiledUpdate(update.name, update.trains, tuple(update.terms), every, update.spec, compile_active)


def compile_composition(
    composition: Composition, making: Callable[[str], AbstractContextManager[object]] = nullcontext
) -> Executable:
    """Real blocks of the sizes that were found, and nothing compiled yet.

    Each block is made inside `making(name)`, in which the caller may seed its first weights.
    """
    sizes = composition.sizes
    blocks, averages = {}, {}
    averaged = {block for stage in composition.stages for update in stage.updates for block in update.spec.ema}
    for name, declared in composition.blocks.items():
        slot = sizes.slots[name]
        if slot.module is None and declared.inferred:
            continue  # never called: the checker has said so
        with making(name):
            blocks[name] = declared.build(tuple(slot.takes) if slot.takes else None, slot.makes)  # type: ignore[arg-type]
        if not declared.trainable:
            blocks[name].requires_grad_(False)
        if name in averaged:
            averages[name] = declared.build(tuple(slot.takes) if slot.takes else None, slot.makes)  # type: ignore[arg-type]
            averages[name].load_state_dict(blocks[name].state_dict())
            averages[name].requires_grad_(False)
    return Executable(composition, nn.ModuleDict(blocks), nn.ModuleDict(averages))


def _update_program(update: UpdateGraph, active: frozenset[str], view: _UpdateView) -> Program:
    terms = {name: node for name, node in update.terms.items() if name in active}
    extra = [*update.monitor.values(), *update.write.values()]
    passing = carried(terms.values(), update.trains)
    given = [node for node in update.graph.nodes if node.origin is not None and node.arguments[0] in passing]
    flow = Flow(update.graph, list(terms.values()), extra, view.trained, given=given)
    every = {name: term.every for name, term in {**update.spec.minimize, **update.spec.maximize}.items()}

    means: dict[str, fx.Node] = {}

    def follow(lowering: Lowering, node: Node) -> None:
        means.update({name: _term(lowering, node, name, every.get(name, 1)) for name, t in terms.items() if t is node})

    def finish(lowering: Lowering) -> dict[str, Any]:
        return {
            "loss": _loss(lowering, {name: means[name] for name in terms}, update.signs),
            "terms": {name: _detached(lowering, means[name], node) for name, node in terms.items()},
            "monitor": {
                name: _detached(lowering, _mean(lowering, node), node) for name, node in update.monitor.items()
            },
            "write": {name: _detached(lowering, lowering.made[id(node)], node) for name, node in update.write.items()},
        }

    learnt = {id(node) for node in update.graph.needed(list(terms.values()))}
    quiet = frozenset(id(node) for node in update.graph.needed(extra) if id(node) not in learnt)
    lowered = lower(update.graph, [*terms.values(), *extra], flow, view, finish, follow, quiet)
    trains = ", ".join(update.trains) or "nothing"
    return _finished(lowered, update.graph.name, f"One step of {update.graph.name}. It trains: {trains}.", view.views)


def _shared_program(graphs: StageGraphs, graph: Graph, view: _StageView) -> Program:
    """The values that updates share.   Those that must carry a gradient to a trained block are recorded, once."""
    passing: dict[str, set[str]] = {}
    for update in graphs.updates:
        for name, blocks in carried(update.terms.values(), update.trains).items():
            passing.setdefault(name, set()).update(blocks)
    kept = [node for name, node in graph.outputs.items() if name in passing]
    others = [node for name, node in graph.outputs.items() if name not in passing]
    seen = view.of(frozenset().union(*passing.values()))
    flow = Flow(graph, kept, others, seen.trained, recording=bool(kept))

    def finish(lowering: Lowering) -> dict[str, Any]:
        made = {name: (lowering.made[id(node)], node) for name, node in graph.outputs.items()}
        return {name: m if name in passing else _detached(lowering, m, node) for name, (m, node) in made.items()}

    recorded = {id(node) for node in graph.needed(kept)}
    quiet = frozenset(id(node) for node in graph.needed(others) if id(node) not in recorded)
    lowered = lower(graph, [*kept, *others], flow, seen, finish, quiet=quiet if kept else frozenset())
    carrying = f" Gradients go back through {', '.join(passing)}." if passing else ""
    title = f"What the updates of {graphs.name} share.{carrying}"
    return _finished(lowered, f"{graphs.name}_shared", title, view.views)


def _finished(lowered: Lowered, name: str, title: str, views: Views) -> Program:
    called = {path.split(".")[-1] for path, _ in lowered.module.named_modules()}
    notes = [title, *(f"{view}: {about}" for view in sorted(called) if (about := views.about(view)))]
    return Program(lowered.module, lowered.inputs, print_program(lowered.module, name, notes))


def _term(lowering: Lowering, node: Node, name: str, every: int) -> fx.Node:
    """The mean of a term, by the term's name."""
    lowering.enter("plain")
    made, mean = lowering.made[id(node)], _mean(lowering, node)
    if mean is not made:
        lone = len(made.users) == 1
        made.meta |= {"named": bool(made.meta.get("named")) and not lone, "word": f"{name}_rows" if lone else made.name}
    mean.meta |= {"named": True, "word": name, "suffix": "_mean"}
    if every > 1:
        mean.meta["comment"] = f"every {every} steps"
    return mean


def _mean(lowering: Lowering, node: Node) -> fx.Node:
    made = lowering.made[id(node)]
    if isinstance(node.type, Tensor) and not node.type.batched and not node.type.event:
        return made
    return lowering.graph.call_method("mean", (made,))


def _loss(lowering: Lowering, means: Mapping[str, fx.Node], signs: Mapping[str, float]) -> fx.Node | None:
    """The sum of the terms, those of `maximize` negated."""
    loss = None
    for name, mean in means.items():
        if loss is None:
            loss = mean if signs[name] > 0 else lowering.graph.call_function(operator.neg, (mean,))
        else:
            loss = lowering.graph.call_function(operator.add if signs[name] > 0 else operator.sub, (loss, mean))
            loss.meta["word"] = "loss"
    return loss


def _detached(lowering: Lowering, made: fx.Node, node: Node) -> fx.Node:
    return lowering.graph.call_method("detach", (made,)) if lowering.flow.requires(node) else made


class _SamplerView:
    """Samplers see constants: averages where they exist."""

    def __init__(self, views: Views, averaged: frozenset[str]) -> None:
        self.views, self.averaged = views, averaged

    def __call__(self, use: BlockUse, chain: bool, differentiable: bool) -> tuple[str, nn.Module]:
        """The view of one use."""
        if _stateless(self.views.blocks[use.block]):
            return self.views.get(use.block, "live")
        averaged = use.block in self.averaged
        return self.views.get(use.block, "average" if averaged else "constant")


class _UpdateView:
    """What one update sees: the blocks it trains live, the others as constants."""

    def __init__(
        self, views: Views, trains: frozenset[str], stage: Mapping[str, str], averaged: frozenset[str]
    ) -> None:
        self.views, self.trains, self.modes, self.averaged = views, trains, stage, averaged

    def trained(self, use: BlockUse) -> bool:
        """Whether this use carries a gradient to the block."""
        return use.block in self.trains and not use.frozen

    def __call__(self, use: BlockUse, chain: bool, differentiable: bool) -> tuple[str, nn.Module]:
        """The view of one use."""
        if _stateless(self.views.blocks[use.block]):
            return self.views.get(use.block, "live")
        if use.average:
            return self.views.get(use.block, "average" if use.block in self.views.averages else "constant")
        if self.trained(use):
            if not chain:
                return self.views.get(use.block, "live" if self.modes.get(use.block) != "eval" else "chain")
            return self.views.get(use.block, "chain" if differentiable else "constant")
        training = self.modes.get(use.block) == "train" and not chain
        if use.block in self.averaged:
            return self.views.get(use.block, "still_average" if training else "average")
        return self.views.get(use.block, "still" if training else "constant")


class _StageView:
    """The modes of a stage: train for the blocks it trains, eval for the others, unless `mode` says otherwise."""

    def __init__(self, views: Views, graphs: StageGraphs, averaged: frozenset[str]) -> None:
        self.views, self.averaged = views, averaged - graphs.trains
        self.modes = {**dict.fromkeys(graphs.trains, "train"), **graphs.spec.mode}

    def of(self, trains: Iterable[str]) -> _UpdateView:
        """The view of an update that trains these blocks."""
        return _UpdateView(self.views, frozenset(trains), self.modes, self.averaged)


def _stateless(module: nn.Module) -> bool:
    """A block without parameters: a chain, a memory.   Every view of it is itself."""
    return next(module.parameters(), None) is None
