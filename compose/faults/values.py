"""Faults of values (codes T): what stands where something else is needed."""

from __future__ import annotations

import math

from compose.diagnostics import Finding, Note, Span
from compose.faults.declaring import describe, fault

__all__ = [
    "constant_term",
    "hole_outside_function",
    "missing_argument",
    "model_as_argument",
    "named_argument",
    "needs_block",
    "needs_function",
    "not_a_model",
    "not_a_number",
    "not_a_sample",
    "not_a_tensor",
    "not_callable",
    "not_shareable",
    "not_whole",
    "option_without_default",
    "out_of_bounds",
    "too_many_arguments",
    "unlike_records",
    "unrelated_gradient",
    "wrong_arguments",
    "wrong_count",
]


def _made(place: Span | None) -> tuple[Note, ...]:
    return (Note(place, "it is made here"),) if place is not None else ()


@fault("T201")
def not_a_model(span: Span | None, value: object, drawn: bool = True) -> Finding:
    """A draw, or a place that needs a model, has something that is not random.

    Wrong: `z: ~encoder(x)` of an encoder without noise.   Right: `z: encoder(x)`, or `output: normal`.
    """
    if not drawn:
        return Finding(
            span=span,
            message=f"a model or distribution is needed here, and this is {describe(value)}",
            help="name one: a flow, a model, or a call of an encoder or decoder that is declared with `output: normal`",
        )
    return Finding(
        span=span,
        message=f"this is {describe(value)}, not a model, so it cannot be drawn",
        help="drop the `~`, or draw a distribution, a flow or a model",
    )


@fault("T204")
def not_a_number(span: Span | None, value: object, place: Span | None = None) -> Finding:
    """Arithmetic, or an operator, is given something that is not a number or a tensor.

    Wrong: `2 * q` of a distribution `q`.   Right: `2 * ~q`.
    """
    way = (
        "draw it with `~`"
        if "model" in describe(value) or "distribution" in describe(value)
        else "call it, or name a value"
    )
    return Finding(
        span=span,
        message=f"a number or a tensor is needed here, and this is {describe(value)}",
        help=way,
        notes=_made(place),
    )


@fault("T205")
def not_a_tensor(span: Span | None, value: object, place: Span | None = None, way: str = "") -> Finding:
    """A tensor is needed, and something else is given.

    Wrong: `grad(energy, x)`.   Right: `grad(energy(x), x)`.
    """
    way = way or ("draw it with `~`" if "model" in describe(value) else "name a tensor of the graph")
    message = f"a tensor is needed here, and this is {describe(value)}"
    return Finding(span=span, message=message, help=way, notes=_made(place))


@fault("T206")
def model_as_argument(span: Span | None, block: str, value: object) -> Finding:
    """A block is given a model where it takes a value.

    Wrong: `decoder(normal)`.   Right: `decoder(~normal)`.
    """
    return Finding(
        span=span,
        message=f"`{block}` takes a value, and is given {describe(value)}",
        help="draw the model: put `~` before it",
    )


@fault("T207")
def not_callable(span: Span | None, value: object) -> Finding:
    """Something is called that is no function, block or operator.

    Wrong: `e(x)` where `e: energy(x)`.   Right: `energy(x)`.
    """
    return Finding(
        span=span, message=f"{describe(value)} cannot be called", help="call a block, a function or an operator"
    )


@fault("T208")
def wrong_count(span: Span | None, name: str, wanted: int, given: int) -> Finding:
    """A function is called with the wrong number of arguments.

    Wrong: `denoise(x_t)` where the model is `denoise(x_t, t)`.   Right: `denoise(x_t, t)`.
    """
    return Finding(
        span=span,
        message=f"`{name}` takes {wanted} argument{'s' * (wanted != 1)}, and is given {given}",
        help=f"give it {wanted}",
    )


@fault("T209")
def wrong_arguments(span: Span | None, name: str, signature: str, given: int) -> Finding:
    """The arguments of a call do not fit the signature of what is called.

    Wrong: `squared_error(x_hat)`.   Right: `squared_error(x_hat, x)`.
    """
    count = f"{given or 'no'} argument{'s' * (given != 1)}"
    return Finding(
        span=span,
        message=f"`{name}` takes {signature}, and is given {count} here",
        help=f"write {name}{signature}",
    )


@fault("T210")
def named_argument(span: Span | None, name: str | None) -> Finding:
    """A function of the spec is called with a named argument; its parameters go by position.

    Wrong: `denoise(x_t, t=t)`.   Right: `denoise(x_t, t)`.
    """
    return Finding(
        span=span,
        message=f"`{name}=` is named, and this function takes its arguments by position",
        help=f"drop `{name}=`",
    )


@fault("T211")
def hole_outside_function(span: Span | None) -> Finding:
    """A `_` stands where no function is expected.

    Wrong: `energy(x) + _`.   Right: `energy(x) + 1`.
    """
    return Finding(
        span=span, message="`_` leaves an argument open, and no function is expected here", help="write the value"
    )


@fault("T223")
def needs_block(span: Span | None, word: str, value: object) -> Finding:
    """`freeze` or `ema` is given something that is not a block.

    Wrong: `freeze(energy(x))`.   Right: `freeze(energy)(x)`.
    """
    return Finding(
        span=span,
        message=f"`{word}` takes a block, and this is {describe(value)}",
        help=f"write {word}(block)(value)" if word == "freeze" else "name a block",
    )


@fault("T224")
def needs_function(span: Span | None, value: object) -> Finding:
    """A function is needed, and something else is given.

    Wrong: `tilt(vae, energy(x))`.   Right: `tilt(vae, energy)`.
    """
    return Finding(
        span=span,
        message=f"a function is needed here, and this is {describe(value)}",
        help="name a block or a function, or leave an argument open with `_`",
    )


@fault("T226")
def missing_argument(span: Span | None, function: str, name: str) -> Finding:
    """A call leaves out an argument that has no default.

    Wrong: `langevin(vaebm, steps=60)`.   Right: `langevin(vaebm, steps=60, step_size=0.01)`.
    """
    return Finding(span=span, message=f"`{function}` needs `{name}`", help=f"add {name}=..")


@fault("T227")
def not_whole(span: Span | None, name: str, value: object, largest: int) -> Finding:
    """An argument that counts something is not a positive whole number, or is larger than any computer could count.

    Wrong: `steps=2.5`.   Right: `steps=2`.
    """
    number = isinstance(value, int | float)
    near = min(max(round(value), 1), largest) if number and math.isfinite(value) else 40
    return Finding(
        span=span,
        message=f"`{name}` is a whole number from 1 to {largest:,}, not {value if number else describe(value)}",
        help=f"write {name}={near}",
    )


@fault("T281")
def out_of_bounds(span: Span | None, name: str, wanted: str, value: float) -> Finding:
    """A number of a call is outside the range in which it means anything.

    Wrong: `langevin(energy, init=x0, steps=60, step_size=-0.01)`.   Right: `step_size=0.01`.
    """
    near = f"{-value:g}" if value < 0 else "0.5" if value > 1 else "0.01"
    return Finding(span=span, message=f"`{name}` must be {wanted}, here it is {value:g}", help=f"write {name}={near}")


@fault("T230")
def too_many_arguments(span: Span | None, function: str, wanted: int) -> Finding:
    """A call has more arguments by position than the function takes.

    Wrong: `tilt(vae, energy, 3)`.   Right: `tilt(vae, energy)`.
    """
    return Finding(
        span=span, message=f"`{function}` takes {wanted} arguments by position", help="name the others, or drop them"
    )


@fault("T233")
def constant_term(span: Span | None, name: str) -> Finding:
    """A term is a plain number: there is nothing to train.

    Wrong: `loss: 3`.   Right: `loss: energy(x)`.
    """
    return Finding(span=span, message=f"the term `{name}` is a constant", help="write an expression of the graph")


@fault("T239")
def unrelated_gradient(span: Span | None) -> Finding:
    """A gradient is asked for with respect to a value that the function is not made of, so it is zero.

    Wrong: `grad(energy(x), 2 * x)`.   Right: `grad(energy(x), x)`.
    """
    return Finding(
        span=span,
        message="no gradient of the first value comes to the second, so this is zero",
        help="name the second value, and use that very name in the first",
    )


@fault("T234")
def not_a_sample(span: Span | None, value: object) -> Finding:
    """A sampler gives something that is neither a tensor nor a record of tensors.

    Wrong: `default: vae`.   Right: `default: ~vae`.
    """
    return Finding(
        span=span,
        message=f"a sampler gives values, and this is {describe(value)}",
        help="draw it, with `~` before it, or name a value",
    )


@fault("T246")
def not_shareable(span: Span | None, name: str, value: object) -> Finding:
    """The updates of a stage share tensors and records of them: a model or a distribution cannot be kept for a step.

    Wrong: `shared: [q]` with `q: encoder(x)`, a distribution.   Right: `shared: [z]` with `z: ~q`.
    """
    return Finding(
        span=span,
        message=f"the updates of a stage share tensors and records of them, and `{name}` is {describe(value)}",
        help=f"share tensors that are drawn or read from it, each on a line of its own, as `drawn: ~{name}`",
    )


@fault("T235")
def option_without_default(span: Span | None, name: str) -> Finding:
    """A sampler's option has no default, so it cannot be drawn while training.

    Wrong: `scaled(factor): ...`.   Right: `scaled(factor=1.0): ...`.
    """
    return Finding(
        span=span, message=f"the option `{name}` of this sampler has no default", help=f"write {name}=1.0 in its name"
    )


@fault("T236")
def unlike_records(span: Span | None, first: list[str], others: list[list[str]]) -> Finding:
    """An operator maps over records that have different fields.

    Wrong: an operator on `record(a=..)` and `record(b=..)`.   Right: on records of the same fields.
    """
    other = next(names for names in others if names != first)
    return Finding(
        span=span,
        message=f"one record has the fields {', '.join(first)}, the other {', '.join(other)}",
        help="give records of the same fields, or one field of each",
    )
