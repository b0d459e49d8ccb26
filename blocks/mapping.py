"""A distribution made again of changed tensors."""

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

__all__ = ["mapped", "tensors_of"]

Law = TypeVar("Law")


def mapped(law: Law, change: Callable[[Tensor], Tensor]) -> Law:
    """The same kind of distribution, each of whose tensors is `change` of what it was; numbers stay."""
    parts = {name: getattr(law, name) for name in type(law).__slots__}  # type: ignore[attr-defined]
    return type(law)(**{name: change(part) if isinstance(part, Tensor) else part for name, part in parts.items()})


def tensors_of(law: object) -> list[Tensor]:
    """The tensors that a distribution is made of."""
    parts = [getattr(law, name) for name in type(law).__slots__]  # type: ignore[attr-defined]
    return [part for part in parts if isinstance(part, Tensor)]
