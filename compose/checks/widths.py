"""Widths that nobody means: a hidden layer of one unit, through which everything passes as one number."""

from __future__ import annotations

from collections.abc import Iterator

from compose.build import Composition
from compose.catalogue import Catalogue
from compose.diagnostics import Finding, Span, finding

__all__ = ["check_widths"]

WIDTHS = ("hidden", "channels")  # options that are lists of widths


def check_widths(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Hidden layers and channels of 1 beside wider ones."""
    for name, declared in composition.blocks.items():
        for option in WIDTHS:
            widths = declared.options.get(option)
            if isinstance(widths, list | tuple) and 1 in widths and len(set(widths)) > 1:
                yield single_unit(composition.spec.blocks[name].span(option), name, option, list(widths).index(1))


@finding("S150", "warning")
def single_unit(span: Span, block: str, option: str, at: int) -> Finding:
    """A layer of one unit stands beside wider ones; mostly a slip in an expression, such as `width / width`.

    Wrong: `hidden: [width / width, width]`.   Right: `hidden: [width, width]`.
    """
    return Finding(
        span=span,
        message=f"layer {at + 1} of `{option}` of `{block}` has one unit, so that all passes through one number",
        help="give it the width that was meant",
    )
