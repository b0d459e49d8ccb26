"""From expressions to nodes: evaluates the lines of a spec on a tracer.

`World` is what one program (an update, a sampler) can see: data, blocks, models, lines of `graph`, the clock. A line is
evaluated when it is first asked for, and once. `Evaluator` evaluates one expression in a scope of local names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from blocks.operators import arithmetic
from blocks.registry import OPERATORS
from blocks.types import Field
from compose import faults
from compose.attributes import attribute_of
from compose.binding import call_block, call_block_at, call_operator, placed
from compose.conditioning import is_told, open_holes, told
from compose.declarations import Declared
from compose.diagnostics import Span, SpecError
from compose.draws import Draws, FreshDraws
from compose.expressions import (
    Attribute,
    Binary,
    Boolean,
    Call,
    Compare,
    Draw,
    Expression,
    Hole,
    Name,
    Negative,
    Number,
    Sequence,
    Text,
    children,
    walk,
)  # fmt: skip
from compose.forms import FORMS
from compose.forms.bijections import BlockBijection
from compose.graph import BlockUse, Node
from compose.idioms import of_library
from compose.models import (
    DistributionModel,
    ProgramModel,
    StandardModel,
    model_of_block,
    program_function,
)
from compose.scope import line_of, visible
from compose.sharing import shared_value
from compose.spec import Function as FunctionDeclaration
from compose.spec import Program as ProgramDeclaration
from compose.spec import Spec
from compose.spec.numbers import arithmetic as arithmetic_of_numbers
from compose.spec.numbers import check_divisor
from compose.spelling import sole
from compose.tracer import Tracer
from compose.values import Bijection, BlockValue, Function, Model, Record, Value, is_seed

__all__ = ["CLOCK", "Evaluator", "Poisoned", "World"]

CLOCK = ("step", "epoch", "progress", "run_step")
STANDARD_MODELS = ("normal", "uniform")
ARITHMETIC = {
    "+": arithmetic.add, "-": arithmetic.subtract, "*": arithmetic.multiply, "/": arithmetic.divide,
    "//": arithmetic.floor_divide, "**": arithmetic.power, "<": arithmetic.less, "<=": arithmetic.less_equal,
    ">": arithmetic.greater, ">=": arithmetic.greater_equal, "==": arithmetic.equal,
}  # fmt: skip


class Poisoned(Exception):
    """A name whose own line is faulty is used: the fault is told there, once."""


@dataclass(eq=False)
class World:
    """What one program can see.

    `shared` are the values of the stage's shared program (see `compose.sharing`). `reader` is the sampler or evaluation
    that it is for, in which no clock ticks. `guessing`: the data's fields are not known, so that a name that nothing
    has may be one. `further` are names that may be meant here, for suggestions.
    """

    spec: Spec
    fields: Mapping[str, Field]
    blocks: Mapping[str, Declared]
    tracer: Tracer
    reader: Span | None = None
    shared: Mapping[str, Node] = field(default_factory=dict)
    samplers: Mapping[str, Any] = field(default_factory=dict)
    faulty: set[str] = field(default_factory=set)
    guessing: bool = False
    further: tuple[str, ...] = ()
    used: set[str] = field(default_factory=set)
    evaluated: dict[str, Value] = field(default_factory=dict)

    def name(self, name: str, span: Span | None, inner: Iterable[str] = (), called: bool = False) -> Value:
        """What a global name stands for.   Raises SpecError if there is none, Poisoned if its line is faulty.

        For suggestions: the names of the program around it are `inner`, and it may be `called`.
        """
        self.used.add(name)
        if name in self.faulty:
            raise Poisoned(name)
        if (shared := shared_value(self.shared, self.tracer, name, span)) is not None:
            return shared
        if name in self.fields:
            return self.tracer.given("data", name, span)
        if name in self.blocks:
            return self._block(name, span)
        if name in self.spec.data:
            own = [each for each in self.fields if each.startswith(f"{name}.")]
            return Record({each.split(".", 1)[1]: self.tracer.given("data", each, span) for each in own})
        if name in self.spec.values:
            return self.spec.values[name]
        if name in CLOCK:
            if self.reader is not None:
                raise faults.clock_in_sampler(span, name, self.reader)
            return self.tracer.given("clock", name, span)
        for lines in (self.spec.graph, self.spec.models, self.samplers):
            if name in lines:
                return self._line(name, lines[name])
        if name in STANDARD_MODELS:
            return StandardModel(name)
        if name in FORMS or name in OPERATORS.names():
            raise faults.bare_operator(span, name)
        fit, unfit = visible(self, inner, called)
        if self.guessing and not called and sole(name, fit) is None:  # a field of data that could not be read, perhaps
            raise Poisoned(name)
        raise faults.unknown_name(span, name, fit, unfit, sure=not self.guessing)

    def has(self, name: str) -> bool:
        """Whether the spec or its data have something of that name."""
        spec = self.spec
        held = (self.fields, self.blocks, spec.data, spec.values, spec.graph, spec.models, self.samplers)
        return any(name in names for names in held)

    def evaluator(self, line: str) -> Evaluator:
        """An evaluator for a line of its own, whose draws are named by it."""
        return Evaluator(self, self.tracer, {}, FreshDraws(line))

    def _line(self, name: str, declaration: Any) -> Value:  # noqa: ANN401  an expression, a program or a function
        if name not in self.evaluated:
            try:
                value = self._declared(name, declaration)
            except (SpecError, Poisoned):
                self.faulty.add(name)
                raise
            if isinstance(value, Node):
                self.tracer.rename(value, name)
            self.evaluated[name] = value
        return self.evaluated[name]

    def _declared(self, name: str, declaration: Any) -> Value:  # noqa: ANN401
        if isinstance(declaration, FunctionDeclaration):
            return program_function(name, declaration.parameters, declaration.body, self.evaluator(name))
        if isinstance(declaration, ProgramDeclaration):
            return ProgramModel(name, declaration.lines, self.evaluator(name))
        value = self.evaluator(name)(declaration)
        return value.named(name) if isinstance(value, Model) and name in self.spec.models else value

    def _block(self, name: str, span: Span | None) -> Value:
        if self.blocks[name].role == "parameter":
            return self.tracer.block(BlockUse(name, span=span), "forward", name=f"{name}_value", span=span)
        return BlockValue(name, span=span)


class Evaluator:
    """Evaluates expressions on `tracer`, with `locals` before the names of the world.

    `closed`: parts of an expression that are known already, by identity (the holes of a function, what it captured).
    """

    def __init__(
        self,
        world: World,
        tracer: Tracer,
        locals_: Mapping[str, Value],
        draws: Draws,
        closed: Mapping[int, Value] | None = None,
    ) -> None:
        self.world, self.tracer, self.locals, self.draws, self.closed = world, tracer, locals_, draws, closed or {}

    def with_(
        self,
        tracer: Tracer,
        locals_: Mapping[str, Value],
        draws: Draws | None = None,
        closed: Mapping[int, Value] | None = None,
    ) -> Evaluator:
        """The same scope on another tracer, with more local names, and perhaps other draws."""
        return Evaluator(
            self.world, tracer, {**self.locals, **locals_}, draws or self.draws, {**self.closed, **(closed or {})}
        )

    def __call__(self, expression: Expression) -> Value:
        """The value of `expression`.   Raises SpecError with the place of what is wrong."""
        if id(expression) in self.closed:
            return self.closed[id(expression)]
        value = EVALUATE[type(expression)](self, expression)
        if isinstance(value, Model) and value.span is None:
            value.span = expression.span
        return value

    # what a place expects ---------------------------------------------------------------------------------------------

    def operand(self, expression: Expression) -> Node | float | int | bool:
        """The value of an expression that must be a number or a tensor."""
        return self.as_operand(self(expression), expression.span, line_of(self.world, expression))

    def as_operand(self, value: Value, span: Span | None, place: Span | None = None) -> Node | float | int | bool:
        """`value`, which must be a number or a tensor, and was made at `place`."""
        if isinstance(value, Node) and is_seed(value):
            raise faults.chain_noise(span, value)
        if (isinstance(value, Node) and value.family is None) or isinstance(value, int | float):
            return value
        raise faults.not_a_number(span, value, place)

    def tensor(self, expression: Expression) -> Node:
        """The value of an expression that must be a tensor."""
        value = self(expression)
        if isinstance(value, Node) and is_seed(value):
            raise faults.chain_noise(expression.span, value)
        if isinstance(value, Node) and value.family is None:
            return value
        raise faults.not_a_tensor(expression.span, value, line_of(self.world, expression))

    def model(self, expression: Expression, drawn: bool = False) -> Model:
        """The value of an expression that must be a model, since it is drawn or where it stands."""
        value = self(expression)
        model = self.as_model(value)
        if model is None:
            raise faults.not_a_model(expression.span, value, drawn)
        return model

    def as_model(self, value: Value) -> Model | None:
        """`value` as a model: it is one, or a block that is one, or a runtime distribution."""
        if isinstance(value, Model):
            return value
        if isinstance(value, Node) and value.family:
            return DistributionModel(value)
        if isinstance(value, BlockValue) and self.world.blocks[value.name].is_model:
            return model_of_block(value, self.world.blocks[value.name])
        return None

    def as_bijection(self, value: Value) -> Bijection | None:
        """`value` as a bijection: it is one, or a flow block."""
        declared = self.world.blocks[value.name] if isinstance(value, BlockValue) else None
        if isinstance(value, BlockValue) and declared is not None and declared.bijective:
            return BlockBijection(value, value.name, declared.seeded)
        return value if isinstance(value, Bijection) else None

    def function(self, expression: Expression) -> Value:
        """The value of an expression where a function is expected: `f`, `f(_, y)`, or `-f(_)`.

        What it captures is evaluated here, once; the holes are filled where it is applied.
        """
        if isinstance(expression, Call) and is_told(expression, self.world.blocks):
            return told(self, expression)
        holes = [part for part in open_holes(expression, self.world.blocks) if id(part) not in self.closed]
        if not holes:
            return self(expression)
        direct = isinstance(expression, Call) and all(
            isinstance(argument.value, Hole) or not _has_hole(argument.value) for argument in expression.arguments
        )
        captured = {id(part): self(part) for part in _closed_parts(expression)}

        def apply(tracer: Tracer, arguments: Any, span: Span | None) -> Value:  # noqa: ANN401
            filled = arguments if direct else [arguments[0]] * len(holes)
            closed = {**captured, **{id(hole): value for hole, value in zip(holes, filled, strict=True)}}
            return self.with_(tracer, {}, closed=closed)(expression)

        return Function("this function", len(holes) if direct else 1, apply)

    def apply(self, called: Value, arguments: list[Value], span: Span | None) -> Value:
        """A function, block or bijection applied to values."""
        if isinstance(called, BlockValue):
            return call_block(self, called, "forward", [*arguments, *called.context], {}, span)
        if isinstance(called, Bijection):
            return called.forward(self.tracer, arguments[0], span)
        if isinstance(called, Function):
            if called.arity is not None and len(arguments) != called.arity:
                raise faults.wrong_count(span, called.name, called.arity, len(arguments))
            return called.apply(self.tracer, arguments, span)
        raise faults.not_callable(span, called)

    # one method a kind of expression ----------------------------------------------------------------------------------

    def _constant(self, expression: Number | Text | Boolean) -> Value:
        return expression.value

    def _name(self, expression: Name) -> Value:
        if expression.name in self.locals:
            return self.locals[expression.name]
        return self.world.name(expression.name, expression.span, self.locals)

    def _hole(self, expression: Hole) -> Value:
        raise faults.hole_outside_function(expression.span)

    def _sequence(self, expression: Sequence) -> Value:
        return tuple(self(item) for item in expression.items)

    def _binary(self, expression: Binary | Compare) -> Value:
        function = ARITHMETIC[expression.operator]
        left, right = self.operand(expression.left), self.operand(expression.right)
        if not isinstance(left, Node) and not isinstance(right, Node):
            if isinstance(expression, Compare):
                return function(left, right)
            return arithmetic_of_numbers(expression.operator, left, right, expression.span)
        check_divisor(expression.operator, right, expression.span)
        chain = self._chain(expression.operator, left, right)
        sides = (placed(left, expression.left.span), placed(right, expression.right.span))
        return self.tracer.call(function, *sides, span=expression.span, chain=chain)

    def _chain(self, operator: str, left: Value, right: Value) -> str | None:
        """The chain of which the sum or difference is a level at any t = 1 .. T (`t - 1`, `T - t`); else None."""
        time = next((side for side in (left, right) if isinstance(side, Node) and side.chain), None)
        other = right if left is time else left
        if operator not in ("+", "-") or time is None or time.chain is None or isinstance(other, Node):
            return None
        if time.operation.kind != "input":
            return None
        last = self.world.blocks[time.chain].options["steps"]
        ends = [ARITHMETIC[operator](*(at if side is time else side for side in (left, right))) for at in (1, last)]
        fits = all(0 <= end <= last and end == int(end) for end in ends)
        return time.chain if fits else None

    def _negative(self, expression: Negative) -> Value:
        value = self.operand(expression.operand)
        if not isinstance(value, Node):
            return -value
        return self.tracer.call(arithmetic.negative, placed(value, expression.operand.span), span=expression.span)

    def _draw(self, expression: Draw) -> Value:
        model = self.model(expression.operand, drawn=True)
        if model.weighted and not self.draws.weights:
            raise faults.weighted_draw(expression.span, model.name)
        drawn = self.draws.draw(self.tracer, model, expression.span)
        if drawn.log_weight is not None and not self.draws.weights:
            raise faults.weighted_draw(expression.span, model.name)
        self.tracer.remember(model, drawn)
        return drawn.value

    def _attribute(self, expression: Attribute) -> Value:
        return attribute_of(self, self(expression.value), expression)

    def _call(self, expression: Call) -> Value:
        if any(
            isinstance(argument.value, Hole) and id(argument.value) not in self.closed
            for argument in expression.arguments
        ):
            return self.function(expression)
        called = expression.function
        foreign = of_library(expression, lambda name: name in self.locals or self.world.has(name))
        if foreign is not None:
            raise faults.foreign_call(expression.span, expression, foreign)
        if isinstance(called, Name) and called.name not in self.locals:
            if called.name in FORMS:
                return FORMS[called.name](self, expression)
            if called.name in OPERATORS.names():
                return call_operator(self, called.name, expression)
            value: Value = self.world.name(called.name, called.span, self.locals, called=True)
        elif isinstance(called, Attribute):
            value = attribute_of(self, self(called.value), called, expression)
        else:
            value = self(called)
        if callable(value):  # a view such as `m.log_prob`, waiting for its arguments
            return value(self, expression)
        if isinstance(value, BlockValue):
            return call_block_at(self, value, "forward", expression)
        if not isinstance(value, Function | Bijection):
            raise faults.not_callable(called.span, value)
        named = next((argument for argument in expression.arguments if argument.name), None)
        if named is not None:
            raise faults.named_argument(named.name_span or expression.span, named.name)
        return self.apply(value, [self(part) for part in expression.positional], expression.span)


EVALUATE = {
    Number: Evaluator._constant, Text: Evaluator._constant, Boolean: Evaluator._constant, Name: Evaluator._name,
    Hole: Evaluator._hole, Sequence: Evaluator._sequence, Binary: Evaluator._binary, Compare: Evaluator._binary,
    Negative: Evaluator._negative, Draw: Evaluator._draw, Attribute: Evaluator._attribute, Call: Evaluator._call,
}  # fmt: skip


def _has_hole(expression: Expression) -> bool:
    return any(isinstance(part, Hole) for part in walk(expression))


def _closed_parts(expression: Expression) -> Iterator[Expression]:
    """The largest parts of `expression` without a hole that are not mere names or numbers."""
    for part in children(expression):
        if _has_hole(part):
            yield from _closed_parts(part)
        elif isinstance(part, Call | Binary | Draw | Negative):
            yield part
