"""Closed forms, reached through the language: spec text -> compiled sampler -> numbers."""

import copy
import math

import pytest
import torch
from torch.testing import assert_close

from blocks.types import Field
from tests import systems
from tests.driving import Trainer, compiled, fill, program_of, sampled
from tests.references.short_run import NaiveShortRun

LINE = {"x": Field((1,))}
HEAD = "name: golden\ndata: {source: toy.moons, batch_size: 32}\n"


def test_langevin_on_a_tilted_gaussian_reaches_the_closed_form():
    mean, scale = torch.tensor([1.0, -0.5]), 0.8
    executable = compiled(f"""{HEAD}
blocks:
  target: {{kind: parameter, size: 2}}
models:
  away(v): square_norm(v - target) / (2 * {scale} ** 2)
  tilted: tilt(normal(like=x), away)
samplers:
  default: ~langevin(tilted, steps=400, step_size=0.02)
""")
    executable.blocks["target"].value.data.copy_(mean)
    samples = sampled(executable, 20_000)
    # 20,000 samples: 0.007 of a standard deviation; the step biases the covariance by 1/2 step / 4 of the precision
    precision = 1 + 1 / scale**2
    assert_close(samples.mean(0), (mean / scale**2 / precision).double(), rtol=0, atol=0.03)
    assert_close(samples.T.cov(), torch.eye(2, dtype=torch.float64) / precision, rtol=0.05, atol=0.012)


LINEAR_VAE = f"""{HEAD}
blocks:
  decoder: {{kind: decoder.mlp, latent: 2, hidden: [], output: normal, std: 0.6}}
  target:  {{kind: parameter, size: 2}}
models:
  vae:
    z: ~normal
    x: ~decoder(z)
  away(v): square_norm(v - target) / (2 * 0.9 ** 2)
  tilted: tilt(vae, away)
samplers:
  default: ~langevin(tilted, steps=400, step_size=0.02)
  values: ~langevin(tilted, steps=1500, step_size=0.01, space=values)
"""


@pytest.mark.parametrize("sampler", ["default", "values"])
def test_langevin_on_a_tilted_linear_gaussian_vae_reaches_the_closed_form(sampler):
    executable = compiled(LINEAR_VAE)
    weight, bias, std = torch.tensor([[1.0, 0.3], [-0.4, 0.8]]).double(), torch.tensor([0.5, -0.2]).double(), 0.6
    target, scale = torch.tensor([1.0, 1.0]).double(), 0.9
    linear = executable.blocks["decoder"].net[0]
    linear.weight.data.copy_(weight)
    linear.bias.data.copy_(bias)
    executable.blocks["target"].value.data.copy_(target)
    samples = sampled(executable, 10_000 if sampler == "default" else 4_000, sampler)
    eye = torch.eye(2, dtype=torch.float64)
    precision = torch.linalg.inv(weight @ weight.T + std**2 * eye)
    covariance = torch.linalg.inv(precision + eye / scale**2)
    # under 2 % of discretisation, and the sampling error of the covariance: sqrt(2 / n)
    assert_close(samples.mean(0), covariance @ (precision @ bias + target / scale**2), rtol=0, atol=0.045)
    assert_close(samples.T.cov(), covariance, rtol=0.06, atol=0.02)


@pytest.mark.parametrize("steps", [150])
def test_a_flat_energy_leaves_the_noise_of_a_heteroscedastic_program_alone(steps):
    """A spurious sum of log sigma would put the mean of z at -0.5."""
    executable = compiled(
        f"""{HEAD}
models:
  base:
    z: ~normal(like=x)
    x: ~normal(0.0 * z, exp(0.5 * z))
  flat: tilt(base, 0 * sum(_))
graph:
  ended: ~langevin(flat, steps={steps}, step_size=0.1)
samplers:
  default: record(z=ended.state.z, x=ended.state.x)
""",
        LINE,
    )
    for noise in sampled(executable, 20_000).values():
        assert abs(float(noise.mean())) < 0.03  # four standard errors
        assert_close(float(noise.var()), 1 / (1 - 0.1 / 4), rtol=0.045, atol=0)


@pytest.mark.parametrize("space", ["noise", "energy"])
@pytest.mark.parametrize("steps", [3, 60])
def test_unadjusted_langevin_has_the_variance_of_its_recursion(space, steps):
    target = "standard" if space == "noise" else "bowl, init=normal(like=x)"
    executable = compiled(
        f"""{HEAD}
models:
  standard: normal(like=x)
  bowl(v): square_norm(v) / 2
samplers:
  default: ~langevin({target}, steps={steps}, step_size=0.4)
""",
        LINE,
    )
    ratio = (1 - 0.4 / 2) ** 2
    expected = ratio**steps + 0.4 * (1 - ratio**steps) / (1 - ratio)
    variance = float(sampled(executable, 20_000).var())
    assert_close(variance, expected, rtol=0.045, atol=0)  # four standard errors; the limit is 1 / (1 - step / 4)
    if steps == 60:
        assert_close(expected, 1 / (1 - 0.1), rtol=1e-6, atol=0)


def test_noise_free_descent_is_the_closed_form():
    executable = compiled(f"""{HEAD}
models:
  bowl(v): square_norm(v) / 2
graph:
  gen: descend(bowl, x, steps=7, step_size=0.3, keep=3)
samplers:
  default: gen
  path: gen.path
""")
    x = torch.randn(5, 2, dtype=torch.float64)
    assert_close(sampled(executable, 5, x=x), (1 - 0.3 / 2) ** 7 * x)
    assert_close(sampled(executable, 5, "path", x=x), torch.stack([0.85**3 * x, 0.85**6 * x], 1))


@pytest.mark.parametrize("trace", ["exact", "hutchinson"])
def test_the_density_of_a_linear_flow_is_the_closed_form(trace):
    executable = compiled(f"""{HEAD}
models:
  field(v, t): 0.7 * v
  flowed: push(normal(like=x), ode(field, time=0.5, rtol=1e-8, atol=1e-8, trace={trace}))
graph:
  s: ~flowed
samplers:
  default: record(x=s, at_draw=flowed.log_prob(s), elsewhere=flowed.log_prob(x))
""")
    x = torch.randn(6, 2, dtype=torch.float64)
    made = sampled(executable, 6, x=x)
    grown = math.exp(0.7 * 0.5)

    def density(value):
        return (-((value / grown) ** 2) / 2 - 0.5 * math.log(2 * math.pi)).sum(1) - 0.5 * 2 * 0.7

    assert_close(made["at_draw"], density(made["x"]), rtol=1e-6, atol=1e-6)
    assert_close(made["elsewhere"], density(x), rtol=1e-6, atol=1e-6)


def test_the_gradient_flow_of_a_bowl_contracts_and_has_its_density():
    executable = compiled(f"""{HEAD}
models:
  bowl(v): square_norm(v) / 2
  flowed: push(normal(like=x), gradient_flow(bowl, time=0.4, rtol=1e-8, atol=1e-8))
samplers:
  default: record(back=flowed.log_prob(x), draw=~flowed)
""")
    x = torch.randn(6, 2, dtype=torch.float64)
    made = sampled(executable, 6, x=x)
    before = x * math.exp(0.4)
    expected = (-(before**2) / 2 - 0.5 * math.log(2 * math.pi)).sum(1) + 2 * 0.4
    assert_close(made["back"], expected, rtol=1e-6, atol=1e-6)


def test_generator_loss_gradients_are_those_of_two_chains_and_a_copy():
    executable = compiled(systems.SHORT_RUN)
    energy = copy.deepcopy(executable.blocks["energy"])
    reference = NaiveShortRun(energy, event=(2,), steps=5, step_size=0.4)
    program = program_of(executable)
    x = torch.randn(16, 2, dtype=torch.float64)
    values = fill(program, 16, {"x": x})
    made = program(values)
    made["loss"].backward()
    (x0,) = (value for name, value in values.items() if name != "x")
    terms = reference.backward(x, x0)
    assert_close(made["terms"], terms)
    for mine, other in zip(executable.blocks["energy"].parameters(), energy.parameters(), strict=True):
        assert_close(mine.grad, other.grad, rtol=1e-6, atol=1e-9)


def test_importance_weights_of_a_linear_vae_average_to_its_evidence():
    """log mean exp of log p(z, x) - log q(z) over many draws is log p(x), here a Gaussian."""
    executable = compiled(f"""{HEAD}
blocks:
  decoder: {{kind: decoder.mlp, latent: 2, hidden: [], output: normal, std: 0.6}}
models:
  vae:
    z: ~normal
    x: ~decoder(z)
graph:
  xs: repeat(x, 4000)
  z: ~normal(0 * xs, 1)
samplers:
  default: logmeanexp(group(vae.log_prob(z=z, x=xs) - normal.log_prob(z), 4000))
""")
    linear = executable.blocks["decoder"].net[0]
    weight, bias = linear.weight.detach(), linear.bias.detach()
    x = torch.randn(4, 2, dtype=torch.float64) * 0.5
    exact = torch.distributions.MultivariateNormal(bias, weight @ weight.T + 0.36 * torch.eye(2)).log_prob(x)
    assert_close(sampled(executable, 4, x=x), exact, rtol=0, atol=0.1)  # 4000 importance weights


def test_the_logit_of_a_trained_critic_is_the_log_ratio():
    """Between N(1, 1) and N(-1, 1) the optimal logit is 2 x."""
    executable = compiled(
        f"""{HEAD}
blocks:
  critic: {{kind: discriminator.mlp, hidden: []}}
graph:
  real: ~normal(1.0, 1.0, like=x)
  fake: ~normal(-1.0, 1.0, like=x)
stages:
  - steps: 300
    minimize:
      real: softplus(-critic(real))
      fake: softplus(critic(fake))
""",
        LINE,
    )
    trainer = Trainer(executable, executable.stage(0).updates[0], lr=0.05)
    for step in range(300):
        trainer.step(2048, {}, seed=step)
    (linear,) = executable.blocks["critic"].net
    assert_close(linear.weight.detach().item(), 2.0, rtol=0.05, atol=0)
    assert abs(linear.bias.detach().item()) < 0.1
