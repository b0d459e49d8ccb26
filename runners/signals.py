"""Signals: SIGINT and SIGTERM ask a run to finish its step, save and leave; a second SIGINT leaves at once."""

import signal
import threading
from types import FrameType, TracebackType

from runners.state import Interrupted

__all__ = ["Signals"]

CAUGHT = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """A context in which SIGINT and SIGTERM only set `status` (128 + the signal's number), for the loop to read.

    A second SIGINT raises Interrupted where the program stands: files are written beside and renamed, or only grow, so
    none tears.
    Outside the main thread, where Python delivers no signals, nothing is caught.
    """

    def __init__(self) -> None:
        self.status = 0
        self._previous: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            self._previous = {caught: signal.signal(caught, self._receive) for caught in CAUGHT}
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for caught, handler in self._previous.items():
            signal.signal(caught, handler)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self.status and number == signal.SIGINT:
            raise Interrupted(128 + number)
        self.status = 128 + number
