"""A loader with processes of its own: a signal to the group stops the run and not them, and it goes on bitwise."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runners.checkpoints import checkpoint_paths
from tests.end_to_end.remains import assert_same_remains

PATIENCE = 120
STATUSES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGUSR1: 75}


def begun(folder, workers, start="fork", steps=7):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "tests.end_to_end.loading", str(folder), str(workers), str(steps)]
    command += [start] if workers else []
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


def living_of(session):
    """The processes of a session that have not ended: none may be left to hold memory, or a pipe."""
    until = time.monotonic() + 10
    while True:
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, _, _, leads = stat.read_text().rpartition(")")[2].split()[:4]
                if int(leads) == session and state != "Z":
                    found.append(stat.parent.name)
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.05)


@pytest.mark.slow  # three processes, each with its imports; tests/runners/test_signals.py has the quick part
@pytest.mark.parametrize(
    ("number", "start"),
    [
        *((number, "fork") for number in STATUSES),
        *((number, start) for number in (signal.SIGTERM, signal.SIGINT) for start in ("spawn", "forkserver")),
    ],
)
def test_a_signal_to_a_group_with_workers_saves_and_goes_on(number, start, whole, tmp_path):
    process = begun(tmp_path, workers=2, start=start)
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
    assert living_of(process.pid) == []
    process = begun(tmp_path, workers=1, start=start)
    said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, said
    assert_same_remains(tmp_path, whole)
