"""Two real processes on one folder: the second is refused with the first's number, and a dead one holds nothing."""

import os
import signal

import pytest

from runners.folder import RunFolder
from tests.systems import SMALL


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "spec.yaml").write_text(SMALL + "run: {checkpoint_every: 1}\n")
    return tmp_path / "spec.yaml"


def test_a_second_process_is_refused_with_the_number_of_the_first(forker, spec, tmp_path):
    with RunFolder(tmp_path / "run").locked():
        status, said = forker.run("run", spec, "--out", tmp_path / "run")
        assert status == 1
        assert f"{tmp_path}/run is in use by process {os.getpid()}" in said
        assert [path.name for path in (tmp_path / "run").iterdir()] == ["lock"]
    status, said = forker.run("run", spec, "--out", tmp_path / "run")
    assert status == 0, said


def test_the_lock_of_a_process_that_was_killed_is_taken_over(forker, spec, tmp_path):
    status, _ = forker.run("run", spec, "--out", tmp_path / "run", at=[6], within=tmp_path / "run")
    assert status == -signal.SIGKILL
    dead = int((tmp_path / "run" / "lock").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(dead, 0)
    status, said = forker.run("run", spec, "--out", tmp_path / "run")
    assert status == 0, said
    assert (tmp_path / "run" / "lock").read_text() == ""
