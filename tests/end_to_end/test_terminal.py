"""What a terminal does to a run: it hangs up, its reader goes away, it sends its signals to a whole process group."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from runners.checkpoints import checkpoint_paths, read_checkpoint
from tests.end_to_end.remains import EVERY_STEP, assert_same_remains
from tests.end_to_end.systems import SYSTEMS

PATIENCE = 120
LONG = ("--set", "stages.0.steps=1000000")


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(SYSTEMS["vaebm"] + EVERY_STEP)
    return path


@pytest.fixture
def begin(spec):
    """A function that starts the command in a session of its own; what it started is gone afterwards."""
    started = []

    def begun(*settings, **how):
        folder = spec.parent / "run"
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", "compose", "run", str(spec), "--out", str(folder), *settings]
        started.append(subprocess.Popen(command, env=environment, start_new_session=True, **how))
        return started[-1], folder

    yield begun
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for_a_checkpoint(folder, process):
    until = time.monotonic() + PATIENCE
    while not checkpoint_paths(folder / "checkpoints"):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_reader_that_goes_away_stops_nothing(begin, whole_run):
    """Both streams are a pipe that nobody reads any more, as after `compose run .. 2>&1 | head -1`."""
    process, folder = begin(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(PATIENCE) == 0
    assert_same_remains(folder, whole_run("vaebm")[1])


def test_a_run_under_nohup_outlives_its_terminal(begin, whole_run):
    ignored = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what `nohup` does
    process, folder = begin("--quiet", preexec_fn=ignored)
    wait_for_a_checkpoint(folder, process)
    os.killpg(process.pid, signal.SIGHUP)
    assert process.wait(PATIENCE) == 0
    assert_same_remains(folder, whole_run("vaebm")[1])


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGHUP, 129), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)]
)
def test_a_signal_to_the_process_group_saves_once_in_two_processes(number, status, begin):
    process, folder = begin(*LONG, "--devices", "2", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for_a_checkpoint(folder, process)
    os.killpg(process.pid, number)
    said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == status, said
    assert said.count("stopped, and saved") == 1
    assert "Traceback" not in said
    for path in checkpoint_paths(folder / "checkpoints"):
        read_checkpoint(path)
