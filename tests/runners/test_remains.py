"""What a run folder holds beside whole checkpoints: pieces that miss, other formats, files of somebody else."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import runners.checkpoints as checkpoints
from runners.checkpoints import FORMAT, Newer, checkpoint_paths, read_checkpoint, read_latest, write_checkpoint
from runners.state import Mismatch
from tests.runners.small_system import Rows, assert_same_bits, everything, train
from tests.runners.test_checkpoints import some

OLDER = Path(__file__).parent / "formats"


class Stopped(Exception):
    """A run that is cut off."""


class Stopping(Rows):
    """Batches that end before a number of them is read."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def batch(self, step):
        if len(self.asked) == self.after:
            raise Stopped
        return super().batch(step)


@pytest.fixture(scope="module")
def halfway(tmp_path_factory):
    """The last checkpoint of a run that was cut off in its second stage, where two optimizers have a state."""
    folder = tmp_path_factory.mktemp("halfway") / "run"
    with pytest.raises(Stopped):
        train(folder, batches=Stopping(12), checkpoint=1)
    saved = read_checkpoint(checkpoint_paths(folder / "checkpoints")[-1])
    assert {name.split("/")[0] for name in saved.tensors["optimizers"]} == {"judge", "deceive"}
    return saved


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The same run, never cut off."""
    return everything(train(tmp_path_factory.mktemp("whole") / "run"))


def left_with(folder, checkpoint):
    """A run folder whose only checkpoint is this one."""
    write_checkpoint(folder / "checkpoints", checkpoint)
    return folder


def pieces(checkpoint):
    """Every piece of state by its name, and how it is left out."""
    for name in checkpoint.numbers:
        yield name, lambda numbers, _, name=name: numbers.pop(name)
    for part, tensors in checkpoint.tensors.items():
        yield part, lambda _, tensors, part=part: tensors.pop(part)
        for name in tensors:
            yield name, lambda _, tensors, part=part, name=name: tensors[part].pop(name)


def test_each_piece_that_is_left_out_is_named(halfway, tmp_path):
    left_out = list(pieces(halfway))
    assert {"window", "averages", "critic.0.bias", "judge/critic.0.weight/exp_avg_sq"} <= {name for name, _ in left_out}
    for at, (name, leave_out) in enumerate(left_out):
        numbers, tensors = dict(halfway.numbers), {part: dict(held) for part, held in halfway.tensors.items()}
        leave_out(numbers, tensors)
        saved = checkpoints.Checkpoint(halfway.step, numbers, tensors, halfway.facts)
        with pytest.raises(Mismatch, match=f"lacks .*`{name}`"):
            train(left_with(tmp_path / str(at), saved))


def test_nothing_is_left_out_of_what_is_whole(halfway, whole, tmp_path):
    assert_same_bits(everything(train(left_with(tmp_path / "run", halfway))), whole)


@pytest.mark.parametrize("number", range(1, FORMAT))
def test_an_older_format_loads_and_goes_on(number, whole, tmp_path):
    """The files are of another machine, so the last bits may differ."""
    shutil.copytree(OLDER / str(number), tmp_path / "run" / "checkpoints")
    for name, value in everything(train(tmp_path / "run")).items():
        torch.testing.assert_close(value, whole[name], rtol=1e-4, atol=1e-5)


def test_the_files_of_every_older_format_are_kept():
    for number in range(1, FORMAT):
        (path,) = checkpoint_paths(OLDER / str(number))
        assert json.loads((path / "manifest.json").read_text())["format"] == number


def test_a_newer_format_is_refused_and_not_passed_over(tmp_path, monkeypatch):
    write_checkpoint(tmp_path, some(1))
    monkeypatch.setattr(checkpoints, "FORMAT", FORMAT + 1)
    write_checkpoint(tmp_path, some(2))
    monkeypatch.undo()
    with pytest.raises(Newer, match=f"its format is {FORMAT + 1}, and this one reads up to {FORMAT}"):
        read_latest(tmp_path, pytest.fail)


FOREIGN = {
    "checkpoints/notes.txt": "mine",
    "checkpoints/step-00000001/notes.txt": "mine",  # a folder that is called as ours are
    "checkpoints/step-00000002/manifest.json": '{"name": "mine"}',
    "checkpoints/.mine.partial/notes.txt": "mine",
    "checkpoints/.step-00000003.partial/notes.txt": "mine",
    "checkpoints/step-4/notes.txt": "mine",
    "best/notes.txt": "mine",
    "samples/holiday.png": "mine",
    "tensorboard/notes.txt": "mine",
    "notes.txt": "mine",
    ".run.json": "mine",
}
"""Files that somebody put into the folder of a run."""


def test_foreign_files_are_ignored_and_never_removed(whole, tmp_path):
    with pytest.raises(Stopped):
        train(tmp_path, batches=Stopping(3), checkpoint=0)  # a run that came to nothing, and is started over
    for name, text in FOREIGN.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(Stopped):
        train(tmp_path, batches=Stopping(12), checkpoint=4, keep=1, sample=2)
    for name in checkpoint_paths(tmp_path / "checkpoints"):
        (name / "thoughts.txt").write_text("mine")  # beside what is ours, and to be removed
    assert_same_bits(everything(train(tmp_path, checkpoint=4, keep=1, sample=2)), whole)
    for name, text in FOREIGN.items():
        assert (tmp_path / name).read_text() == text, name
    assert [path.read_text() for path in tmp_path.rglob("thoughts.txt")] == ["mine"]


def test_what_is_in_the_place_of_a_checkpoint_stays_and_is_told(tmp_path):
    (tmp_path / "step-00000005").mkdir()
    (tmp_path / "step-00000005" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="files of something else are in its place"):
        write_checkpoint(tmp_path, some(5))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000005"]
    assert (tmp_path / "step-00000005" / "notes.txt").read_text() == "mine"
