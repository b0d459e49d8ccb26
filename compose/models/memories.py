"""What a memory holds, as a model: rows that were written before, or fresh ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from compose import faults
from compose.binding import bounded
from compose.diagnostics import Span
from compose.graph import BlockUse, LeafLaw, Node
from compose.models.basic import StandardModel
from compose.models.chains import exact_draw
from compose.tracer import Tracer
from compose.values import BlockValue, Drawn, Model, Noise, Value

if TYPE_CHECKING:
    from compose.elaborate import Evaluator
    from compose.expressions import Call

__all__ = ["MemoryModel"]


class MemoryModel(Model):
    """`memory.read(probability, fresh)`: per row, a stored one with that probability, else a fresh draw."""

    def __init__(self, block: BlockValue, probability: Node | float, fresh: Model) -> None:
        self.block, self.probability, self.fresh, self.name = block, probability, fresh, f"{block.name}.read"

    @classmethod
    def of_call(cls, site: Evaluator, block: BlockValue, call: Call) -> MemoryModel:
        """The model of `memory.read(probability=.., fresh=..)`."""
        given = {argument.name: argument.value for argument in call.arguments}
        if set(given) - {"probability", "fresh"}:
            wrong = next(argument for argument in call.arguments if argument.name not in ("probability", "fresh"))
            if wrong.name is None:
                raise faults.too_many_arguments(wrong.span, f"{block.name}.read", 0)
            place = wrong.name_span or wrong.span
            raise faults.unknown_argument(place, wrong.name, f"{block.name}.read", ["probability", "fresh"])
        share = given.get("probability")
        probability = bounded(site, share, "probability", "from 0 to 1", lambda v: 0 <= v <= 1) if share else 0.95
        fresh = site.model(given["fresh"]) if "fresh" in given else StandardModel("normal")
        return cls(block, probability, fresh)

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """A coin and a place per row, and a fresh draw."""
        coin, pick = (tracer.leaf(LeafLaw(f"{path}.{name}", "uniform"), span) for name in ("coin", "pick"))
        for leaf in (coin, pick):
            tracer.size(leaf, None, scalar=True)
        fresh = exact_draw(self.fresh, tracer, f"{path}.fresh", span)
        return self._read(tracer, {"coin": coin, "pick": pick, "fresh": fresh.noise}, fresh.value, span)

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The rows that this coin and these places read."""
        if isinstance(noise, Node):
            raise faults.wrong_noise(span, self.name, ["coin", "pick", "fresh"])
        return self._read(tracer, noise, self.fresh.at(tracer, noise["fresh"], span).value, span)

    def _read(self, tracer: Tracer, noise: Mapping[str, Noise], fresh: Value, span: Span | None) -> Drawn:
        use = BlockUse(self.block.name, span=span)
        value = tracer.block(
            use,
            "read",
            noise["coin"],
            noise["pick"],
            fresh,
            options={"probability": self.probability},
            span=span,
            passes=(False,),
        )
        return Drawn(value, noise)

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """Refused: what a memory holds has no density."""
        raise faults.no_density(span, self.name, "what a memory holds has no density")
