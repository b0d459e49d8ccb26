"""Flows as models: their density, their noise, their sizes."""

import math

import pytest
import torch
from torch.testing import assert_close

from blocks.distributions import standard_normal_log_prob
from blocks.flows import RealNVP
from blocks.flows.iaf import IAF
from blocks.flows.maf import MAF
from blocks.flows.planar import Planar, PlanarFlow
from blocks.flows.radial import RadialFlow
from blocks.flows.spline import SplineFlow
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


VECTORS = {  # a new flow of vectors adds a row
    "maf": (MAF, {"layers": 3, "hidden": (16,), "scale": "tanh"}),
    "iaf": (IAF, {"layers": 3, "hidden": (16,), "scale": "tanh"}),
    "spline": (SplineFlow, {"couplings": 3, "hidden": (16,), "bins": 6, "bound": 3.0}),
    "planar": (PlanarFlow, {"layers": 6}),
    "radial": (RadialFlow, {"layers": 6}),
}


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize(("kind", "options"), VECTORS.values(), ids=VECTORS)
def test_every_density_integrates_to_one_in_two_dimensions(kind, options, told):
    torch.manual_seed(0)
    model = kind(((2,), (1,)) if told else ((2,),), **options).double()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    reach, points = (6.0, 801) if kind is SplineFlow else (12.0, 241) if kind is PlanarFlow else (15.0, 501)
    axis = torch.linspace(-reach, reach, points, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    context = (torch.full((len(grid), 1), 0.7, dtype=torch.float64),) if told else ()
    with torch.no_grad():
        mass = model.log_prob(grid, *context).exp().sum() * (2 * reach / (points - 1)) ** 2
    assert_close(float(mass), 1.0, atol=5e-3, rtol=0)


@pytest.mark.parametrize(("kind", "options"), VECTORS.values(), ids=VECTORS)
def test_the_density_of_a_flow_is_that_of_its_draws(kind, options):
    torch.manual_seed(0)
    model = kind(((2,),), **options).double()
    eps = noise(20_000, 2)
    with torch.no_grad():
        x, log_prob = model.log_prob_at(eps)
        assert_close(log_prob[:50], model.log_prob(x[:50]))
        inside = (x.abs() < 1).all(1).double().mean()  # its share of draws against the integral of the density there
        axis = torch.linspace(-1, 1, 201, dtype=torch.float64)[:-1] + 0.005
        mass = model.log_prob(torch.cartesian_prod(axis, axis)).exp().sum() * 0.01**2
    assert_close(float(inside), float(mass), atol=0.015, rtol=0)  # four standard errors


def test_gradients_pass_the_root_that_inverts_a_planar_layer():
    torch.manual_seed(0)
    layer = Planar(3).double()
    x = noise(4, 3).requires_grad_()

    def undone(x, numbers):
        back = torch.func.functional_call(Undone(layer), {"layer.numbers": numbers}, (x,))
        return back[0].sum() + back[1].sum()

    assert torch.autograd.gradcheck(undone, (x, layer.numbers.detach().requires_grad_()))


class Undone(torch.nn.Module):
    """A layer the other way round."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer.inverse(x)


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
    ("kind", "takes", "options", "said"),
    [
        (RealNVP, ((1,),), {}, "its value has one entry"),
        (RealNVP, ((),), {}, "its value has one entry"),
        (SplineFlow, ((1,),), {}, "needs no halves: flow.maf"),
        (RealNVP, (Levels(4),), {}, "it cannot take a time step"),
        (MAF, (Levels(4),), {}, "it cannot take a time step"),
        (RealNVP, ((4,),), {"couplings": 0}, "`couplings` cannot be 0"),
        (PlanarFlow, ((4,),), {"layers": 0}, "`layers` cannot be 0"),
        (SplineFlow, ((4,),), {"bins": 1}, "`bins` cannot be 1"),
        (SplineFlow, ((4,),), {"bound": 0.0}, "`bound` cannot be 0"),
        (MAF, ((4,),), {"hidden": (0,)}, "`hidden`"),
    ],
)
def test_what_no_flow_can_do_is_refused_with_a_sentence(kind, takes, options, said):
    with pytest.raises(ValueError, match=said):
        kind(takes, **options)


@pytest.mark.parametrize("kind", [MAF, IAF, PlanarFlow, RadialFlow])
def test_a_value_of_one_entry_needs_no_halves(kind):
    torch.manual_seed(0)
    model = kind(((1,),)).double()
    x, log_prob = model.log_prob_at(noise(5, 1))
    assert_close(log_prob, model.log_prob(x))
