"""How a command ends before its time: by a signal, or where nobody reads any more what it says.

Before a run listens for signals the process unwinds as it does for SIGINT, so that nothing half done stays.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from runners.stops import statuses

__all__ = ["let_go_of_streams", "unwinding"]


@contextmanager
def unwinding(preemption: str = "none") -> Iterator[None]:
    """Within, the signals that stop a run leave with their status where the program stands; SIGINT is Python's own.

    Outside the main thread nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    given = {number: status for number, status in statuses(preemption).items() if number != signal.SIGINT}
    before = {number: signal.signal(number, lambda caught, _frame: sys.exit(given[caught])) for number in given}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def let_go_of_streams() -> None:
    """Write out what waits for a reader, or drop it if there is none: the interpreter's end would fail on it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
