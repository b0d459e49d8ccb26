"""The residual flow: contractions, exact and estimated log-determinants, implicit gradients; float64."""

import pytest
import torch
from torch.testing import assert_close

from blocks import contractions
from blocks.contractions import Contraction, _roulette, induced_norm
from blocks.flows.residual import ResidualFlow


def normal(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def flow(features, told=False, **options):
    torch.manual_seed(0)
    made = ResidualFlow(((features,), (3,)) if told else ((features,),), **{"layers": 2, "hidden": (7,), **options})
    for p in made.double().parameters():
        torch.nn.init.normal_(p, std=0.8)  # far above the bound, so that it holds
    return made.eval()


@pytest.mark.parametrize("told", [False, True])
def test_it_inverts_and_its_ladj_is_the_brute_force_jacobian(told):
    model, x = flow(4, told), normal(3, 4)
    context = (normal(3, 3, seed=4),) if told else ()
    z, ladj = model.inverse_and_ladj(x, *context)
    assert_close(model(z, *context), x)
    assert_close(model.inverse(x, *context), z)
    for row in range(3):
        one = [c[row : row + 1] for c in context]
        full = torch.func.jacrev(lambda v, one=one: model.inverse(v[None], *one)[0])(x[row])
        assert_close(ladj[row], torch.linalg.slogdet(full).logabsdet)
    value, log_prob = model.log_prob_at(z, *context)
    assert_close(log_prob, model.log_prob(x, *context))
    assert_close(value, x)


def test_no_slope_is_above_the_bound():
    torch.manual_seed(0)
    g = Contraction(5, hidden=(16, 16)).double()
    for p in g.parameters():
        torch.nn.init.normal_(p, std=3.0)
    jacobians = torch.func.vmap(torch.func.jacrev(lambda v: g(v[None])[0]))(3 * normal(200, 5))
    steepest = torch.linalg.matrix_norm(jacobians, 2).max().detach()
    assert 0.05 < float(steepest) < 0.97


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (50, 3), (128, 128)])
def test_the_norm_is_bounded_from_above_and_closely(shape):
    weight = normal(*shape)
    ratio = induced_norm(weight) / torch.linalg.matrix_norm(weight, 2)
    assert 1 - 1e-12 <= float(ratio) < 1.02
    assert 0 <= float(induced_norm(torch.zeros(shape))) < 1e-6


def test_the_estimate_has_no_bias():
    model, x = flow(3, layers=1), normal(2, 3)
    exact = model.log_prob(x).detach()
    model.train()
    with torch.no_grad():
        rows = x.repeat(50, 1)  # each has a direction of its own, all have one length
        drawn = torch.stack([model.log_prob(rows, seed=seed).view(50, 2).mean(0) for seed in range(500)])
    error = drawn.std(0) / len(drawn) ** 0.5
    assert bool((error > 0).all())  # it is an estimate
    assert bool(((drawn.mean(0) - exact).abs() < 4 * error).all())


def test_the_roulette_goes_on_half_of_the_time():
    lengths = torch.tensor([float(len(_roulette(seed))) for seed in range(4000)])
    assert abs(float((lengths > 2).double().mean()) - 0.5) < 0.03
    assert _roulette(int(lengths.argmax()))[:4] == [1.0, 1.0, 2.0, 4.0]


def test_the_series_of_a_larger_event_is_near_the_determinant(monkeypatch):
    monkeypatch.setattr(contractions, "EXACT", 13)
    model, x = flow(14, layers=1), normal(2, 14)
    full = torch.func.jacrev(lambda v: model.inverse(v[None])[0])(x[0])
    drawn = [model.inverse_and_ladj(x, seed=seed)[1][0].detach() for seed in range(200)]
    spread = torch.stack(drawn).std() / 200**0.5
    assert abs(float(torch.stack(drawn).mean() - torch.linalg.slogdet(full.detach()).logabsdet)) < 4 * float(spread)


def test_gradients_pass_the_fixed_point():
    model = flow(3)
    z = normal(2, 3).requires_grad_()
    assert torch.autograd.gradcheck(model, (z,), eps=1e-6, atol=1e-5, check_undefined_grad=False)
    first = model.layers[0].g.layers[0].weight
    (found,) = torch.autograd.grad(model(z).square().sum(), first)
    with torch.no_grad():
        first[0, 0] += 1e-5
        above = model(z).square().sum()
        first[0, 0] -= 2e-5
        below = model(z).square().sum()
    assert_close(found[0, 0], (above - below) / 2e-5, atol=1e-6, rtol=1e-5)


def test_in_train_mode_it_wants_a_seed():
    with pytest.raises(ValueError, match="seed"):
        flow(3).train().log_prob(normal(2, 3))


def test_the_density_integrates_to_one():
    model = flow(2, layers=3)
    axis = torch.linspace(-20, 20, 401, dtype=torch.float64)
    with torch.no_grad():
        mass = model.log_prob(torch.cartesian_prod(axis, axis)).exp().sum() * 0.1**2
    assert_close(float(mass), 1.0, atol=5e-3, rtol=0)
