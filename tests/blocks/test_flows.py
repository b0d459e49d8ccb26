"""Flows as models: their density, their noise, their sizes."""

import math

import pytest
import torch
from torch.testing import assert_close

from blocks.distributions import standard_normal_log_prob
from blocks.flows import RealNVP
from blocks.types import Levels


def flow(*event, seed=0, **options):
    torch.manual_seed(seed)
    made = RealNVP((event,), **options).double()
    for p in made.parameters():
        torch.nn.init.normal_(p, std=0.4)
    return made


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


EVENTS = [(2,), (5,), (2, 4, 4)]


@pytest.mark.parametrize("event", EVENTS)
def test_the_views_agree_with_each_other(event):
    model, eps = flow(*event), noise(7, *event)
    x = model.at(eps)
    assert x.shape == (7, *event)
    assert torch.equal(model(eps), x)
    assert_close(model.inverse(x), eps)
    ladj, inverse_ladj = model.forward_and_ladj(eps)[1], model.inverse_and_ladj(x)[1]
    assert_close(inverse_ladj, -ladj)
    value, log_prob = model.log_prob_at(eps)
    assert torch.equal(value, x)
    assert_close(log_prob, model.log_prob(x))
    assert_close(log_prob, standard_normal_log_prob(eps) - ladj)
    assert_close(model.inverse_and_ladj(x)[0], eps)


@pytest.mark.parametrize("permutation", ["alternate", "random", "reverse"])
@pytest.mark.parametrize("scale", ["tanh", "sigmoid"])
def test_the_density_integrates_to_one_in_two_dimensions(permutation, scale):
    model = flow(2, couplings=3, hidden=(16,), permutation=permutation, scale=scale)
    reach, points = 40.0, 801  # the tails end well inside, and the spacing is a tenth of the noise's width
    axis = torch.linspace(-reach, reach, points, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        mass = model.log_prob(grid).exp().sum() * (2 * reach / (points - 1)) ** 2
    assert_close(float(mass), 1.0, atol=5e-3, rtol=0)


def test_its_noise_is_one_standard_normal_leaf():
    assert flow(2, 4, 4).noise_laws() == {"": ("normal", (2, 4, 4))}


def test_a_random_order_is_saved_with_the_flow():
    first, second = (flow(6, seed=seed, permutation="random") for seed in (0, 1))
    second.load_state_dict(first.state_dict())
    assert torch.equal(first.at(noise(3, 6)), second.at(noise(3, 6)))


def test_likelihood_training_fits_a_correlated_gaussian():
    torch.manual_seed(0)
    mix = torch.tensor([[1.0, 0.0], [0.8, 0.6]])
    data = torch.randn(512, 2) @ mix.T + 1
    model = RealNVP(((2,),), couplings=2, hidden=(16,))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(200):
        optimizer.zero_grad()
        (-model.log_prob(data).mean()).backward()
        optimizer.step()
    entropy = 1 + math.log(2 * math.pi) + math.log(0.6)  # of the truth, which no model beats but by sampling error
    with torch.no_grad():
        assert abs(float(-model.log_prob(data).mean()) - entropy) < 0.1  # sampling error at 512 rows: 0.04


@pytest.mark.parametrize(
    ("takes", "options"), [(((1,),), {}), (((),), {}), ((Levels(4),), {}), (((4,),), {"couplings": 0})]
)
def test_what_no_flow_can_do_is_refused_with_a_sentence(takes, options):
    with pytest.raises(ValueError, match=r"flow|couplings"):
        RealNVP(takes, **options)
