"""What is drawn from, and densities up to a factor, as formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compose.equations.rules import ATOM, LAWS, PRODUCT, STANDARD, SUM, Formula, fill, word_of
from compose.expressions import (
    Argument,
    Attribute,
    Binary,
    Call,
    Expression,
    Hole,
    Name,
    Negative,
    Number,
    Sequence,
)

if TYPE_CHECKING:
    from compose.equations.writer import Writer

__all__ = ["density", "law", "mixed"]

WEIGHTED = (Name("tilt"), Name("product"))  # forms whose models have a density up to a factor


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
        case Call(Name("tilt" | "product")):
            return density(writer, expression, variable)
        case Call(Name("mixture")):
            return mixed(writer, expression, variable)
        case Call(Name("aggregate"), (Argument(_, encoder), Argument(_, rows))):
            return _averaged(writer, encoder, rows, variable)
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
    """What a model's density is proportional to: p(x) e^{-E(x)} of a tilt, p(x) q(x) of a product."""
    spec = writer.composition.spec
    match expression:
        case Call(Name("tilt"), (Argument(_, model), Argument(_, Negative(gain)))):
            power = writer.applied(gain, variable).tex
            return Formula(rf"{law(writer, model, variable).tex}\,e^{{{power}}}", PRODUCT)
        case Call(Name("tilt"), (Argument(_, model), Argument(_, energy))):
            cost = writer.applied(energy, variable).at_least(PRODUCT)
            return Formula(rf"{law(writer, model, variable).tex}\,e^{{-{cost}}}", PRODUCT)
        case Call(Name("product"), factors):
            said = [density(writer, each.value, variable).at_least(PRODUCT) for each in factors]
            return Formula(r"\,".join(said), PRODUCT)
        case Name(name) if isinstance(spec.models.get(name), Call) and spec.models[name].function in WEIGHTED:
            return density(writer, spec.models[name], variable)
        case Name(name) if name in spec.blocks and writer.role(name) == "energy":
            return Formula(f"e^{{-{writer.letter(name)}({variable})}}")
        case _:
            return law(writer, expression, variable)


def mixed(writer: Writer, call: Call, variable: str) -> Formula:
    """The density of a mixture: (p(x) + q(x)) / 2, or the weighted sum over the sum of the weights."""
    parts = [law(writer, each, variable).at_least(PRODUCT) for each in call.positional]
    given = call.named.get("weights")
    if not isinstance(given, Sequence):
        return Formula(rf"\frac{{{' + '.join(parts)}}}{{{len(parts)}}}")
    weights = [writer.number(each) for each in given.items]
    shares = [each.at_least(PRODUCT) for each in weights]
    told = [part if share == "1" else rf"{share}\,{part}" for share, part in zip(shares, parts, strict=False)]
    if _adds_up(given.items):
        return Formula(" + ".join(told), SUM)
    whole = _sum(given.items) or " + ".join(each.tex for each in weights)
    return Formula(rf"\frac{{{' + '.join(told)}}}{{{whole}}}")


def _adds_up(weights: tuple[Expression, ...]) -> bool:
    """Whether weights are seen to add up to 1: by their numbers, or as w and 1 - w."""
    match weights:
        case (one, Binary("-", Number(1), other)) | (Binary("-", Number(1), other), one):
            return one == other
        case _:
            return _sum(weights) == "1"


def _sum(weights: tuple[Expression, ...]) -> str | None:
    """The sum of weights that are numbers."""
    numbers = [each.value for each in weights if isinstance(each, Number)]
    return f"{sum(numbers):g}" if len(numbers) == len(weights) else None


def _averaged(writer: Writer, encoder: Expression, rows: Expression, variable: str) -> Formula:
    """The average of an encoder's law over rows: 1/K sum_k q(z | u_k)."""
    while isinstance(encoder, Call) and len(encoder.positional) == 1:  # freeze(encoder), ema(encoder)
        encoder = encoder.positional[0]
    row = "\0"  # a name that no spec has
    inside = writer.inside({row: Formula(f"{writer.write(rows).at_least(ATOM)}_k")})
    one = law(inside, Call(encoder, (Argument(None, Name(row)),)), variable)
    return Formula(rf"\frac{{1}}{{K}} \sum_{{k=1}}^{{K}} {one.at_least(PRODUCT)}", PRODUCT)
