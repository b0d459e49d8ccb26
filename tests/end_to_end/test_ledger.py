"""The runs below a folder: how they stand, and that removing one touches nothing else."""

import json
import os
import subprocess
import sys

import pytest

from compose.cli import main
from runners.ledger import entry_of, ledger
from runners.report import Report, comparing_page


def run_folder(path, status="finished", **about):
    path.mkdir(parents=True)
    (path / "spec.yaml").write_text("compose: 1\n")
    (path / "lock").write_text("")
    (path / "run.json").write_text(json.dumps({"status": status, "run_step": 12, **about}))
    (path / "metrics.jsonl").write_text('{"run_step": 10}\n{"run_step": 11, "half')
    (path / "checkpoints").mkdir()
    (path / "checkpoints" / "weights").write_bytes(bytes(1000))
    return path


@pytest.mark.parametrize(
    ("said", "expected"),
    [("finished", "finished"), ("failed", "failed"), ("interrupted", "stopped"), ("running", "stopped")],
)
def test_a_run_stands_as_it_ended_and_one_that_was_killed_is_stopped(said, expected, tmp_path):
    assert entry_of(run_folder(tmp_path / "run", said)).status == expected


def test_a_run_is_running_while_its_process_lives_and_stopped_when_it_is_gone(tmp_path):
    folder = run_folder(tmp_path / "run", "running")
    (folder / "lock").write_text(f"{os.getpid()}\n")
    entry = entry_of(folder)
    assert (entry.status, entry.pid, entry.step) == ("running", os.getpid(), 10)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (folder / "lock").write_text(f"{gone.pid}\n")
    assert entry_of(folder).status == "stopped"


def test_all_runs_are_found_with_their_figures_and_size(tmp_path, capsys):
    run_folder(tmp_path / "glf" / "seed-0", metrics={"fid": 1.5}, best={"name": "fid", "value": 1.25, "step": 7})
    run_folder(tmp_path / "mine")
    (tmp_path / "study" / "seed-1").mkdir(parents=True)
    (tmp_path / "study" / "seed-1" / "spec.yaml").write_text("compose: 1\n")
    (tmp_path / "notes").mkdir()
    found = ledger(tmp_path)
    assert [entry.folder for entry in found] == [
        str(tmp_path / name) for name in ("glf/seed-0", "mine", "study/seed-1")
    ]
    assert [entry.status for entry in found] == ["finished", "finished", "waiting"]
    assert 1000 < found[0].size < 1500
    assert main(["runs", str(tmp_path)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].split()[1:] == ["finished", "12", "1.23", "kB", "0", "s", "fid", "1.5", "best", "fid", "1.25", "at",
                                    "7"] or "fid 1.5  best fid 1.25 at 7" in shown[1]  # fmt: skip
    assert main(["runs", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["figures"] == {"fid": 1.5}


def test_removing_asks_and_leaves_what_is_not_the_runs(tmp_path, capsys, monkeypatch):
    folder = run_folder(tmp_path / "run")
    (folder / "notes.txt").write_text("mine")
    monkeypatch.setattr("click.confirm", lambda *_args, **_options: False)
    assert main(["runs", "--remove", str(folder)]) == 1
    assert (folder / "run.json").exists()
    assert main(["runs", "--remove", str(folder), "--yes"]) == 0
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert "notes.txt there is not the run's" in capsys.readouterr().err


def test_a_run_is_removed_with_its_folder_and_nothing_beside_it(tmp_path):
    folder, other = run_folder(tmp_path / "a"), run_folder(tmp_path / "b")
    assert main(["runs", "--remove", str(folder), "--yes"]) == 0
    assert not folder.exists()
    assert len(list(other.iterdir())) == 5


def test_what_was_written_beside_a_run_and_before_it_was_edited_is_removed_too(tmp_path, capsys):
    """The specs of before, what a kill left half written, and with the last run the page that compares them."""
    first, second = run_folder(tmp_path / "a"), run_folder(tmp_path / "b")
    for name in ("spec-until-00000012.yaml", ".spec-until-00000012.yaml.partial", ".run.json.partial"):
        (first / name).write_text("compose: 1\n")
    page = tmp_path / "comparison.html"
    page.write_text(comparing_page([Report(str(tmp_path / name), name, (), "", {}) for name in "ab"]))
    assert main(["runs", "--remove", str(first), "--yes"]) == 0
    assert not first.exists()
    assert f"{page} compares runs of which some are left, and stays" in capsys.readouterr().err
    for name in ("spec-until-tomorrow.yaml", ".notes.partial"):
        (second / name).write_text("mine")
    assert main(["runs", "--remove", str(second), "--yes"]) == 0
    assert "; .notes.partial, spec-until-tomorrow.yaml there is not the run's" in capsys.readouterr().err
    assert not page.exists()


def test_a_page_of_the_users_that_is_called_so_stays(tmp_path):
    (tmp_path / "comparison.html").write_text("<title>mine</title>")
    assert main(["runs", "--remove", str(run_folder(tmp_path / "a")), "--yes"]) == 0
    assert (tmp_path / "comparison.html").exists()


def test_a_folder_that_is_no_run_and_a_run_in_use_are_not_removed(tmp_path, capsys):
    from runners.folder import RunFolder

    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "spec.yaml").write_text("mine")
    assert main(["runs", "--remove", str(tmp_path / "photos"), "--yes"]) == 2
    assert "is no run folder" in capsys.readouterr().err
    folder = run_folder(tmp_path / "run")
    with RunFolder(folder).locked():
        assert main(["runs", "--remove", str(folder), "--yes"]) == 2
    assert f"is in use by process {os.getpid()}" in capsys.readouterr().err
    assert (folder / "run.json").exists()


def test_a_folder_that_is_not_there_is_told(tmp_path, capsys):
    assert main(["runs", str(tmp_path / "none")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_the_list_needs_no_torch(tmp_path):
    code = (
        f"import sys; from compose.cli import main; main(['runs', {str(tmp_path)!r}]); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
