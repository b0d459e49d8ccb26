"""The parts of an expression: frozen records that know where they stand.   The place is no part of equality."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from compose.diagnostics import NOWHERE, Span

__all__ = [
    "Argument",
    "Attribute",
    "Binary",
    "Boolean",
    "Call",
    "Compare",
    "Comparison",
    "Draw",
    "Expression",
    "Hole",
    "Name",
    "Negative",
    "Number",
    "Operator",
    "Sequence",
    "Text",
    "children",
    "depth",
    "walk",
]

Operator = Literal["+", "-", "*", "/", "//", "**"]
Comparison = Literal["<", "<=", ">", ">=", "=="]


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A number as written, never negative: `-1` is `Negative(Number(1))`.   1 and 1.0 are different."""

    value: int | float
    span: Span = field(default=NOWHERE, repr=False)

    def __eq__(self, other: object) -> bool:
        """The same number of the same type."""
        return isinstance(other, Number) and (type(self.value), self.value) == (type(other.value), other.value)

    def __hash__(self) -> int:
        """Agrees with equality."""
        return hash((type(self.value), self.value))


@dataclass(frozen=True, slots=True)
class Text:
    """A text in single quotes."""

    value: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`."""

    value: bool
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A bare word: whatever the spec calls so."""

    name: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Hole:
    """`_`: an argument left open."""

    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call, by place (`name` is None) or by name."""

    name: str | None
    value: "Expression"
    name_span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def span(self) -> Span:
        """From the name, if there is one, to the end of the value."""
        return self.name_span.to(self.value.span) if self.name_span else self.value.span


@dataclass(frozen=True, slots=True)
class Call:
    """`function(arguments)`; arguments by place come before arguments by name."""

    function: "Expression"
    arguments: tuple[Argument, ...] = ()
    span: Span = field(default=NOWHERE, compare=False, repr=False)

    @property
    def positional(self) -> "tuple[Expression, ...]":
        """The arguments by place."""
        return tuple(each.value for each in self.arguments if each.name is None)

    @property
    def named(self) -> "dict[str, Expression]":
        """The arguments by name."""
        return {each.name: each.value for each in self.arguments if each.name is not None}


@dataclass(frozen=True, slots=True)
class Attribute:
    """`value.name`."""

    value: "Expression"
    name: str
    name_span: Span | None = field(default=None, compare=False, repr=False)
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`."""

    operator: Operator
    left: "Expression"
    right: "Expression"
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """`-operand`."""

    operand: "Expression"
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """`left operator right`, one truth value an entry; only the first argument of `where`."""

    operator: Comparison
    left: "Expression"
    right: "Expression"
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Draw:
    """`~operand`: one sample of a model."""

    operand: "Expression"
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Sequence:
    """`[items]`."""

    items: "tuple[Expression, ...]"
    span: Span = field(default=NOWHERE, compare=False, repr=False)


Expression = Number | Text | Boolean | Name | Hole | Call | Attribute | Binary | Negative | Compare | Draw | Sequence


def children(expression: Expression) -> tuple[Expression, ...]:
    """The expressions right below, from left to right."""
    match expression:
        case Call(function, arguments):
            return (function, *(each.value for each in arguments))
        case Attribute(value):
            return (value,)
        case Binary(_, left, right) | Compare(_, left, right):
            return (left, right)
        case Negative(operand) | Draw(operand):
            return (operand,)
        case Sequence(items):
            return items
        case _:
            return ()


def walk(expression: Expression) -> Iterator[Expression]:
    """The expression and everything in it, parents before their children, from left to right."""
    waiting = [expression]
    while waiting:
        here = waiting.pop()
        yield here
        waiting.extend(reversed(children(here)))


def depth(expression: Expression) -> int:
    """How many levels an expression has; 1 for a name."""
    levels, here = 0, [expression]
    while here:
        levels, here = levels + 1, [child for each in here for child in children(each)]
    return levels
