"""Programs as models: lines in order, the last of them observed.   Leaves: the union; log-weight: the sum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from blocks.operators import arithmetic
from compose import faults
from compose.diagnostics import Span
from compose.expressions import Draw, Expression, walk
from compose.graph import Node
from compose.tracer import Tracer
from compose.values import Drawn, Function, Model, Noise, Value

if TYPE_CHECKING:
    from compose.elaborate import Evaluator

__all__ = ["ProgramModel", "program_function", "total"]


class ProgramModel(Model):
    """`{z: ~prior, x: ~decoder(z)}`, with the values of its parameters bound in `bound`."""

    def __init__(
        self, name: str, lines: Mapping[str, Expression], scope: Evaluator, bound: Mapping[str, Value] | None = None
    ) -> None:
        self.name, self.lines, self.scope, self.bound = name, lines, scope, dict(bound or {})
        self.observed = list(lines)[-1]

    def draw(self, tracer: Tracer, path: str, span: Span | None) -> Drawn:
        """The lines in order, each draw with fresh leaves."""
        return self.run(tracer, _Fresh(path), {})

    def at(self, tracer: Tracer, noise: Noise, span: Span | None) -> Drawn:
        """The lines in order, each draw at its own part of `noise`."""
        if isinstance(noise, Node):
            raise faults.wrong_noise(span, self.name, self.drawn_lines())
        return self.run(tracer, _Given(noise, self, span), {})

    def log_prob(self, tracer: Tracer, value: Value, span: Span | None) -> Node:
        """The density of the observed line, where no other line is random."""
        return self.joint_log_prob(tracer, {self.observed: value}, span)

    def joint(self, tracer: Tracer, values: Mapping[str, Value], span: Span | None) -> Drawn:
        """The lines, every drawn one of which must be among `values`; the weight is the sum of their densities."""
        for name in values:
            if name not in self.lines:
                raise faults.no_such_line(span, self.name, name, list(self.lines))
            if not isinstance(self.lines[name], Draw):  # said before what else is missing: no other value would help
                raise faults.line_without_density(self.lines[name].span, self.name, name, span)
        return self.run(tracer, _Refuse(self, span), values)

    def drawn_lines(self) -> list[str]:
        """The lines that draw."""
        return [name for name, line in self.lines.items() if _draws(line)]

    def run(self, tracer: Tracer, source: Any, clamped: Mapping[str, Value]) -> Drawn:  # noqa: ANN401  a source of draws
        """Evaluate the lines; those of `clamped` have that value, and their log-density is added to the weight."""
        values: dict[str, Value] = {}
        weights: list[Node] = []
        for name, line in self.lines.items():
            draws = source.line(name)
            before = {key: values[key] for key in values if _draws(self.lines[key])}
            site = self.scope.with_(tracer, {**self.bound, **values}, draws)
            if name in clamped:
                if not isinstance(line, Draw):
                    raise faults.line_without_density(line.span, self.name, name)
                model = site.model(line.operand, drawn=True)
                weights.append(model.log_prob(tracer, clamped[name], line.span))
                values[name] = clamped[name]
                if model.weighted:
                    self.weighted = True
                    self._independent(tracer, weights[-1], before, line)
            else:
                made = values[name] = site(line)
                if isinstance(made, Node):
                    tracer.rename(made, name)
            for weight in draws.collected:
                self._independent(tracer, weight, before, line)
            weights += draws.collected
        return Drawn(values[self.observed], source.noise, values, total(tracer, weights) if weights else None)

    def _independent(self, tracer: Tracer, weight: Node, before: Mapping[str, Value], line: Expression) -> None:
        """A weight in a program must not depend on an earlier draw: its normaliser would change with it."""
        behind = {id(node) for node in tracer.graph.needed([weight])}
        for name, value in before.items():
            if isinstance(value, Node) and id(tracer.bring(value)) in behind:
                raise faults.dependent_tilt(line.span, self.name, name)


class _Fresh:
    """A source of draws with new leaves under `path`."""

    def __init__(self, path: str) -> None:
        self.path, self.noise = path, {}

    def line(self, name: str) -> _Line:
        return _Line(name, self)

    def draw(self, key: str, tracer: Tracer, model: Model, span: Span | None) -> Drawn:
        drawn = model.draw(tracer, f"{self.path}.{key}", span)
        self.noise[key] = drawn.noise
        return drawn


class _Given(_Fresh):
    """A source of draws at given noise."""

    def __init__(self, noise: Mapping[str, Noise], model: ProgramModel, span: Span | None) -> None:
        self.noise, self.model, self.span = dict(noise), model, span

    def draw(self, key: str, tracer: Tracer, model: Model, span: Span | None) -> Drawn:
        if key not in self.noise:
            raise faults.wrong_noise(self.span, self.model.name, self.model.drawn_lines())
        return model.at(tracer, self.noise[key], span)


class _Refuse(_Fresh):
    """No draw is allowed: every random line must have been given."""

    def __init__(self, model: ProgramModel, span: Span | None) -> None:
        self.model, self.span, self.noise = model, span, {}

    def draw(self, key: str, tracer: Tracer, model: Model, span: Span | None) -> Drawn:
        raise faults.latent_not_given(self.span, self.model.name, key, self.model.lines[key.split("~")[0]].span)


class _Line:
    """The draws of one line: the first is named by the line, the others `line~1`, `line~2`, ..."""

    weights = True

    def __init__(self, name: str, source: _Fresh) -> None:
        self.name, self.source, self.count = name, source, 0
        self.collected: list[Node] = []

    def draw(self, tracer: Tracer, model: Model, span: Span | None) -> Drawn:
        key = self.name if not self.count else f"{self.name}~{self.count}"
        self.count += 1
        drawn = self.source.draw(key, tracer, model, span)
        if drawn.log_weight is not None:
            self.collected.append(drawn.log_weight)
        return drawn


def program_function(name: str, parameters: tuple[str, ...], body: Any, scope: Evaluator) -> Function:  # noqa: ANN401
    """`name(a, b):` as a function: of its body's value, or of a model where its lines draw."""

    def apply(tracer: Tracer, arguments: Any, span: Span | None) -> Value:  # noqa: ANN401
        bound = dict(zip(parameters, arguments, strict=True))
        if isinstance(body, Expression) and not _draws(body):
            return scope.with_(tracer, bound)(body)
        model = ProgramModel(name, {name: body} if isinstance(body, Expression) else body.lines, scope, bound)
        return model if model.drawn_lines() else model.run(tracer, _Refuse(model, span), {}).value

    return Function(name, len(parameters), apply)


def total(tracer: Tracer, terms: list[Node]) -> Node:
    """The sum of nodes."""
    result = terms[0]
    for term in terms[1:]:
        result = tracer.call(arithmetic.add, result, term, span=term.span)
    return result


def _draws(line: Expression) -> bool:
    return any(isinstance(part, Draw) for part in walk(line))
