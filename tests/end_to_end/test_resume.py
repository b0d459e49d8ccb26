"""A run that was killed resumes bit for bit, in all four systems: parameters, averages, memories, samples, metrics."""

import json

import pytest
import torch

from tests.end_to_end.systems import SYSTEMS, bits, train
from tests.thinning import thinned


class Killed(BaseException):
    """Stands for a process that ends without a word: nothing catches it."""


class Dying:
    """Batches that kill the run when the n-th is asked for."""

    def __init__(self, batches, at):
        self.batches, self.at, self.asked = batches, at, 0

    @property
    def steps_per_epoch(self):
        return self.batches.steps_per_epoch

    def batch(self, step):
        self.asked += 1
        if self.asked > self.at:
            raise Killed
        return self.batches.batch(step)


def record(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "rate"} for line in lines]


@pytest.fixture(scope="module", params=SYSTEMS, ids=str)
def whole(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    made = train(SYSTEMS[request.param], folder)
    return SYSTEMS[request.param], bits(made), record(folder)


@pytest.mark.parametrize("kills", thinned([[2, 5, 3], [1], [4], [6], [8], [11]], every=3), ids=str)
def test_a_killed_run_resumes_bit_for_bit(kills, whole, tmp_path):
    text, expected, lines = whole
    for at in kills:
        with pytest.raises(Killed):
            train(text, tmp_path, batches=lambda data, at=at: Dying(data, at), seed=0)
    saved = list((tmp_path / "checkpoints").glob("step-*"))
    resumed = train(text, tmp_path, seed=5 if saved else 0)  # other initial weights: all comes from the checkpoint
    found = bits(resumed)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
    assert record(tmp_path) == lines


def test_the_systems_differ_by_seed(whole, tmp_path):
    text, expected, _ = whole
    other = bits(train(text, tmp_path, seed=7))
    assert any(not torch.equal(other[name], value) for name, value in expected.items())
