"""Shards: each process keeps a part of an optimizer's state, and steps that part of the parameters alone.

    process r of R owns the entries [r c, (r + 1) c) of a parameter of n entries,    c = ceil(n / R)

An optimizer that treats every entry by itself, as all of `runners.optimizers` do, then computes what it computes whole.
What is saved is whole too: a checkpoint does not know who kept which part.

Cut       how one tensor is shared out
Shards    the owned parts of an optimizer's parameters, as views of them; after the step each tells the others its part

Source: Rajbhandari et al. 2020, "ZeRO", stage 1 (the optimizer's state).
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from blocks.shares import Share

__all__ = ["ALIKE", "Cut", "Shards", "messages"]

ALIKE = ("step",)
"""The entries of torch's optimizers that are one number for a parameter, and so the same on every process."""

MESSAGE = 2**24
"""Bytes of one process in a message, at most, unless one tensor has more: so much is held twice while it travels."""

Gather = Callable[[Tensor], Tensor]
"""The rows of all processes, "n *event -> (r n) *event" in the order of their ranks."""


class Cut:
    """How a tensor like this one is shared out: `each` of its `entries`, in the order of memory, for every process."""

    def __init__(self, like: Tensor, share: Share) -> None:
        self._shape, self._stride, self._processes = like.shape, like.stride(), share.processes
        self.entries = like.numel()
        self.each = -(-self.entries // share.processes)
        self._own = slice(share.rank * self.each, (share.rank + 1) * self.each)
        self._length = len(range(*self._own.indices(self.entries)))

    def part(self, whole: Tensor) -> Tensor:  # *event -> m
        """What of `whole`, which lies as the tensor does, is this process's, as a view."""
        return _flat(whole)[self._own]

    def is_part(self, given: Tensor) -> bool:
        """Whether it is a part already; a whole has other axes, or more entries, or is all part."""
        return given.shape == (self._length,)

    def own(self, given: Tensor) -> Tensor:
        """The part of what is given whole, in any layout, or of what is that part already; apart from it."""
        if self.is_part(given):
            return given.clone()
        return self.part(self.laid_out(given)).clone()

    def laid_out(self, whole: Tensor) -> Tensor:
        """The same values, lying as the tensor does."""
        return whole if whole.stride() == self._stride else self._empty(whole.dtype, whole.device).copy_(whole)

    def _empty(self, dtype: torch.dtype, device: torch.device | str) -> Tensor:
        return torch.empty_strided(self._shape, self._stride, dtype=dtype, device=device)

    def padded(self, part: Tensor) -> Tensor:  # m -> c
        """This process's part, as long as every other's."""
        return _longer(part, self.each)

    def divided(self, whole: Tensor) -> Tensor:  # *event -> r c
        """The parts of all processes."""
        return _longer(_flat(self.laid_out(whole)), self.each * self._processes).view(-1, self.each)

    def fill(self, whole: Tensor, parts: Tensor) -> None:  # *event; r c
        """Put the parts of all processes together, in place."""
        _flat(whole).copy_(parts.reshape(-1)[: self.entries])

    def joined(self, part: Tensor, gather: Gather, wanted: bool = True) -> Tensor:
        """The whole of which every process gives its part, in the processor's memory; empty where it is not `wanted`.

        All processes must ask, in the same order.
        """
        parts = gather(self.padded(part.detach())[None])
        if not wanted:
            return torch.empty(0, dtype=part.dtype)
        whole = self._empty(part.dtype, "cpu")
        self.fill(whole, parts)
        return whole


class Shards:
    """The parts of `parameters` that this process owns: `owned`, views of the parameters' own memory.

    `carrying` are the tensors whose gradients are treated before the step: here the parameters, whose gradients are
    whole on every process, so that their norms and what clips them are as ever.
    """

    def __init__(self, parameters: Sequence[Tensor], share: Share, gather: Gather) -> None:
        self.parameters, self._gather = list(parameters), gather
        self.cuts = [Cut(parameter, share) for parameter in self.parameters]
        self.owned = [self._own(parameter, cut) for parameter, cut in zip(self.parameters, self.cuts, strict=True)]
        self.carrying: Sequence[Tensor] = self.parameters

    def _own(self, parameter: Tensor, cut: Cut) -> Tensor:
        return nn.Parameter(cut.part(parameter))

    def divide(self) -> None:
        """Give each owned part its part of the gradient, as a view of it."""
        for parameter, owned, cut in zip(self.parameters, self.owned, self.cuts, strict=True):
            if parameter.grad is None:
                owned.grad = None
                continue
            parameter.grad = cut.laid_out(parameter.grad)
            owned.grad = cut.part(parameter.grad)

    def whole_norms(self, norms: Tensor) -> Tensor:
        """Norms of the gradients, of which `norms` are those of what is `carrying` here."""
        return norms

    @torch.no_grad()
    def join(self) -> None:
        """Tell the others the owned parts, and take theirs: the parameters are whole again."""
        exchange(self.parameters, self.owned, self.cuts, self._gather)


def exchange(wholes: Sequence[Tensor], parts: Sequence[Tensor], cuts: Sequence[Cut], gather: Gather) -> None:
    """Fill the wholes with the parts of all processes."""
    for places in messages(parts, cuts):
        mine = torch.cat([cuts[at].padded(parts[at].detach()) for at in places])
        told = gather(mine[None]).split([cuts[at].each for at in places], dim=1)
        for at, held in zip(places, told, strict=True):
            cuts[at].fill(wholes[at], held)


def messages(parts: Sequence[Tensor], cuts: Sequence[Cut]) -> Iterator[list[int]]:
    """The places of the parts that travel together, alike in dtype, up to `MESSAGE` bytes."""
    for dtype in dict.fromkeys(part.dtype for part in parts):
        held: list[int] = []
        size = 0
        for at, (part, cut) in enumerate(zip(parts, cuts, strict=True)):
            if part.dtype != dtype:
                continue
            added = cut.each * part.element_size()
            if held and size + added > MESSAGE:
                yield held
                held, size = [], 0
            held.append(at)
            size += added
        yield held


def _flat(value: Tensor) -> Tensor:  # *event -> n
    """All entries in the order of memory, as a view."""
    return value.detach().as_strided((value.numel(),), (1,))


def _longer(part: Tensor, length: int) -> Tensor:  # m -> n
    return part if len(part) == length else torch.cat([part, part.new_zeros(length - len(part))])
