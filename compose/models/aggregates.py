"""The average of a conditional law over rows that are learned:  p(z) = 1/K sum_k q(z | u_k)   (VampPrior)."""

from __future__ import annotations

from blocks import choices
from compose import faults
from compose.diagnostics import Span
from compose.graph import LeafLaw, Node
from compose.tracer import Tracer
from compose.values import Drawn, Model, Noise, Value

__all__ = ["AggregateModel"]

CHOICE, COMPONENT = "choice", "component"


class AggregateModel(Model):
    """One row by chance, and a draw of its normal.   `law` is the normal of every row: "k *event", a constant."""

    def __init__(self, law: Node, name: str) -> None:
        self.law, self.name = law, f"aggregate({name}, ..)"

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """A choice and a component's noise."""
        choice, component = (
            tracer.leaf(LeafLaw(f"{path}.{part}", law), span)
            for part, law in ((CHOICE, "uniform"), (COMPONENT, "normal"))
        )
        tracer.size(choice, None, scalar=True)
        tracer.size(component, tracer.call(choices.first_row, self.law, span=span), scalar=False)
        return self.at(tracer, {CHOICE: choice, COMPONENT: component}, span)

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """mean_k + std_k * component of the row k that the choice falls on."""
        parts = [] if isinstance(noise, Node) else [noise.get(name) for name in (CHOICE, COMPONENT)]
        if len(parts) != 2 or not all(isinstance(part, Node) for part in parts):
            raise faults.wrong_noise(span, self.name, [CHOICE, COMPONENT])
        return Drawn(tracer.call(choices.draw_of_rows, self.law, *parts, span=span), noise)

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """log 1/K sum_k N(z; mean_k, std_k)."""
        return tracer.call(choices.log_mean_of_rows, self.law, value, span=span)

    def same_as(self, other: Model) -> bool:
        """The average of the same laws is the same model."""
        return isinstance(other, AggregateModel) and other.law is self.law
