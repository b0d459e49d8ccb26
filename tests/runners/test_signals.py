"""Signals, within the process; `tests/end_to_end/test_stop.py` sends them to the command."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from runners.signals import Signals
from runners.state import Interrupted
from runners.stops import deaf


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


def test_a_process_forked_deaf_is_out_of_the_group_and_ends_by_sigterm_alone():
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with deaf():
        worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
        worker.start()
    try:
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == masked
        assert os.getpgid(worker.pid) == worker.pid
        said = dict(line.split(":", 1) for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines())
        blocked = {number for number in range(1, 32) if int(said["SigBlk"], 16) >> (number - 1) & 1}
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU):
            assert number in blocked
        worker.terminate()
        worker.join(20)
        assert worker.exitcode == -signal.SIGTERM
    finally:
        worker.kill()
