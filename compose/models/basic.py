"""Models with one leaf: standard laws, runtime distributions, blocks, time steps; and the law of a model's noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from blocks import distributions, laws
from blocks.operators import arithmetic
from compose import faults
from compose.diagnostics import Span
from compose.graph import BlockUse, LeafLaw, Node
from compose.tracer import Tracer
from compose.values import BlockValue, Drawn, Model, Noise, Value, as_value

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BlockModel",
    "DistributionModel",
    "LevelsModel",
    "NoiseModel",
    "NumberedNormal",
    "StandardModel",
    "TimestepModel",
    "trace_seed",
]

LAWS = {
    "normal": "normal", "uniform": "uniform", "bernoulli": "uniform", "logistic": "uniform",
    "logistic_mixture": "uniform", "categorical": "uniform",
}  # fmt: skip
DISCRETE = frozenset({"bernoulli", "logistic", "logistic_mixture", "categorical"})  # a draw stops the gradient
DENSITIES: Mapping[str, Callable] = {
    "normal": distributions.standard_normal_log_prob,
    "uniform": laws.standard_uniform_log_prob,
}


class StandardModel(Model):
    """A bare `normal` or `uniform`: the leaf is the value, and its shape comes from its use (or from `like`)."""

    def __init__(self, law: str, like: Node | None = None, scalar: bool = False) -> None:
        self.name, self.law, self.like, self.scalar = law, law, like, scalar

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """The leaf itself."""
        leaf = tracer.leaf(LeafLaw(path, self.law), span)
        tracer.size(leaf, self.like, self.scalar)
        return Drawn(leaf, leaf)

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The noise itself."""
        return Drawn(_lone(self, noise, span), noise)

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """The standard density, summed over the event."""
        return tracer.call(DENSITIES[self.law], value, span=span)

    def same_as(self, other: Model) -> bool:
        """Two bare models of one law are the same."""
        return isinstance(other, StandardModel) and other.law == self.law


class DistributionModel(Model):
    """A runtime distribution: what an encoder with `output: normal` returns, or `normal(mean, std)`."""

    at_numbers: bool = True

    def __init__(self, node: Node) -> None:
        assert node.family is not None
        self.node, self.name, self.law = node, node.name, LAWS[node.family]
        self.like: Node | None = None
        self.scalar = False

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """mean + std * leaf, for a normal."""
        leaf = tracer.leaf(LeafLaw(path, self.law), span)
        tracer.size(leaf, self.like, self.scalar)
        return self.at(tracer, leaf, span)

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The draw at this noise.   A discrete one stops the gradient."""
        passes = (False, False) if self.node.family in DISCRETE else None
        value = tracer.method(
            "at", self.node, _lone(self, noise, span), span=span, passes=passes, name=f"{self.name}_draw"
        )
        return Drawn(value, noise)

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """The density, summed over the event."""
        return tracer.method("log_prob", self.node, value, span=span)

    def same_as(self, other: Model) -> bool:
        """Two views of one runtime distribution are the same model."""
        return isinstance(other, DistributionModel) and other.node is self.node


class NumberedNormal(DistributionModel):
    """`normal(0, 0.1)`: as a bare `normal` its draw is shaped by its use."""

    def __init__(self, node: Node, mean: float, std: float) -> None:
        super().__init__(node)
        self.mean, self.std = mean, std

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """std * noise + mean."""
        scaled = tracer.call(arithmetic.multiply, _lone(self, noise, span), self.std, span=span)
        return Drawn(tracer.call(arithmetic.add, scaled, self.mean, span=span) if self.mean else scaled, noise)


class BlockModel(Model):
    """A block that is a model, such as a flow: its own map from noise, its own density.

    `leaves`: the names of its noise, where that is a record; a lone leaf has none. `seeded`: its densities take a seed.
    """

    def __init__(self, block: BlockValue, leaves: tuple[str, ...] = (), seeded: bool = False) -> None:
        self.block, self.name, self.leaves, self.seeded = block, block.name, leaves, seeded

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """The block's map at fresh leaves."""
        if not self.leaves:
            return self.at(tracer, tracer.leaf(LeafLaw(path, "normal"), span), span)
        return self.at(
            tracer, {name: tracer.leaf(LeafLaw(f"{path}.{name}", "normal"), span) for name in self.leaves}, span
        )

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The block's map."""
        given = (*self._noise(noise, span), *self.block.context)
        return Drawn(tracer.block(self._use(span), "at", *given, span=span), noise)

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """The block's density."""
        options = trace_seed(tracer, self.name, self.seeded, span)
        return tracer.block(self._use(span), "log_prob", value, *self.block.context, options=options, span=span)

    def log_prob_at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Node:
        """The density read from the draw's noise: nothing is inverted."""
        given = (*self._noise(noise, span), *self.block.context)
        options = trace_seed(tracer, self.name, self.seeded, span)
        pair = tracer.block(self._use(span), "log_prob_at", *given, options=options, span=span)
        return tracer.field(pair, 1, span=span, name=f"{self.name}_log_prob_at_draw")

    def same_as(self, other: Model) -> bool:
        """The same block, used alike."""
        return isinstance(other, BlockModel) and other.block == self.block

    def _noise(self, noise: Noise, span: Span | None) -> list[Node]:
        if not self.leaves:
            return [_lone(self, noise, span)]
        if isinstance(noise, Node) or set(noise) != set(self.leaves):
            raise faults.wrong_noise(span, self.name, list(self.leaves))
        parts = [noise[name] for name in self.leaves]
        if not all(isinstance(part, Node) for part in parts):
            raise faults.wrong_noise(span, self.name, list(self.leaves))
        return parts  # type: ignore[return-value]

    def _use(self, span: Span | None) -> BlockUse:
        return BlockUse(self.block.name, self.block.frozen, self.block.average, span)


class LevelsModel(BlockModel):
    """A block that is a law over levels: its draws stop the gradient; the block says the law of its noise."""

    def __init__(self, block: BlockValue, law: str) -> None:
        super().__init__(block)
        self.law = law

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """The block's map at a fresh leaf."""
        return self.at(tracer, tracer.leaf(LeafLaw(path, self.law), span), span)

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The block's map.   The gradient stops here."""
        given = (*self._noise(noise, span), *self.block.context)
        value = tracer.block(self._use(span), "at", *given, span=span, passes=(False,) * len(given))
        return Drawn(value, noise)

    def log_prob_at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Node:
        """The log probability of the draw that this noise gives."""
        return self.log_prob(tracer, self.at(tracer, noise, span).value, span)


def trace_seed(tracer: Tracer, name: str, seeded: bool, span: Span | None) -> dict[str, Node]:
    """The option of a call whose log-determinant is estimated by chance: a leaf of its own."""
    return {"seed": tracer.leaf(LeafLaw(f"{name}.trace", "seed"), span)} if seeded else {}


class TimestepModel(Model):
    """`chain.timestep`: a whole number 1 .. T per sample, all alike likely."""

    def __init__(self, chain: str, levels: int) -> None:
        self.name, self.chain, self.levels = f"{chain}.timestep", chain, levels

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """The leaf itself."""
        leaf = tracer.leaf(LeafLaw(path, "integers", self.levels, self.chain), span)
        return Drawn(leaf, leaf)

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The noise itself."""
        return Drawn(_lone(self, noise, span), noise)

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """Refused: nobody needs -log T, and it has no gradient."""
        raise faults.no_density(span, self.name, "a time step is a whole number, and every one is alike likely")


class NoiseModel(Model):
    """`m.noise`: the law of a model's leaves.   Its draw is a record of them (or the lone one)."""

    def __init__(self, model: Model) -> None:
        self.model, self.name = model, f"{model.name}.noise"

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """Fresh leaves; what the model makes of them is not computed."""
        noise = self.model.draw(tracer, path, span).noise
        return Drawn(as_value(noise), noise)

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The noise itself."""
        return Drawn(as_value(noise), noise)

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """The standard density, of a lone leaf."""
        if not isinstance(value, Node):
            raise faults.no_density(span, self.name, "it has several leaves")
        return tracer.call(distributions.standard_normal_log_prob, value, span=span)


def _lone(model: Model, noise: Noise, span: Span | None) -> Node:
    if isinstance(noise, Node):
        return noise
    raise faults.wrong_noise(span, model.name, [])
