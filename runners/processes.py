"""More than one process: each computes its rows of every batch, and together they are one process.

Fabric starts the processes (or finds those of torchrun and SLURM), joins them and gives each its device. The gradients
are averaged here, once an update, between the backward pass and clipping:

    g = 1/R sum_r g_r,    g_r the gradient of the mean of rank r's n rows, so g is that of the mean of all n R rows

That is what DistributedDataParallel computes, without its wrapper. Its hooks expect one forward and one backward over
all parameters. Here updates alternate and each trains a few blocks, a penalty goes through a gradient, a block is
called in chains through views that share its tensors, and lazy terms come and go: `find_unused_parameters` would walk
the graph at every step and still break where a shared value is gone back through, and wrappers of several updates would
hook the same parameters. The price is that communication does not overlap with the backward pass.

What else is one for all: noise and batch statistics (blocks.shares), the rows of memories, logged values, signals.
Rank 0 alone holds the folder; the others get their state from it.
"""

import atexit
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor, distributed

from blocks.shares import Share, Unheard, heard, share_statistics, sharing
from runners.state import Batches, Executable, RunFailed, RunState
from runners.world import World

__all__ = ["FirstsBatches", "Processes", "chosen_device", "join", "joined", "made_once", "place"]

T = TypeVar("T")

PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others: rank 0 draws and measures meanwhile."""


def chosen_device() -> str:
    """`auto`: a GPU where there is one, else Apple's, else the processor."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def join(world: World, device: str, precision: str) -> Fabric:
    """Start the other processes, if nobody has, and meet them.   Raises RunFailed if they do not come."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # each process would introduce itself
    strategy = DDPStrategy(timeout=PATIENCE)
    fabric = Fabric(
        accelerator=device, devices=world.devices, num_nodes=world.nodes, strategy=strategy,
        precision=precision,  # type: ignore[arg-type]
    )  # fmt: skip
    with joined(), heard():
        fabric.launch()
    atexit.register(_leave)  # not where a run ends: the same processes make a script's next run
    return fabric


def _leave() -> None:
    """Close the connections: left to the interpreter's end, their threads may abort the process."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


@contextmanager
def joined() -> Iterator[None]:
    """Within, another process that is gone, or does not answer, is the failure of the run."""
    try:
        yield
    except Unheard as error:
        raise RunFailed(f"another process of this run ended, or does not answer ({error})") from error


class Processes:
    """All processes of a run, seen from one.   What is said here must be said by all of them, in the same order."""

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.share = Share(fabric.global_rank, fabric.world_size)
        self.leads = fabric.global_rank == 0

    @contextmanager
    def step(self) -> Iterator[None]:
        """A step of training: its noise and its batch statistics are those of all rows."""
        with sharing(self.share):
            yield

    def rows(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """This process's rows of a batch.   Raises RunFailed if it cannot be divided."""
        return {name: self._part(name, values) for name, values in batch.items()}

    def _part(self, name: str, values: Tensor) -> Tensor:
        each, left = divmod(len(values), self.share.processes)
        if left:
            raise RunFailed(
                f"a batch has {len(values)} rows of `{name}`, which {self.share.processes} processes cannot share"
            )
        return self.share.own(values, each)

    def average(self, parameters: Sequence[Tensor]) -> None:
        """Make every gradient the mean over all processes, in one message a dtype."""
        by_dtype: dict[torch.dtype, list[Tensor]] = {}
        for parameter in parameters:
            if parameter.grad is not None:
                by_dtype.setdefault(parameter.grad.dtype, []).append(parameter.grad)
        for gradients in by_dtype.values():
            flat = self.mean(torch.cat([gradient.reshape(-1) for gradient in gradients]))
            parts = flat.split([gradient.numel() for gradient in gradients])
            torch._foreach_copy_(
                gradients, [part.view(gradient.shape) for part, gradient in zip(parts, gradients, strict=True)]
            )

    def mean(self, values: Tensor) -> Tensor:
        """The mean over all processes."""
        total = values.clone()
        with heard():
            distributed.all_reduce(total)
        return total.div_(self.share.processes)

    def gather(self, rows: Tensor) -> Tensor:  # b *event -> (r b) *event
        """The rows of all processes, in their order."""
        rows = rows.contiguous()
        gathered = rows.new_empty(self.share.processes, *rows.shape)
        with heard():
            distributed.all_gather(list(gathered.unbind()), rows)
        return gathered.flatten(0, 1)

    def part_of_mean(self, parts: Tensor) -> Tensor:  # r n -> n
        """This process's row of the mean over all processes."""
        mine = torch.empty_like(parts[0])
        with heard():
            distributed.reduce_scatter(mine, list(parts.contiguous().unbind()))
        return mine.div_(self.share.processes)

    def most(self, number: int) -> int:
        """The largest of the processes' numbers."""
        told = torch.tensor(number, device=self.fabric.device)
        with heard():
            distributed.all_reduce(told, distributed.ReduceOp.MAX)
        return int(told)

    def first_said(self, name: str | None) -> str | None:
        """What the first of the processes that have something to say says."""
        said: list[str | None] = [None] * self.share.processes
        with heard():
            distributed.all_gather_object(said, name)
        return next((each for each in said if each is not None), None)

    def told(self, make: Callable[[], T], otherwise: T) -> T:
        """What the first process makes, on all of them.   `otherwise` has its type, and is never seen."""
        made = make() if self.leads else otherwise
        with heard():
            return self.fabric.broadcast(made)

    def said_by(self, rank: int, value: T) -> T:
        """What the process `rank` has, on all of them."""
        with heard():
            return self.fabric.broadcast(value, src=rank)

    def agree(
        self, state: RunState, restored: Mapping[str, Tensor] | None = None, finished: bool = False
    ) -> tuple[Mapping[str, Tensor] | None, bool]:
        """The first process's state on every one; the optimizers' tensors of its checkpoint; whether all is done."""
        tensors = {part: {name: value.cpu() for name, value in held.items()} for part, held in state.tensors().items()}
        told = (state.numbers(), tensors, restored, finished)
        with joined(), heard():
            numbers, tensors, restored, finished = self.fabric.broadcast(told)
        if not self.leads:
            state.restore_numbers(numbers)
            state.restore_blocks(tensors)
        return restored, finished


def made_once(processes: Processes | None, make: Callable[[], T], otherwise: T) -> T:
    """What is made once, by the first of several processes or by the only one, and known to all; as `told`."""
    return make() if processes is None else processes.told(make, otherwise)


class FirstsBatches:
    """The batches of a loader as the first process reads them: a loader may shuffle, each process in its own way."""

    def __init__(self, batches: Batches, processes: Processes) -> None:
        self._batches, self._processes = batches, processes

    @property
    def steps_per_epoch(self) -> int | None:
        """Batches in one pass over the data; None if nobody knows."""
        return self._batches.steps_per_epoch

    def batch(self, step: int) -> dict[str, Tensor]:
        """The n-th batch of the run."""
        return self._processes.told(lambda: self._batches.batch(step), {})


def place(executable: Executable, fabric: Fabric, dtype: torch.dtype) -> None:
    """Put the system on this process's device, its batch statistics shared with the other processes."""
    for modules in (executable.blocks, executable.averages):
        share_statistics(modules)
        modules.to(fabric.device, dtype)
