"""Signals, in processes of their own: the run saves, leaves with the right status, and resumes bit for bit."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runners.signals import Signals
from runners.state import Interrupted
from tests.runners.small_system import SmallSystem, assert_same_bits, everything, train

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import sys, time
from runners.state import Interrupted
from tests.runners.small_system import Rows, SmallSystem, train

class Slow(Rows):
    def batch(self, step):
        print(step, flush=True)
        time.sleep(0.02)
        return super().batch(step)

try:
    train(sys.argv[1], SmallSystem(steps=100), batches=Slow(), checkpoint=1000)
except Interrupted as stopped:
    sys.exit(stopped.status)
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_leaves(number, status, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "stopped")]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            if int(line) == 7:
                child.send_signal(number)
        assert child.wait(timeout=30) == status
    about = json.loads((tmp_path / "stopped" / "run.json").read_text())
    assert about["status"] == "interrupted"
    assert 7 <= about["run_step"] < 100
    resumed = train(tmp_path / "stopped", SmallSystem(steps=100))
    assert_same_bits(everything(resumed), everything(train(tmp_path / "whole", SmallSystem(steps=100))))


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
