"""Values: Python's operators, calls and attributes build expressions of the language; nothing is computed.

~prior    a draw           encoder(x)    a call            q.mean     an attribute        -x + 2 * y ** 2    arithmetic
x < 0     a comparison     c._           a hole            [a, b]     a sequence          "values"           a word
"""

import math
import re
from typing import Any

from compose.builder.places import here
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
    Text,
    unparse,
)
from compose.expressions.syntax import Comparison, Operator

__all__ = ["Given", "Value", "expression_of", "plain", "undeclared", "value_of"]

WORD = re.compile(r"(?!(?:true|false|_)$)[A-Za-z_][A-Za-z0-9_]*")


class Value:
    """An expression of the language, written in Python.   `Value(3)` is the number 3.

    Assigned to a line (`draft.graph.z = v`), it is called by the line's name from then on: what is one object in
    Python is one node in the graph.
    """

    __slots__ = ("_declared", "_expression")

    def __init__(self, value: "Given") -> None:
        self._expression = expression_of(value)
        self._declared: object = None  # the keys of a block

    def __call__(self, *arguments: "Given", **named: "Given") -> "Value":
        """The call `value(arguments, name=argument)`."""
        by_place = tuple(Argument(None, expression_of(one)) for one in arguments)
        by_name = tuple(Argument(name, expression_of(one)) for name, one in named.items())
        return value_of(Call(self._expression, by_place + by_name, here()))

    def __getattr__(self, name: str) -> "Value":
        """The attribute `value.name`."""
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "_expression":  # of a block
            raise TypeError("this block has no name yet: assign it, as in `prior = draft.blocks.prior = c.Block(...)`")
        return value_of(Attribute(self._expression, name, None, here()))

    def __invert__(self) -> "Value":
        """`~value`: one sample of a model."""
        return value_of(Draw(self._expression, here()))

    def __neg__(self) -> "Value":
        return value_of(Negative(self._expression, here()))

    def __add__(self, other: "Given") -> "Value":
        return _binary("+", self, other)

    def __radd__(self, other: "Given") -> "Value":
        return _binary("+", other, self)

    def __sub__(self, other: "Given") -> "Value":
        return _binary("-", self, other)

    def __rsub__(self, other: "Given") -> "Value":
        return _binary("-", other, self)

    def __mul__(self, other: "Given") -> "Value":
        return _binary("*", self, other)

    def __rmul__(self, other: "Given") -> "Value":
        return _binary("*", other, self)

    def __truediv__(self, other: "Given") -> "Value":
        return _binary("/", self, other)

    def __rtruediv__(self, other: "Given") -> "Value":
        return _binary("/", other, self)

    def __floordiv__(self, other: "Given") -> "Value":
        return _binary("//", self, other)

    def __rfloordiv__(self, other: "Given") -> "Value":
        return _binary("//", other, self)

    def __pow__(self, other: "Given") -> "Value":
        return _binary("**", self, other)

    def __rpow__(self, other: "Given") -> "Value":
        return _binary("**", other, self)

    def __lt__(self, other: "Given") -> "Value":
        return _compare("<", self, other)

    def __le__(self, other: "Given") -> "Value":
        return _compare("<=", self, other)

    def __gt__(self, other: "Given") -> "Value":
        return _compare(">", self, other)

    def __ge__(self, other: "Given") -> "Value":
        return _compare(">=", self, other)

    def __eq__(self, other: "Given") -> "Value":  # type: ignore[override]  a comparison of the language
        return _compare("==", self, other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        """Raises TypeError: nothing has a value while a spec is written."""
        raise TypeError(f"`{self}` has no value yet, so Python cannot branch on it: write c.where(a < b, this, that)")

    def _become(self, name: str) -> None:
        """Be called by the name of the line that it was assigned to; a name or a number stays what it is."""
        if self._declared is not None or not isinstance(self._expression, Name | Number):
            self._expression = Name(name)

    def __str__(self) -> str:
        return unparse(self._expression)

    __repr__ = __str__


Given = Value | Expression | int | float | bool | str | list[Any] | tuple[Any, ...]
"""What may stand in an expression: Python's numbers, truth values and lists; a text is a word of the language."""


def value_of(expression: Expression) -> Value:
    """The value that this expression is."""
    made = object.__new__(Value)
    made._expression, made._declared = expression, None
    return made


def undeclared(keys: object) -> Value:
    """A block of these keys, which has no name before it is assigned to a line."""
    made = object.__new__(Value)
    made._declared = keys
    return made


def expression_of(value: Given) -> Expression:
    """The expression that Python's value says.   Raises TypeError for what the language cannot write."""
    if isinstance(value, Value):
        return value._expression
    if isinstance(value, bool):
        return Boolean(value)
    if isinstance(value, int | float) and math.isfinite(value):
        return Negative(Number(-value)) if value < 0 else Number(value)
    if isinstance(value, str):
        return Name(value) if WORD.fullmatch(value) else Text(value)
    if isinstance(value, list | tuple) and value:
        return Sequence(tuple(map(expression_of, value)))
    if isinstance(value, Expression):
        return value
    raise TypeError(f"a spec cannot hold {value!r}: write a number, a text, a list or an expression")


def _binary(operator: Operator, left: Given, right: Given) -> Value:
    return value_of(Binary(operator, expression_of(left), expression_of(right), here()))


def _compare(operator: Comparison, left: Given, right: Given) -> Value:
    return value_of(Compare(operator, expression_of(left), expression_of(right), here()))


def plain(value: Any) -> Any:  # noqa: ANN401  whatever a spec may hold
    """The plain data that a value is: a number, a truth value, or the text of an expression."""
    expression = expression_of(value)
    if isinstance(expression, Negative) and isinstance(expression.operand, Number) and expression.operand.value > 0:
        return -expression.operand.value
    return expression.value if isinstance(expression, Number | Boolean) else unparse(expression)
