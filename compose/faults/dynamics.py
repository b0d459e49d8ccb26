"""Faults of chains (codes T): dynamics in an energy, and diffusion."""

from __future__ import annotations

from dataclasses import replace

from compose.diagnostics import Finding, Note, Span, SpecError
from compose.faults.declaring import describe, fault
from compose.graph import Node

__all__ = [
    "beyond_levels",
    "chain_noise",
    "discrete_chain",
    "foreign_time",
    "keeps_nothing",
    "needs_init",
    "no_such_level",
    "not_a_chain",
    "not_a_level",
    "not_a_start",
    "not_an_energy",
    "random_chain",
    "uniform_chain",
]


@fault("T212")
def not_an_energy(span: Span | None, value: object) -> Finding:
    """An energy or a tilting function gives something that is not a tensor.

    Wrong: `tilt(vae, f)` where `f(v): record(a=v)`.   Right: `tilt(vae, energy)`.
    """
    return Finding(
        span=span,
        message=f"an energy is one number per sample, and this is {describe(value)}",
        help="use a block of kind energy.*, or an expression that gives a number per sample",
    )


@fault("T213")
def foreign_time(span: Span | None, block: str, method: str, chain: str | None) -> Finding:
    """A diffusion chain is given a time that is not its own time step.

    Wrong: `fine.diffuse(x, t)` with `t: ~coarse.timestep`.   Right: `t: ~fine.timestep`.
    """
    what = f"a time step of `{chain}`" if chain else "no time step"
    return Finding(
        span=span,
        message=f"`{block}.{method}` takes a time step of `{block}`, and `t` is {what}",
        help=f"draw it from ~{block}.timestep, or write a whole number",
    )


def beyond_levels(span: Span | None, block: str, method: str, last: int) -> SpecError:
    """Arithmetic on a time step that can leave the levels of its chain: the same code as any time that is none."""
    told = foreign_time(span, block, method, None).findings[0]
    cause = f"of arithmetic on one only sums and differences with a number that stay in 0 .. {last} are time steps"
    return SpecError(
        (
            replace(
                told,
                message=f"`{block}.{method}` takes a time step of `{block}`; {cause}",
                help=f"write `t - 1`, `{last} - t` or a whole number, or draw another ~{block}.timestep",
            ),
        )
    )


@fault("T214")
def not_a_level(span: Span | None, block: str, time: float) -> Finding:
    """A level of a diffusion chain is not a whole number.

    Wrong: `chain.diffuse(x, 1.5)`.   Right: `chain.diffuse(x, 2)`.
    """
    return Finding(span=span, message=f"levels of `{block}` are whole numbers, not {time}", help=f"write {round(time)}")


@fault("T220")
def needs_init(span: Span | None) -> Finding:
    """Dynamics in an energy have nowhere to start.

    Wrong: `~langevin(energy, steps=60, step_size=0.01)`.
    Right: `~langevin(energy, normal(like=x), steps=60, step_size=0.01)`.
    """
    return Finding(
        span=span,
        message="dynamics in an energy need a start",
        help="add init=, a value or a model: init=normal(like=x)",
    )


@fault("T221")
def not_a_start(span: Span | None) -> Finding:
    """The start of dynamics is neither a value nor a record of values.

    Wrong: `langevin(energy, 3, ..)`.   Right: `langevin(energy, normal(like=x), ..)`.
    """
    return Finding(
        span=span,
        message="the start of a chain is a tensor, a model, or a record of them",
        help="write init=normal(like=x), or init=record(z=.., x=..)",
    )


@fault("T222")
def discrete_chain(span: Span | None, model: str, place: Span | None) -> Finding:
    """Dynamics would run through a discrete draw, which has no noise space.

    Wrong: a chain in `x: ~decoder(z)` with `output: bernoulli`.   Right: `x: decoder(z).mean`.
    """
    notes = (Note(place, "this draw is discrete"),) if place else ()
    return Finding(
        span=span,
        message=f"dynamics run in the noise space of `{model}`, where a discrete draw cannot be moved",
        help="use its mean in the model: `x: decoder(z).mean`",
        notes=notes,
    )


@fault("T238")
def keeps_nothing(span: Span | None, keep: int, steps: int) -> Finding:
    """A chain keeps every so many of its states, and ends before the first of them.

    Wrong: `langevin(vae, steps=3, step_size=0.1, keep=5)`.   Right: `keep=1`.
    """
    return Finding(
        span=span,
        message=f"of {steps} steps none is the {keep}th, so nothing is kept",
        help=f"write keep={max(steps // 2, 1)}",
    )


@fault("T244")
def chain_noise(span: Span | None, seed: Node) -> Finding:
    """The noise of a chain or a scan is asked for: it is drawn step by step inside, and not kept.

    Wrong: `neg.noise` of `neg: ~langevin(vaebm, ..)`.   Right: `neg.state`, where the chain ended.
    """
    return Finding(
        span=span,
        message=f"`{seed.leaf.path if seed.leaf else seed.name}` is noise that a loop draws inside, step by step",
        help="read `.state`, where a chain ended, or hand the noise on as it is: m.at(~m.noise)",
    )


@fault("T245")
def random_chain(span: Span | None, place: Span | None) -> Finding:
    """What a chain or a flow follows draws noise of its own in each step.

    Wrong: `langevin(energy(_ + ~normal(like=_)), ..)`.   Right: `langevin(energy(_ + ~normal(like=x)), ..)`.
    """
    notes = (Note(place, "this is drawn anew wherever the chain stands"),) if place else ()
    return Finding(
        span=span,
        message="a chain follows a function without noise, and this one draws",
        help="draw before the chain, on a line of its own",
        notes=notes,
    )


@fault("T228")
def not_a_chain(span: Span | None, value: object) -> Finding:
    """`reverse` is given something that is not a diffusion chain.

    Wrong: `reverse(energy, denoise)`.   Right: `reverse(chain, denoise)`.
    """
    return Finding(
        span=span,
        message=f"`reverse` scans a diffusion chain, and this is {describe(value)}",
        help="name a block of kind diffusion.*",
    )


@fault("T232")
def no_such_level(span: Span | None, chain: str, start: int, levels: int) -> Finding:
    """A reverse scan starts above the last level of its chain.

    Wrong: `reverse(chain, denoise, start=5)` of 4 levels.   Right: `start=4`.
    """
    return Finding(
        span=span,
        message=f"`{chain}` has {levels} levels, so a scan cannot start at {start}",
        help=f"write start={levels}",
    )


@fault("T237")
def uniform_chain(span: Span | None, model: str, place: Span | None) -> Finding:
    """Dynamics would run in the noise space of a model whose noise is not normal: the chain could leave its support.

    Wrong: a chain in `uniform(-1, 1, like=x)`.   Right: `space=values`, or `normal(like=x)`.
    """
    notes = (Note(place, "the noise of this draw is uniform"),) if place else ()
    return Finding(
        span=span,
        message=f"dynamics run in normal noise, and a draw of `{model}` has uniform noise",
        help="add space=values, or draw it from a normal",
        notes=notes,
    )
