"""Shards: each process keeps a part of an optimizer's state, and steps that part of the parameters alone.

    process r of R owns the entries [r c, (r + 1) c) of a parameter of n entries,    c = ceil(n / R)

The gradients are whole on every process, so their norms and what clips them are as ever. After the step each process
tells the others its part. An optimizer that treats every entry by itself, as all of `runners.optimizers` do, then
computes what it computes whole. What is saved is whole too: a checkpoint does not know who kept which part.

Source: Rajbhandari et al. 2020, "ZeRO", stage 1 (the optimizer's state).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from blocks.shares import Share

__all__ = ["Shards"]

ALIKE = ("step",)
"""The entries of torch's optimizers that are one number for a parameter, and so the same on every process."""


class Shards:
    """The parts of `parameters` that this process owns: `owned`, views of the parameters' own memory.

    `gather` gives the rows of all processes, "n -> r n" in the order of their ranks.
    """

    def __init__(self, parameters: Sequence[Tensor], share: Share, gather: Callable[[Tensor], Tensor]) -> None:
        self.parameters, self._share, self._gather = list(parameters), share, gather
        self._each = [-(-p.numel() // share.processes) for p in self.parameters]
        self.owned = [nn.Parameter(self._part(p)) for p in self.parameters]

    def _part(self, whole: Tensor) -> Tensor:
        each, rank = -(-whole.numel() // self._share.processes), self._share.rank
        return _flat(whole)[rank * each : (rank + 1) * each]

    def divide(self) -> None:
        """Give each owned part its part of the gradient, as a view of it."""
        for parameter, owned in zip(self.parameters, self.owned, strict=True):
            if parameter.grad is None:
                owned.grad = None
                continue
            if parameter.grad.stride() != parameter.stride():
                parameter.grad = torch.empty_like(parameter).copy_(parameter.grad)
            owned.grad = self._part(parameter.grad)

    @torch.no_grad()
    def join(self) -> None:
        """Tell the others the owned parts, and take theirs: the parameters are whole again."""
        for dtype in {parameter.dtype for parameter in self.parameters}:
            self._join([at for at, parameter in enumerate(self.parameters) if parameter.dtype == dtype])

    def _join(self, places: list[int]) -> None:
        mine = torch.cat([_padded(self.owned[at].detach(), self._each[at]) for at in places])
        parts = self._gather(mine[None]).split([self._each[at] for at in places], dim=1)
        for at, part in zip(places, parts, strict=True):
            whole = _flat(self.parameters[at])
            whole.copy_(part.reshape(-1)[: len(whole)])

    def whole(self, place: int, key: str, value: Tensor) -> Tensor:
        """An entry of the state of the n-th part as one process would hold it, in the processor's memory.

        All processes must ask, in the same order.
        """
        if key in ALIKE:
            return value
        parameter = self.parameters[place]
        gathered = self._gather(_padded(value, self._each[place])[None])
        whole = torch.empty_like(parameter, dtype=value.dtype, requires_grad=False, device="cpu")
        _flat(whole).copy_(gathered.reshape(-1)[: whole.numel()])
        return whole

    def part(self, place: int, key: str, value: Tensor) -> Tensor:
        """Of an entry of a whole state, laid out as the n-th parameter is, what belongs to this process."""
        return value if key in ALIKE else self._part(value).clone()


def _flat(value: Tensor) -> Tensor:  # *event -> n
    """All entries in the order of memory, as a view."""
    return value.detach().as_strided((value.numel(),), (1,))


def _padded(part: Tensor, length: int) -> Tensor:  # m -> n
    return part if len(part) == length else torch.cat([part, part.new_zeros(length - len(part))])
