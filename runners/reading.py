"""Reading ahead of the step: the next batches are read and decoded by threads while the present one is computed with.

batch(n) = Batches.batch(n), bit for bit;   read meanwhile: n + 1 .. n + AHEAD * workers

Threads, for what they do lets go of the interpreter: files are read, pictures decoded, rows copied and noise mixed in
C. A batch is a function of its number, so neither their number nor their turns can show in it.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from torch import Tensor

from runners.batches import Batches, ByEpoch
from runners.state import Batches as Numbered
from runners.stops import deafen

__all__ = ["AHEAD", "ReadAhead", "read_ahead"]

AHEAD = 2
"""Batches that wait for the step, for each worker."""


class ReadAhead(ByEpoch):
    """Batches by the global step, those after the last one asked for read ahead by `workers` threads.

    A step that is not among those read ahead (where a run resumes, rolls back, or begins a stage) lets them go, and
    reading begins there. What a batch raises is raised where that batch is asked for. To be closed; after that
    batches are read when they are asked for.
    """

    def __init__(self, batches: Batches, workers: int) -> None:
        self._batches, self._ahead = batches, AHEAD * workers
        self._threads: ThreadPoolExecutor | None = ThreadPoolExecutor(workers, "reading", initializer=deafen)
        self._read = dict[int, Future[dict[str, Tensor]]]()
        self.batch_size, self.rows, self.steps_per_epoch = batches.batch_size, batches.rows, batches.steps_per_epoch

    def batch(self, step: int) -> dict[str, Tensor]:
        """The batch of the global step 0, 1, ...: "b *event" by field.   Raises as `Batches.batch`."""
        if self._threads is None:
            return self._batches.batch(step)
        wanted = range(step, step + 1 + self._ahead)
        for other in [number for number in self._read if number not in wanted]:
            self._read.pop(other).cancel()
        for number in wanted:
            if number not in self._read:
                self._read[number] = self._threads.submit(self._batches.batch, number)
        return self._read[step].result()

    def close(self) -> None:
        """Let go of what was read ahead, and end the threads: each finishes at most the batch that it is at."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
            self._threads = None
            self._read.clear()


@contextmanager
def read_ahead(batches: Numbered, workers: int) -> Iterator[Numbered]:
    """The batches, read ahead within where that saves something.

    Rows in memory of which nothing is drawn are a copy of a few microseconds, and a loader reads ahead by itself.
    """
    if workers == 0 or not isinstance(batches, Batches) or not batches.is_costly:
        yield batches
        return
    ahead = ReadAhead(batches, workers)
    try:
        yield ahead
    finally:
        ahead.close()
