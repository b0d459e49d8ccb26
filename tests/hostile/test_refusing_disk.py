"""Every write of a run is refused in turn, once or from then on: nothing is lost, and what is said is of use."""

import errno
import os
import subprocess
import sys

import pytest

from compose.cli import main
from runners.checkpoints import checkpoint_paths, read_checkpoint
from runners.run import load_run
from runners.state import RunFailed
from tests.hostile.refusing import refusing
from tests.runners.small_system import SmallSystem, assert_same_bits, everything, train
from tests.systems import SMALL
from tests.thinning import thinned

OFTEN = {"checkpoint": 2, "sample": 4}
KINDS = [(errno.ENOSPC, True), (errno.EIO, False), (errno.EROFS, True)]
"""What the disk says, and whether it goes on saying it."""
NOWHERE = """
import tempfile
tempfile._candidate_tempdir_list = lambda: []
from compose.cli import main
raise SystemExit(main(["run", "spec.yaml"]))
"""
EVERY = 24  # of the writes that the quick suite tries
PARTS = 4  # tests that share all writes, each within the time that one test may take


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return everything(train(tmp_path_factory.mktemp("whole") / "run", **OFTEN))


@pytest.fixture(scope="module")
def writes(tmp_path_factory):
    """How many changes of files a run makes."""
    folder = tmp_path_factory.mktemp("counted")
    with refusing(folder) as disk:
        train(folder / "run", **OFTEN)
    assert disk.count > 60
    return disk.count


def environment():
    told = {name: value for name, value in os.environ.items() if not name.startswith("TORCHINDUCTOR")}  # set by torch
    return {**told, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}


def refuse_and_go_on(folder, at, number, lasts, whole, capsys):
    path = folder / str(at)
    failed = None
    with refusing(path, at, number, lasts):
        try:
            train(path, quiet=False, **OFTEN)
        except RunFailed as failure:
            failed = str(failure)
    said = capsys.readouterr().err + (failed or "")
    if failed or lasts:
        assert os.strerror(number) in said, (at, said)
        assert str(path) in said, (at, said)
    for held in checkpoint_paths(path / "checkpoints"):
        read_checkpoint(held)  # raises if it is not whole
    assert_same_bits(everything(train(path, **OFTEN)), whole)
    assert not list(path.rglob("*.partial")), at
    return said


@pytest.mark.parametrize("kind", thinned(range(len(KINDS)), every=2))
def test_some_writes_are_refused(kind, writes, whole, tmp_path, capsys):
    number, lasts = KINDS[kind]
    places = range(1 + kind, writes + 1, len(KINDS) * EVERY)
    said = [refuse_and_go_on(tmp_path, at, number, lasts, whole, capsys) for at in places]
    told = sum(" bytes are needed, " in each for each in said)
    assert told > len(said) / 2 if number == errno.ENOSPC else told == 0


@pytest.fixture
def drawn_once(tmp_path, monkeypatch):
    """A picture is made once and given as often as one is asked for: making it writes nothing, and takes long."""
    from runners import gallery

    train(tmp_path / "drawn")
    png = next((tmp_path / "drawn" / "samples").glob("*.png")).read_bytes()
    monkeypatch.setattr(gallery, "picture_of", lambda *_values, **_options: png)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("number", "lasts"), KINDS)
@pytest.mark.usefixtures("drawn_once")
def test_every_write_is_refused_in_turn(number, lasts, part, writes, whole, tmp_path, capsys):
    for at in range(1 + part, writes + 1, PARTS):
        refuse_and_go_on(tmp_path, at, number, lasts, whole, capsys)


def test_a_save_that_failed_is_tried_again_soon_and_the_run_goes_on(tmp_path, monkeypatch, capsys):
    """Only the end of the stage would save by itself: what is there before is a second attempt."""
    monkeypatch.setattr("runners.saving.SELDOM", 0.0)
    with refusing(tmp_path):
        train(tmp_path / "counted", checkpoint=5)
    refused = []

    def watched(folder, checkpoint, keep):
        if not refused:
            refused.append(checkpoint.step)
            raise OSError(errno.ENOSPC, "No space left on device", str(folder))
        refused.append(checkpoint.step)
        return written(folder, checkpoint, keep)

    from runners import saving

    written = saving.write_checkpoint
    monkeypatch.setattr(saving, "write_checkpoint", watched)
    train(tmp_path / "run", checkpoint=5, quiet=False)
    assert refused[:2] == [5, 6]
    assert "could not save step 5: No space left on device" in capsys.readouterr().err


def test_a_read_only_folder_still_opens_and_samples(whole, tmp_path):
    train(tmp_path / "run", **OFTEN)
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    with refusing(tmp_path / "elsewhere", at=1, number=errno.EROFS) as disk:
        opened = load_run(tmp_path / "elsewhere", lambda _text: SmallSystem(seed=9))
        assert opened.sample("default", 5).shape == (5, 2)
    assert disk.count == 0
    assert_same_bits(everything(opened), whole)


def test_a_run_that_was_moved_and_may_only_be_read_is_drawn_from_and_measured(tmp_path, capsys, monkeypatch):
    moved, here = tmp_path / "moved", tmp_path / "here"
    (tmp_path / "spec.yaml").write_text(SMALL + "samplers: {s: ~flow}\nevaluate: {nll: -flow.log_prob(x)}\n")
    assert main(["run", str(tmp_path / "spec.yaml"), "--out", str(tmp_path / "run"), "--quiet"]) == 0
    (tmp_path / "run").rename(moved)
    here.mkdir()
    monkeypatch.chdir(here)
    held = {path: path.stat().st_mtime_ns for path in moved.rglob("*")}
    capsys.readouterr()
    with refusing(moved, at=1, number=errno.EROFS):
        assert main(["sample", str(moved), "--count", "4", "--seed", "3"]) == 0
        said = capsys.readouterr()
        assert f"{moved}/samples cannot be written: Read-only file system" in said.err
        assert (here / said.out.strip()).stat().st_size
        assert main(["sample", str(moved), "--count", "4", "--out", "rows.npy"]) == 0
        assert capsys.readouterr().out == "rows.npy\n"
        assert main(["sample", str(moved), "--count", "4", "--out", str(moved / "rows.npy")]) == 2
        assert f"error[L103]: {moved} cannot be written: Read-only file system" in capsys.readouterr().err
        assert main(["eval", str(moved)]) == 0
        said = capsys.readouterr()
        assert "nll" in said.out
        assert f"{moved}/report.html cannot be written: Read-only file system\n`--report FILE` writes" in said.err
        assert main(["eval", str(moved), "--report", "page.html"]) == 0
        assert "report page.html" in capsys.readouterr().err
    assert held == {path: path.stat().st_mtime_ns for path in moved.rglob("*")}
    assert sorted(path.suffix for path in here.iterdir()) == [".html", ".npy", ".png"]


def test_without_any_place_for_temporary_files_a_command_says_so(tmp_path):
    """In a process of its own: PyTorch asks while it is imported."""
    (tmp_path / "spec.yaml").write_text(SMALL)
    command = [sys.executable, "-c", NOWHERE]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment())
    assert ended.returncode == 1
    assert "TMPDIR=/path/to/folder" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_a_tmpdir_that_is_not_there_is_no_matter(tmp_path):
    (tmp_path / "spec.yaml").write_text(SMALL)
    command = [sys.executable, "-m", "compose", "run", "spec.yaml", "--out", "run"]
    missing = environment() | {"TMPDIR": str(tmp_path / "missing")}
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=missing)
    assert ended.returncode == 0, ended.stderr
