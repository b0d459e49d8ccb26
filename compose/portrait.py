"""What a composition is, part by part, in one way of saying it: however it was written, the same portrait.

Params are their values, options are with their defaults, updates with what their stage says for all. Each part is a
short text under a section and a name: ("graph", "z") is "encoder(x)".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from compose.build import Composition, UpdateGraph
from compose.checks import cost, gradient_matrix
from compose.dependencies import body_of
from compose.diagnostics import SpecError
from compose.expressions import (
    Argument,
    Attribute,
    Binary,
    Boolean,
    Call,
    Compare,
    Draw,
    Expression,
    Name,
    Negative,
    Number,
    Sequence,
    unparse,
)
from compose.spec import Definition, Function, Optimizer, Program, Record, Term, evaluate_constant
from compose.spec.numbers import is_constant
from compose.spec.writing import write_value

__all__ = ["SECTIONS", "Portrait", "portrait"]

SECTIONS = ("data", "blocks", "models", "graph", "training", "samplers", "evaluate", "run", "gradients", "cost")
OF_AN_UPDATE = ("monitor", "gradients", "project", "ema", "every", "times", "batch", "write")
OF_A_STAGE = ("epochs", "steps", "copies", "fit", "shared", "mode", "bound")
Parts = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Portrait:
    """(section, part) -> what is said of it."""

    parts: Parts

    def section(self, section: str) -> dict[str, str]:
        """The parts of one section."""
        return {part: said for (held, part), said in self.parts.items() if held == section}

    def heads(self, section: str) -> dict[str, dict[str, str]]:
        """The parts of a section by the name that they begin with: what stands below `denoise.x0` and `denoise`."""
        found: dict[str, dict[str, str]] = {}
        for part, said in self.section(section).items():
            head, _, rest = part.partition(".")
            found.setdefault(head, {})[rest] = said
        return found


def portrait(composition: Composition, names: Mapping[str, str] | None = None) -> Portrait:
    """The portrait of a composition; `names` says what some of its names are called instead."""
    return Portrait(dict(_Painter(composition, names or {}).parts()))


class _Painter:
    """Tells the parts of one composition."""

    def __init__(self, composition: Composition, names: Mapping[str, str]) -> None:
        self.composition, self.spec, self.names = composition, composition.spec, names
        self.words: dict[str, Expression] = {name: Name(other) for name, other in names.items()}
        for name, value in self.spec.values.items():
            self.words[name] = _literal(value) if isinstance(value, int | float) else Name(str(value))

    def parts(self) -> Iterator[tuple[tuple[str, str], str]]:
        """Every part, section by section."""
        for section in ("data", "blocks", "models", "graph", "training", "samplers", "evaluate", "run"):
            for part, said in getattr(self, section)():
                yield (section, part), said
        for part, said in self.gradients():
            yield ("gradients", part), said
        for part, said in self.cost():
            yield ("cost", part), said

    def data(self) -> Iterator[tuple[str, str]]:
        for name, source in self.spec.data.items():
            for key, value in {"source": source.source, "batch_size": source.batch_size, **source.options}.items():
                yield ".".join(filter(None, (name, key))), self.said(value)

    def blocks(self) -> Iterator[tuple[str, str]]:
        for name, held in self.composition.blocks.items():
            declared, head = self.spec.blocks[name], self.name(name)
            yield head, held.kind
            for key, value in held.options.items():
                yield f"{head}.{key}", self.said(value)
            if not declared.trainable:
                yield f"{head}.trainable", "false"
            if declared.like:
                yield f"{head}.like", self.name(declared.like)
            if declared.weights:
                yield f"{head}.weights", self.said(declared.weights)

    def models(self) -> Iterator[tuple[str, str]]:
        for name, made in self.spec.models.items():
            yield from self.definition(self.name(name), made)

    def samplers(self) -> Iterator[tuple[str, str]]:
        for name, made in self.spec.samplers.items():
            yield from self.definition(name, made)

    def definition(self, head: str, made: Definition) -> Iterator[tuple[str, str]]:
        """A model or sampler: its lines, each a part, and its parameters."""
        if not isinstance(made, Program | Function):
            yield head, self.say(made)
            return
        parameters = made.parameters if isinstance(made, Function) else ()
        if isinstance(made, Function):
            written = [f"{one}={self.say(made.defaults[one])}" if one in made.defaults else one for one in parameters]
            yield f"{head}.parameters", ", ".join(written)
        if isinstance(body_of(made), Program):
            yield f"{head}.gives", list(made.lines)[-1]
        local = {*parameters, *made.lines}
        words = {name: word for name, word in self.words.items() if name not in local}
        for line, expression in made.lines.items():
            yield f"{head}.{line or 'value'}", unparse(_with(expression, words))

    def graph(self) -> Iterator[tuple[str, str]]:
        for name, line in self.spec.graph.items():
            yield self.name(name), self.say(line)

    def evaluate(self) -> Iterator[tuple[str, str]]:
        yield from ((name, str(value)) for name, value in self.spec.evaluate.settings.items())
        for name, line in self.spec.evaluate.lines.items():
            yield name, self.say(line)

    def run(self) -> Iterator[tuple[str, str]]:
        for name, value in self.spec.run:
            yield name, self.said(value)

    def training(self) -> Iterator[tuple[str, str]]:
        for stage in self.composition.stages:
            yield from self.keys(stage.name, stage.spec, OF_A_STAGE)
            for update in stage.updates:
                head = stage.name if len(stage.updates) == 1 else f"{stage.name}.{update.name}"
                yield from self.update(head, update)

    def update(self, head: str, update: UpdateGraph) -> Iterator[tuple[str, str]]:
        """What one update minimizes, trains, and how."""
        yield f"{head}.train", ", ".join(sorted(map(self.name, update.trains)))
        for name, term in update.spec.minimize.items():
            yield f"{head}.{name}", self.said(term)
        for name, term in update.spec.maximize.items():
            yield f"{head}.{name}", f"maximize {self.said(term)}"
        optimizer = update.spec.optimizer or Optimizer()
        for key, value in {"kind": optimizer.kind, "lr": optimizer.lr, **optimizer.options}.items():
            yield f"{head}.optimizer.{key}", self.said(value)
        for block, override in optimizer.blocks.items():
            yield f"{head}.optimizer.{self.name(block)}", self.said(override)
        yield from self.keys(head, update.spec, OF_AN_UPDATE)

    def keys(self, head: str, record: Record, keys: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Those keys of a record that do not have their default, each entry of a mapping a part."""
        for key in keys:
            part, value = type(record).model_fields[key], getattr(record, key)
            if value == part.get_default(call_default_factory=True):
                continue
            if isinstance(value, Mapping):
                for name, held in value.items():
                    yield f"{head}.{part.alias or key}.{self.name(name)}", self.said(held)
            else:
                yield f"{head}.{part.alias or key}", self.said(value)

    def gradients(self) -> Iterator[tuple[str, str]]:
        """Where the gradient of each term goes; what it does not concern is not told."""
        for stage, updates in gradient_matrix(self.composition).items():
            for update, terms in updates.items():
                head = stage if len(updates) == 1 else f"{stage}.{update}"
                for term, blocks in terms.items():
                    for block, verdict in blocks.items():
                        if verdict not in ("no path", "untrained"):
                            yield f"{head}.{term} -> {self.name(block)}", verdict

    def cost(self) -> Iterator[tuple[str, str]]:
        found = cost(self.composition)
        for block, count in found["parameters"].items():
            yield f"parameters of {self.name(block)}", f"{count:,}"
        for stage, updates in found["updates"].items():
            for update, counts in updates.items():
                head = stage if len(updates) == 1 else f"{stage}.{update}"
                for block, count in counts.items():
                    yield f"evaluations of {self.name(block)}, a step of {head}", str(count)
        for sampler, counts in found["samplers"].items():
            for block, count in counts.items():
                yield f"evaluations of {self.name(block)}, a draw of {sampler}", str(count)

    def name(self, name: str) -> str:
        """What a name is called here."""
        return self.names.get(name, name)

    def say(self, expression: Expression) -> str:
        """An expression, params as their values."""
        return unparse(_with(expression, self.words))

    def said(self, value: Any) -> str:  # noqa: ANN401  any part of a spec
        """Any value of a record or an option."""
        if isinstance(value, Expression):
            return self.say(value)
        if isinstance(value, Term):
            return self.say(value.value) + (f"  (every {value.every} steps)" if value.every > 1 else "")
        if isinstance(value, Record):
            written = {key: getattr(value, key) for key in type(value).model_fields if key != "options"}
            written |= getattr(value, "options", {})
            return ", ".join(f"{key}: {self.said(held)}" for key, held in written.items() if held is not None)
        if isinstance(value, str) and value in self.words:
            return self.say(Name(value))
        if isinstance(value, list | tuple):
            return "[" + ", ".join(map(self.said, value)) + "]"
        return write_value(value)


def _with(expression: Expression, words: Mapping[str, Expression]) -> Expression:
    """The expression with other words for some of its names, and arithmetic on numbers done."""
    match expression:
        case Name(name):
            return words.get(name, expression)
        case Call(function, arguments):
            inside = tuple(Argument(each.name, _with(each.value, words)) for each in arguments)
            made: Expression = Call(_with(function, words), inside)
        case Attribute(value, name):
            made = Attribute(_with(value, words), name)
        case Binary() | Compare():
            made = replace(expression, left=_with(expression.left, words), right=_with(expression.right, words))
        case Negative(operand) | Draw(operand):
            made = replace(expression, operand=_with(operand, words))
        case Sequence(items):
            made = Sequence(tuple(_with(item, words) for item in items))
        case _:
            return expression
    if not isinstance(made, Binary) or not is_constant(made, {}):
        return made
    try:
        return _literal(evaluate_constant(made, {}))
    except SpecError:  # a division by zero is told by the check
        return made


def _literal(value: float | int | bool) -> Expression:
    """A number or truth value as it would be written."""
    if isinstance(value, bool):
        return Boolean(value)
    return Negative(Number(-value)) if value < 0 else Number(value)
