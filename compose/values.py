"""What an expression may stand for while a graph is built: nodes, constants, blocks, functions, models, records.

Only nodes exist when the program runs; everything else is gone by then.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from compose import faults
from compose.diagnostics import Span
from compose.graph import LeafLaw, Node

if TYPE_CHECKING:
    from compose.tracer import Tracer

__all__ = [
    "Bijection",
    "BlockValue",
    "Drawn",
    "Function",
    "Model",
    "Noise",
    "Record",
    "Value",
    "leaves_of",
    "map_noise",
]

ANONYMOUS = (
    "TiltedModel", "ConditionedModel", "PushedModel", "ProductModel", "MixtureModel", "AggregateModel",
    "DynamicsModel", "DescentModel", "ReverseModel",
)  # fmt: skip


@dataclass(frozen=True)
class BlockValue:
    """A block by its name, perhaps frozen or averaged on the calls made through this value.

    `context`: the arguments that follow the first, of a flow that is given them before it: `flow(_, y)`.
    """

    name: str
    frozen: bool = False
    average: bool = False
    span: Span | None = field(default=None, compare=False)
    context: tuple[Node, ...] = ()


@dataclass(frozen=True, eq=False)
class Record:
    """Values by field name."""

    fields: Mapping[str, Value]


@dataclass(frozen=True, eq=False)
class Function:
    """A function of `arity` values (None: any number); `apply(tracer, arguments, span)` builds its body."""

    name: str
    arity: int | None
    apply: Callable[[Tracer, Sequence[Value], Span | None], Value]


class Bijection(ABC):
    """A function with inverse and log-determinant.   `forward` maps noise to data, `inverse` data to noise."""

    name: str

    @abstractmethod
    def forward(self, tracer: Tracer, noise: Value, span: Span | None) -> Node:
        """The value in data space."""

    @abstractmethod
    def inverse(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """The value in noise space."""

    @abstractmethod
    def forward_and_ladj(self, tracer: Tracer, noise: Value, span: Span | None) -> tuple[Node, Node]:
        """The value in data space, and log |det d value / d noise| per sample."""

    @abstractmethod
    def inverse_and_ladj(self, tracer: Tracer, value: Value, span: Span | None) -> tuple[Node, Node]:
        """The value in noise space, and log |det d noise / d value| per sample."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """One draw of a model: the observed value, the noise it came from, its other lines, and its log-weight, if any."""

    value: Value
    noise: Noise
    fields: Mapping[str, Value] = field(default_factory=dict)
    log_weight: Node | None = None


class Model(ABC):
    """Anything random: leaves of noise, a deterministic map from them to values, a log-weight.

    `name` is how the spec calls it, `span` where it is made. `weighted` models have no exact draw. Of most models the
    density is asked at a tensor; where `at_numbers`, at a number too, which is then every entry's value.
    """

    name: str
    span: Span | None = None
    weighted: bool = False
    at_numbers: bool = False

    @abstractmethod
    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """One sample: fresh leaves named from `path`, mapped."""

    @abstractmethod
    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The map: the draw that `noise` gives, no randomness."""

    @abstractmethod
    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """The log-density of the observed `value`, in nats per sample.   Refused with the line that breaks it."""

    def log_prob_at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Node:
        """The log-density at the draw that `noise` gives; a model that need not invert overrides it."""
        return self.log_prob(tracer, self.at(tracer, noise, span).value, span)

    def drawn_lines(self) -> list[str]:
        """The lines that draw.   Only programs have lines."""
        return []

    def joint(self, tracer: Tracer, values: Mapping[str, Value], span: Span | None) -> Drawn:
        """The lines, the drawn ones at `values`; the weight is their joint log-density."""
        raise faults.no_such_line(span, self.name, next(iter(values)), [])

    def joint_log_prob(self, tracer: Tracer, values: Mapping[str, Value], span: Span | None) -> Node:
        """The joint log-density of the named lines."""
        weight = self.joint(tracer, values, span).log_weight
        assert weight is not None
        return weight

    def same_as(self, other: Model) -> bool:
        """Whether `other` is another view of this very model."""
        return self is other

    def named(self, name: str) -> Model:
        """The model under the name that the spec gives it."""
        if type(self).__name__ in ANONYMOUS:
            self.name = name
        return self


Noise = Node | Mapping[str, "Noise"]
"""The noise of a draw: one leaf, or leaves by name (nested as the programs are)."""

Value = Node | float | int | bool | str | Record | BlockValue | Function | Bijection | Model | tuple


def leaves_of(noise: Noise, prefix: str = "") -> dict[str, Node]:
    """The leaves of a noise tree by dotted name ("" for a lone one)."""
    if isinstance(noise, Node):
        return {prefix: noise}
    return {
        name: leaf
        for key, part in noise.items()
        for name, leaf in leaves_of(part, f"{prefix}.{key}" if prefix else key).items()
    }


def map_noise(noise: Noise, change: Callable[[str, Node], Node], prefix: str = "") -> Noise:
    """The noise tree with each leaf replaced by `change(name, leaf)`."""
    if isinstance(noise, Node):
        return change(prefix, noise)
    return {key: map_noise(part, change, f"{prefix}.{key}" if prefix else key) for key, part in noise.items()}


def is_seed(noise: Noise) -> bool:
    """Whether a loop makes this noise itself, from a seed."""
    return isinstance(noise, Node) and noise.leaf is not None and noise.leaf.law == "seed"


def as_value(noise: Noise) -> Value:
    """A noise tree as a value of the language: a node, or a record."""
    return noise if isinstance(noise, Node) else Record({key: as_value(part) for key, part in noise.items()})


def as_noise(value: Value) -> Noise | None:
    """The noise tree that a value of the language is, or None if it is none."""
    if isinstance(value, Node):
        return value
    if isinstance(value, Record):
        parts = {key: as_noise(part) for key, part in value.fields.items()}
        return None if any(part is None for part in parts.values()) else parts  # type: ignore[return-value]
    return None


__all__ += ["LeafLaw", "as_noise", "as_value", "is_seed"]
