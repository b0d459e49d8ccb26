"""Expressions as Python: `-prior.log_prob(c.sg(z))`, with the fewest brackets that build the same expression."""

import json
import keyword
from collections.abc import Mapping

from compose.builder.words import Words
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
    unparse,
    walk,
)

__all__ = ["Speaker", "is_bindable", "keywords", "quoted"]

COMPARE, SUM, PRODUCT, UNARY, POWER, POSTFIX = range(6)
LEVELS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT}
PARTS = frozenset(name for name in vars(Words) if not name.startswith("_"))


def is_bindable(expression: Expression) -> bool:
    """Whether a line of this expression is known by its own name once it is assigned."""
    return not (isinstance(expression, Name) or _is_python(expression))


def keywords(parts: Mapping[str, str]) -> list[str]:
    """Arguments by name; a name that Python keeps for itself stands in a mapping."""
    plain = {name: name.isidentifier() and not keyword.iskeyword(name) for name in parts}
    return [f"{name}={text}" if plain[name] else f"**{{{quoted(name)}: {text}}}" for name, text in parts.items()]


def quoted(text: str) -> str:
    """A text as Python writes it, in double quotes."""
    return json.dumps(text, ensure_ascii=False)


class Speaker:
    """Writes expressions; `c` is what the words are called, `known` how a name is written that has a variable."""

    def __init__(self, c: str, known: Mapping[str, str]) -> None:
        self.c, self.known = c, known

    def say(self, expression: Expression) -> str:
        """The Python of an expression; as a line of text if an attribute is none that Python can ask for."""
        if any(isinstance(part, Attribute) and not _is_plain(part.name) for part in walk(expression)):
            return f"{self.c}.Line({quoted(unparse(expression))})"
        return self._say(expression, COMPARE)

    def _say(self, expression: Expression, least: int) -> str:
        text, level = self._text(expression)
        return text if level >= least else f"({text})"

    def _value(self, expression: Expression, least: int) -> str:
        """The Python of an operand that must be a value of the language, not a number of Python's."""
        if _is_python(expression):
            return f"{self.c}.Value({self._say(expression, COMPARE)})"
        return self._say(expression, least)

    def _text(self, expression: Expression) -> tuple[str, int]:  # the text and how strongly it binds
        match expression:
            case Number(value) | Boolean(value):
                return repr(value), POSTFIX
            case Text(value):
                return f"{self.c}.Text({quoted(value)})", POSTFIX
            case Name(name):
                return self._name(name), POSTFIX
            case Hole():
                return f"{self.c}._", POSTFIX
            case Sequence(items):
                return "[" + ", ".join(self._say(item, COMPARE) for item in items) + "]", POSTFIX
            case Call():
                return self._call(expression), POSTFIX
            case Attribute(value, name):
                return f"{self._value(value, POSTFIX)}.{name}", POSTFIX
            case Draw(operand):
                return f"~{self._value(operand, POSTFIX)}", UNARY
            case Negative(operand) if _is_python(expression):
                return f"-{self._say(operand, POSTFIX)}", UNARY
            case Negative(operand):
                return f"-{self._value(operand, UNARY)}", UNARY
            case Compare(operator, left, right):
                return f"{self._value(left, SUM)} {operator} {self._say(right, SUM)}", COMPARE
            case Binary("**", left, right):
                return f"{self._left(left, right, POSTFIX)} ** {self._say(right, UNARY)}", POWER
            case Binary(operator, left, right):
                level = LEVELS[operator]
                return f"{self._left(left, right, level)} {operator} {self._say(right, level + 1)}", level

    def _left(self, left: Expression, right: Expression, least: int) -> str:
        """The left operand: a value if the right one is a number of Python's, which would compute."""
        return self._value(left, least) if _is_python(right) else self._say(left, least)

    def _name(self, name: str) -> str:
        if name in self.known:
            return self.known[name]
        plain = _is_plain(name) and name not in PARTS
        return f"{self.c}.{name}" if plain else f"{self.c}.Word({quoted(name)})"

    def _call(self, call: Call) -> str:
        by_name = keywords({name: self._say(value, COMPARE) for name, value in call.named.items()})
        inside = [*(self._say(value, COMPARE) for value in call.positional), *by_name]
        return f"{self._value(call.function, POSTFIX)}({', '.join(inside)})"


def _is_plain(name: str) -> bool:
    """Whether Python can ask a value for this attribute."""
    return not name.startswith("_") and not keyword.iskeyword(name)


def _is_python(expression: Expression) -> bool:
    """Whether an expression is written as a number, a truth value or a list of Python's own."""
    match expression:
        case Negative(Number(value)):
            return value > 0
        case Number() | Boolean() | Sequence():
            return True
    return False
