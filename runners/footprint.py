"""What a computation keeps in memory for its gradient, counted without computing it.

A call of a block is counted on the meta device, where shapes alone are computed. A program that goes back through a
chain, all of whose steps are kept at once, is counted as a whole, on fake tensors: what autograd holds at its peak,
each storage once, parameters not.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode, UnsupportedFakeTensorException

from blocks.types import Field, Taken
from compose.program import Program
from runners.inputs import Inputs
from runners.state import Clock

__all__ = ["Held", "goes_back_through_a_chain", "holding", "kept_by", "kept_in", "size_of"]

UNCOUNTABLE = (
    RuntimeError, TypeError, ValueError, NotImplementedError, AttributeError, AssertionError, KeyError,
    UnsupportedFakeTensorException,
)  # fmt: skip
"""What is raised by a call that is not made so, or that looks at values."""


def size_of(tensor: Tensor) -> int:
    """The bytes of a tensor."""
    return tensor.numel() * tensor.element_size()


class Held:
    """What autograd holds: bytes now, and at most.   Storages of `apart` do not count."""

    def __init__(self, apart: Sequence[Tensor] = ()) -> None:
        self.now, self.most = 0, 0
        self._apart = {tensor.untyped_storage()._cdata for tensor in apart}
        self._uses: dict[int, int] = {}

    def take(self, storage: torch.UntypedStorage) -> int | None:
        """A tensor is saved; what to let go of later, None if it does not count."""
        key = storage._cdata
        if key in self._apart:
            return None
        self._uses[key] = self._uses.get(key, 0) + 1
        if self._uses[key] == 1:
            self.now += storage.nbytes()
            self.most = max(self.most, self.now)
        return key

    def let_go(self, key: int, size: int) -> None:
        """A saved tensor is gone."""
        self._uses[key] -= 1
        if not self._uses[key]:
            del self._uses[key]
            self.now -= size


class _Saved:
    def __init__(self, tensor: Tensor, held: Held) -> None:
        storage = tensor.untyped_storage()
        self.tensor, self._held = tensor, held
        self._key, self._size = held.take(storage), storage.nbytes()

    def __del__(self) -> None:
        if self._key is not None:
            self._held.let_go(self._key, self._size)


@contextmanager
def holding(apart: Sequence[Tensor] = ()) -> Iterator[Held]:
    """Within, what autograd saves is counted."""
    held = Held(apart)
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: _Saved(tensor, held), lambda saved: saved.tensor):
        yield held


def goes_back_through_a_chain(program: Program) -> bool:
    """Whether a chain of the program keeps all of its steps, for a gradient that passes them."""
    return any(node.kwargs.get("differentiable") for node in program.module.graph.nodes)


def kept_in(program: Program, fields: Mapping[str, Field], rows: int) -> int | None:
    """The bytes that a program keeps for its gradient at its peak, on `rows` rows of data; None if it looks at values.

    Nothing is computed, and nothing of the blocks is changed.
    """
    inputs = Inputs(program, 0, "footprint", dtype=torch.float32, device=torch.device("cpu"))
    held_apart = [*program.module.parameters(), *program.module.buffers()]
    try:
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            batch = {
                name: torch.empty((rows, *field.event), dtype=getattr(torch, field.dtype))
                for name, field in fields.items()
            }
            values = inputs.values(rows, batch, Clock(0, 0, 0.0, 0))
            with holding([mode.from_tensor(tensor) for tensor in held_apart]) as held:
                made = program(values)
                del made
            return held.most
    except UNCOUNTABLE:
        return None


def kept_by(block: nn.Module, takes: Sequence[Taken], batch_size: int) -> int:
    """The bytes that one call of a block on `batch_size` rows keeps for the gradient; 0 where it has no such call."""
    try:
        shadow = _shadow(block)
        inputs = [
            torch.empty((batch_size, *size), device="meta") if isinstance(size, tuple)
            else torch.empty((batch_size,), device="meta", dtype=torch.int64)
            for size in takes
        ]  # fmt: skip
        with holding([*shadow.parameters(), *shadow.buffers()]) as held:
            shadow(*inputs)
        return held.most
    except UNCOUNTABLE:
        return 0


def _shadow(block: nn.Module) -> nn.Module:
    """The block in train mode on the meta device; of its tensors nothing is copied."""
    held = {id(value): value.to("meta") for value in block.buffers()}
    held |= {id(value): nn.Parameter(value.to("meta"), value.requires_grad) for value in block.parameters()}
    return copy.deepcopy(block, held).to("meta").train()
