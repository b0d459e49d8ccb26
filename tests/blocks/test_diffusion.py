"""The variance-preserving chain against printed coefficients, Bayes' rule and its own algebra."""

import math

import pytest
import torch
from torch.testing import assert_close

from blocks.diffusion import PREDICTIONS, VPChain

# T: abar, posterior variance, coefficient of x0, coefficient of x_t, for t = 1 .. T; computed from the formulas of the
# DDGAN code (time grid from 1e-3) in float64 and printed to 6 digits.
TABLES = {
    1: ([4.31905e-05], [0], [1], [0]),
    2: ([0.078676, 4.31905e-05], [0, 0.920858], [1, 0.28035], [0, 0.0215876]),
    4: (
        [0.521745, 0.078676, 0.00342888, 4.31905e-05],
        [0, 0.440819, 0.884202, 0.984061],
        [1, 0.665778, 0.269191, 0.0578215],
        [0, 0.201576, 0.193001, 0.111852],
    ),
    8: (
        [0.843555, 0.521745, 0.236611, 0.078676, 0.0191814, 0.00342888, 4.49422e-04, 4.31905e-05],
        [0, 0.124793, 0.342377, 0.553066, 0.710327, 0.808259, 0.86634, 0.90353],
        [1, 0.732627, 0.517099, 0.35241, 0.216256, 0.114131, 0.0509045, 0.0191631],
        [0, 0.257262, 0.421893, 0.477791, 0.463813, 0.416117, 0.360956, 0.309878],
    ),
}
BETAS_OF_4 = [0.478255, 0.849206, 0.956418, 0.987404]
SIX_DIGITS = {"rtol": 5e-6, "atol": 0}  # half a unit of the sixth digit


def ones(*shape):
    return torch.ones(*shape, dtype=torch.float64)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def every_level(steps):
    return torch.arange(1, steps + 1)


@pytest.mark.parametrize("steps", TABLES)
def test_coefficients_are_those_of_the_table(steps):
    chain, t = VPChain(steps=steps), every_level(steps)
    one, zero = ones(steps, 1), torch.zeros(steps, 1, dtype=torch.float64)
    found = (
        chain.diffuse(one, t).mean.square(),
        chain.posterior(one, zero, t).std.square(),
        chain.posterior(one, zero, t).mean,
        chain.posterior(zero, one, t).mean,
    )
    for values, printed in zip(found, TABLES[steps], strict=True):
        assert_close(values.flatten(), torch.tensor(printed, dtype=torch.float64), **SIX_DIGITS)


def test_betas_of_four_steps():
    chain = VPChain(steps=4)
    assert_close(
        chain.step(ones(4, 1), every_level(4)).std.square().flatten(),
        torch.tensor(BETAS_OF_4, dtype=torch.float64),
        **SIX_DIGITS,
    )


def test_without_an_offset_the_variance_is_equation_6_14():
    chain = VPChain(steps=5, time_min=0.0)
    for t in range(6):
        u = t / 5
        assert_close(chain.diffuse(ones(1), t).std ** 2, 1 - math.exp(-0.1 * u - 0.5 * (20 - 0.1) * u**2))


@pytest.mark.parametrize("event", [(), (3,), (2, 4, 4)])
def test_a_whole_number_and_a_tensor_of_it_mean_the_same(event):
    chain, x, x_t, noise = VPChain(steps=4), draw(6, *event), draw(6, *event, seed=1), draw(6, *event, seed=2)
    for t in range(1, 5):
        batch = torch.full((6,), t)
        assert_close(chain.diffuse(x, t).at(noise), chain.diffuse(x, batch).at(noise))
        assert_close(chain.step(x, t).at(noise), chain.step(x, batch).at(noise))
        assert_close(chain.posterior(x, x_t, t).at(noise), chain.posterior(x, x_t, batch).at(noise))
        assert_close(chain.convert(x, x_t, t, "noise", "x0"), chain.convert(x, x_t, batch, "noise", "x0"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_level_zero_is_the_data_bit_for_bit(dtype):
    chain, x, noise = VPChain(steps=4), draw(5, 1, 3, 3).to(dtype), draw(5, 1, 3, 3, seed=1).to(dtype)
    assert torch.equal(chain.diffuse(x, torch.zeros(5, dtype=torch.int64)).at(noise), x)
    assert torch.equal(chain.diffuse(x, 0).at(noise), x)
    assert chain.diffuse(x, torch.arange(5)).at(noise).dtype == dtype


@pytest.mark.parametrize("t", [1, torch.ones(5, dtype=torch.int64)], ids=["number", "tensor"])
def test_the_last_posterior_is_x0_exactly(t):
    chain, x0, x_t = VPChain(steps=4), draw(5, 3).float(), draw(5, 3, seed=1).float()
    law = chain.posterior(x0, x_t, t)
    assert torch.equal(law.mean, x0)
    assert not torch.as_tensor(law.std).any()
    assert torch.equal(law.at(draw(5, 3, seed=2).float()), x0)


def test_steps_compose_to_diffuse():
    chain, mean, variance = VPChain(steps=8), ones(1), 0.0
    for t in range(1, 9):
        law = chain.step(mean, t)
        kept = chain.step(ones(1), t).mean
        mean, variance = law.mean, float(kept**2) * variance + law.std**2
        assert_close(mean, chain.diffuse(ones(1), t).mean)
        assert_close(variance, chain.diffuse(ones(1), t).std ** 2)


def test_the_posterior_is_bayes_rule():
    chain, x0, x_t = VPChain(steps=4), draw(6, 1), draw(6, 1, seed=1)
    for t in range(2, 5):
        between = draw(6, 1, seed=2)
        joint = chain.diffuse(x0, t - 1).log_prob(between) + chain.step(between, t).log_prob(x_t)
        evidence = chain.diffuse(x0, t).log_prob(x_t)
        assert_close(chain.posterior(x0, x_t, t).log_prob(between), joint - evidence)


def test_conversions_agree_with_their_definitions():
    chain, x0, noise, t = VPChain(steps=4), draw(4, 2), draw(4, 2, seed=1), every_level(4)
    law = chain.diffuse(x0, t)
    x_t, s = law.at(noise), law.std
    a = (1 - s**2).sqrt()
    said = {
        "noise": noise,
        "x0": x0,
        "mean": chain.posterior(x0, x_t, t).mean,
        "score": -noise / s,
        "velocity": a * noise - s * x0,
    }
    for source in PREDICTIONS:
        for target in PREDICTIONS:
            # x_T hardly knows x0: rounding errors grow by 1 / sqrt(abar) = 150, or its square where both ends need x0
            assert_close(chain.convert(said[source], x_t, t, source, target), said[target], rtol=1e-9, atol=1e-9)


def test_the_score_is_the_gradient_of_the_log_density():
    chain, x0, t = VPChain(steps=4), draw(4, 2), every_level(4)
    x_t = draw(4, 2, seed=1).requires_grad_()
    (score,) = torch.autograd.grad(chain.diffuse(x0, t).log_prob(x_t).sum(), x_t)
    assert_close(chain.convert(x0, x_t.detach(), t, "x0", "score"), score)


def test_nothing_is_saved_and_nothing_is_learned():
    chain = VPChain(steps=4)
    assert not chain.state_dict()
    assert not list(chain.parameters())
    assert chain.levels == 4


@pytest.mark.parametrize(
    "options", [{"steps": 0}, {"steps": 4, "beta_min": 3.0, "beta_max": 1.0}, {"steps": 4, "time_min": 1.0}]
)
def test_options_that_make_no_chain_are_refused(options):
    with pytest.raises(ValueError, match="`"):
        VPChain(**options)


def test_a_time_step_outside_the_chain_is_refused_or_not_a_number():
    chain, x = VPChain(steps=4), draw(2, 1)
    for wrong in (lambda: chain.step(x, 0), lambda: chain.posterior(x, x, 0), lambda: chain.diffuse(x, 5)):
        with pytest.raises(ValueError, match="time step"):
            wrong()
    data = torch.zeros(2, dtype=torch.int64)  # in a tensor nothing can be refused without reading it
    assert chain.posterior(x, x, data).mean.isnan().all()
    assert chain.step(x, data).mean.isnan().all()
    with pytest.raises(ValueError, match="prediction"):
        chain.convert(x, x, 1, "epsilon", "x0")
