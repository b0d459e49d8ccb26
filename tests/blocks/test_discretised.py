"""Laws over levels against SciPy's logistic, sums over every level, and frequencies of draws."""

import math

import pytest
import torch
from scipy import stats
from torch.testing import assert_close

from blocks.discretised import Categorical, Grid, Logistic, LogisticMixture, kl_categorical
from blocks.heads import head

GRIDS = {"pixels": Grid(0.0, 1.0, 256), "centred": Grid(-1.0, 1.0, 256), "five bits": Grid(-1.0, 1.0, 32),
         "binary": Grid(0.0, 1.0, 2)}  # fmt: skip


def law_of(kind, grid, rows=7, dtype=torch.float64):
    """A law of one entry a sample: locations beyond both ends, scales from far below a bin to beyond the range."""
    generator = torch.Generator().manual_seed(0)
    shape = (rows, 1) if kind == "logistic" else (rows, 1, 4)
    middle, half = (grid.low + grid.high) / 2, (grid.high - grid.low) / 2
    location = (middle + 1.3 * half * torch.randn(shape, generator=generator, dtype=torch.float64)).to(dtype)
    scale = (half * torch.linspace(-7, 1, math.prod(shape), dtype=torch.float64).exp().reshape(shape)).to(dtype)
    logits = torch.randn(rows, 1, 4, generator=generator, dtype=torch.float64).to(dtype)
    if kind == "logistic":
        return Logistic(location, scale, grid)
    if kind == "mixture":
        return LogisticMixture(logits, location, scale, grid)
    return Categorical(torch.randn(rows, 1, grid.levels, generator=generator, dtype=dtype), grid)


def levels(grid, dtype=torch.float64):
    return torch.linspace(grid.low, grid.high, grid.levels, dtype=dtype)


def table(law, grid, rows=7, dtype=torch.float64):
    """log P of every level: rows x levels."""
    return torch.stack([law.log_prob(v.expand(rows, 1)) for v in levels(grid, dtype)], 1)


@pytest.fixture(params=GRIDS.values(), ids=GRIDS.keys())
def grid(request):
    return request.param


@pytest.mark.parametrize("kind", ["logistic", "mixture", "categorical"])
def test_all_levels_add_up_to_one(kind, grid):
    assert_close(table(law_of(kind, grid), grid).exp().sum(1), torch.ones(7, dtype=torch.float64), rtol=0, atol=1e-12)
    single = table(law_of(kind, grid, dtype=torch.float32), grid, dtype=torch.float32)
    assert_close(single.exp().sum(1), torch.ones(7), rtol=0, atol=3e-5)  # 256 sums of numbers with 7 digits


def cdf(law, grid):
    """SciPy's distribution function at the upper end of every bin but the last: rows x levels - 1."""
    ends = (levels(grid)[:-1] + grid.bin / 2).numpy()
    if isinstance(law, Logistic):
        return torch.from_numpy(stats.logistic.cdf(ends[None], law.location.numpy(), law.scale.numpy()))
    parts = stats.logistic.cdf(ends[None, None], law.location[:, 0, :, None].numpy(), law.scale[:, 0, :, None].numpy())
    return (law.logits[:, 0].softmax(-1)[..., None] * torch.from_numpy(parts)).sum(1)


@pytest.mark.parametrize("kind", ["logistic", "mixture"])
def test_probabilities_are_differences_of_scipys_distribution_function(kind, grid):
    law = law_of(kind, grid)
    zero, one = torch.zeros(7, 1, dtype=torch.float64), torch.ones(7, 1, dtype=torch.float64)
    theirs = torch.cat([zero, cdf(law, grid), one], 1).diff(dim=1)
    assert_close(table(law, grid).exp(), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["logistic", "mixture"])
def test_far_levels_have_finite_logs_and_gradients(kind, grid):
    """Where the difference of two sigmoids is 0 in float32 its logarithm still is a number."""
    law = law_of(kind, grid, dtype=torch.float32)
    law.location.requires_grad_()
    law.scale.requires_grad_()
    made = table(law, grid, dtype=torch.float32)
    assert made.isfinite().all()
    made.sum().backward()
    assert law.location.grad.isfinite().all()
    assert law.scale.grad.isfinite().all()
    double = law_of(kind, grid)
    assert_close(made.detach().double(), table(double, grid), rtol=1e-3, atol=1e-3)


def test_a_value_counts_for_the_bin_that_it_lies_in():
    law, grid = law_of("mixture", GRIDS["pixels"]), GRIDS["pixels"]
    for level in (0, 1, 254, 255):
        at = [torch.full((7, 1), level / 255 + shift / 255, dtype=torch.float64) for shift in (-0.49, 0.0, 0.49)]
        low, middle, high = (law.log_prob(value) for value in at)
        assert_close(low, middle)
        assert_close(high, middle)
    assert grid.nearest(torch.tensor([-3.0, 0.0, 0.9999, 7.0])).tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize("kind", ["logistic", "mixture", "categorical"])
def test_draws_are_as_frequent_as_they_are_probable(kind):
    grid, count = Grid(0.0, 1.0, 6), 60_000
    law = law_of(kind, grid)
    noise = (torch.arange(count, dtype=torch.float64) + 0.5) / count  # every quantile once: no chance in this
    drawn = torch.stack([law.at(u.expand(7, 1)) for u in noise[:: count // 6000]], 1)[..., 0]
    found = (drawn[..., None] - levels(grid)).abs() < 1e-9
    assert found.any(-1).all()  # on the grid
    assert_close(found.double().mean(1), table(law, grid).exp(), rtol=0, atol=2e-3)


@pytest.mark.parametrize("kind", ["logistic", "mixture", "categorical"])
def test_the_draw_and_its_log_probability_agree_and_noise_of_both_ends_is_harmless(kind, grid):
    law = law_of(kind, grid, dtype=torch.float32)
    for u in (0.0, 0.3, 1 - 2.0**-24):
        value, log_prob = law.log_prob_at(torch.full((7, 1), u))
        assert value.isfinite().all()
        assert_close(log_prob, law.log_prob(value))
    assert not law.at(torch.rand(7, 1)).requires_grad


def test_moments_of_a_mixture_are_those_of_its_draws():
    """Where the grid is fine and the range is not met, discretising changes neither."""
    grid = Grid(-30.0, 30.0, 60_001)
    law = LogisticMixture(
        torch.tensor([[[0.3, -0.5]]]).double(), torch.tensor([[[-2.0, 1.0]]]).double(),
        torch.tensor([[[0.4, 0.2]]]).double(), grid,
    )  # fmt: skip
    drawn = torch.cat([law.at(u.reshape(1, 1)) for u in ((torch.arange(4000.0).double() + 0.5) / 4000)])
    assert_close(drawn.mean(), law.mean.squeeze(), rtol=0, atol=1e-3)
    assert_close(drawn.std(), law.std.squeeze(), rtol=0, atol=5e-3)  # the tails beyond 1 / 8000 are not drawn


def test_a_categorical_is_torchs():
    law = law_of("categorical", GRIDS["five bits"])
    other = Categorical(law.logits.flip(-1) * 2, law.grid)
    ours, theirs = (torch.distributions.Categorical(logits=each.logits[:, 0]) for each in (law, other))
    assert_close(law.entropy(), ours.entropy())
    assert_close(kl_categorical(law, other), torch.distributions.kl_divergence(ours, theirs))
    assert_close(table(law, law.grid), ours.logits)
    assert_close(law.mode[:, 0], levels(law.grid)[ours.logits.argmax(-1)])
    values = levels(law.grid)
    assert_close(law.mean[:, 0], (ours.probs * values).sum(1))
    assert_close(law.std[:, 0].square(), (ours.probs * values**2).sum(1) - law.mean[:, 0] ** 2)


@pytest.mark.parametrize(("activation", "low"), [("none", 0.0), ("sigmoid", 0.0), ("tanh", -1.0)])
def test_a_mixture_head_starts_with_components_all_over_the_range(activation, low):
    made = head((2, 3), output="logistic_mixture", output_activation=activation, components=4)
    law = made(torch.zeros(5, 4 * 3 * 6))
    apart = law.location[0, 0, 0].diff()
    assert (apart > 0.1).all()
    assert law.location.min() > low
    assert law.location.max() < 1
    assert law.grid == Grid(low, 1.0, 256)


def test_an_image_head_gives_each_component_its_channels():
    raw = torch.randn(2, 3 * 2 * 3, 4, 4)
    law = head((3, 4, 4), output="logistic_mixture", components=2)(raw)
    assert torch.equal(law.logits[..., 1], raw[:, 3:6])
    assert torch.equal(head((3, 4, 4), output="categorical", levels=6)(raw).logits[..., 2], raw[:, 6:9])
