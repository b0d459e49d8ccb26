"""How a fault is declared, and the words that its sentences are made of."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec

from compose.diagnostics import Finding, SpecError, finding

__all__ = ["describe", "fault", "write"]

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
    words = {
        "Record": "a record",
        "Function": "a function",
        "tuple": "a list",
        "function": "a method without its arguments",
    }
    return words.get(kind, "a bijection" if "Bijection" in kind else "a model" if "Model" in kind else "something else")


def write(near: str | None, otherwise: str) -> str:
    """The way out: the name that was meant, where there is one."""
    return f"write `{near}`" if near else otherwise
