"""How a fault is declared, and the words that its sentences are made of."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import ParamSpec

from compose.diagnostics import Finding, SpecError, finding
from compose.graph import Node

__all__ = ["describe", "fault"]

Given = ParamSpec("Given")

WORDS = {  # by the end of the class's name; `{}` is what the value is called
    "BlockValue": "the block `{}`",
    "Record": "a record",
    "Function": "a function",
    "tuple": "a list",
    "function": "a method without its arguments",
    "Bijection": "a bijection",
    "DescentModel": "a model (a descent that draws its start; from a value it is a value)",
    "Model": "a model",
}


def fault(code: str) -> Callable[[Callable[Given, Finding]], Callable[Given, SpecError]]:
    """Declare the wording of an error that ends the evaluation of a line: calling it makes the exception to raise.

    Its parameter `value`, if it has one, is what the finding is about.
    """

    def declare(wording: Callable[Given, Finding]) -> Callable[Given, SpecError]:
        stamped, signature = finding(code, "error")(wording), inspect.signature(wording)

        @functools.wraps(wording)
        def made(*args: Given.args, **kwargs: Given.kwargs) -> SpecError:
            refused = signature.bind(*args, **kwargs).arguments.get("value")
            return SpecError((replace(stamped(*args, **kwargs), about=refused),))

        return made

    return declare


def describe(value: object) -> str:
    """What a value is, in the user's words."""
    if isinstance(value, Node):
        return f"a distribution ({value.family})" if value.family else "a tensor"
    if isinstance(value, str):
        return f"the text '{value}'"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    name = type(value).__name__
    return next(
        (words.format(getattr(value, "name", "")) for ending, words in WORDS.items() if name.endswith(ending)),
        "something else",
    )
