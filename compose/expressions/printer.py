"""The printer: an expression as text, with the fewest brackets that parse to the same expression."""

from compose.expressions.syntax import (
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
)

__all__ = ["unparse"]

COMPARE, SUM, PRODUCT, UNARY, POWER, DRAW, POSTFIX = range(7)
LEVELS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "**": POWER}


def unparse(expression: Expression) -> str:
    """The text of `expression`: `parse(unparse(e)) == e`."""
    return _print(expression, COMPARE)


def _print(expression: Expression, least: int) -> str:
    """The text, in brackets if it binds less than `least`."""
    text, level = _text(expression)
    return text if level >= least else f"({text})"


def _text(expression: Expression) -> tuple[str, int]:  # the text and how strongly it binds
    match expression:
        case Number(value):
            return repr(value), POSTFIX
        case Text(value):
            return "'" + value.replace("'", "''") + "'", POSTFIX
        case Boolean(value):
            return ("true" if value else "false"), POSTFIX
        case Name(name):
            return name, POSTFIX
        case Hole():
            return "_", POSTFIX
        case Sequence(items):
            return "[" + ", ".join(map(unparse, items)) + "]", POSTFIX
        case Call(function, arguments):
            inside = ", ".join((f"{each.name}=" if each.name else "") + unparse(each.value) for each in arguments)
            return f"{_print(function, POSTFIX)}({inside})", POSTFIX
        case Attribute(Number(value), name):
            return f"({value!r}).{name}", POSTFIX  # else the dot would be read as a decimal one
        case Attribute(value, name):
            return f"{_print(value, POSTFIX)}.{name}", POSTFIX
        case Draw(operand):
            return f"~{_print(operand, POSTFIX)}", DRAW
        case Negative(operand):
            return f"-{_print(operand, UNARY)}", UNARY
        case Compare(operator, left, right):
            return f"{_print(left, SUM)} {operator} {_print(right, SUM)}", COMPARE
        case Binary("**", left, right):
            return f"{_print(left, DRAW)} ** {_print(right, UNARY)}", POWER
        case Binary(operator, left, right):
            level = LEVELS[operator]
            return f"{_print(left, level)} {operator} {_print(right, level + 1)}", level
