"""Sampling: the same call gives the same bits; chunks, options, averages and modes."""

import pytest
import torch

from blocks.noise import draw, leaf_seed
from compose.diagnostics import SpecError
from runners.sampling import evaluating, sample
from tests.runners.small_system import SmallSystem, train


@pytest.fixture
def system():
    made = SmallSystem()
    made.blocks.eval()
    made.averages.eval()
    return made


def test_the_noise_is_named_by_sampler_chunk_and_leaf(system):
    made = sample(system, "default", 10, seed=7, chunk=4)
    drawn = [
        draw("normal", (rows, 2), leaf_seed(7, "default", "", 0, 0, chunk, "eps"), torch.float32)
        for chunk, rows in enumerate((4, 4, 2))
    ]
    with torch.no_grad():
        expected = torch.cat([system.blocks["generator"](noise) for noise in drawn])
    assert torch.equal(made, expected)


def test_the_same_call_gives_the_same_bits_and_another_seed_others(system):
    assert torch.equal(sample(system, "default", 6, 1), sample(system, "default", 6, 1))
    assert not torch.equal(sample(system, "default", 6, 1), sample(system, "default", 6, 2))


def test_averages_are_read_where_they_are_asked_for(system):
    raw = sample(system, "default", 6)
    assert not torch.equal(raw, sample(system, "default", 6, averaged=frozenset({"generator"})))


def test_options_reach_the_program_and_unknown_ones_are_refused(system):
    at_zero = sample(system, "default", 3, options={"scale": 0.0})
    assert torch.equal(at_zero[0], at_zero[1])
    with pytest.raises(SpecError, match="has no option `size`"):
        sample(system, "default", 3, options={"size": 1})


def test_a_conditional_sampler_needs_data_and_follows_its_rows(system):
    from compose.program import CompiledSampler
    from tests.runners.small_system import data, program

    class Twice(torch.nn.Module):
        def forward(self, x):
            return {"value": {"twice": 2 * x, "x": x}}

    system.sampler = lambda name, averaged: CompiledSampler(name, program(Twice(), data("x")), conditional=True)
    with pytest.raises(ValueError, match="reads data"):
        sample(system, "twice", 3)
    x = torch.randn(5, 2)
    made = sample(system, "twice", 100, batch={"x": x}, chunk=2)
    assert torch.equal(made["twice"], 2 * x)
    assert sample(system, "twice", 3, batch={"x": x})["x"].shape == (3, 2)


def test_sampling_leaves_modes_and_statistics_alone(system):
    system.blocks.train()
    before = {name: value.clone() for name, value in system.blocks.state_dict().items()}
    sample(system, "default", 6)
    assert all(part.training for part in system.blocks.modules())
    assert all(torch.equal(value, before[name]) for name, value in system.blocks.state_dict().items())
    with evaluating(system.blocks):
        assert not any(part.training for part in system.blocks.modules())


def test_a_run_draws_its_samplers_where_it_is_told(tmp_path):
    made = train(tmp_path, sample=4)
    names = sorted(path.name for path in (made.folder / "samples").iterdir())
    assert names == [f"default-{step:08d}.png" for step in (4, 6, 8, 12)]
