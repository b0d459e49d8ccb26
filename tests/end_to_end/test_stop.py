"""Signals that reach the command at its start, in a step, within a save: it leaves with one whole checkpoint."""

import random
import signal

import pytest

from runners.checkpoints import checkpoint_paths, read_checkpoint
from tests.end_to_end.remains import assert_same_remains

AT = {"start": 7, "first save": 20, "save": 60}
"""The changes of files before which the signal comes: the first few make the folder, the lock and `spec.yaml`."""


def whole_checkpoint(folder):
    """The newest checkpoint, which must be whole, as all others must be."""
    return [read_checkpoint(path) for path in checkpoint_paths(folder / "checkpoints")][-1]


STATUSES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGUSR1: 75}
PREEMPTED = ("--set", "run.preemption=SIGUSR1")


@pytest.mark.parametrize(
    ("at", "number"),
    [(at, number) for at in AT.values() for number in STATUSES if at == AT["save"] or number == signal.SIGINT],
)
def test_a_signal_leaves_one_whole_checkpoint_and_its_status(at, number, forker, whole_run, tmp_path):
    (spec, whole), status = whole_run("vaebm"), STATUSES[number]
    left, said = forker.run("run", spec, "--out", tmp_path / "run", *PREEMPTED, at=[at], signal=number, within=tmp_path)
    assert left == status, said
    assert said.endswith("stopped, and saved; the same command goes on from there\n")
    assert (
        f"after step {whole_checkpoint(tmp_path / 'run').step}" in forker.run("run", spec, "--out", tmp_path / "run")[1]
    )
    assert_same_remains(tmp_path / "run", whole)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_a_signal_that_takes_the_machine_away_may_be_any(number, forker, whole_run, tmp_path):
    spec, _ = whole_run("vaebm")
    named = ("--set", f"run.preemption={signal.Signals(number).name}")
    left, said = forker.run("run", spec, "--out", tmp_path / "run", *named, at=[60], signal=number, within=tmp_path)
    assert left == 75, said
    assert whole_checkpoint(tmp_path / "run").step > 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_while_the_spec_is_read_leaves_nothing_behind(number, status, forker, whole_run, tmp_path):
    spec, _ = whole_run("vaebm")
    left, said = forker.run("run", spec, "--out", tmp_path / "run", reading=spec, signal=number)
    assert left == status, said
    assert "Traceback" not in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("seed", range(2))
def test_a_second_interrupt_leaves_no_torn_file(seed, forker, whole_run, tmp_path):
    dice = random.Random(seed)
    spec, whole = whole_run("vaebm")
    first = dice.randint(30, 90)
    twice = [first, first + dice.randint(1, 9)]
    left, said = forker.run("run", spec, "--out", tmp_path / "run", at=twice, signal=signal.SIGINT, within=tmp_path)
    assert left == 130, said
    assert "the same command goes on from there" in said
    whole_checkpoint(tmp_path / "run")
    left, said = forker.run("run", spec, "--out", tmp_path / "run")
    assert left == 0, said
    assert_same_remains(tmp_path / "run", whole)
