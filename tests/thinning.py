"""Cases of one kind: of many, the default suite runs every n-th, and `make slow` the others too."""

from collections.abc import Iterable

import pytest

__all__ = ["thinned"]


def thinned(cases: Iterable, *, every: int) -> list:
    """The cases as parameters, all but every `every`-th marked slow; a tuple is the values of several arguments."""
    made = []
    for number, case in enumerate(cases):
        values = case if isinstance(case, tuple) else (case,)
        made.append(pytest.param(*values, marks=[pytest.mark.slow] if number % every else []))
    return made
