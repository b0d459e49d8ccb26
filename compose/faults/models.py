"""Faults of models (codes T): draws, densities and noise."""

from __future__ import annotations

from collections.abc import Iterable

from compose.diagnostics import Finding, Note, Span
from compose.faults.declaring import describe, fault

__all__ = [
    "dependent_tilt",
    "latent_not_given",
    "line_without_density",
    "no_closed_form",
    "no_density",
    "not_a_program",
    "not_noise",
    "unnormalised",
    "weighted_draw",
    "wrong_noise",
]


@fault("T202")
def weighted_draw(span: Span | None, model: str) -> Finding:
    """A tilted or conditioned model is drawn with `~`: it has no exact draw.

    Wrong: `neg: ~tilt(vae, energy)`.   Right: `neg: ~langevin(tilt(vae, energy), steps=60, step_size=0.01)`.
    """
    return Finding(
        span=span,
        message=f"`{model}` is weighted, so it has no exact draw",
        help=f"draw it with dynamics: ~langevin({model if '..' not in model else 'model'}, steps=60, step_size=0.01)",
    )


@fault("T203")
def unnormalised(span: Span | None, model: str) -> Finding:
    """The `log_prob` of a tilted or conditioned model is asked for, whose normaliser is unknown.

    Wrong: `-vaebm.log_prob(x)`.   Right: `-vaebm.log_density(x)`.
    """
    return Finding(
        span=span,
        message=f"`{model}` is known up to its normaliser, so it has no `log_prob`",
        help=f"write {model}.log_density(..): the same up to log Z",
    )


@fault("T215")
def not_noise(span: Span | None, model: str) -> Finding:
    """`.at` is given something that is not noise of the model.

    Wrong: `vae.at(normal)`.   Right: `vae.at(~vae.noise)`.
    """
    return Finding(span=span, message=f"`{model}.at` takes the noise of `{model}`", help=f"draw it: ~{model}.noise")


@fault("T216")
def wrong_noise(span: Span | None, model: str, lines: Iterable[str], tensor: str = "") -> Finding:
    """The noise given to a model has other leaves than the model; or is one `tensor`, such as what a memory reads.

    Wrong: `vae.at(record(w=e))`.   Right: `vae.at(record(z=e, x=f))`.
    """
    first, *others = names = list(lines) or ["one leaf"]
    wanted = ", ".join(names)
    if tensor and others:
        record = ", ".join([f"{first}={tensor}", *(f"{each}=~normal" for each in others)])
        message = f"the noise of `{model}` has the leaves {wanted}, and `{tensor}` is one tensor"
        return Finding(span=span, message=message, help=f"write init=record({record})")
    return Finding(
        span=span,
        message=f"the noise given to `{model}` does not fit: its leaves are {wanted}",
        help=f"draw it from {model}.noise, or write record(..) with these names",
    )


@fault("T217")
def no_density(span: Span | None, model: str, why: str) -> Finding:
    """The density of a model is asked for that has none in closed form.

    Wrong: `gan.log_prob(x)` of a generator.   Right: `flow.log_prob(x)`.
    """
    return Finding(
        span=span,
        message=f"`{model}` has no log_prob: {why}",
        help="use a model with a density, or the joint density of a program: m.log_prob(z=z, x=x)",
    )


@fault("T218")
def latent_not_given(span: Span | None, model: str, line: str, place: Span | None) -> Finding:
    """A density leaves a random line of the program open: it would have to be integrated over.

    Wrong: `vae.log_prob(x)`.   Right: `vae.log_prob(z=z, x=x)`.
    """
    notes = (Note(place, f"`{line}` is drawn here"),) if place else ()
    return Finding(
        span=span,
        message=f"the density of `{model}` needs a value for `{line}`, which it integrates over",
        help=f"give the joint density: {model}.log_prob({line}=.., ..)",
        notes=notes,
    )


@fault("T219")
def line_without_density(span: Span | None, model: str, line: str, asked: Span | None = None) -> Finding:
    """A density or a condition gives a value to a line that is not a draw.

    Wrong: `gan.log_prob(z=z, x=x)` where `x: decoder(z)`.   Right: `x: ~decoder(z)`.
    """
    return Finding(
        span=span,
        message=f"the line `{line}` of `{model}` is not drawn, so it has no density",
        help=f"draw it: `{line}: ~...`",
        notes=(Note(asked, "its density is asked for here"),) if asked else (),
    )


@fault("T225")
def no_closed_form(span: Span | None, first: str, second: str, swapped: bool = False) -> Finding:
    """The divergence of two distributions has no closed form here.

    `swapped`: that of the second from the first has one.

    Wrong: `kl(q, flow)`, `kl(normal, q)`.   Right: `kl(q, flow, at=z)`, `kl(q, normal)`.
    """
    return Finding(
        span=span,
        message=f"kl({first}, {second}) has no closed form",
        help=f"the other order has one: write kl({second}, {first})"
        if swapped
        else f"estimate it at a draw z of {first}: kl({first}, {second}, at=z)",
    )


@fault("T229")
def not_a_program(span: Span | None, value: object) -> Finding:
    """`condition` is given something that has no lines.

    Wrong: `condition(push(normal, g), z=v)`.   Right: `condition(vae, z=v)`.
    """
    return Finding(
        span=span,
        message=f"`condition` takes a model with named lines, and this is {describe(value)} without any",
        help="write the model as lines: z: ~..., x: ~...",
    )


@fault("T231")
def dependent_tilt(span: Span | None, model: str, line: str) -> Finding:
    """A tilt inside a program depends on an earlier draw: its normaliser is then not a constant.

    Wrong: `x: ~tilt(decoder(z), energy)` in a model.   Right: `tilt(vae, energy)` of the whole.
    """
    return Finding(
        span=span,
        message=f"this tilt depends on the draw `{line}`, so its normaliser changes with it",
        help=f"tilt the whole model `{model}` instead",
    )
