"""Bijections by ODE: linear fields in closed form, others against brute force and torchdiffeq's own defaults."""

import math

import pytest
import torch
import torchdiffeq
from torch import nn
from torch.testing import assert_close

from blocks.distributions import standard_normal_log_prob
from blocks.dynamics import descend
from blocks.flow_ode import GradientFlow, OdeBijection

TIGHT = {"rtol": 1e-10, "atol": 1e-10}
CLOSE = {"rtol": 1e-7, "atol": 1e-7}  # many steps at the solver's 1e-10
A = torch.tensor([[0.3, -1.0, 0.2], [0.8, -0.5, 0.0], [0.1, 0.4, 0.7]], dtype=torch.float64)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def linear(x, t):
    return x @ A.T


def curved():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3)).double()
    return net, lambda x, t: net(torch.cat([x, t.expand(len(x), 1)], 1))


def test_a_linear_field_is_the_matrix_exponential():
    flow, x = OdeBijection(linear, 0.7, **TIGHT), randn(5, 3)
    moved = x @ torch.matrix_exp(0.7 * A).T
    assert_close(flow.forward(x), moved, **CLOSE)
    assert_close(flow.inverse(moved), x, **CLOSE)


def test_a_linear_field_shifts_the_log_density_by_minus_t_times_its_trace():
    flow, x0 = OdeBijection(linear, 0.7, **TIGHT), randn(5, 3)
    x, ladj = flow.forward_and_ladj(x0)
    assert_close(ladj, torch.full((5,), 0.7 * float(A.trace()), dtype=torch.float64), **CLOSE)
    back, inverse_ladj = flow.inverse_and_ladj(x)
    covariance = torch.matrix_exp(0.7 * A) @ torch.matrix_exp(0.7 * A).T
    truth = torch.distributions.MultivariateNormal(torch.zeros(3, dtype=torch.float64), covariance).log_prob(x)
    assert_close(standard_normal_log_prob(back) + inverse_ladj, truth, **CLOSE)
    assert_close(standard_normal_log_prob(x0) - ladj, truth, **CLOSE)


def test_the_log_determinant_is_the_brute_force_jacobian():
    _, field = curved()
    flow, x = OdeBijection(field, 1.0, **TIGHT), randn(3, 3)
    for one, ladj in zip(x, flow.forward_and_ladj(x)[1], strict=True):
        full = torch.autograd.functional.jacobian(lambda v: flow.forward(v[None])[0], one)
        assert_close(ladj, torch.linalg.slogdet(full).logabsdet, **CLOSE)


def test_inverse_undoes_forward_with_a_field_that_depends_on_time():
    _, field = curved()
    flow, x = OdeBijection(field, 1.0, **TIGHT), randn(3, 3)
    there, ladj = flow.forward_and_ladj(x)
    back, inverse_ladj = flow.inverse_and_ladj(there)
    assert_close(back, x, **CLOSE)
    assert_close(inverse_ladj, -ladj, **CLOSE)
    assert_close(flow.inverse(there), x, **CLOSE)
    assert_close(there, flow.forward(x), **CLOSE)
    growing = OdeBijection(lambda x, t: t * x, 2.0, **TIGHT)  # x(T) = x(0) e^{T^2/2}
    assert_close(growing.forward(x), x * math.e**2, **CLOSE)


def test_the_default_solution_is_that_of_torchdiffeq_within_the_tolerance():
    _, field = curved()
    x = randn(5, 3)
    reference = torchdiffeq.odeint(lambda t, x: field(x, t), x, torch.tensor([0.0, 1.0], dtype=torch.float64))[-1]
    assert_close(OdeBijection(field, 1.0).forward(x), reference, rtol=1e-4, atol=1e-4)  # ours: 1e-5 a step


@pytest.mark.parametrize(("method", "evaluations"), [("euler", 1), ("midpoint", 2), ("rk4", 4)])
def test_a_fixed_solver_takes_the_steps_it_is_given(method, evaluations):
    calls = []

    def field(x, t):
        calls.append(0)
        return linear(x, t)

    x = OdeBijection(field, 0.7, method=method, steps=10).forward(randn(5, 3))
    assert len(calls) == 10 * evaluations
    if method == "euler":
        step = torch.eye(3, dtype=torch.float64) + 0.07 * A
        assert_close(x, randn(5, 3) @ torch.linalg.matrix_power(step, 10).T)


def test_hutchinsons_estimate_is_unbiased():
    rows = 4000  # each row has a direction of its own: the mean over rows is the mean over directions
    flow, x = OdeBijection(linear, 0.7, trace="hutchinson", method="rk4", steps=4), randn(rows, 3)
    ladj = flow.forward_and_ladj(x, seed=3)[1].detach()
    off_diagonal = A + A.T - 2 * A.diag().diag()
    error = 0.7 * math.sqrt(float(off_diagonal.square().sum()) / 2 / rows)  # of the mean of e'Ae
    assert abs(float(ladj.mean()) - 0.7 * float(A.trace())) < 5 * error
    assert ladj.std() > 0
    assert torch.equal(flow.forward_and_ladj(x, seed=3)[1], ladj)


def test_hutchinsons_estimate_is_exact_for_a_diagonal_jacobian():
    x = randn(4, 3)
    exact, estimate = (
        OdeBijection(lambda x, t: x.sin(), 1.0, trace=trace, **TIGHT).forward_and_ladj(x, seed=0)[1]
        for trace in ("exact", "hutchinson")
    )
    assert_close(exact, estimate, **CLOSE)


def test_a_gradient_flow_on_a_quadratic_is_its_closed_form():
    flow = GradientFlow(lambda x: 0.5 * 3 * x.square().sum((1, 2)), 0.2, **TIGHT)
    x0 = randn(5, 2, 2)
    x, ladj = flow.forward_and_ladj(x0)
    assert_close(x, x0 * math.exp(-0.6), **CLOSE)
    assert_close(ladj, torch.full((5,), -4 * 0.6, dtype=torch.float64), **CLOSE)
    assert_close(flow.inverse(x), x0, **CLOSE)


def test_a_gradient_flow_is_the_limit_of_descent():
    def energy(x):
        return (x.cosh() + 0.3 * x.prod(1, keepdim=True)).sum(1)

    x0, time = randn(5, 2), 0.5
    limit = GradientFlow(energy, time, **TIGHT).forward(x0)
    errors = []
    for steps in (200, 400):  # descent steps are halved: step_size = 2 time / steps
        errors.append((descend(energy, x0, steps=steps, step_size=2 * time / steps).state - limit).abs().max())
    assert_close(float((errors[0] / errors[1]).detach()), 2.0, rtol=0.05, atol=0)  # first order


def test_gradients_reach_the_parameters_of_the_field_through_value_and_log_determinant():
    net, field = curved()
    flow, x = OdeBijection(field, 1.0, method="rk4", steps=8), randn(4, 3)

    def loss():
        back, ladj = flow.inverse_and_ladj(x)
        return -(standard_normal_log_prob(back) + ladj).mean()

    weight = net[0].weight
    (gradient,) = torch.autograd.grad(loss(), weight)
    step = 1e-6
    with torch.no_grad():
        weight[0, 0] += step
        above = loss()
        weight[0, 0] -= 2 * step
        below = loss()
    assert_close(gradient[0, 0], (above - below) / (2 * step), rtol=1e-5, atol=1e-7)  # central difference: about 1e-9


def test_nothing_is_recorded_where_gradients_are_switched_off():
    net, field = curved()
    with torch.no_grad():
        value, ladj = OdeBijection(field, 1.0).forward_and_ladj(randn(4, 3))
        downhill = GradientFlow(lambda x: net(torch.cat([x, x[:, :1]], 1)).sum(1), 0.1).forward(randn(4, 3))
    assert not (value.requires_grad or ladj.requires_grad or downhill.requires_grad)


def test_a_constant_field_moves_and_keeps_volume():
    x, ladj = OdeBijection(lambda x, t: torch.ones_like(x), 2.0).forward_and_ladj(randn(4, 3))
    assert_close(x, randn(4, 3) + 2)
    assert not ladj.any()


@pytest.mark.parametrize(
    "options",
    [{"method": "rk45"}, {"method": "rk4"}, {"steps": 4}, {"trace": "guess"}, {"time": 0.0}],
)
def test_options_that_contradict_each_other_are_refused(options):
    time = options.pop("time", 1.0)
    with pytest.raises(ValueError, match="`"):
        OdeBijection(linear, time, **options)


def test_an_estimate_without_a_seed_is_refused():
    with pytest.raises(ValueError, match="seed"):
        OdeBijection(linear, 1.0, trace="hutchinson").forward_and_ladj(randn(2, 3))
