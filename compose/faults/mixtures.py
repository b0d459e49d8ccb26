"""What can be wrong with mixtures and products."""

from __future__ import annotations

from compose.diagnostics import Finding, Span
from compose.faults.declaring import fault

__all__ = ["lone_part", "not_a_normal", "unlike_weights", "weighted_part"]


@fault("T410")
def lone_part(span: Span | None, word: str, count: int) -> Finding:
    """A mixture or a product is made of fewer than two models.

    Wrong: `mixture(flow)`.   Right: `mixture(flow, normal)`.
    """
    told = "none" if not count else "one"
    return Finding(
        span=span, message=f"a {word} is of two models or more, here there is {told}", help=f"write `{word}(a, b)`"
    )


@fault("T411")
def unlike_weights(span: Span | None, models: int, weights: int) -> Finding:
    """A mixture has not one weight for each of its models.

    Wrong: `mixture(a, b, weights=[0.2, 0.3, 0.5])`.   Right: `mixture(a, b, weights=[0.2, 0.8])`.
    """
    return Finding(
        span=span,
        message=f"a mixture of {models} models has {weights} weight{'s' * (weights != 1)}",
        help=f"write `weights=[..]` with {models} numbers, which need not add up to one",
    )


@fault("T412")
def weighted_part(span: Span | None, model: str) -> Finding:
    """A part of a mixture is known up to a factor only, so that nothing says how often it is to be chosen.

    Wrong: `mixture(tilt(normal, energy), normal)`.   Right: `mixture(~langevin(..), ..)`, or tilt the mixture.
    """
    return Finding(
        span=span,
        message=f"`{model}` is known up to a factor only: a mixture cannot weigh it against others",
        help="tilt the mixture of unweighted models instead: `tilt(mixture(a, b), energy)`",
    )


@fault("T413")
def not_a_normal(span: Span | None, block: str, returns: str) -> Finding:
    """`aggregate` is given a block whose call is no normal, so that its average over rows has no density.

    Wrong: `aggregate(encoder, pseudo)` with `output: tensor`.   Right: `encoder: {.., output: normal}`.
    """
    return Finding(
        span=span,
        message=f"`{block}` gives a {returns}, and `aggregate` averages normals",
        help=f"declare `{block}` with `output: normal`",
    )
