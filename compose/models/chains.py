"""Models that run a loop: Langevin dynamics, a kernel scanned along a diffusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from blocks import loops
from blocks.laws import standard_normal_potential
from blocks.operators import arithmetic
from compose import faults
from compose.diagnostics import Span
from compose.graph import Body, Edge, LeafLaw, Node, Operation
from compose.models.basic import DISCRETE, StandardModel
from compose.models.program import total
from compose.tracer import Tracer
from compose.values import (
    BlockValue,
    Drawn,
    Model,
    Noise,
    Record,
    Value,
    as_noise,
    as_value,
    is_seed,
    leaves_of,
    map_noise,
)

if TYPE_CHECKING:
    from compose.elaborate import Evaluator

__all__ = ["DescentModel", "Dynamics", "DynamicsModel", "ReverseModel", "Start", "exact_draw", "refuse_draws"]

LONE = "v"  # what the state is called in a potential where it is one tensor


@dataclass(frozen=True, eq=False)
class Start:
    """What a chain is told to start from, and where that is written."""

    value: Value
    span: Span | None


@dataclass(frozen=True, eq=False)
class Dynamics:
    """A chain in a potential: what it follows, where it starts, the options of its steps (numbers or clock nodes)."""

    target: Value
    init: Start | None
    options: Mapping[str, Any]
    differentiable: bool
    space: str
    scope: Evaluator
    span: Span | None

    @property
    def model(self) -> Model | None:
        """The target as a model, or None if it is an energy."""
        return None if isinstance(self.target, BlockValue) else self.scope.as_model(self.target)

    @property
    def random(self) -> bool:
        """Whether the start is drawn."""
        return self.init is None or self.scope.as_model(self.init.value) is not None

    @property
    def _place(self) -> Span | None:
        """Where the start is written, or the whole chain."""
        return self.init.span if self.init is not None else self.span

    def start(self, tracer: Tracer, path: str = "start") -> Noise:
        """The state it starts from: a draw or value of `init`, or a draw of the target's base."""
        if self.init is None:
            if self.model is None:
                raise faults.needs_init(self.span)
            drawn = self.model.draw(tracer, path, self.span)
            return drawn.noise if self.space == "noise" else self._drawn_values(drawn)
        model = self.scope.as_model(self.init.value)
        value = exact_draw(model, tracer, path, self.span).value if model is not None else self.init.value
        state = as_noise(value)
        if state is None:
            raise faults.not_a_start(self.span)
        return state

    def _drawn_values(self, drawn: Drawn) -> Noise:
        lines = self.model.drawn_lines() if self.model is not None else []
        if not lines:
            return drawn.value  # type: ignore[return-value]
        return {name: drawn.fields[name] for name in lines}  # type: ignore[misc]

    def _refuse_noise(self, tracer: Tracer) -> None:
        """A chain in noise space moves standard normal leaves: a draw of another law has no such space."""
        assert self.model is not None
        probe = Tracer("probe", tracer)
        self.model.draw(probe, "probe", self.span)
        for node in probe.graph.nodes:
            passes = node.operation.passes
            levels = node.use is not None and passes is not None and not any(passes)  # of a block that is a law
            discrete = node.operation.target == "at" and (levels or node.edges[0].source.family in DISCRETE)
            if node.leaf is not None and node.leaf.law == "seed":
                raise faults.chain_noise(self.span, node)
            if discrete or (node.leaf is not None and node.leaf.law == "integers"):
                raise faults.discrete_chain(self.span, self.model.name, node.span)
        for node in probe.graph.nodes:
            if node.leaf is not None and node.leaf.law == "uniform":
                raise faults.uniform_chain(self.span, self.model.name, node.span)

    def body(self, tracer: Tracer, state: Noise, name: str) -> Body:
        """The potential as a graph of its own: a function of the state."""
        if self.in_noise_space:
            self._refuse_noise(tracer)
        inner = Tracer(name, tracer, dynamics=True)
        held = map_noise(state, lambda key, leaf: inner.given("state", key or LONE, self._place, leaf.chain))
        potential = self.potential(inner, held)
        refuse_draws(inner, self.span)
        return inner.body(
            potential, list(leaves_of(held).values()), differentiable=self.differentiable, about=self._about()
        )

    def _about(self) -> str:
        """What the potential is, in a line."""
        if self.model is None:
            return f"the energy `{getattr(self.target, 'name', 'of the chain')}`"
        if self.space == "values":
            return f"- log `{self.model.name}` at its drawn values, up to a constant"
        return f"- log `{self.model.name}` at its noise, up to a constant and without |noise|^2 / 2: `prior` adds that"

    def potential(self, tracer: Tracer, state: Noise) -> Node:
        """-log density of the target at `state`, up to a constant: one number per sample."""
        if self.model is None:
            energy = self.scope.with_(tracer, {}).apply(self.target, [as_value(state)], self.span)
            if not isinstance(energy, Node):
                raise faults.not_an_energy(self.span, energy)
            tracer.expect_scalar(energy, self.span)
            return energy
        if self.space == "values":
            density = self._values_density(tracer, state)
            return tracer.call(arithmetic.negative, density, span=self.span)
        if isinstance(state, Node) and self.init is not None and len(lines := self.model.drawn_lines()) > 1:
            name = self.init.value.name if isinstance(self.init.value, Node) else state.name
            raise faults.wrong_noise(self.init.span, self.model.name, lines, name)
        weight = self.model.at(tracer, state, self.span).log_weight
        if weight is None:  # an unweighted model: its noise is standard, and that is all
            return tracer.call(arithmetic.multiply, total(tracer, self._norms(tracer, state)), 0.0, span=self.span)
        if weight.operation.target is arithmetic.negative:  # - (-energy): the energy itself
            return weight.edges[0].source
        return tracer.call(arithmetic.negative, weight, span=self.span)

    def _norms(self, tracer: Tracer, state: Noise) -> list[Node]:
        return [tracer.call(standard_normal_potential, leaf, span=self.span) for leaf in leaves_of(state).values()]

    @property
    def in_noise_space(self) -> bool:
        """Whether the state is noise, whose own law adds |noise|^2 / 2 to the potential: the loop does that."""
        return self.model is not None and self.space == "noise"

    def _values_density(self, tracer: Tracer, state: Noise) -> Node:
        assert self.model is not None
        if isinstance(state, Node):
            return self.model.log_prob(tracer, state, self.span)
        return self.model.joint_log_prob(tracer, state, self.span)  # type: ignore[arg-type]

    def end(self, tracer: Tracer, state: Noise) -> Drawn:
        """The state it ended in, as a draw of the target.   Without gradient unless the chain is differentiable."""
        if self.model is not None and self.space == "noise":
            with tracer.ending():
                drawn = self.model.at(tracer, state, self.span)
            value, fields = drawn.value, dict(drawn.fields)
        elif isinstance(state, Node):
            value, fields = state, {}
        else:
            assert self.model is not None
            with tracer.ending():
                drawn = self.model.joint(tracer, state, self.span)  # type: ignore[arg-type]
            value, fields = drawn.value, dict(drawn.fields)
        if not self.differentiable:
            value, fields = (
                self._stopped(tracer, value),
                {name: self._stopped(tracer, part) for name, part in fields.items()},
            )
        return Drawn(value, state, fields)

    def _stopped(self, tracer: Tracer, value: Value) -> Value:
        if isinstance(value, Node):
            return tracer.stop(value, self.span, "chain")
        if isinstance(value, Record):
            return Record({name: self._stopped(tracer, part) for name, part in value.fields.items()})
        return value

    def run(self, tracer: Tracer, function: Any, state: Noise, name: str, options: Mapping[str, Any]) -> Drawn:  # noqa: ANN401
        """The loop node, and the draw it ends in; `.state` is where it ended, `.path` the way there."""
        body = self.body(tracer, state, f"{name}_potential")
        start: Any = {key: Edge(leaf, span=self._place) for key, leaf in leaves_of(state).items()}
        start = Edge(state, span=self._place) if isinstance(state, Node) else start
        passes = None if self.differentiable else (False,)
        flags = {"differentiable": self.differentiable, "prior": self.in_noise_space}
        given = {**self.options, **options, **{name: True for name, held in flags.items() if held}}
        if (keep := self.options.get("keep")) and keep > self.options["steps"]:
            raise faults.keeps_nothing(self.span, keep, self.options["steps"])
        trace = tracer.emit(
            Operation("loop", function, passes), start, options=given,
            name=f"{name}_chain", span=self.span, bodies=(body,),
        )  # fmt: skip
        final = tracer.field(trace, "state", span=self.span)
        ended = map_noise(state, lambda key, leaf: tracer.field(final, key, span=self.span) if key else final)
        drawn = self.end(tracer, ended)
        fields: dict[str, Value] = {**drawn.fields, "state": as_value(ended)}
        if self.options.get("keep"):
            path = tracer.field(trace, "path", span=self.span)
            fields["path"] = as_value(
                map_noise(state, lambda key, leaf: tracer.field(path, key, span=self.span) if key else path)
            )
        return Drawn(drawn.value, drawn.noise, fields)


class DynamicsModel(Model):
    """`langevin(target, ..)`: the chain's end.   Leaves: init's, and one a step (drawn inside the loop from a seed)."""

    def __init__(self, dynamics: Dynamics) -> None:
        self.dynamics, self.name = dynamics, "langevin"

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """Fresh start, fresh steps."""
        state = self.dynamics.start(tracer, f"{path}.init")
        seed = tracer.leaf(LeafLaw(f"{path}.step", "seed"), span)
        drawn = self.dynamics.run(tracer, loops.langevin, state, _last(path), {"seed": seed})
        return replace(drawn, noise={"init": state, "step": seed})

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The chain with given noise: `init` (its start), `step` (per leaf "b steps *event")."""
        if isinstance(noise, Node) or set(noise) != {"init", "step"}:
            raise faults.wrong_noise(span, self.name, ["init", "step"])
        steps = noise["step"] if isinstance(noise["step"], Node) else leaves_of(noise["step"])
        given = {"seed" if is_seed(steps) else "noise": steps}
        return replace(self.dynamics.run(tracer, loops.langevin, noise["init"], "langevin", given), noise=noise)

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """Refused: the law of a finite chain has no tractable density."""
        raise faults.no_density(span, self.name, "the end of a chain has no density in closed form")


class DescentModel(Model):
    """`descend(target, ..)` from a draw: the chain's end.   Leaves: those of its start; the steps have none."""

    def __init__(self, dynamics: Dynamics) -> None:
        self.dynamics, self.name = dynamics, "descend"

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """A fresh start."""
        return self._run(tracer, self.dynamics.start(tracer, f"{path}.init"), _last(path))

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The descent from a given start."""
        return self._run(tracer, noise, "descent")

    def _run(self, tracer: Tracer, start: Noise, name: str) -> Drawn:
        return replace(self.dynamics.run(tracer, loops.descend, start, name, {}), noise=start)

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """Refused: the steps are not inverted."""
        raise faults.no_density(span, self.name, "the end of a descent has no density in closed form")


class ReverseModel(Model):
    """`reverse(chain, kernel)`: the kernel scanned from the terminal law, t = start .. 1."""

    def __init__(
        self,
        chain: BlockValue,
        kernel: Value,
        scope: Evaluator,
        *,
        start: int,
        init: Value | None,
        keep: int | None,
        span: Span | None,
    ) -> None:
        self.chain, self.kernel, self.scope, self.start, self.init = chain, kernel, scope, start, init
        self.keep, self.span, self.name = keep, span, f"reverse({chain.name}, ..)"

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """The scan from a fresh start; the kernel's noise is drawn inside the loop from a seed."""
        begin = self._begin(tracer, f"{path}.init")
        seed = tracer.leaf(LeafLaw(f"{path}.steps", "seed"), span)
        return self._scan(tracer, begin, _last(path), {"seed": seed}, {"init": begin, "steps": seed})

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The scan from given noise: `init`, and `steps` (per leaf of the kernel "b start *event")."""
        if isinstance(noise, Node) or set(noise) != {"init", "steps"}:
            raise faults.wrong_noise(span, self.name, ["init", "steps"])
        begin = noise["init"]
        if not isinstance(begin, Node):
            raise faults.wrong_noise(span, self.name, ["init", "steps"])
        steps = noise["steps"]
        given = {"seed": steps} if is_seed(steps) else {"noise": leaves_of(steps)}
        return self._scan(tracer, begin, "reverse", given, noise)

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """Refused: the steps between are integrated over."""
        raise faults.no_density(span, self.name, "the values between its steps are latent")

    def _begin(self, tracer: Tracer, path: str) -> Node:
        init: Value = StandardModel("normal") if self.init is None else self.init
        model = self.scope.as_model(init)
        value = exact_draw(model, tracer, path, self.span).value if model is not None else init
        if not isinstance(value, Node):
            raise faults.not_a_start(self.span)
        return value

    def _scan(self, tracer: Tracer, begin: Node, name: str, noise: Mapping[str, Any], tree: Noise) -> Drawn:
        inner = Tracer(f"{name}_kernel", tracer)
        value = inner.given("state", "x_t", self.span)
        time = inner.given("state", "t", self.span, chain=self.chain.name)
        made = self.scope.with_(inner, {}).apply(self.kernel, [value, time], self.span)
        model = self.scope.as_model(made)
        if model is not None:
            made = exact_draw(model, inner, "kernel", self.span).value
        if not isinstance(made, Node) or made.family:
            raise faults.not_a_tensor(self.span, made)
        body = inner.body(made, [value, time], about=f"one step of {self.name}: x_t at level t to the level below")
        scan = tracer.emit(
            Operation("loop", loops.scan), begin,
            options={"start": self.start, **({"keep": self.keep} if self.keep else {}), **noise},
            name=f"{name}_scan", span=self.span, bodies=(body,),
        )  # fmt: skip
        end = tracer.field(scan, "state", span=self.span)
        fields: dict[str, Value] = {"path": tracer.field(scan, "path", span=self.span)} if self.keep else {}
        return Drawn(end, tree, fields)


def refuse_draws(inner: Tracer, span: Span | None) -> None:
    """What a chain or a flow follows may draw nothing: its loop would have to make the noise."""
    for node in inner.graph.nodes:
        if node.leaf is not None:
            raise faults.random_chain(span, node.span)


def exact_draw(model: Model, tracer: Tracer, path: str, span: Span | None) -> Drawn:
    """A draw that stands for the model's law, which a weighted one would not."""
    drawn = model.draw(tracer, path, span)
    if model.weighted or drawn.log_weight is not None:
        raise faults.weighted_draw(span, model.name)
    return drawn


def _last(path: str) -> str:
    return path.split("/")[-1].split(".")[-1].replace("~", "_")
