"""Mixtures and products.

mixture(m1, m2, .., weights=w)   one of them, chosen with probability w_k / sum w: log sum_k w_k p_k(x)
product(m1, m2, ..)              density proportional to p1(x) p2(x) ..; m1's leaves and map, to be drawn by dynamics
a mixture block                  the same of normals, all of whose parameters are the block's
"""

from __future__ import annotations

from collections.abc import Sequence

from blocks import choices
from blocks.operators import arithmetic
from compose import faults
from compose.diagnostics import Span
from compose.graph import BlockUse, LeafLaw, Node
from compose.models.basic import BlockModel
from compose.models.combinators import TiltedModel
from compose.tracer import Tracer
from compose.values import Drawn, Model, Noise, Value

__all__ = ["MixtureBlockModel", "MixtureModel", "ProductModel"]

CHOICE, COMPONENT = "choice", "component"


class MixtureBlockModel(BlockModel):
    """A block whose noise is a choice, uniform, and a component's own noise, normal."""

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """The block's map at a fresh choice and component."""
        return self.at(
            tracer,
            {
                CHOICE: _choice(tracer, path, span),
                COMPONENT: tracer.leaf(LeafLaw(f"{path}.{COMPONENT}", "normal"), span),
            },
            span,
        )

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The block's map."""
        value = tracer.block(self._place(span), "at", *self._parts(noise, span), span=span, passes=(False, True))
        return Drawn(value, noise)

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """The block's density."""
        return tracer.block(self._place(span), "log_prob", value, span=span)

    def log_prob_at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Node:
        """The density at the draw of this noise."""
        parts = self._parts(noise, span)
        pair = tracer.block(self._place(span), "log_prob_at", *parts, span=span, passes=(False, True))
        return tracer.field(pair, 1, span=span, name=f"{self.name}_log_prob_at_draw")

    def _parts(self, noise: Noise, span: Span | None) -> list[Node]:
        parts = [] if isinstance(noise, Node) else [noise.get(name) for name in (CHOICE, COMPONENT)]
        if len(parts) != 2 or not all(isinstance(part, Node) for part in parts):
            raise faults.wrong_noise(span, self.name, [CHOICE, COMPONENT])
        return parts  # type: ignore[return-value]

    def _place(self, span: Span | None) -> BlockUse:
        return BlockUse(self.block.name, self.block.frozen, self.block.average, span)


class MixtureModel(Model):
    """One of several unweighted models, by chance.   Its noise is the choice, and that of every part."""

    def __init__(self, parts: Sequence[Model], weights: Sequence[Node | float]) -> None:
        self.parts, self.weights = tuple(parts), tuple(weights)
        self.name = f"mixture({', '.join(part.name for part in parts)})"
        self.at_numbers = all(part.at_numbers for part in parts)

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """A choice, and a draw of every part, of which one is taken."""
        choice = _choice(tracer, path, span)
        drawn = [part.draw(tracer, f"{path}.part{k}", span) for k, part in enumerate(self.parts, 1)]
        return self._taken(tracer, choice, drawn, span)

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The part that this choice takes, at its noise."""
        names = [f"part{k}" for k in range(1, len(self.parts) + 1)]
        choice = None if isinstance(noise, Node) else noise.get(CHOICE)
        if not isinstance(choice, Node) or isinstance(noise, Node) or any(name not in noise for name in names):
            raise faults.wrong_noise(span, self.name, [CHOICE, *names])
        drawn = [part.at(tracer, noise[name], span) for part, name in zip(self.parts, names, strict=True)]
        return self._taken(tracer, choice, drawn, span)

    def _taken(self, tracer: Tracer, choice: Node, drawn: Sequence[Drawn], span: Span | None) -> Drawn:
        values = [one.value for one in drawn]
        value = tracer.call(choices.chosen, choice, self.weights, *values, span=span, name="chosen")
        return Drawn(value, {CHOICE: choice, **{f"part{k}": one.noise for k, one in enumerate(drawn, 1)}})

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """log sum_k w_k p_k(x), the weights made to add up to one."""
        parts = [part.log_prob(tracer, value, span) for part in self.parts]
        return tracer.call(choices.log_mixture, self.weights, *parts, span=span)


class ProductModel(TiltedModel):
    """Density proportional to first(x) second(x): `first` tilted by - log second.   It has no exact draw."""

    def __init__(self, base: Model, factor: Model, span: Span | None = None) -> None:
        self.base, self.factor, self.span = base, factor, span
        self.name = f"product({base.name}, {factor.name})"

    def energy(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """- log second(value), up to a constant where that is not normalised."""
        return tracer.call(arithmetic.negative, self.factor.log_prob(tracer, value, span), span=span)


def _choice(tracer: Tracer, path: str, span: Span | None) -> Node:
    """One uniform number for each sample."""
    leaf = tracer.leaf(LeafLaw(f"{path}.{CHOICE}", "uniform"), span)
    tracer.size(leaf, None, scalar=True)
    return leaf
