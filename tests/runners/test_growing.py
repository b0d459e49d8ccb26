"""Files that only grow: what the disk refuses is told once, kept, and written later at its place."""

import os

import pytest

from runners.growing import GrowingFile


@pytest.fixture
def refusing(monkeypatch):
    """A switch: while it is on, the disk takes three bytes of each write and then no more."""
    written, switch = os.pwrite, {"on": False, "left": 0}

    def pwrite(handle, data, at):
        if not switch["on"]:
            return written(handle, data, at)
        if switch["left"] == 0:
            raise OSError(28, "No space left on device")
        switch["left"] = 0
        return written(handle, data[:3], at)

    monkeypatch.setattr("runners.growing.os.pwrite", pwrite)
    return switch


def test_what_a_full_disk_refused_is_written_with_the_next(refusing, tmp_path):
    said = []
    file = GrowingFile(tmp_path / "deep" / "file", said.append)
    file.write(b"one\n")
    refusing.update(on=True, left=1)
    file.write(b"two\n")
    file.write(b"three\n")
    with pytest.raises(OSError, match=r"No space left on device.*deep/file"):
        file.sync()
    refusing.update(on=False)
    file.write(b"four\n")
    file.sync()
    file.close()
    assert (tmp_path / "deep" / "file").read_bytes() == b"one\ntwo\nthree\nfour\n"
    assert len(said) == 1
    assert said[0].startswith(f"could not write {tmp_path}/deep/file: No space left on device (1 bytes are needed, ")
    assert said[0].endswith(" are free); it is kept and tried again")


def test_what_never_could_be_written_is_told_at_the_end(refusing, tmp_path):
    said = []
    file = GrowingFile(tmp_path / "file", said.append)
    refusing.update(on=True)
    file.write(b"some")
    file.close()
    assert "its last 4 bytes are lost" in said[-1]


def test_a_file_is_gone_on_with(tmp_path):
    for text in (b"a", b"b"):
        file = GrowingFile(tmp_path / "file", print)
        file.write(text)
        file.close()
    assert (tmp_path / "file").read_bytes() == b"ab"


def test_a_folder_that_cannot_be_made_is_told_with_what_is_free_where_it_would_be(tmp_path, monkeypatch):
    def full(path, *_):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("pathlib.os.mkdir", full)
    said = []
    GrowingFile(tmp_path / "no" / "folder" / "file", said.append).write(b"some")
    assert "No space left on device (4 bytes are needed, " in said[0]
