"""Combinators: models made of models.

tilt(m, f)             m's leaves and map; m's weight - f(observed)          (thesis eq. 4.1)
condition(m, x=v)      m's leaves without x's; x is v; m's weight + log p(x = v)
push(m, g)             m's leaves; g after m's map; a density if g is a bijection   (eq. 2.20)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from blocks.operators import arithmetic
from compose import faults
from compose.diagnostics import Span
from compose.graph import Node
from compose.models.program import ProgramModel, _Fresh, _Given, total
from compose.tracer import Tracer
from compose.values import Bijection, Drawn, Model, Noise, Value

if TYPE_CHECKING:
    from compose.elaborate import Evaluator

__all__ = ["ConditionedModel", "PushedModel", "TiltedModel"]


class TiltedModel(Model):
    """Density proportional to base(x) * exp(-function(x)).   It has no exact draw."""

    weighted = True

    def __init__(self, base: Model, function: Value, scope: Evaluator, span: Span | None = None) -> None:
        self.base, self.function, self.scope, self.span = base, function, scope, span
        self.name = f"tilt({base.name}, ..)"

    def energy(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """The tilting function at `value`: one number per sample."""
        energy = self.scope.with_(tracer, {}).apply(self.function, [value], span)
        if not isinstance(energy, Node):
            raise faults.not_an_energy(self.span or span, energy)
        tracer.expect_scalar(energy, self.span or span)
        return energy

    def _weighted(self, tracer: Tracer, drawn: Drawn, span: Span | None) -> Drawn:
        weight = tracer.call(arithmetic.negative, self.energy(tracer, drawn.value, span), span=span)
        parts = [weight] if drawn.log_weight is None else [drawn.log_weight, weight]
        return Drawn(drawn.value, drawn.noise, drawn.fields, total(tracer, parts))

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """A draw of the base, with its weight."""
        return self._weighted(tracer, self.base.draw(tracer, path, span), span)

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The base's map, with the weight."""
        return self._weighted(tracer, self.base.at(tracer, noise, span), span)

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """log base(x) - function(x), up to log Z."""
        base = self.base.log_prob(tracer, value, span)
        return tracer.call(arithmetic.subtract, base, self.energy(tracer, value, span), span=span)

    def drawn_lines(self) -> list[str]:
        """The base's."""
        return self.base.drawn_lines()

    def joint(self, tracer: Tracer, values: Mapping[str, Value], span: Span | None) -> Drawn:
        """The base's lines; the weight is their joint density minus the function of the observed value, up to log Z."""
        drawn = self.base.joint(tracer, values, span)
        energy = self.energy(tracer, drawn.value, span)
        return replace(drawn, log_weight=tracer.call(arithmetic.subtract, drawn.log_weight, energy, span=span))


class ConditionedModel(Model):
    """A program some of whose drawn lines have given values."""

    weighted = True

    def __init__(self, base: ProgramModel, values: Mapping[str, Value]) -> None:
        self.base, self.values, self.observed = base, values, base.observed
        self.name = f"condition({base.name}, {', '.join(values)})"

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """The other lines drawn afresh; the weight is the density of the given ones."""
        return self.base.run(tracer, _Fresh(path), self.values)

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The other lines at their noise."""
        if isinstance(noise, Node):
            raise faults.wrong_noise(span, self.name, self.base.drawn_lines())
        return self.base.run(tracer, _Given(noise, self.base, span), self.values)

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """The joint density with the observed line at `value`, up to log Z."""
        return self.joint_log_prob(tracer, {self.observed: value}, span)

    def drawn_lines(self) -> list[str]:
        """Those of the base that are not given."""
        return [name for name in self.base.drawn_lines() if name not in self.values]

    def joint(self, tracer: Tracer, values: Mapping[str, Value], span: Span | None) -> Drawn:
        """The base's lines at the given and the asked values; the weight is their joint density, up to log Z."""
        return self.base.joint(tracer, {**self.values, **values}, span)


class PushedModel(Model):
    """`push(m, g)`: g after m."""

    def __init__(self, base: Model, function: Value, scope: Evaluator) -> None:
        self.base, self.function, self.scope = base, function, scope
        self.name, self.weighted = f"push({base.name}, ..)", base.weighted

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """g of a draw of the base."""
        return self._pushed(tracer, self.base.draw(tracer, path, span), span)

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """g of the base's map."""
        return self._pushed(tracer, self.base.at(tracer, noise, span), span)

    def _pushed(self, tracer: Tracer, drawn: Drawn, span: Span | None) -> Drawn:
        value = self.scope.with_(tracer, {}).apply(self.function, [drawn.value], span)
        return Drawn(value, drawn.noise, drawn.fields, drawn.log_weight)

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """log base(g^-1(x)) + log |det dg^-1/dx|; refused where g is not a bijection."""
        noise, ladj = self._bijection(span).inverse_and_ladj(tracer, value, span)
        return tracer.call(arithmetic.add, self.base.log_prob(tracer, noise, span), ladj, span=span)

    def log_prob_at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Node:
        """log base(z) - log |det dg/dz| at the draw's own noise: nothing is inverted."""
        before = self.base.at(tracer, noise, span)
        _, ladj = self._bijection(span).forward_and_ladj(tracer, before.value, span)
        return tracer.call(arithmetic.subtract, self.base.log_prob_at(tracer, noise, span), ladj, span=span)

    def _bijection(self, span: Span | None) -> Bijection:
        bijection = self.scope.as_bijection(self.function)
        if bijection is None:
            raise faults.no_density(span, self.name, "what it pushes through is not a bijection")
        return bijection
