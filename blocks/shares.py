"""Shares: several processes compute one batch, each its rows, as one process would have computed all of them.

In a share, noise is drawn for all rows and each process keeps its own; a statistic of the batch is one of all rows:

    mean = sum_r sum_i v_ri / (n R)        for R processes ("ranks") of n rows

`all_sum` is differentiable, as often as one likes: the gradient that comes back to a rank is that of the *sum* of what
all ranks compute. So the mean over ranks of each parameter's gradient is the gradient of the mean of the ranks' losses.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["SHARE", "Share", "SharedBatchNorm", "Unheard", "heard", "mean_of_rows", "share_statistics", "sharing"]


class Share(NamedTuple):
    """Which part of a batch is here: that of process `rank` of `processes`, in order.

    Of its rows, those of `part` of `parts`, where it computes them one part after the other. A statistic of the batch
    is then one of that part in all processes: the rows of the other parts are not there when it is needed.
    """

    rank: int
    processes: int
    part: int = 0
    parts: int = 1

    def of(self, make: Callable[[tuple[int, ...]], Tensor], shape: tuple[int, ...]) -> Tensor:
        """What `make` gives for the rows of all processes, and of that the rows of this one, of `shape`."""
        rows, place = shape[0], self.rank * self.parts + self.part
        whole = make((rows * self.processes * self.parts, *shape[1:]))
        return whole[place * rows : (place + 1) * rows]

    def own(self, every: Tensor, rows: int) -> Tensor:  # (processes rows) *event -> rows *event
        """The rows of this process, of those that all have here."""
        return every[self.rank * rows : (self.rank + 1) * rows]


SHARE: ContextVar[Share | None] = ContextVar("share", default=None)
"""The share that is computed now; None where the whole batch is."""


@contextmanager
def sharing(share: Share) -> Iterator[None]:
    """Within, draws and batch statistics are those of a share; every process must compute the same program."""
    before = SHARE.set(share)
    try:
        yield
    finally:
        SHARE.reset(before)


class Unheard(RuntimeError):
    """Another process is gone, or does not answer."""


@contextmanager
def heard() -> Iterator[None]:
    """Around a message between processes, whose failure is that of another one.   Raises Unheard."""
    try:
        yield
    except RuntimeError as error:
        raise Unheard(str(error).strip().split("\n")[0]) from error


class _AllSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, value: Tensor) -> Tensor:
        total = value.clone(memory_format=torch.contiguous_format)
        with heard():
            torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        return all_sum(gradients[0])


def all_sum(value: Tensor) -> Tensor:
    """The sum over all processes, on each of them."""
    share = SHARE.get()
    if share is not None and share.processes == 1:
        return value
    total = _AllSum.apply(value)
    assert isinstance(total, Tensor)
    return total


def mean_of_rows(v: Tensor) -> Tensor:  # b *event -> *event
    """The mean over the rows of the batch, those of other processes included."""
    share = SHARE.get()
    return v.mean(0) if share is None else all_sum(v.mean(0)) / share.processes


class SharedBatchNorm(_BatchNorm):
    """Batch normalization whose statistics in train mode are those of all rows; the tensors are another module's.

        y = (x - E x) / sqrt(E (x - E x)^2 + eps) * weight + bias

    Out of a share, and in eval mode, it is that module. torch's own SyncBatchNorm runs on GPUs only, and has no double
    backward, which a gradient penalty needs.   Source: Ioffe & Szegedy 2015, algorithm 1.
    """

    def __init__(self, like: _BatchNorm) -> None:
        super().__init__(0, like.eps, like.momentum, affine=False, track_running_stats=False)
        self.num_features, self.affine, self.track_running_stats = (
            like.num_features, like.affine, like.track_running_stats,
        )  # fmt: skip
        for name in ("weight", "bias"):
            self.register_parameter(name, getattr(like, name))
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(like, name))
        self.training = like.training

    def forward(self, input: Tensor) -> Tensor:  # b c *size -> b c *size
        """x to y; the running statistics move in train mode."""
        share = SHARE.get()
        if share is None or not self.training:
            return super().forward(input)
        axes = [0, *range(2, input.dim())]
        wide = [1, -1] + [1] * (input.dim() - 2)
        mean = all_sum(input.mean(axes)) / share.processes
        centred = input - mean.view(wide)
        variance = all_sum(centred.square().mean(axes)) / share.processes
        if self.track_running_stats:
            self._keep(mean.detach(), variance.detach(), share.processes * input.numel() // input.shape[1])
        made = centred * (variance + self.eps).rsqrt().view(wide)
        return made if self.weight is None else made * self.weight.view(wide) + self.bias.view(wide)

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of axes after the channels: the module that this one stands for has its own."""

    @torch.no_grad()
    def _keep(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics as PyTorch does: of the variance, the unbiased one."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), share)


def share_statistics(module: nn.Module) -> None:
    """Put a SharedBatchNorm into the place of every batch normalization within; names of tensors stay."""
    for name, part in module.named_children():
        if isinstance(part, _BatchNorm) and not isinstance(part, SharedBatchNorm):
            setattr(module, name, SharedBatchNorm(part))
        else:
            share_statistics(part)
