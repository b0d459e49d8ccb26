"""Disks that are really full: the run says so, with path and cause, keeps the last good checkpoint, and goes on."""

import os
import subprocess
from contextlib import contextmanager

import pytest

from runners.checkpoints import checkpoint_paths, read_checkpoint
from tests.end_to_end.remains import assert_same_remains
from tests.thinning import thinned


@contextmanager
def tiny_disk(folder, size):
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "compose-test", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_file_that_may_grow_no_further_is_told_and_the_run_goes_on(forker, whole_run, tmp_path):
    """The record reaches the limit while checkpoints, whose files are smaller, still fit or do not."""
    spec, whole = whole_run("vaebm")
    status, said = forker.run("run", spec, "--out", tmp_path / "run", file_size=2000)
    assert status == 1
    assert f"File too large: {tmp_path}/run/" in said
    assert "the end of the run could not be saved" in said
    status, said = forker.run("run", spec, "--out", tmp_path / "run")
    assert status == 0, said
    assert_same_remains(tmp_path / "run", whole)


def fill(path):
    handle = os.open(path, os.O_WRONLY | os.O_CREAT)
    with pytest.raises(OSError, match="No space left"):
        while True:
            os.write(handle, b"x" * 4096)
    os.close(handle)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
def test_a_full_disk_keeps_the_last_good_checkpoint(forker, whole_run, tmp_path):
    spec, whole = whole_run("vaebm")
    with tiny_disk(tmp_path / "disk", "2m") as disk:
        filler = disk / "filler"
        status, said = forker.run("run", spec, "--out", disk / "run", at=[75], within=disk, signal=2)
        assert status == 130, said
        good = checkpoint_paths(disk / "run" / "checkpoints")[-1]
        before = read_checkpoint(good).step
        fill(filler)
        status, said = forker.run("run", spec, "--out", disk / "run")
        assert status == 1
        assert f"{disk}/run" in said
        assert "No space left on device" in said
        assert read_checkpoint(good).step == before
        filler.unlink()
        status, said = forker.run("run", spec, "--out", disk / "run")
        assert status == 0, said
        assert_same_remains(disk / "run", whole)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
@pytest.mark.parametrize("kilobytes", thinned([100, 300], every=2))
def test_a_disk_that_fills_while_the_run_goes_loses_nothing(kilobytes, forker, whole_run, tmp_path):
    """As the record grows and pictures come, there is room for one checkpoint, for two, or for none."""
    spec, whole = whole_run("vaebm")
    with tiny_disk(tmp_path / "disk", f"{kilobytes}k") as disk:
        status, said = forker.run("run", spec, "--out", disk / "run")
        assert status in (0, 1)
        assert "No space left on device" in said
        assert "Traceback" not in said
        for path in checkpoint_paths(disk / "run" / "checkpoints"):
            read_checkpoint(path)  # raises if it is not whole
        subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
        status, said = forker.run("run", spec, "--out", disk / "run")
        assert status == 0, said
        assert_same_remains(disk / "run", whole)
