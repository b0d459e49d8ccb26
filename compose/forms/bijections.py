"""Forms that make bijections:  ode(f, time=..) and gradient_flow(energy, time=..)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blocks import loops
from compose import faults
from compose.diagnostics import Span
from compose.expressions import Expression
from compose.forms import CONVERT, form
from compose.graph import BlockUse, Body, LeafLaw, Node, Operation
from compose.models import refuse_draws, trace_seed
from compose.tracer import Tracer
from compose.values import Bijection, BlockValue, Value

if TYPE_CHECKING:
    from compose.elaborate import Evaluator

__all__ = ["BlockBijection", "FlowBijection", "gradient_flow", "ode"]

ABOUT = {"ode": "the field of a flow: dx/dt at x and t", "gradient_flow": "the energy that a flow goes down"}
METHODS = ("dopri5", "dopri8", "bosh3", "adaptive_heun", "euler", "midpoint", "rk4")


@dataclass(frozen=True, eq=False)
class FlowBijection(Bijection):
    """The flow of an ordinary differential equation; `follows` is "ode" (a field) or "gradient_flow" (an energy)."""

    name: str
    function: Value
    settings: dict[str, Any]
    site: Evaluator
    span: Span | None

    def forward(self, tracer: Tracer, noise: Value, span: Span | None) -> Node:
        """Noise to data."""
        return self._loop(tracer, loops.flow, noise, span)

    def inverse(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """Data to noise."""
        return self._loop(tracer, loops.flow_inverse, value, span)

    def forward_and_ladj(self, tracer: Tracer, noise: Value, span: Span | None) -> tuple[Node, Node]:
        """Noise to data, and the log-determinant."""
        pair = self._loop(tracer, loops.flow_with_ladj, noise, span, seeded=True)
        return tracer.field(pair, 0, span=span), tracer.field(pair, 1, span=span)

    def inverse_and_ladj(self, tracer: Tracer, value: Value, span: Span | None) -> tuple[Node, Node]:
        """Data to noise, and the log-determinant."""
        pair = self._loop(tracer, loops.flow_inverse_with_ladj, value, span, seeded=True)
        return tracer.field(pair, 0, span=span), tracer.field(pair, 1, span=span)

    def _loop(self, tracer: Tracer, function: Any, value: Value, span: Span | None, seeded: bool = False) -> Node:  # noqa: ANN401
        options: dict[str, Any] = {"settings": self.settings}
        if seeded and self.settings.get("trace") == "hutchinson":
            options["seed"] = tracer.leaf(LeafLaw(f"{self.name}.trace", "seed"), span)
        return tracer.emit(
            Operation("loop", function),
            value,
            options=options,
            bodies=(self._body(tracer),),
            span=span,
            name=f"{self.name}_flow",
        )

    def _body(self, tracer: Tracer) -> Body:
        inner = Tracer(f"{self.name}_field", tracer, dynamics=True)
        state = [inner.given("state", "x", self.span)]
        if self.settings["follows"] == "ode":
            state.append(inner.given("state", "t", self.span))
        value = self.site.with_(inner, {}).apply(self.function, list(state), self.span)
        if not isinstance(value, Node):
            raise faults.not_an_energy(self.span, value)
        refuse_draws(inner, self.span)
        if self.settings["follows"] == "gradient_flow":
            inner.expect_scalar(value, self.span)
        return inner.body(value, state, about=ABOUT[self.settings["follows"]])


@dataclass(frozen=True, eq=False)
class BlockBijection(Bijection):
    """A flow block as a bijection."""

    block: BlockValue
    name: str
    seeded: bool = False

    def forward(self, tracer: Tracer, noise: Value, span: Span | None) -> Node:
        """Noise to data."""
        return tracer.block(self._use(span), "forward", noise, *self.block.context, span=span)

    def inverse(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """Data to noise."""
        return tracer.block(self._use(span), "inverse", value, *self.block.context, span=span)

    def forward_and_ladj(self, tracer: Tracer, noise: Value, span: Span | None) -> tuple[Node, Node]:
        """Noise to data, and the log-determinant."""
        options = trace_seed(tracer, self.name, self.seeded, span)
        pair = tracer.block(self._use(span), "forward_and_ladj", noise, *self.block.context, options=options, span=span)
        return tracer.field(pair, 0, span=span), tracer.field(pair, 1, span=span)

    def inverse_and_ladj(self, tracer: Tracer, value: Value, span: Span | None) -> tuple[Node, Node]:
        """Data to noise, and the log-determinant."""
        options = trace_seed(tracer, self.name, self.seeded, span)
        pair = tracer.block(self._use(span), "inverse_and_ladj", value, *self.block.context, options=options, span=span)
        return tracer.field(pair, 0, span=span), tracer.field(pair, 1, span=span)

    def _use(self, span: Span | None) -> BlockUse:
        return BlockUse(self.block.name, self.block.frozen, self.block.average, span)


Callable = Value
Operand = float
Positive = float
Whole = int
Solver = str
Trace = str


def _word(words: tuple[str, ...]) -> Any:  # noqa: ANN401
    def convert(site: Evaluator, expression: Expression, name: str) -> str:
        word = getattr(expression, "name", getattr(expression, "value", "this"))
        if word not in words:
            raise faults.unknown_word(expression.span, str(word), words)
        return word

    return convert


CONVERT["Solver"] = _word(METHODS)
CONVERT["Trace"] = _word(("exact", "hutchinson"))


@form("gradient_flow")
def gradient_flow(
    site: Evaluator, span: Span, energy: Callable, *, time: Operand, method: Solver = "dopri5", rtol: Positive = 1e-5,
    atol: Positive = 1e-5, trace: Trace = "exact", steps: Whole | None = None,
) -> Value:  # fmt: skip
    """The flow dx/dt = -grad energy(x) from 0 to `time`, as a bijection.   Source: thesis eqs. 5.5 to 5.7."""
    settings = {
        "follows": "gradient_flow",
        "time": time,
        "method": method,
        "rtol": rtol,
        "atol": atol,
        "trace": trace,
        "steps": steps,
    }
    return FlowBijection("gradient", energy, settings, site, span)


@form("ode")
def ode(
    site: Evaluator, span: Span, field: Callable, *, time: Operand, method: Solver = "dopri5", rtol: Positive = 1e-5,
    atol: Positive = 1e-5, trace: Trace = "exact", steps: Whole | None = None,
) -> Value:  # fmt: skip
    """The flow dx/dt = field(x, t) from 0 to `time`, as a bijection.   Source: Chen et al. 2018."""
    settings = {
        "follows": "ode",
        "time": time,
        "method": method,
        "rtol": rtol,
        "atol": atol,
        "trace": trace,
        "steps": steps,
    }
    return FlowBijection("ode", field, settings, site, span)
