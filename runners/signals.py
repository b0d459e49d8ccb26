"""Signals ask a run to finish its step, save and leave; a second SIGINT leaves at once."""

import signal
import threading
from types import FrameType, TracebackType

from runners.state import Interrupted
from runners.stops import statuses

__all__ = ["Signals"]


class Signals:
    """A context in which the signals that stop a run only set `status`, the exit status, for the loop to read.

    `preemption` names one more. A second SIGINT raises Interrupted where the program stands: files are written beside
    and renamed, or only grow, so none tears. The first signal decides the status.
    Outside the main thread, where Python delivers no signals, nothing is caught.
    """

    def __init__(self, preemption: str = "none") -> None:
        self.status = 0
        self._statuses = statuses(preemption)
        self._previous: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            self._previous = {caught: signal.signal(caught, self._receive) for caught in self._statuses}
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for caught, handler in self._previous.items():
            signal.signal(caught, handler)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self.status and number == signal.SIGINT:
            raise Interrupted(self._statuses[number])
        self.status = self.status or self._statuses[number]
