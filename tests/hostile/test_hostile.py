"""Reading a spec executes nothing, writes nothing, and ends soon, whoever wrote it; it is told what is wrong.

Every file of `files.py` and every spec made from the table of `texts.py` is checked in a process that an audit hook
watches: no import beyond those of a harmless spec with the same kinds, no write, no process, no network.
"""

import os
import re

import pytest

from tests.hostile.files import FILES
from tests.hostile.texts import corpus

SECONDS = 2.0  # of processor time
MEGABYTES = 300.0
CORPUS = corpus()


def assert_harmless(told):
    assert told["status"] in (0, 2), told["said"]
    assert told["harm"] == []
    assert told["seconds"] < SECONDS
    assert told["megabytes"] < MEGABYTES
    assert "Traceback" not in told["said"]


def codes(told):
    return re.findall(r"^(?:error|warning)\[([A-Z]\d{3})\]", told["said"], re.MULTILINE)


def test_there_are_two_hundred():
    assert len(CORPUS) + len(FILES) >= 200


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_or_refused_by_code_and_place(name, watched, tmp_path):
    raw, code = FILES[name]
    path = tmp_path / f"{name}.yaml"
    path.write_bytes(raw)
    told = watched.check(path)
    assert_harmless(told)
    if code:
        assert told["status"] == 2
        assert code in codes(told), told["said"]
        assert f"{path}:" in told["said"]
    else:
        assert told["status"] == 0, told["said"]


@pytest.mark.parametrize("name", CORPUS)
def test_a_hostile_value_does_nothing(name, watched, tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(CORPUS[name], encoding="utf-8")
    told = watched.check(path)
    assert_harmless(told)
    assert (told["status"] == 2) == ("error[" in told["said"])


def special(folder):
    """Things with a name that are no files, and files that are no specs."""
    os.mkfifo(folder / "pipe.yaml")
    (folder / "huge.yaml").touch()
    os.truncate(folder / "huge.yaml", 200_000_000)
    (folder / "loop.yaml").symlink_to(folder / "loop.yaml")
    (folder / "secret.yaml").write_text("compose: 1\n")
    (folder / "secret.yaml").chmod(0)
    (folder / "folder.yaml").mkdir()
    return {
        "pipe": folder / "pipe.yaml", "huge": folder / "huge.yaml", "loop": folder / "loop.yaml",
        "folder": folder / "folder.yaml", "secret": folder / "secret.yaml",
        "device": "/dev/zero", "terminal": "/dev/ptmx", "nothing": "/dev/null", "memory": "/proc/self/mem",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["pipe", "huge", "loop", "folder", "secret", "device", "terminal", "nothing", "memory"]
)
def test_what_is_no_file_is_refused_without_reading_it(name, watched, tmp_path):
    if name == "secret" and os.geteuid() == 0:
        pytest.skip("root may read everything")
    told = watched.check(special(tmp_path)[name])
    assert_harmless(told)
    assert told["status"] == 2
    assert told["said"]


def test_a_pipe_within_a_folder_of_specs_does_not_hang_its_check(watched, tmp_path):
    special(tmp_path)
    told = watched.check(tmp_path)
    assert_harmless(told)
    assert {"Y101", "Y119"} <= set(codes(told))


def test_a_chain_of_bases_ends(watched, tmp_path):
    for number in range(2000):
        (tmp_path / f"a{number}.yaml").write_text(f"extends: a{number + 1}\n")
    told = watched.check(tmp_path / "a0.yaml")
    assert_harmless(told)
    assert codes(told) == ["Y325"]
