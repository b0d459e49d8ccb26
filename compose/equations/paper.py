"""All equations of a composition, as LaTeX by the names of the spec."""

from __future__ import annotations

from dataclasses import dataclass, field

from compose.build import Composition, UpdateGraph
from compose.equations.laws import density
from compose.equations.rules import Formula, symbol, word_of
from compose.equations.writer import Writer
from compose.expressions import Argument, Call, Draw, Expression, Name
from compose.spec import Function, Program

__all__ = ["Equations", "Paper", "equations_of"]

NEXT = r",\; "


@dataclass(frozen=True)
class Equations:
    """The terms of one update, and what their symbols are: `where` is in an order in which nothing is used before."""

    terms: dict[str, str] = field(default_factory=dict)
    where: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Paper:
    """Models, lines of the graph, updates (stage -> update) and samplers."""

    models: dict[str, str]
    lines: dict[str, str]
    updates: dict[str, dict[str, Equations]]
    samplers: dict[str, str]

    def all(self) -> list[str]:
        """Every equation."""
        held = [update for stage in self.updates.values() for update in stage.values()]
        terms = [tex for each in held for tex in (*each.terms.values(), *each.where)]
        return [*self.models.values(), *self.lines.values(), *terms, *self.samplers.values()]


def equations_of(composition: Composition) -> Paper:
    """The equations of what a spec says."""
    spec = composition.spec
    return Paper(
        {name: _model(composition, name, declared) for name, declared in spec.models.items()},
        {name: _said(Writer(composition), name, line) for name, line in spec.graph.items()},
        {
            stage.name: {update.name: _update(composition, update) for update in stage.updates}
            for stage in composition.stages
        },
        {name: _sampler(composition, declared) for name, declared in spec.samplers.items()},
    )


def _update(composition: Composition, update: UpdateGraph) -> Equations:
    where: dict[str, str] = {}
    terms = {}
    for name, term in {**update.spec.minimize, **update.spec.maximize}.items():
        writer = Writer(composition, where)
        made = writer.write(term.value)
        terms[name] = _expected(writer, made)
    return Equations(terms, list(where.values()))


def _expected(writer: Writer, made: Formula) -> str:
    """A term over one draw of an encoder's is an expectation over it, as papers write it; `where` need not say it."""
    encoded = {
        name: law
        for name, operand in list(writer.drawn.items())
        if (law := writer.law(operand, symbol(name)).tex).startswith(r"q_\phi")
    }
    for name in encoded:
        writer.where.pop(name, None)
    if len(encoded) == 1 and len(writer.drawn) == 1:
        [law] = encoded.values()
        return rf"\mathbb{{E}}_{{{law}}}[{made.tex}]"
    writer.where.update({name: rf"{symbol(name)} \sim {law}" for name, law in encoded.items()})
    return made.tex


def _model(composition: Composition, name: str, declared: Expression | Program | Function) -> str:
    word = word_of(name)
    if isinstance(declared, Function):
        local = {each: Formula(symbol(each)) for each in declared.parameters}
        writer = Writer(composition, local=local)
        given = ", ".join(each.tex for each in local.values())
        if not isinstance(declared.body, Program):
            return f"{symbol(name)}({given}) = {writer.write(declared.body).tex}"
        return _program(writer, word, declared.body, given)
    writer = Writer(composition)
    if isinstance(declared, Program):
        return _program(writer, word, declared, "")
    for form, write in MODELS.items():
        if isinstance(declared, Call) and declared.function == Name(form):
            return write(writer, f"p_{{{word}}}", declared)
    return rf"p_{{{word}}}(x) = {writer.law(declared, 'x').tex}"


def _program(writer: Writer, word: str, program: Program, given: str) -> str:
    """An integral over the lines before the last if all lines are drawn, else the lines in order."""
    named_laws = {name: line for name, line in program.lines.items() if writer.is_law(line)}
    lines = [(name, line) for name, line in program.lines.items() if name not in named_laws]
    here = writer.inside({name: Formula(symbol(name)) for name, _ in lines}, named_laws)
    laws: list[str] = []
    said: list[str] = []
    for name, line in lines:
        variable = symbol(name)
        if isinstance(line, Draw):
            law = here.law(line.operand, variable).tex
            said.append(rf"{variable} \sim {here.source(line.operand, variable).tex}")
            laws.append(law.replace(r"\mathcal{N}(0, I)", rf"\mathcal{{N}}({variable}; 0, I)"))
        else:
            said.append(f"{variable} = {here.write(line).tex}")
    last = symbol(lines[-1][0])
    random = bool(laws) or any(key.startswith("draw ") for key in writer.where)
    head = f"{last} \\mid {given}" if given else last
    if len(laws) == len(lines):
        before = r"\,".join(f"d{symbol(name)}" for name, _ in lines[:-1])
        inner = r"\,".join(reversed(laws))
        return rf"p_{{{word}}}({head}) = \int {inner}\,{before}" if before else rf"p_{{{word}}}({head}) = {inner}"
    named = rf"p_{{{word}}}({head})" if random else f"{word}({given})"
    further = [tex for key, tex in writer.where.items() if key.startswith("draw ")]
    return rf"{named}:\; " + NEXT.join([*further, *said])


def _operands(call: Call) -> list[Expression]:
    return [each.value for each in call.arguments]


def _weighted(writer: Writer, name: str, call: Call) -> str:
    return rf"{name}(x) \propto {_at_x(density(writer, call, 'x').tex)}"


def _mixture(writer: Writer, name: str, call: Call) -> str:
    return f"{name}(x) = {_at_x(writer.law(call, 'x').tex)}"


def _at_x(law: str) -> str:
    """Normals as densities of x: N(x; 0, I)."""
    return law.replace(r"\mathcal{N}(", r"\mathcal{N}(x; ")


def _reverse(writer: Writer, name: str, call: Call) -> str:
    kernel = _operands(call)[1]
    word = word_of(kernel.name) if isinstance(kernel, Name) else r"\theta"
    step = rf"p_{{{word}}}(x_{{t-1}} \mid x_t)"
    return rf"{name}(x_0) = \int p(x_T)\,\prod_{{t=1}}^{{T}} {step}\,dx_{{1:T}}"


def _push(writer: Writer, name: str, call: Call) -> str:
    model, function = _operands(call)[:2]
    base = writer.source(model, "z").tex
    match function:
        case Call(Name("gradient_flow"), (Argument(_, energy), *_)):
            time = writer.write(function.named["time"]).tex if "time" in function.named else "1"
            change = rf"\dot{{x}}(s) = -\nabla {writer.applied(energy, 'x(s)').tex}"
            return rf"{name}:\; x(0) \sim {base},\; {change},\; x = x({time})"
        case Call(Name("ode"), _):
            time = writer.write(function.named["time"]).tex if "time" in function.named else "1"
            return rf"{name}:\; x(0) \sim {base},\; \dot{{x}}(s) = f(x(s), s),\; x = x({time})"
        case _:
            return rf"{name}:\; z \sim {base},\; x = {writer.applied(function, 'z').tex}"


def _aggregate(writer: Writer, name: str, call: Call) -> str:
    return f"{name}(z) = {writer.law(call, 'z').tex}"


def _condition(writer: Writer, name: str, call: Call) -> str:
    given = ", ".join(f"{symbol(key)} = {writer.write(value).tex}" for key, value in call.named.items())
    return rf"{name} \propto {writer.law(_operands(call)[0], given).tex}"


MODELS = {
    "tilt": _weighted, "product": _weighted, "mixture": _mixture, "aggregate": _aggregate, "reverse": _reverse,
    "push": _push, "condition": _condition,
}  # fmt: skip


def _sampler(composition: Composition, declared: Expression | Program | Function) -> str:
    if isinstance(declared, Program | Function):
        lines = declared.lines
        parameters = declared.parameters if isinstance(declared, Function) else ()
        local = {each: Formula(symbol(each)) for each in (*lines, *parameters) if each}
        return NEXT.join(_said(Writer(composition, local=local), name, line) for name, line in lines.items())
    return _said(Writer(composition), "", declared)


def _said(writer: Writer, name: str, line: Expression) -> str:
    variable = symbol(name) if name else "x"
    if isinstance(line, Draw):
        return rf"{variable} \sim {writer.source(line.operand, variable).tex}"
    made = writer.write(line).tex
    return f"{variable} = {made}" if name else made
