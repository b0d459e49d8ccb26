"""A value that is lost in one process of two: all stop at that step, and say what one process alone says."""

import json
import re

import numpy as np
import pytest

from runners.checkpoints import checkpoint_paths, read_checkpoint
from tests.end_to_end.test_processes import command, finish

SPEC = """
compose: 1
name: lossy
data: {source: arrays, train: FILE, batch_size: 16}
blocks: {net: {kind: decoder.mlp, like: x, hidden: [8]}}
graph:
  root: SAFE
  gap: net(x) - root
stages:
  - {name: fit, steps: 12, minimize: {error: sum(gap ** 2)}}
run: {log_every: 5, checkpoint_every: 2}
"""
SURE = "log(x)", ()
NOISY = "log(x + ~uniform(0, 1))", ("run.on_nan=rollback", "run.rollbacks=20")
"""A row of -0.5 whose logarithm is none, always or in every other draw: other noise takes a run past it."""


def lossy(folder, value, *settings, processes):
    """The exit status of a run whose data have one bad row, and what it said from where something was lost."""
    rows = np.random.default_rng(0).uniform(1.0, 2.0, size=(64, 2)).astype(np.float32)
    rows[8, 1] = -0.5
    np.save(folder / "rows.npy", rows)
    text = SPEC.replace("FILE", str(folder / "rows.npy")).replace("SAFE", value)
    return finish(command(text, folder, *settings, processes=processes, name=f"run-{processes}"))


@pytest.mark.slow  # three processes, each with its imports
def test_all_stop_at_the_step_and_name_what_one_process_names(tmp_path):
    said = {}
    for count in (1, 2):
        status, text = lossy(tmp_path, SURE[0], processes=count)
        assert status == 1, text
        assert "Traceback" not in text
        assert text.count("error[R181]") == 1
        said[count] = text[text.index("error[R181]") :].replace(f"run-{count}", "run")
        held = checkpoint_paths(tmp_path / f"run-{count}" / "checkpoints")
        assert all(
            value.isfinite().all() for path in held for value in read_checkpoint(path).tensors["blocks"].values()
        )
    assert said[1] == said[2]
    assert "the term `error` of update" in said[2]
    assert "in step" in said[2]
    assert "(sample 8 of the data)" in said[2]
    assert int(re.search(r"in row (\d+) of the batch", said[2])[1]) >= 8, "it is to be a row of the second process"


@pytest.mark.slow
def test_two_processes_roll_back_together_as_one_does(tmp_path):
    events = {}
    for count in (1, 2):
        status, text = lossy(tmp_path, NOISY[0], *NOISY[1], "run.precision=64", processes=count)
        assert status == 0, text
        lines = (tmp_path / f"run-{count}" / "metrics.jsonl").read_text().splitlines()
        told = [line for line in map(json.loads, lines) if "event" in line]
        events[count] = [(line["event"], line["number"], line["run_step"]) for line in told]
    assert events[1] == events[2] != []
    one, two = (read_checkpoint(checkpoint_paths(tmp_path / f"run-{n}" / "checkpoints")[-1]) for n in (1, 2))
    assert one.numbers["rollbacks"] == two.numbers["rollbacks"] == len(events[1])
    for name, value in one.tensors["blocks"].items():
        assert value.allclose(two.tensors["blocks"][name], rtol=1e-10)
