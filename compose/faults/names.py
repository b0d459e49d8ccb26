"""Faults of names (codes N): what an expression uses and nothing has."""

from __future__ import annotations

from collections.abc import Iterable

from compose.diagnostics import Finding, Note, Span
from compose.expressions import Call, unparse
from compose.faults.declaring import describe, fault
from compose.suggestions import meant, respelt

__all__ = [
    "bare_operator",
    "clock_in_sampler",
    "foreign_call",
    "no_attribute",
    "no_such_line",
    "unknown_argument",
    "unknown_name",
    "unknown_word",
]


@fault("N101")
def unknown_name(
    span: Span | None, name: str, known: Iterable[str], others: Iterable[str] = (), sure: bool = True
) -> Finding:
    """An expression uses a name that nothing in the spec, the data or the language has.

    Wrong: `squared_error(x_hut, x)`.   Right: `squared_error(x_hat, x)`.
    """
    names, unfit = list(known), list(others)
    return Finding(
        span=span,
        message=f"nothing is called `{name}`",
        help=meant(name, names, f"add a line `{name}: ..` under `graph`, or correct the name", unfit),
        fix=respelt(span, name, names, unfit) if sure else (),
    )


@fault("N223")
def foreign_call(span: Span | None, written: Call, meant: Call) -> Finding:
    """A call is written as another program would write it.

    Wrong: `F.mse_loss(x_hat, x)`, `z.detach()`, `log_prob(prior, z)`.
    Right: `mse(x_hat, x)`, `sg(z)`, `prior.log_prob(z)`.
    """
    return Finding(
        span=span,
        message=f"`{unparse(written.function)}` is written otherwise here",
        help=f"write {unparse(meant)}",
    )


@fault("N102")
def no_attribute(
    span: Span | None, value: object, name: str, known: Iterable[str], place: Span | None = None
) -> Finding:
    """What stands before the dot has no such field, view or method.

    Wrong: `neg.stat`.   Right: `neg.state`.
    """
    names = list(known)
    listed = ", ".join(f"`.{each}`" for each in dict.fromkeys(names))
    return Finding(
        span=span,
        message=f"{describe(value)} has no `.{name}`",
        help=meant(name, names, f"it has {listed}" if listed else f"remove `.{name}`, or name something that has it"),
        notes=(Note(place, f"this is {describe(value)}"),) if place is not None else (),
        fix=respelt(span, name, names),
    )


@fault("N103")
def clock_in_sampler(span: Span | None, name: str, reader: Span) -> Finding:
    """A sampler or an evaluation reads the clock of training, which stands still there.

    Wrong: `default: ~langevin(energy, x, steps=60, step_size=linear(0.1, 0.01))` among the samplers.
    Right: `step_size=0.01`.
    """
    return Finding(
        span=span,
        message=f"`{name}` is the clock of a stage, and there is none in samplers and evaluations",
        help="write a number instead",
        notes=(Note(reader, "it is read for this"),),
    )


@fault("N104")
def unknown_argument(span: Span | None, name: str, function: str, known: Iterable[str]) -> Finding:
    """A call names an argument that the function does not have.

    Wrong: `langevin(vaebm, stepsize=0.01)`.   Right: `langevin(vaebm, step_size=0.01)`.
    """
    names = list(known)
    return Finding(
        span=span,
        message=f"`{function}` has no argument `{name}`",
        help=meant(name, names, f"its arguments are {', '.join(names)}"),
        fix=respelt(span, name, names),
    )


@fault("N105")
def unknown_word(span: Span | None, word: str, words: Iterable[str]) -> Finding:
    """A bare word stands where the signature lists others.

    Wrong: `space=latent`.   Right: `space=noise`.
    """
    known = list(words)
    return Finding(
        span=span,
        message=f"`{word}` is not a choice here",
        help=meant(word, known, f"write one of {', '.join(known)}"),
        fix=respelt(span, word, known),
    )


@fault("N106")
def no_such_line(span: Span | None, model: str, name: str, lines: Iterable[str]) -> Finding:
    """A density or a condition names a line that the model does not have.

    Wrong: `vae.log_prob(w=z, x=x)`.   Right: `vae.log_prob(z=z, x=x)`.
    """
    known = list(lines)
    listed = f"its lines are {', '.join(known)}" if known else "give its observed value, without a name"
    return Finding(
        span=span,
        message=f"the model `{model}` has no line `{name}`",
        help=meant(name, known, listed),
        fix=respelt(span, name, known),
    )


@fault("N107")
def bare_operator(span: Span | None, name: str) -> Finding:
    """An operator stands without arguments, where a value or a function is needed.

    Wrong: `push(normal, tanh)`.   Right: `push(normal, tanh(_))`.
    """
    return Finding(
        span=span,
        message=f"`{name}` is an operator, and stands here without arguments",
        help=f"write {name}(_) for the function, or call it on values",
    )
