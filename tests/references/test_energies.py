"""VAEBM, Langevin and short-run dynamics against closed forms, and against the literal text."""

import copy

import torch
from torch import Tensor, nn
from torch.testing import assert_close

from .langevin_step import Langevin
from .networks import Gaussian
from .short_run import NaiveShortRun, ShortRun
from .toys import BATCH, data, short_run, vaebm
from .vaebm import VAEBM


class Quadratic(nn.Module):
    """|x - m|^2 / (2 s^2)."""

    def __init__(self, mean: Tensor, scale: float) -> None:
        super().__init__()
        self.mean, self.scale = nn.Parameter(mean), scale

    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * ((x - self.mean) / self.scale).square().sum(-1)


class Linear(nn.Module):
    """x | z ~ N(W z + b, sigma^2 I)."""

    def __init__(self, weight: Tensor, bias: Tensor, std: float) -> None:
        super().__init__()
        self.weight, self.bias, self.std = nn.Parameter(weight), bias, std

    def forward(self, z: Tensor) -> Gaussian:
        mean = z @ self.weight.T + self.bias
        return Gaussian(mean, torch.full_like(mean, self.std))


def test_vaebm_chain_samples_a_tilted_linear_gaussian() -> None:
    weight, bias, std = torch.tensor([[1.0, 0.3], [-0.4, 0.8]]), torch.tensor([0.5, -0.2]), 0.6
    target, scale = torch.tensor([1.0, 1.0]), 0.9
    reference = VAEBM(Linear(weight, bias, std), Quadratic(target, scale), latent=2, event=(2,), step_size=0.02)
    samples = reference.sample(reference.draw_sample_noise(10_000, steps=400))
    precision = torch.linalg.inv(weight @ weight.T + std**2 * torch.eye(2))
    covariance = torch.linalg.inv(precision + torch.eye(2) / scale**2)
    mean = covariance @ (precision @ bias + target / scale**2)
    # 10,000 samples: 0.01 of a standard deviation; the discretisation adds under 2 % to the covariance at this step
    assert_close(samples.mean(0), mean, rtol=0, atol=0.03)
    assert_close(samples.T.cov(), covariance, rtol=0.03, atol=0.02)


class Heteroscedastic(nn.Module):
    """x | z ~ N(0, e^{2 s z})."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = nn.Parameter(torch.tensor(rate))

    def forward(self, z: Tensor) -> Gaussian:
        return Gaussian(torch.zeros_like(z), (self.rate * z).exp())


class Flat(nn.Module):
    """E(x) = 0, with a graph."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return (self.level * x).sum(-1)


def test_vaebm_chain_leaves_the_noise_alone_where_the_energy_is_flat() -> None:
    step_size = 0.1
    reference = VAEBM(Heteroscedastic(0.5), Flat(), latent=1, event=(1,), step_size=step_size)
    for noise in reference.chain(reference.draw_sample_noise(20_000, steps=150)):
        # a sum of log std in the potential would put the mean of eps_z at -0.5; 0.03 is four standard errors
        assert abs(float(noise.mean())) < 0.03
        assert_close(noise.var(), torch.tensor(1 / (1 - step_size / 4)), rtol=0.045, atol=0)


def test_vaebm_step_is_the_literal_one() -> None:
    reference = vaebm()
    energy, decoder = copy.deepcopy((reference.energy, reference.decoder))
    optimizer = torch.optim.Adam(energy.parameters(), lr=1e-3)
    x, step_size = data(), 0.1
    for _ in range(5):
        noise = reference.draw_noise(BATCH)
        eps = torch.cat((noise["eps_z"], noise["eps_x"]), dim=-1)
        for n in torch.cat((noise["step_z"], noise["step_x"]), dim=-1):
            eps = eps.detach().requires_grad_()
            (energy(at(decoder, eps)) + 0.5 * eps.square().sum(-1)).sum().backward()
            assert eps.grad is not None
            eps = eps - step_size / 2 * eps.grad + step_size**0.5 * n
        energies = energy(x), energy(at(decoder, eps).detach())
        contrast = (energies[0] - energies[1]).mean()
        size = 0.1 * (energies[0] ** 2 + energies[1] ** 2).mean()
        optimizer.zero_grad()
        (contrast + size).backward()
        optimizer.step()
        assert_close(reference.step({"x": x}, noise), {"contrast": contrast.detach(), "size": size.detach()})
    assert_close(list(reference.energy.parameters()), list(energy.parameters()), rtol=1e-10, atol=1e-12)
    assert all(parameter.grad is None for parameter in reference.decoder.parameters())


def at(decoder: nn.Module, eps: Tensor) -> Tensor:
    px = decoder(eps[:, :2])
    return px.mean + px.std * eps[:, 2:]


def test_langevin_variance_is_that_of_the_linear_recursion() -> None:
    step_size, steps = 0.3, 25
    chain = Langevin(Quadratic(torch.zeros(1), 1.0), event=(1,), steps=steps, step_size=step_size, dtype=torch.float64)
    noise = {"x0": torch.zeros(20_000, 1), "step": torch.randn(steps, 20_000, 1)}
    ratio = (1 - step_size / 2) ** 2
    expected = step_size * (1 - ratio**steps) / (1 - ratio)
    assert_close(chain.sample(noise).var(), torch.tensor(expected), rtol=0.04, atol=0)  # 4 standard errors


def test_noise_free_dynamics_contract_as_they_should() -> None:
    x0, eta, steps = torch.randn(8, 3), 0.2, 7
    reference = ShortRun(Quadratic(torch.zeros(3), 1.0), event=(3,), steps=steps, step_size=eta)
    expected = (1 - eta / 2) ** steps * x0
    assert_close(reference.sample({"x0": x0}), expected)
    assert_close(reference.generate(x0).detach(), expected)


def test_short_run_has_the_gradients_of_the_prose() -> None:
    careful = short_run()
    naive = NaiveShortRun(copy.deepcopy(careful.energy), event=(2,), steps=5, step_size=0.4)
    for _ in range(20):
        x, x0 = data(), torch.randn(BATCH, 2)
        for reference in (careful, naive):
            reference.optimizer.zero_grad()
        assert_close(careful.backward(x, x0), naive.backward(x, x0), rtol=1e-6, atol=1e-12)
        gradients = [[parameter.grad for parameter in reference.parameters] for reference in (careful, naive)]
        assert_close(*gradients, rtol=1e-6, atol=1e-10)
        for reference in (careful, naive):
            reference.optimizer.step()
    assert_close(careful.parameters, naive.parameters, rtol=1e-9, atol=1e-12)


def test_short_run_generator_term_is_not_lost() -> None:
    reference, x0 = short_run(), torch.randn(BATCH, 2)
    reference.backward(x0, x0)
    full = [parameter.grad for parameter in reference.parameters]
    terms = reference.energy(x0).mean() - reference.energy(reference.sample({"x0": x0})).mean()
    without = torch.autograd.grad(terms, reference.parameters)
    assert sum(float((a - b).norm()) for a, b in zip(full, without, strict=True) if a is not None) > 1e-3
