"""A bound on what is built while a spec is checked: a block of endless parts is refused, not waited for."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

__all__ = ["MOST_PARTS", "bounded_parts"]

MOST_PARTS = 10_000  # modules and parameter tensors of one block; the deepest networks in use have some thousand


@contextmanager
def bounded_parts(most: int = MOST_PARTS) -> Iterator[None]:
    """Within, building more than `most` parts raises ValueError."""
    count = 0

    def tell(_owner: nn.Module, _name: str, _part: object) -> None:
        nonlocal count
        count += 1
        if count > most:
            raise ValueError(f"it would have more than {most} parts")

    hooks = [register_module_module_registration_hook(tell), register_module_parameter_registration_hook(tell)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
