"""Runs whose pictures lie on the disk: with any number of workers, stopped or not, they leave the same bits."""

import os
import shutil
import signal
import threading
import time

import numpy as np
import pytest
from PIL import Image

import compose
from compose.diagnostics import SpecError
from compose.difference import difference
from compose.spec import parse_spec
from runners.batches import Batches
from runners.checkpoints import checkpoint_paths, read_checkpoint
from runners.launch import examine
from runners.state import Interrupted
from tests.end_to_end.remains import assert_same_remains

SPEC = """
compose: 1
name: pictures
data: {source: images, root: ROOT, batch_size: 8, keep: disk, dequantize: 256, flip: true}
blocks:
  encoder: {kind: encoder.infogan, latent: 4, channels: [4, 8], hidden: 16}
  decoder: {kind: decoder.infogan, channels: [8, 4], hidden: 16}
  critic: {kind: discriminator.mlp, hidden: [8]}
graph:
  x_hat: decoder(encoder(x))
stages:
  - name: first
    steps: 4
    minimize: {error: "squared_error(x_hat, x)"}
  - name: second
    steps: 6
    updates:
      - {name: judge, train: [critic], times: 2, batch: next, minimize: {contrast: softplus(-critic(x))}}
      - {name: fit, train: [encoder, decoder], batch: next, minimize: {error: "squared_error(x_hat, x)"}}
samplers:
  default: x_hat
evaluate:
  error: squared_error(x_hat, x)
run: {log_every: 1, checkpoint_every: 4}
"""


SLOW = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder of 8 x 8 pictures."""
    made, dice = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for split, rows in {"train": 28, "test": 6}.items():
        (made / split).mkdir()
        for number in range(rows):
            pixels = dice.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(made / split / f"{number:02d}.png")
    return made


def spec(root, *settings):
    return parse_spec(SPEC.replace("ROOT", str(root)), "spec.yaml", settings)


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory):
    """The folder of a run that reads each batch in its step."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert compose.run(spec(root), folder, quiet=True).finished
    return folder


def still_reading():
    return [thread for thread in threading.enumerate() if thread.name.startswith("reading")]


def test_a_run_with_workers_leaves_what_one_without_does(root, whole, tmp_path):
    assert compose.run(spec(root, "run.workers=2"), tmp_path / "run", quiet=True).finished
    assert_same_remains(tmp_path / "run", whole)
    assert not still_reading()


@pytest.mark.parametrize("at", [pytest.param(2, marks=SLOW), 12])  # of the first and of the second stage
def test_an_interrupt_while_a_batch_is_read_saves_and_goes_on_with_others(at, root, whole, tmp_path, monkeypatch):
    made = Batches.batch

    def batch(self, step):
        if step == at:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
        return made(self, step)

    monkeypatch.setattr(Batches, "batch", batch)
    with pytest.raises(Interrupted) as stopped:
        compose.run(spec(root, "run.workers=1"), tmp_path / "run", quiet=True)
    assert stopped.value.status == 130
    assert not still_reading()
    newest = checkpoint_paths(tmp_path / "run" / "checkpoints")[-1]
    assert 0 < read_checkpoint(newest).step < 8
    monkeypatch.undo()
    assert compose.run(spec(root, "run.workers=3"), tmp_path / "run", quiet=True).finished
    assert_same_remains(tmp_path / "run", whole)


@pytest.mark.parametrize(
    ("workers", "picture"),
    [(2, "train/11.png"), pytest.param(0, "train/11.png", marks=SLOW), pytest.param(0, "test/03.png", marks=SLOW)],
)
def test_a_picture_that_turns_out_to_be_broken_is_a_finding(workers, picture, root, tmp_path):
    broken = shutil.copytree(root, tmp_path / "set")
    (broken / picture).write_bytes(b"")
    with pytest.raises(SpecError) as refused:
        compose.run(spec(broken, f"run.workers={workers}", "stages.0.steps=1"), tmp_path / "run", quiet=True)
    (found,) = refused.value.findings
    assert found.code == "R101"
    assert f"`{picture}` in " in found.message
    assert found.message.endswith("is empty")
    assert found.span.line == 4
    assert not still_reading()


def test_workers_make_no_difference_that_matters(root):
    one, other = (examine(spec(root, *settings))[0] for settings in ((), ("run.workers=2",)))
    changed = difference(one, other)
    assert not changed.matters
    assert [change.part for change in changed.immaterial] == ["workers"]


@pytest.mark.slow  # a process of its own; the quick part is above
def test_a_signal_to_the_command_while_it_reads_leaves_one_checkpoint(forker, root, whole, tmp_path):
    file = tmp_path / "spec.yaml"
    file.write_text(SPEC.replace("ROOT", str(root)))
    asked = ("run", file, "--out", tmp_path / "run", "--set", "run.workers=2")
    left, said = forker.run(*asked, at=[40], signal=signal.SIGINT, within=tmp_path)
    assert left == 130, said
    assert said.endswith("stopped, and saved; the same command goes on from there\n")
    assert "Traceback" not in said
    assert checkpoint_paths(tmp_path / "run" / "checkpoints")
    left, said = forker.run(*asked)
    assert left == 0, said
    assert_same_remains(tmp_path / "run", whole)
