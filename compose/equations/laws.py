"""What is drawn from, and densities up to a factor, as formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compose.equations.rules import LAWS, PRODUCT, STANDARD, Formula, fill, word_of
from compose.expressions import Argument, Attribute, Call, Expression, Hole, Name, Negative

if TYPE_CHECKING:
    from compose.equations.writer import Writer

__all__ = ["density", "law"]


def law(writer: Writer, expression: Expression, variable: str) -> Formula:
    """What `variable` is drawn from: p_prior(z), q(z | x), N(0, I)."""
    spec = writer.composition.spec
    match expression:
        case Name(name):
            return _of_name(writer, name, variable)
        case Call(Name(name), arguments) if name in spec.models or name in spec.blocks:
            is_flow = name in spec.blocks and writer.composition.blocks[name].is_model  # its hole is the variable
            told = [each.value for each in arguments if not (is_flow and isinstance(each.value, Hole))]
            given = [writer.write(each) for each in told]
            if name in spec.blocks and not is_flow:
                return fill(LAWS.get(writer.role(name), LAWS["other"]), given, v=Formula(variable))
            said = ", ".join(each.tex for each in given)
            return Formula(rf"p_{{{word_of(name)}}}({variable} \mid {said})")
        case Call(Name("tilt")):
            return density(writer, expression, variable)
        case Call(Name("freeze" | "ema"), (Argument(_, block),)):
            return law(writer, block, variable)
        case Call(Name("normal")) if not expression.positional:
            return Formula(STANDARD)
        case Call(Name(name)) if name in LAWS:
            return writer.form(LAWS[name], expression, variable)
        case Call(Attribute(Name(block), method), arguments) if method in LAWS:
            given = [writer.write(each.value) for each in arguments]
            return fill(LAWS[method], given, v=Formula(variable), name=Formula(word_of(block)))
        case Attribute(Name(block), method):
            return _of_attribute(writer, block, method, variable)
        case _:
            return writer.write(expression)


def _of_name(writer: Writer, name: str, variable: str) -> Formula:
    spec = writer.composition.spec
    if name == "normal":
        return Formula(STANDARD)
    if name in writer.laws:
        return law(writer, writer.laws[name], variable)
    if name in spec.graph and name not in writer.local:
        return law(writer, spec.graph[name], variable)
    if name in spec.blocks or name in spec.models:
        return Formula(rf"p_{{{word_of(name)}}}({variable})")
    return writer.write(Name(name))


def _of_attribute(writer: Writer, owner: str, name: str, variable: str) -> Formula:
    composition = writer.composition
    if name == "noise" and owner in composition.spec.models:
        return Formula(rf"p_{{{word_of(owner)}}}(\epsilon)")
    if name in LAWS:
        steps = composition.blocks[owner].options.get("steps", "T") if owner in composition.blocks else "T"
        return fill(LAWS[name], [], v=Formula(variable), T=Formula(str(steps)))
    return writer.write(Attribute(Name(owner), name))


def density(writer: Writer, expression: Expression, variable: str) -> Formula:
    """What a model's density is proportional to: p(x) e^{-E(x)} of a tilt."""
    spec = writer.composition.spec
    match expression:
        case Call(Name("tilt"), (Argument(_, model), Argument(_, Negative(gain)))):
            power = writer.applied(gain, variable).tex
            return Formula(rf"{law(writer, model, variable).tex}\,e^{{{power}}}", PRODUCT)
        case Call(Name("tilt"), (Argument(_, model), Argument(_, energy))):
            cost = writer.applied(energy, variable).at_least(PRODUCT)
            return Formula(rf"{law(writer, model, variable).tex}\,e^{{-{cost}}}", PRODUCT)
        case Name(name) if isinstance(spec.models.get(name), Call) and spec.models[name].function == Name("tilt"):
            return density(writer, spec.models[name], variable)
        case Name(name) if name in spec.blocks and writer.role(name) == "energy":
            return Formula(f"e^{{-{writer.letter(name)}({variable})}}")
        case _:
            return law(writer, expression, variable)
