"""Averages of weights: the closed form, buffers, and who reads them in a run."""

import pytest
import torch
from torch import nn

from runners.ema import Average
from tests.runners.small_system import SmallSystem, train


def test_the_average_is_the_closed_form():
    block, average = nn.Linear(2, 2).double(), nn.Linear(2, 2).double()
    values = [torch.full((2, 2), float(v), dtype=torch.float64) for v in (1.0, 4.0, -2.0, 7.0)]
    moving = Average(block, average)
    for at, value in enumerate(values):
        block.weight.data.copy_(value)
        moving.start() if at == 0 else moving.update(0.9)
    expected = 0.9**3 * values[0] + 0.1 * (0.9**2 * values[1] + 0.9 * values[2] + values[3])
    torch.testing.assert_close(average.weight.data, expected, rtol=1e-14, atol=1e-14)


def test_buffers_are_copied_and_the_average_needs_no_gradient():
    block, average = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    moving = Average(block, average)
    moving.start()
    block.running_mean.fill_(5.0)
    block.num_batches_tracked.fill_(3)
    moving.update(0.99)
    assert average.running_mean.tolist() == [5.0] * 3
    assert average.num_batches_tracked == 3
    assert not any(p.requires_grad for p in average.parameters())


def test_the_first_step_of_a_stage_makes_a_copy(tmp_path):
    made = train(tmp_path, SmallSystem(steps=1, overrides=("stages.1.updates.1.ema.generator=0.5",)))
    assert made.averaged == {"generator"}
    raw, mean = made.executable.blocks["generator"], made.executable.averages["generator"]
    assert all(torch.equal(a, b) for a, b in zip(raw.parameters(), mean.parameters(), strict=True))


@pytest.mark.parametrize("decay", [0.9])
def test_a_stage_that_trains_a_block_without_an_average_ends_it(tmp_path, decay):
    class Forgetting(SmallSystem):
        def __init__(self):
            super().__init__(overrides=(f"stages.0.ema.generator={decay}",))
            first, second = self.spec.stages
            updates = tuple(update.model_copy(update={"ema": {}}) for update in second.updates)
            self.spec = self.spec.model_copy(update={"stages": (first, second.model_copy(update={"updates": updates}))})

    made = train(tmp_path, Forgetting())
    assert made.averaged == frozenset()
