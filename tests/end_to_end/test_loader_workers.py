"""A loader with processes of its own: a signal to the group stops the run and not them, and it goes on bitwise."""

import os
import signal
import subprocess
import sys
import time

import pytest

from runners.checkpoints import checkpoint_paths
from tests.end_to_end.remains import assert_same_remains

PATIENCE = 120
STATUSES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGUSR1: 75}


def begun(folder, workers, steps=7):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "tests.end_to_end.loading", str(folder), str(workers), str(steps)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, env=environment, start_new_session=True, stdout=pipe, stderr=subprocess.STDOUT, text=True
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that reads by itself, and that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole")
    process = begun(folder, workers=0)
    said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, said
    return folder


@pytest.mark.slow  # three processes, each with its imports; tests/runners/test_signals.py has the quick part
@pytest.mark.parametrize("number", STATUSES)
def test_a_signal_to_a_group_with_workers_saves_and_goes_on(number, whole, tmp_path):
    process = begun(tmp_path, workers=2)
    until = time.monotonic() + PATIENCE
    while not checkpoint_paths(tmp_path / "checkpoints"):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.005)
    os.killpg(process.pid, number)
    said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == STATUSES[number], said
    assert "worker" in said
    assert "Traceback" not in said
    process = begun(tmp_path, workers=1)
    said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, said
    assert_same_remains(tmp_path, whole)
