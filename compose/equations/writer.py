"""Expressions as formulas.   A writer knows the spec's names: lines, blocks, models, params, and the blocks' roles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from compose.build import Composition
from compose.equations.laws import density, law
from compose.equations.rules import (
    ATOM,
    LAWS,
    LETTERS,
    METHODS,
    OPERATIONS,
    PRODUCT,
    RAISED,
    RULES,
    STANDARD,
    SUM,
    Formula,
    Rule,
    fill,
    symbol,
    word_of,
)
from compose.equations.unicode import to_unicode
from compose.expressions import (
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
    walk,
)
from compose.spec import Function, Program

__all__ = ["Writer"]

INLINE = 12  # characters of a line that is written where it is used


@dataclass
class Writer:
    """Writes expressions of one composition.   `where` collects the lines that what was written refers to.

    `local`: names that stand for formulas here, `laws` those that stand for what is drawn from: the parameters and
    lines of a function. `drawn` are the lines that draw.
    """

    composition: Composition
    where: dict[str, str] = field(default_factory=dict)
    local: dict[str, Formula] = field(default_factory=dict)
    laws: dict[str, Expression] = field(default_factory=dict)
    drawn: dict[str, Expression] = field(default_factory=dict)

    def write(self, expression: Expression) -> Formula:
        """The formula of a value."""
        return WRITE[type(expression)](self, expression)

    def law(self, expression: Expression, variable: str) -> Formula:
        """The formula of what `variable` is drawn from."""
        return law(self, expression, variable)

    def source(self, expression: Expression, variable: str) -> Formula:
        """What stands behind `variable ~`: the law, without the variable where nothing else is in its brackets."""
        said = self.law(expression, variable)
        return Formula(said.tex.removesuffix(f"({variable})")) if said.level == ATOM else said

    def applied(self, function: Expression, variable: str) -> Formula:
        """A function of one argument at `variable`: a block or a function by its name, or an expression with holes."""
        if any(isinstance(part, Hole) for part in walk(function)):
            return self.inside({"_": Formula(variable)}).write(function)
        argument = "\0"  # a name that no spec has
        return self.inside({argument: Formula(variable)}).write(Call(function, (Argument(None, Name(argument)),)))

    def inside(self, names: Mapping[str, Formula], laws: Mapping[str, Expression] | None = None) -> Writer:
        """The same writer where further names stand for formulas and for laws."""
        return Writer(self.composition, self.where, {**self.local, **names}, {**self.laws, **(laws or {})}, self.drawn)

    def letter(self, block: str) -> str:
        """The letter of a block: by its role, or its name where two roles have the same."""
        role = self.role(block)
        letter = LETTERS.get(role)
        others = [name for name in self.composition.spec.blocks if name != block]
        rivals = [name for name in others if LETTERS.get(self.role(name)) == letter and not self._is_law(name)]
        first = list(LETTERS).index(role) if role in LETTERS else 0
        if letter is None:
            return symbol(block)
        if any(self.role(name) == role for name in rivals):
            return f"{letter}_{{{word_of(block)}}}"
        if any(list(LETTERS).index(self.role(name)) < first for name in rivals):
            return rf"\mathrm{{{block[:3].capitalize()}}}"
        return letter

    def stands_for(self, block: str) -> str:
        """The symbol of a block: its letter, or that of the law that it is or makes."""
        declared, role = self.composition.blocks[block], self.role(block)
        if role == "chain":
            return "q"
        if declared.is_model:
            return f"p_{{{word_of(block)}}}"
        if role == "memory":
            return word_of(block)
        if self._is_law(block):
            return r"q_\phi" if role == "encoder" else r"p_\theta"
        return self.letter(block)

    def define(self, name: str) -> None:
        """Say below the equations what a line is, once."""
        if name in self.where:
            return
        line = self.composition.spec.graph[name]
        made, sign = self._defined(line, symbol(name))
        self.where.setdefault(name, rf"{symbol(name)} {sign} {made.tex}")

    def _defined(self, line: Expression, variable: str) -> tuple[Formula, str]:
        if isinstance(line, Draw):
            return self.source(line.operand, variable), r"\sim"
        return self.write(line), "="

    def role(self, block: str) -> str:
        """The role of a block: encoder, decoder, energy, chain."""
        return self.composition.blocks[block].role if block in self.composition.blocks else ""

    def _is_law(self, block: str) -> bool:
        """Whether a block's call is a distribution."""
        declared = self.composition.blocks.get(block)
        return declared is not None and declared.options.get("output", "tensor") != "tensor"

    def form(self, rule: Rule, call: Call, variable: str) -> Formula:
        """A form with named options: numbers are given as such."""
        given = {name: self.number(value) for name, value in call.named.items()}
        dynamics = "steps" in given
        first = [density(self, each, "x") if dynamics else self.write(each) for each in call.positional[:1]]
        return fill(rule, [*first, *(self.write(each) for each in call.positional[1:])], v=Formula(variable), **given)

    def number(self, expression: Expression) -> Formula:
        """A number, or a param that is one, by its value."""
        values = self.composition.spec.values
        if isinstance(expression, Name) and isinstance(values.get(expression.name), int | float):
            return Formula(f"{values[expression.name]:g}")
        return self.write(expression)

    def name(self, expression: Name) -> Formula:
        """A local name, a line (written out if it is short), a param, a block."""
        name, spec = expression.name, self.composition.spec
        if name in self.local:
            return self.local[name]
        if name in spec.graph:
            return self._line(name, spec.graph[name])
        if name in spec.blocks:
            return Formula(self.letter(name)) if self.role(name) != "parameter" else Formula(symbol(name))
        if name == "normal":
            return Formula(STANDARD)
        if name in spec.values and isinstance(spec.values[name], int | float):
            self.where.setdefault(f"param {name}", f"{symbol(name)} = {spec.values[name]:g}")
        return Formula(symbol(name))

    def _line(self, name: str, line: Expression) -> Formula:
        if isinstance(line, Draw):
            self.drawn[name] = line.operand
            self.define(name)
            return Formula(symbol(name))
        if self.is_law(line):
            return self.law(line, self._variable(name))
        kept = dict(self.where)
        written = self.write(line)
        if len(to_unicode(written.tex)) <= INLINE:
            return written
        self.where.clear()
        self.where.update(kept)
        self.define(name)
        return Formula(symbol(name))

    def is_law(self, line: Expression) -> bool:
        """Whether a line is a distribution: a call of a block that makes one, or of a chain's kernel."""
        match line:
            case Call(Name(block)):
                return self._is_law(block)
            case Call(Attribute(_, method)):
                return method in LAWS
            case _:
                return False

    def _variable(self, name: str) -> str:
        """What is drawn from a line: the name of the line `~name`, z of an encoder, x of others."""
        spec = self.composition.spec
        for other, line in spec.graph.items():
            if line == Draw(Name(name)):
                return symbol(other)
        match spec.graph[name]:
            case Call(Name(block)) if self.role(block) == "encoder":
                return "z"
            case _:
                return "x"

    def call(self, expression: Call) -> Formula:
        """A call: of a method, a block, a function of the spec, an operator or a form."""
        match expression.function:
            case Attribute(value, method):
                return self._method(value, method, expression)
            case Call(Name("freeze"), (Argument(None, Name(block)),)):
                return self._block(rf"{self.letter(block)}_{{\bar{{\theta}}}}", expression)
            case Call(Name("ema"), (Argument(None, Name(block)),)):
                return self._block(rf"{self.letter(block)}_{{\bar{{\theta}}}}", expression)
            case Name(name) if name in self.composition.spec.blocks:
                if self._is_law(name):
                    return self.law(expression, "z" if self.role(name) == "encoder" else "x")
                return self._block(self.letter(name), expression)
            case Name(name) if name in self.composition.spec.models:
                return self._function(name, expression)
            case Name(name):
                return self._operator(name, expression)
            case other:
                return self._block(self.write(other).tex, expression)

    def _block(self, letter: str, call: Call) -> Formula:
        return Formula(f"{letter}({', '.join(self.write(each.value).tex for each in call.arguments)})")

    def _function(self, name: str, call: Call) -> Formula:
        """A function of the spec: written out if it is one expression, else by its name."""
        declared = self.composition.spec.models[name]
        if isinstance(declared, Function) and not isinstance(declared.body, Program):
            given = dict(zip(declared.parameters, map(self.write, call.positional), strict=False))
            return self.inside(given).write(declared.body)
        return self._block(symbol(name), call)

    def _operator(self, name: str, call: Call) -> Formula:
        given = [each.value for each in call.arguments]
        if name == "grad":
            inner = given[0].function if isinstance(given[0], Call) else None
            if isinstance(inner, Name) and inner.name in self.composition.spec.blocks:
                return fill(RULES["grad"], [Formula(self.letter(inner.name)), self.write(given[1])])  # not of D(x, y)
        if name == "kl":
            return fill(RULES["kl"], [self.law(each, "z") for each in given[:2]])
        if name in LAWS:
            return self.law(call, "x")
        if name in RULES:
            named = {key: self.number(value) for key, value in call.named.items()}
            return fill(RULES[name], [self.write(each) for each in call.positional], **named)
        return self._block(symbol(name), call)

    def _method(self, value: Expression, method: str, call: Call) -> Formula:
        arguments = [self.write(each) for each in call.positional]
        if method in METHODS:
            return fill(METHODS[method], arguments, **{name: self.write(each) for name, each in call.named.items()})
        arguments += [self.write(each) for each in call.named.values()]
        if method in ("log_prob", "log_density"):
            said = self.law(value, ", ".join(each.tex for each in arguments))
            return Formula(rf"\log {said.at_least(RAISED)}", PRODUCT)
        match value:
            case Call(Attribute(_, kernel)) if f"{kernel}.{method}" in METHODS:
                inner = [self.write(each.value) for each in value.arguments]
                return fill(METHODS[f"{kernel}.{method}"], [*inner, *arguments])
            case _ if method in LAWS and isinstance(value, Name):
                return self.law(call, "x")
            case _ if method == "at":
                return self._block(self._owner(value), call)
            case _:
                return self._block(rf"{self._owner(value)}.\mathrm{{{method}}}".replace("_", r"\_"), call)

    def _owner(self, value: Expression) -> str:
        return symbol(value.name) if isinstance(value, Name) else self.write(value).tex

    def attribute(self, expression: Attribute) -> Formula:
        """A field of a value: the mean of a distribution, the noise of a model."""
        if expression.name in METHODS:
            return fill(METHODS[expression.name], [self.write(expression.value)])
        if isinstance(expression.value, Name) and expression.value.name in self.composition.spec.models:
            return Formula(rf"\epsilon_{{{word_of(expression.value.name)}}}")
        return Formula(f"{self.write(expression.value).tex}_{{{word_of(expression.name)}}}", PRODUCT)

    def draw(self, expression: Draw) -> Formula:
        """A draw inside an expression: a symbol, and what it is drawn from."""
        match expression.operand:
            case Call(Name("uniform")):
                letter = "u"
            case Name(name) if name in self.composition.spec.models or name in self.composition.spec.blocks:
                letter = "x"
            case _:
                letter = r"\epsilon"
        key = f"draw {letter} {expression.span}"
        if key not in self.where:
            letter += "'" * sum(each.startswith(f"draw {letter} ") for each in self.where)
            self.where[key] = rf"{letter} \sim {self.source(expression.operand, letter).tex}"
        return Formula(self.where[key].split(r" \sim ")[0])

    def operation(self, expression: Binary | Compare) -> Formula:
        """Arithmetic; a number before a number keeps its dot."""
        if expression.operator in ("*", "/") and isinstance(expression.left, Negative):  # -(a b), not (-a) b
            inner = Binary(expression.operator, expression.left.operand, expression.right)
            return fill(OPERATIONS["negative"], [self.operation(inner)])
        left, right = self.write(expression.left), self.write(expression.right)
        made = fill(OPERATIONS[expression.operator], [left, right])
        if expression.operator == "*" and right.tex[:1].isdigit():
            return Formula(rf"{left.at_least(PRODUCT)} \cdot {right.at_least(PRODUCT)}", PRODUCT)
        return made


def _number(value: float) -> Formula:
    return Formula(f"{value:g}" if isinstance(value, float) else str(value))


WRITE: Mapping[type, Callable[[Writer, Any], Formula]] = {
    Name: lambda writer, held: writer.name(held),
    Call: lambda writer, held: writer.call(held),
    Attribute: lambda writer, held: writer.attribute(held),
    Draw: lambda writer, held: writer.draw(held),
    Binary: lambda writer, held: writer.operation(held),
    Compare: lambda writer, held: writer.operation(held),
    Negative: lambda writer, held: fill(OPERATIONS["negative"], [writer.write(held.operand)]),
    Number: lambda writer, held: _number(held.value),
    Text: lambda writer, held: Formula(word_of(held.value)),
    Boolean: lambda writer, held: Formula(word_of(str(held.value).lower())),
    Hole: lambda writer, held: writer.local.get("_", Formula(r"\cdot")),
    Sequence: lambda writer, held: Formula("[" + ", ".join(writer.write(each).tex for each in held.items) + "]", SUM),
}
