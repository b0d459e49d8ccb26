"""Checkpoints: what is written is what is read; what is torn, changed or foreign is refused by name."""

import hashlib
import shutil

import pytest
import torch

import runners.checkpoints as checkpoints
from runners.checkpoints import Checkpoint, Damaged, checkpoint_paths, read_checkpoint, read_latest, write_checkpoint
from runners.state import Mismatch, RunFailed, RunState
from tests.runners.small_system import Rows, SmallSystem, assert_same_bits, everything, train


def some(step):
    tensors = {"blocks": {"a": torch.randn(3, 4).t(), "b": torch.arange(3), "c": torch.tensor(True)}, "averages": {}}
    return Checkpoint(step, {"stage": 1, "window": {"x": [0.1 + 0.2, 3]}}, tensors, {"name": "some"})


def test_what_was_written_is_read(tmp_path):
    written = some(5)
    read = read_checkpoint(write_checkpoint(tmp_path, written))
    assert (read.step, read.numbers, read.facts) == (5, written.numbers, {"name": "some"})
    assert_same_bits(dict(read.tensors["blocks"]), dict(written.tensors["blocks"]))


def test_tensors_that_share_memory_are_written(tmp_path):
    shared = torch.randn(4)
    tensors = {"blocks": {"a": shared, "b": shared}}
    read = read_checkpoint(write_checkpoint(tmp_path, Checkpoint(1, {}, tensors, {})))
    assert torch.equal(read.tensors["blocks"]["b"], shared)


def test_only_the_newest_are_kept(tmp_path):
    for step in (1, 2, 3, 10):
        write_checkpoint(tmp_path, some(step), keep=2)
    assert [path.name for path in checkpoint_paths(tmp_path)] == ["step-00000003", "step-00000010"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000003", "step-00000010"]


def truncate(file):
    file.write_bytes(file.read_bytes()[:-3])


def flip(file):
    data = bytearray(file.read_bytes())
    data[data.index(b"1", 9) if file.suffix == ".json" else -1] ^= 1  # in a manifest the digit of a number
    file.write_bytes(bytes(data))


def empty(file):
    file.write_bytes(b"")


def lose(file):
    file.unlink()


def halve(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def digest(data):
    """The first digits of the SHA-256, as messages show it."""
    return hashlib.sha256(data).hexdigest()[:12]


@pytest.mark.parametrize("name", ["blocks.safetensors", "averages.safetensors", "manifest.json"])
@pytest.mark.parametrize("damage", [truncate, flip, empty, lose, halve])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_is_taken(damage, name, tmp_path):
    write_checkpoint(tmp_path, some(1))
    file = write_checkpoint(tmp_path, some(2)) / name
    was = file.read_bytes()
    damage(file)
    with pytest.raises(Damaged) as refused:
        read_checkpoint(tmp_path / "step-00000002")
    assert str(file) in str(refused.value)
    assert damage is lose or "SHA-256" in str(refused.value)
    if name != "manifest.json" and damage is not lose:
        assert digest(was) in str(refused.value)
        assert digest(file.read_bytes()) in str(refused.value)
    assert ("empty" in str(refused.value)) == (damage is empty)
    assert ("missing" in str(refused.value)) == (damage is lose)
    said = []
    assert read_latest(tmp_path, said.append).step == 1
    assert said == [f"{refused.value}; falling back to {tmp_path / 'step-00000001'}"]
    damage(tmp_path / "step-00000001" / name)
    if damage is lose and name == "manifest.json":  # so a kill leaves it while removing: as good as not there
        assert read_latest(tmp_path, said.append) is None
        assert said[-1].endswith("there is no checkpoint before it")
    else:
        with pytest.raises(RunFailed, match="no checkpoint"):
            read_latest(tmp_path, said.append)


def test_a_folder_without_a_manifest_is_no_checkpoint(tmp_path):
    write_checkpoint(tmp_path, some(1))
    (write_checkpoint(tmp_path, some(2)) / "manifest.json").unlink()
    assert read_latest(tmp_path, lambda _: None).step == 1
    write_checkpoint(tmp_path, some(2))
    assert read_latest(tmp_path, lambda _: None).step == 2


@pytest.mark.parametrize("writes", range(4))
def test_a_save_that_fails_anywhere_leaves_the_one_before(writes, tmp_path, monkeypatch):
    write_checkpoint(tmp_path, some(1))
    written, calls = checkpoints._write, []

    def failing(path, data):
        if len(calls) == writes:
            path.write_bytes(data[: len(data) // 2])
            raise OSError(28, "No space left on device")
        calls.append(path)
        written(path, data)

    monkeypatch.setattr(checkpoints, "_write", failing)
    if writes < 3:  # blocks, averages, manifest
        with pytest.raises(OSError, match="No space left"):
            write_checkpoint(tmp_path, some(2))
    monkeypatch.undo()
    assert read_latest(tmp_path, lambda _: None).step == 1
    assert not list(tmp_path.glob("*/.*"))
    write_checkpoint(tmp_path, some(3))
    assert read_latest(tmp_path, lambda _: None).step == 3


def test_what_a_kill_left_half_removed_is_removed(tmp_path):
    for step in (1, 2):
        path = write_checkpoint(tmp_path, some(step), keep=2)
    (path / "manifest.json").unlink()
    write_checkpoint(tmp_path, some(3), keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000001", "step-00000003"]


def test_a_kill_after_the_last_save_leaves_nothing_to_a_run_that_goes_on(tmp_path):
    for step in (1, 2, 3):
        write_checkpoint(tmp_path, some(step), keep=3)
    (tmp_path / "step-00000002" / "manifest.json").unlink()
    (tmp_path / ".step-00000004.partial").mkdir()
    checkpoints.tidy(tmp_path, 3, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000003"]


def test_a_damaged_checkpoint_of_a_later_step_takes_no_place_of_a_good_one(tmp_path):
    for step in (1, 2, 9):
        path = write_checkpoint(tmp_path, some(step), keep=3)
    flip(path / "blocks.safetensors")
    write_checkpoint(tmp_path, some(3), keep=1)
    assert [path.name for path in checkpoint_paths(tmp_path)] == ["step-00000003"]


def test_a_run_falls_back_to_the_good_one_and_ends_the_same(tmp_path, capsys):
    class Crash(Exception):
        pass

    class Crashing(Rows):
        def batch(self, step):
            if len(self.asked) == 5:
                raise Crash
            return super().batch(step)

    with pytest.raises(Crash):
        train(tmp_path / "torn", batches=Crashing(), checkpoint=1)
    flip(checkpoint_paths(tmp_path / "torn" / "checkpoints")[-1] / "blocks.safetensors")
    torn, whole = train(tmp_path / "torn"), train(tmp_path / "whole")
    assert_same_bits(everything(torn), everything(whole))


def saved_state(tmp_path):
    made = train(tmp_path)
    return read_checkpoint(checkpoint_paths(made.folder / "checkpoints")[-1])


def restored(checkpoint, change):
    tensors = {part: dict(values) for part, values in checkpoint.tensors.items()}
    change(tensors)
    system = SmallSystem()
    state = RunState(system.blocks, system.averages)
    state.restore_numbers(checkpoint.numbers)
    state.restore_blocks(tensors)


def test_names_and_shapes_that_do_not_fit_are_told(tmp_path):
    saved = saved_state(tmp_path)
    restored(saved, lambda _: None)
    with pytest.raises(Mismatch, match=r"lacks `critic\.0\.bias`"):
        restored(saved, lambda tensors: tensors["blocks"].pop("critic.0.bias"))
    with pytest.raises(Mismatch, match=r"unknown `critic\.9\.bias`"):
        restored(saved, lambda tensors: tensors["blocks"].update({"critic.9.bias": torch.zeros(1)}))
    with pytest.raises(Mismatch, match=r"`critic\.0\.bias` has shape \(3,\), this system's has \(8,\)"):
        restored(saved, lambda tensors: tensors["blocks"].update({"critic.0.bias": torch.zeros(3)}))


def test_optimizer_state_of_no_update_is_refused(tmp_path):
    system = SmallSystem()
    with pytest.raises(Mismatch, match="optimizer state that no update has: `fit/x/step`"):
        RunState(system.blocks, system.averages).restore_optimizers({"fit/x/step": torch.zeros(())})


def test_a_copied_run_folder_opens(tmp_path):
    from runners.run import load_run

    made = train(tmp_path / "here")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    opened = load_run(tmp_path / "there", lambda _text: SmallSystem(seed=9))
    assert_same_bits(everything(opened), everything(made))
    assert opened.finished
    assert torch.equal(opened.sample("default", 5), made.sample("default", 5))
