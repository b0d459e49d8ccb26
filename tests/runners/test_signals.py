"""Signals, within the process; `tests/end_to_end/test_stop.py` sends them to the command."""

import os
import signal

import pytest

from runners.signals import Signals
from runners.state import Interrupted


def test_the_first_signal_only_asks_and_the_second_interrupt_leaves_at_once():
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.status == 130
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGINT)


def test_the_handlers_before_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with Signals():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
