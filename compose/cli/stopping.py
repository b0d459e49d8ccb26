"""SIGTERM before a run listens for it: the process unwinds as it does for SIGINT, so that nothing half done stays."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["unwinding_on_sigterm"]


@contextmanager
def unwinding_on_sigterm() -> Iterator[None]:
    """Within, SIGTERM leaves with status 143 where the program stands; outside the main thread nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
