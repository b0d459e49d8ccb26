"""The signals that stop a run, and the exit status that each leads to.   This module imports nothing of size."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress

__all__ = ["PREEMPTED", "Apart", "deaf", "deafen", "statuses"]

PREEMPTED = 75
"""What a scheduler takes for "try again later" (`EX_TEMPFAIL` of sysexits.h)."""

ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NAMED = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)


def statuses(preemption: str = "none") -> dict[int, int]:
    """Signal -> exit status: 128 + its number, and 75 for the signal that is named, by which a scheduler takes the
    machine away. SIGHUP is not among them where it is ignored: under `nohup` a run outlives its terminal.
    """
    found = {int(asked): 128 + asked for asked in ASKED}
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        del found[signal.SIGHUP]
    return found if preemption == "none" else found | {int(signal.Signals[preemption]): PREEMPTED}


@contextmanager
def deaf(hear: Collection[int] = (signal.SIGTERM,), *, programs: bool = False) -> Iterator[None]:
    """Workers that are forked within do not hear the signals that stop a run: it is the run that ends them.

    A terminal and a scheduler send a signal to the whole process group, and torch takes a worker that died for an
    error. So workers get groups of their own. All but `hear`, SIGTERM, by which they are ended, are masked as well:
    what comes for this process meanwhile waits. With `hear=()` a worker is to begin with `Apart`.

    `programs`: workers are programs of their own (`spawn`, `forkserver`), whose process that tracks resources is begun
    here: when it is begun, Python unmasks SIGINT and SIGTERM, and what it begins next, the server, would hear them.
    What of these two waits for this process is heard then.
    """
    there, unheard = set(multiprocessing.active_children()), {*ASKED, *NAMED} - set(hear)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, unheard)
    try:
        if programs:
            from multiprocessing import resource_tracker  # at the top every command would import it

            resource_tracker.ensure_running()
            signal.pthread_sigmask(signal.SIG_BLOCK, unheard)
        yield
    finally:
        for worker in set(multiprocessing.active_children()) - there:
            with suppress(OSError):  # it has ended, or is a program of its own
                if worker.pid:
                    os.setpgid(worker.pid, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Apart:
    """The first thing that a worker does which began deaf to SIGTERM too: a group of its own, then it may be ended.

    One that is spawned is a program of its own, which no other process can put into a group. Calls `then(number)`, what
    else the worker is to begin with.
    """

    def __init__(self, then: Callable[[int], None] | None = None) -> None:
        self.then = then

    def __call__(self, number: int) -> None:
        """Begin the worker of this number."""
        with suppress(OSError):  # it leads its session
            os.setpgid(0, 0)
        waiting = signal.sigtimedwait({signal.SIGTERM}, 0)  # sent to the group, or by the process whose worker it is
        parent = multiprocessing.parent_process()
        if waiting is not None and parent is not None and waiting.si_pid == parent.pid:
            os.kill(os.getpid(), signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        if self.then is not None:
            self.then(number)


def deafen() -> None:
    """Let no signal that stops a run come to the calling thread: the main one, which waits, is to be woken by it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {*ASKED, *NAMED})
