"""The laws that the dynamics sample, against closed forms.   Chains of many particles, float64."""

import math

import pytest
import torch
from torch.testing import assert_close

from blocks.dynamics import descend, langevin

PARTICLES = 100_000
SPREAD = 5 * math.sqrt(2 / PARTICLES)  # 5 standard errors of a sample variance, relative: 2.2 %


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def half_square(x):
    return 0.5 * x.square().sum(1)


@pytest.mark.parametrize("h", [0.1, 0.5, 1.5])
def test_langevin_on_a_standard_normal_has_its_stationary_variance(h):
    steps = math.ceil(12 / -math.log((1 - h / 2) ** 2))  # what is left of the start: e^-12
    x = langevin(half_square, normal(PARTICLES, 1), steps=steps, step_size=h, seed=1).state
    assert_close(float(x.var()), 1 / (1 - h / 4), rtol=SPREAD, atol=0)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_langevin_has_its_variance_after_k_steps(k):
    h, start = 0.4, 4.0
    x = langevin(half_square, math.sqrt(start) * normal(PARTICLES, 1), steps=k, step_size=h, seed=2).state
    r = (1 - h / 2) ** 2
    assert_close(float(x.var()), r**k * start + h * (1 - r**k) / (1 - r), rtol=SPREAD, atol=0)


def test_step_and_noise_apart_set_the_temperature():
    """Noise 0.1 with eta 0.1: T = s^2 / eta = 0.1; the discrete chain's variance is s^2 / (1 - (1 - eta/2)^2)."""
    x = langevin(half_square, normal(PARTICLES, 1), steps=120, step_size=0.1, noise_scale=0.1, seed=3).state
    assert_close(float(x.var()), 0.01 / (1 - 0.95**2), rtol=SPREAD, atol=0)  # 0.1026, near T


def test_a_tilted_gaussian_is_the_gaussian_of_the_closed_form():
    """N(0, I) tilted by |x - m|^2 / 2s^2: mean m / (1 + s^2), precision P = 1 + 1/s^2; the chain: P (1 - h P/4)."""
    m, s, h = torch.tensor([1.0, -2.0], dtype=torch.float64), 0.5, 0.05

    def potential(x):
        return (x - m).square().sum(1) / (2 * s**2) + half_square(x)

    x = langevin(
        potential, normal(PARTICLES, 2), steps=120, step_size=h, seed=4
    ).state  # 0.875^240 of the start is left
    precision = 1 + 1 / s**2
    variance = 1 / (precision * (1 - h * precision / 4))
    assert_close(x.mean(0), m / (1 + s**2), atol=5 * math.sqrt(variance / PARTICLES), rtol=0)
    assert_close(x.var(0), torch.full_like(m, variance), rtol=SPREAD, atol=0)
    assert abs(float((x - x.mean(0)).prod(1).mean())) < 5 * variance / math.sqrt(PARTICLES)


def test_a_tilted_linear_vae_is_reproduced_by_the_chain_in_its_noise():
    """x = W z + b + sigma e, tilted by |x - m|^2 / 2s^2: N with precision S^-1 + I/s^2, S = W W' + sigma^2 I."""
    weight = torch.tensor([[1.0, 0.4], [-0.3, 0.8], [0.5, 0.5]], dtype=torch.float64)
    bias, m = torch.tensor([0.5, -1.0, 0.2], dtype=torch.float64), torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    sigma, s, h = 0.6, 0.9, 0.02

    def decoded(eps):
        return eps["z"] @ weight.T + bias + sigma * eps["x"]

    def potential(eps):
        return (decoded(eps) - m).square().sum(1) / (2 * s**2) + half_square(eps["z"]) + half_square(eps["x"])

    start = {"z": normal(PARTICLES // 2, 2), "x": normal(PARTICLES // 2, 3, seed=1)}
    x = decoded(langevin(potential, start, steps=400, step_size=h, seed=5).state)
    marginal = torch.linalg.inv(weight @ weight.T + sigma**2 * torch.eye(3, dtype=torch.float64))
    covariance = torch.linalg.inv(marginal + torch.eye(3, dtype=torch.float64) / s**2)
    mean = covariance @ (marginal @ bias + m / s**2)
    assert_close(x.mean(0), mean, atol=0.02, rtol=0)  # 5 standard errors: 0.013
    assert_close(x.T.cov(), covariance, atol=0.02, rtol=0)  # sampling: 0.01; the step's bias, h P / 4 relative: 0.01


def test_energy_zero_leaves_the_noise_of_a_scale_mixture_alone():
    """z ~ N(0, 1), x | z ~ N(0, e^{2 s z}): in noise space the potential is |eps|^2 / 2, without sum log sigma."""
    start = {"z": normal(PARTICLES, 1), "x": normal(PARTICLES, 1, seed=1)}
    end = langevin(
        lambda eps: half_square(eps["z"]) + half_square(eps["x"]), start, steps=150, step_size=0.05, seed=6
    ).state
    assert abs(float(end["z"].mean())) < 5 * math.sqrt(1.0127 / PARTICLES)
    assert_close(float(end["z"].var()), 1 / (1 - 0.05 / 4), rtol=SPREAD, atol=0)


@pytest.mark.parametrize(("k", "eta"), [(1, 0.1), (40, 0.1), (5, 1.5)])
def test_descent_on_a_quadratic_is_its_closed_form(k, eta):
    x0 = normal(4, 3)
    assert_close(descend(half_square, x0, steps=k, step_size=eta).state, (1 - eta / 2) ** k * x0)


def test_descent_moves_the_log_density_by_its_closed_form():
    k, eta, d = 7, 0.3, 3
    jacobian = torch.autograd.functional.jacobian(
        lambda x: descend(half_square, x[None], steps=k, step_size=eta, differentiable=True).state[0], normal(d)
    )
    shift = -torch.linalg.slogdet(jacobian).logabsdet
    assert_close(float(shift), -d * k * math.log(1 - eta / 2))
