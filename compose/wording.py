"""What can be wrong with sizes (codes S): the wording of each finding."""

from __future__ import annotations

from blocks.types import Classes, Levels, Taken
from compose.diagnostics import Finding, Note, Span, finding
from compose.graph import Tensor

__all__ = [
    "changed_rows",
    "missing_input",
    "not_scalar",
    "other_count",
    "refused_sizes",
    "shapes_disagree",
    "two_sizes",
    "unequal_events",
    "unsized_block",
    "unsized_leaf",
    "wide_term",
]


def said(taken: Taken) -> str:
    """A size in words."""
    if isinstance(taken, Levels):
        return f"a time step of {taken.count} levels"
    if isinstance(taken, Classes):
        return f"an index of {taken.count} classes"
    return " x ".join(map(str, taken)) or "one number"


def _value(taken: Taken) -> str:
    """What is given, in words."""
    return said(taken) if isinstance(taken, Levels | Classes) else f"a value of size {said(taken)}"


@finding("S101", "error")
def unsized_leaf(span: Span | None, path: str) -> Finding:
    """A draw whose shape nothing fixes: a bare `normal` is shaped by its use, and no use says how.

    Wrong: `square_norm(~normal)`.   Right: `square_norm(~normal(like=x))`.
    """
    return Finding(
        span=span,
        message=f"nothing says what shape the draw `{path}` has",
        help="write its shape by example: ~normal(like=x)",
    )


@finding("S102", "error")
def unequal_events(span: Span | None, name: str, left: Tensor, right: Tensor) -> Finding:
    """A loss compares two values of different shapes.

    Wrong: `squared_error(encoder(x), x)`.   Right: `squared_error(decoder(encoder(x)), x)`.
    """
    return Finding(
        span=span,
        message=f"`{name}` compares {left} with {right}",
        help="make both the same shape: a decoder makes the shape of `like:`, which is the data's x unless written",
    )


@finding("S103", "error")
def shapes_disagree(span: Span | None, cause: str, uses: list[tuple[Span | None, str]]) -> Finding:
    """A call fails on the shapes that reach it.

    Wrong: `encoder(x) + x` of unlike sizes.   Right: `decoder(encoder(x)) + x`.
    """
    notes = tuple(Note(place, text) for place, text in uses if place is not None)
    return Finding(
        span=span,
        message=f"the sizes here do not fit: {cause}",
        help="give it values of one shape, or map one of them with a block",
        notes=notes,
    )


@finding("S104", "error")
def two_sizes(span: Span | None, block: str, size: Taken, others: Taken, places: list[Span], swapped: bool) -> Finding:
    """A block is called on values of different sizes.

    Wrong: `energy(x)` and `energy(z)` of unlike sizes.   Right: one energy for each.
    """
    return Finding(
        span=span,
        message=f"`{block}` is given {_value(size)} here, and {_value(others)} elsewhere",
        help="give the arguments in the order of the other calls" if swapped else "use one block for each size",
        notes=tuple(Note(place, f"`{block}` takes {_value(others)} here") for place in places),
    )


@finding("S109", "error")
def other_count(span: Span | None, block: str, given: int, takes: int, place: Span) -> Finding:
    """A block is given another number of values than its options or its other calls say.

    Wrong: `critic(x)` beside `critic(x, t)`.   Right: the same number of values in every call.
    """
    return Finding(
        span=span,
        message=f"`{block}` is given {given} value{'s' * (given != 1)} here, and takes {takes}",
        help=f"give it {takes} everywhere, or use another block here",
        notes=(Note(place, f"`{block}` takes {takes} by this"),),
    )


@finding("S140", "error")
def missing_input(span: Span | None, block: str, name: str, inputs: tuple[str, ...]) -> Finding:
    """A call leaves out an input that the kind of block needs, such as the time of a denoiser.

    Wrong: `denoiser(x_t, ~normal)`.   Right: `denoiser(x_t, t, ~normal)`.
    """
    what = "its time" if name == "t" else "a value"
    return Finding(
        span=span,
        message=f"`{block}` takes `{', '.join(inputs)}`, and this call leaves out `{name}`, {what}",
        help=f"write {block}({', '.join(inputs[: inputs.index(name) + 1])}, ..)",
    )


@finding("S105", "error")
def refused_sizes(span: Span | None, block: str, cause: str) -> Finding:
    """A block refuses its options, or the sizes that its uses give it.

    Wrong: `{kind: decoder.mlp, std: shared}`.   Right: `{kind: decoder.mlp, output: normal, std: shared}`.
    """
    return Finding(
        span=span,
        message=f"`{block}` cannot be built: {cause}",
        help=f"change the options of `{block}`, or what it is called on",
    )


@finding("S106", "error")
def not_scalar(span: Span | None, known: Tensor) -> Finding:
    """An energy or a tilting function is not one number per sample.

    Wrong: `tilt(vae, encoder)`.   Right: `tilt(vae, energy)`.
    """
    return Finding(
        span=span,
        message=f"an energy is one number per sample, and this is {known}",
        help="sum it over the event: sum(..), or use a block of kind energy.*",
    )


@finding("S110", "error")
def wide_term(span: Span | None, name: str, known: Tensor) -> Finding:
    """A term is neither one number per sample nor one number.

    Wrong: `loss: (x_hat - x) ** 2`.   Right: `loss: squared_error(x_hat, x)`.
    """
    return Finding(
        span=span,
        message=f"a term is one number per sample, and `{name}` is {known}",
        help="say how its entries count: sum(..) or mean(..)",
    )


@finding("S107", "error")
def changed_rows(span: Span | None, rows: int, shape: tuple[int, ...]) -> Finding:
    """A value does not have one row for each sample of the batch.

    Wrong: `concatenate(x, x, axis=-2)` of vectors.   Right: `concatenate(x, x)`.
    """
    return Finding(
        span=span,
        message=f"this should have {rows} rows, one for each sample, and has the shape {shape}",
        help="keep the batch axis first",
    )


@finding("S108", "error")
def unsized_block(span: Span | None, block: str) -> Finding:
    """A block's sizes are fixed by no call of it.

    Wrong: `like: x_hat` for the decoder that makes `x_hat`.   Right: `like: x`.
    """
    return Finding(
        span=span,
        message=f"nothing says what sizes `{block}` has",
        help=f"call `{block}` on a value of known size, or let its `like:` name one",
    )
