"""What can be wrong with an expression: each fault is an exception with one placed finding.

Codes: N names, T types. The wording is here, the decision where the expression is evaluated.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ParamSpec

from compose.diagnostics import Finding, Note, Span, SpecError, finding, nearest

if TYPE_CHECKING:
    from compose.expressions import Expression

Given = ParamSpec("Given")


def fault(code: str) -> Callable[[Callable[Given, Finding]], Callable[Given, SpecError]]:
    """Declare the wording of an error that ends the evaluation of a line: calling it makes the exception to raise."""

    def declare(wording: Callable[Given, Finding]) -> Callable[Given, SpecError]:
        stamped = finding(code, "error")(wording)

        @functools.wraps(wording)
        def made(*args: Given.args, **kwargs: Given.kwargs) -> SpecError:
            return SpecError((stamped(*args, **kwargs),))

        return made

    return declare


def describe(value: object) -> str:
    """What a value is, in the user's words."""
    kind = type(value).__name__
    if kind == "Node":
        family = getattr(value, "family", None)
        return f"a distribution ({family})" if family else "a tensor"
    if isinstance(value, str):
        return f"the text '{value}'"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if kind == "BlockValue":
        return f"the block `{getattr(value, 'name', '')}`"
    words = {"Record": "a record", "Function": "a function", "tuple": "a list", "function": "a method without its arguments"}
    return words.get(kind, "a bijection" if "Bijection" in kind else "a model" if "Model" in kind else "something else")


# names ----------------------------------------------------------------------------------------------------------------


@fault("N101")
def unknown_name(span: Span | None, name: str, known: Iterable[str]) -> Finding:
    """An expression uses a name that nothing in the spec, the data or the language has."""
    near = nearest(name, known)
    return Finding(span=span, message=f"nothing is called `{name}`", help=_write(near, f"add a line `{name}: ..` under `graph`, or correct the name"))


@fault("N102")
def no_attribute(span: Span | None, value: object, name: str, known: Iterable[str]) -> Finding:
    """What stands before the dot has no such field, view or method."""
    names = list(known)
    near = nearest(name, names)
    listed = ", ".join(dict.fromkeys(names))
    way = _write(near, f"it has {listed}" if listed else f"remove `.{name}`")
    return Finding(span=span, message=f"{describe(value)} has no `{name}`", help=way)


@fault("N103")
def clock_in_sampler(span: Span | None, name: str, reader: Span) -> Finding:
    """A sampler or an evaluation reads the clock of training, which stands still there."""
    return Finding(
        span=span, message=f"`{name}` is the clock of a stage, and there is none in samplers and evaluations",
        help="write a number instead", notes=(Note(reader, "it is read for this"),),
    )  # fmt: skip


@fault("N104")
def unknown_argument(span: Span | None, name: str, function: str, known: Iterable[str]) -> Finding:
    """A call names an argument that the function does not have."""
    names = list(known)
    way = _write(nearest(name, names), f"its arguments are {', '.join(names)}")
    return Finding(span=span, message=f"`{function}` has no argument `{name}`", help=way)


@fault("N105")
def unknown_word(span: Span | None, word: str, words: Iterable[str]) -> Finding:
    """A bare word stands where the signature lists others."""
    known = list(words)
    way = _write(nearest(word, known), f"write one of {', '.join(known)}")
    return Finding(span=span, message=f"`{word}` is not a choice here", help=way)


@fault("N106")
def no_such_line(span: Span | None, model: str, name: str, lines: Iterable[str]) -> Finding:
    """A density or a condition names a line that the model does not have."""
    known = list(lines)
    way = _write(nearest(name, known), f"its lines are {', '.join(known)}" if known else "give its observed value, without a name")
    return Finding(span=span, message=f"the model `{model}` has no line `{name}`", help=way)


@fault("N107")
def bare_operator(span: Span | None, name: str) -> Finding:
    """An operator stands without arguments, where a value or a function is needed."""
    return Finding(span=span, message=f"`{name}` is an operator, and stands here without arguments", help=f"write {name}(_) for the function, or call it on values")


# types ----------------------------------------------------------------------------------------------------------------


@fault("T201")
def not_a_model(span: Span | None, value: object) -> Finding:
    """A draw, or a place that needs a model, has something that is not random."""
    return Finding(
        span=span, message=f"this is {describe(value)}, not a model, so it cannot be drawn",
        help="drop the `~`, or draw a distribution, a flow or a model",
    )  # fmt: skip


@fault("T202")
def weighted_draw(span: Span | None, model: str) -> Finding:
    """A tilted or conditioned model is drawn with `~`: it has no exact draw."""
    return Finding(
        span=span, message=f"`{model}` is weighted, so it has no exact draw",
        help="draw it with dynamics: ~langevin(model, steps=60, step_size=0.01)",
    )  # fmt: skip


@fault("T203")
def unnormalised(span: Span | None, model: str) -> Finding:
    """The `log_prob` of a tilted or conditioned model is asked for, whose normaliser is unknown."""
    return Finding(
        span=span, message=f"`{model}` is known up to its normaliser, so it has no `log_prob`",
        help=f"write {model}.log_density(..): the same up to log Z",
    )  # fmt: skip


@fault("T204")
def not_a_number(span: Span | None, value: object) -> Finding:
    """Arithmetic, or an operator, is given something that is not a number or a tensor."""
    way = "draw it with `~`" if "model" in describe(value) or "distribution" in describe(value) else "call it, or name a value"
    return Finding(span=span, message=f"a number or a tensor is needed here, and this is {describe(value)}", help=way)


@fault("T205")
def not_a_tensor(span: Span | None, value: object) -> Finding:
    """A tensor is needed, and something else is given."""
    return Finding(span=span, message=f"a tensor is needed here, and this is {describe(value)}", help="name a tensor of the graph")


@fault("T206")
def model_as_argument(span: Span | None, block: str) -> Finding:
    """A block is given a model where it takes a value."""
    return Finding(span=span, message=f"`{block}` takes a value, and is given a model", help="draw the model: put `~` before it")


@fault("T207")
def not_callable(span: Span | None, value: object) -> Finding:
    """Something is called that is no function, block or operator."""
    return Finding(span=span, message=f"{describe(value)} cannot be called", help="call a block, a function or an operator")


@fault("T208")
def wrong_count(span: Span | None, name: str, wanted: int, given: int) -> Finding:
    """A function is called with the wrong number of arguments."""
    return Finding(
        span=span, message=f"`{name}` takes {wanted} argument{'s' * (wanted != 1)}, and is given {given}",
        help=f"give it {wanted}",
    )  # fmt: skip


@fault("T209")
def wrong_arguments(span: Span | None, name: str, signature: str, given: int) -> Finding:
    """The arguments of a call do not fit the signature of what is called."""
    return Finding(
        span=span, message=f"`{name}` takes {signature}, and is given {given or 'no'} argument{'s' * (given != 1)} here",
        help=f"write {name}{signature}",
    )  # fmt: skip


@fault("T210")
def named_argument(span: Span | None, name: str | None) -> Finding:
    """A function of the spec is called with a named argument; its parameters go by position."""
    return Finding(span=span, message=f"`{name}=` is named, and this function takes its arguments by position", help=f"drop `{name}=`")


@fault("T211")
def hole_outside_function(span: Span | None) -> Finding:
    """A `_` stands where no function is expected."""
    return Finding(span=span, message="`_` leaves an argument open, and no function is expected here", help="write the value")


@fault("T212")
def not_an_energy(span: Span | None, value: object) -> Finding:
    """An energy or a tilting function gives something that is not a tensor."""
    return Finding(span=span, message=f"an energy is one number per sample, and this is {describe(value)}", help="use a block of kind energy.*, or an expression that gives a number per sample")


@fault("T213")
def foreign_time(span: Span | None, block: str, method: str, chain: str | None) -> Finding:
    """A diffusion chain is given a time that is not its own time step."""
    what = f"a time step of `{chain}`" if chain else "no time step"
    return Finding(
        span=span, message=f"`{block}.{method}` takes a time step of `{block}`, and `t` is {what}",
        help=f"draw it from ~{block}.timestep, or write a whole number",
    )  # fmt: skip


@fault("T214")
def not_a_level(span: Span | None, block: str, time: float) -> Finding:
    """A level of a diffusion chain is not a whole number."""
    return Finding(span=span, message=f"levels of `{block}` are whole numbers, not {time}", help=f"write {round(time)}")


@fault("T215")
def not_noise(span: Span | None, model: str) -> Finding:
    """`.at` is given something that is not noise of the model."""
    return Finding(span=span, message=f"`{model}.at` takes the noise of `{model}`", help=f"draw it: ~{model}.noise")


@fault("T216")
def wrong_noise(span: Span | None, model: str, lines: Iterable[str]) -> Finding:
    """The noise given to a model has other leaves than the model."""
    wanted = ", ".join(lines) or "one leaf"
    return Finding(span=span, message=f"the noise given to `{model}` does not fit: its leaves are {wanted}", help=f"draw it from {model}.noise, or write record(..) with these names")


@fault("T217")
def no_density(span: Span | None, model: str, why: str) -> Finding:
    """The density of a model is asked for that has none in closed form."""
    return Finding(span=span, message=f"`{model}` has no log_prob: {why}", help="use a model with a density, or the joint density of a program: m.log_prob(z=z, x=x)")


@fault("T218")
def latent_not_given(span: Span | None, model: str, line: str, place: Span | None) -> Finding:
    """A density leaves a random line of the program open: it would have to be integrated over."""
    notes = (Note(place, f"`{line}` is drawn here"),) if place else ()
    return Finding(
        span=span, message=f"the density of `{model}` needs a value for `{line}`, which it integrates over",
        help=f"give the joint density: {model}.log_prob({line}=.., ..)", notes=notes,
    )  # fmt: skip


@fault("T219")
def line_without_density(span: Span | None, model: str, line: str) -> Finding:
    """A density or a condition gives a value to a line that is not a draw."""
    return Finding(span=span, message=f"the line `{line}` of `{model}` is not drawn, so it has no density", help=f"draw it: `{line}: ~...`")


@fault("T220")
def needs_init(span: Span | None) -> Finding:
    """Dynamics in an energy have nowhere to start."""
    return Finding(span=span, message="dynamics in an energy need a start", help="add init=, a value or a model: init=normal(like=x)")


@fault("T221")
def not_a_start(span: Span | None) -> Finding:
    """The start of dynamics is neither a value nor a record of values."""
    return Finding(span=span, message="the start of a chain is a tensor, a model, or a record of them", help="write init=normal(like=x), or init=record(z=.., x=..)")


@fault("T222")
def discrete_chain(span: Span | None, model: str, place: Span | None) -> Finding:
    """Dynamics would run through a discrete draw, which has no noise space."""
    notes = (Note(place, "this draw is discrete"),) if place else ()
    return Finding(
        span=span, message=f"dynamics run in the noise space of `{model}`, and one of its draws is discrete: its noise moves nothing",
        help="use its mean in the model: `x: decoder(z).mean`", notes=notes,
    )  # fmt: skip


@fault("T237")
def uniform_chain(span: Span | None, model: str, place: Span | None) -> Finding:
    """Dynamics would run in the noise space of a model whose noise is not normal: the chain could leave its support."""
    notes = (Note(place, "the noise of this draw is uniform"),) if place else ()
    return Finding(
        span=span, message=f"dynamics run in normal noise, and a draw of `{model}` has uniform noise",
        help="add space=values, or draw it from a normal", notes=notes,
    )  # fmt: skip


@fault("T223")
def needs_block(span: Span | None, word: str, value: object) -> Finding:
    """`freeze` or `ema` is given something that is not a block."""
    return Finding(span=span, message=f"`{word}` takes a block, and this is {describe(value)}", help=f"write {word}(block)(value)" if word == "freeze" else "name a block")


@fault("T224")
def needs_function(span: Span | None, value: object) -> Finding:
    """A function is needed, and something else is given."""
    return Finding(span=span, message=f"a function is needed here, and this is {describe(value)}", help="name a block or a function, or leave an argument open with `_`")


@fault("T225")
def no_closed_form(span: Span | None, first: str, second: str) -> Finding:
    """The divergence of two distributions has no closed form here."""
    return Finding(span=span, message=f"kl({first}, {second}) has no closed form", help="give a draw: kl(q, p, at=z) is q.log_prob(z) - p.log_prob(z)")


@fault("T226")
def missing_argument(span: Span | None, function: str, name: str) -> Finding:
    """A call leaves out an argument that has no default."""
    return Finding(span=span, message=f"`{function}` needs `{name}`", help=f"add {name}=..")


@fault("T227")
def not_whole(span: Span | None, name: str, value: object) -> Finding:
    """An argument that counts something is not a positive whole number."""
    return Finding(span=span, message=f"`{name}` is a whole number of at least 1, not {value if isinstance(value, int | float) else describe(value)}", help=f"write {name}=40")


@fault("T228")
def not_a_chain(span: Span | None, value: object) -> Finding:
    """`reverse` is given something that is not a diffusion chain."""
    return Finding(span=span, message=f"`reverse` scans a diffusion chain, and this is {describe(value)}", help="name a block of kind diffusion.*")


@fault("T229")
def not_a_program(span: Span | None, value: object) -> Finding:
    """`condition` is given something that has no lines."""
    return Finding(span=span, message=f"`condition` takes a model with named lines, and this is {describe(value)}", help="write the model as lines: z: ~..., x: ~...")


@fault("T230")
def too_many_arguments(span: Span | None, function: str, wanted: int) -> Finding:
    """A call has more arguments by position than the function takes."""
    return Finding(span=span, message=f"`{function}` takes {wanted} arguments by position", help="name the others, or drop them")


@fault("T231")
def dependent_tilt(span: Span | None, model: str, line: str) -> Finding:
    """A tilt inside a program depends on an earlier draw: its normaliser is then not a constant."""
    return Finding(span=span, message=f"this tilt depends on the draw `{line}`, so its normaliser changes with it", help=f"tilt the whole model `{model}` instead")


@fault("T232")
def no_such_level(span: Span | None, chain: str, start: int, levels: int) -> Finding:
    """A reverse scan starts above the last level of its chain."""
    return Finding(span=span, message=f"`{chain}` has {levels} levels, so a scan cannot start at {start}", help=f"write start={levels}")


@fault("T233")
def constant_term(span: Span | None, name: str) -> Finding:
    """A term is a plain number: there is nothing to train."""
    return Finding(span=span, message=f"the term `{name}` is a constant", help="write an expression of the graph")


@fault("T234")
def not_a_sample(span: Span | None, value: object) -> Finding:
    """A sampler gives something that is neither a tensor nor a record of tensors."""
    way = "draw it: put `~` before it" if "model" in describe(value) or "distribution" in describe(value) else "name a value"
    return Finding(span=span, message=f"a sampler gives values, and this is {describe(value)}", help=way)


@fault("T235")
def option_without_default(span: Span | None, name: str) -> Finding:
    """A sampler's option has no default, so it cannot be drawn while training."""
    return Finding(span=span, message=f"the option `{name}` of this sampler has no default", help=f"write {name}=1.0 in its name")


@fault("T236")
def unlike_records(span: Span | None, first: list[str], others: list[list[str]]) -> Finding:
    """An operator maps over records that have different fields."""
    other = next(names for names in others if names != first)
    return Finding(
        span=span, message=f"one record has the fields {', '.join(first)}, the other {', '.join(other)}",
        help="give records of the same fields, or one field of each",
    )  # fmt: skip


def _write(near: str | None, otherwise: str) -> str:
    return f"write `{near}`" if near else otherwise
