"""Expressions: the grammar of the equations in a spec, parsed and never evaluated as Python.

expression = sum [("<" | "<=" | ">" | ">=" | "==") sum]          only as the first argument of where(c, a, b)
sum        = product {("+" | "-") product}
product    = unary {("*" | "/" | "//") unary}
unary      = "-" unary | power
power      = draw ["**" unary]
draw       = ["~"] postfix
postfix    = atom {"." name | "(" [argument {"," argument}] ")"}
argument   = [name "="] expression
atom       = number | "true" | "false" | 'text' | name | "_" | "(" expression ")" | "[" expression {"," expression} "]"
"""

from compose.expressions.parser import parse
from compose.expressions.printer import unparse
from compose.expressions.structured import from_structured, is_structured, to_structured
from compose.expressions.syntax import (
    Argument,
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
    depth,
    walk,
)

__all__ = [
    "Argument",
    "Attribute",
    "Binary",
    "Boolean",
    "Call",
    "Compare",
    "Draw",
    "Expression",
    "Hole",
    "Name",
    "Negative",
    "Number",
    "Sequence",
    "Text",
    "children",
    "depth",
    "from_structured",
    "is_structured",
    "parse",
    "to_structured",
    "unparse",
    "walk",
]
