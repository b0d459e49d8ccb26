"""What the compiler knows of an operator besides its signature.

@operator("squared_error")
@rule(align=True)
def squared_error(a: Tensor, b: Tensor) -> Tensor: ...
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

__all__ = ["Rows", "Rule", "rule"]

Rows = Literal["same", "constant", "repeat", "group", "interpolate"]
"""What becomes of b rows. same: b. constant: none, the batch is reduced. repeat: b k, and group: b / k, with the option
`k`. interpolate: b n, with the option `n`."""

Function = TypeVar("Function", bound=Callable)


@dataclass(frozen=True)
class Rule:
    """The type and gradient rules of one operator.

    align: batched values of different rank get axes of length 1 appended (`blocks.events.align`) before the call.
    gradient: whether it passes, argument by argument (the last entry speaks for further ones); None: through all.
    rows: see `Rows`. scalar: the result is one number a sample, whatever the event. laws: of a distribution it makes
    another of the same family.
    """

    align: bool = False
    gradient: tuple[bool, ...] | None = None
    rows: Rows = "same"
    scalar: bool = False
    laws: bool = False

    def passes(self, argument: int) -> bool:
        """Whether the gradient passes to the `argument`-th positional value."""
        return self.gradient is None or self.gradient[min(argument, len(self.gradient) - 1)]


def rule(
    *,
    align: bool = False,
    gradient: tuple[bool, ...] | None = None,
    rows: Rows = "same",
    scalar: bool = False,
    laws: bool = False,
) -> Callable[[Function], Function]:
    """Stores `Rule(...)` as the function's attribute `rule`; every operator has one, below its `@operator`."""

    def attach(function: Function) -> Function:
        function.__dict__["rule"] = Rule(align, gradient, rows, scalar, laws)
        return function

    return attach
