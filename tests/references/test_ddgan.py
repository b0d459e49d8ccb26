"""DDGAN: the published coefficients, Bayes' rule, which network each term reaches, R1, the average, sampling."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from .ddgan import DDGAN, vp_coefficients
from .networks import Denoiser
from .toys import BATCH, data, ddgan, reached, train

GOLDEN = {  # DETAILS of the released schedule: alpha_bar, posterior variance, factor of x0, factor of x_t; t = 1 .. T
    1: ([4.31905e-05], [0.0], [1.0], [0.0]),
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


@pytest.mark.parametrize("levels", GOLDEN)
def test_ddgan_coefficients_are_the_published_ones(levels: int) -> None:
    found = vp_coefficients(levels)
    computed = found.signal, found.posterior_variance, found.posterior_x0, found.posterior_x_t
    for column, golden in zip(computed, GOLDEN[levels], strict=True):
        assert_close(column[1:], torch.tensor(golden, dtype=torch.float64), rtol=5e-6, atol=0)  # six digits
    assert (found.signal[0], found.posterior_x0[1], found.posterior_x_t[1], found.posterior_variance[1]) == (1, 1, 0, 0)


def test_ddgan_betas_are_the_published_ones() -> None:
    golden = torch.tensor([0.478255, 0.849206, 0.956418, 0.987404])
    assert_close(vp_coefficients(4).beta[1:], golden, rtol=2e-6, atol=0)


def test_ddgan_posterior_is_bayes_rule() -> None:
    found, x0, x_t = vp_coefficients(4), 0.7, -1.3
    for t in (2, 3, 4):
        prior_precision = 1 / (1 - found.signal[t - 1])
        step_precision = (1 - found.beta[t]) / found.beta[t]
        variance = 1 / (prior_precision + step_precision)
        mean = variance * (
            prior_precision * found.signal[t - 1].sqrt() * x0 + x_t * (1 - found.beta[t]).sqrt() / found.beta[t]
        )
        assert_close(found.posterior_variance[t], variance)
        assert_close(found.posterior_x0[t] * x0 + found.posterior_x_t[t] * x_t, mean)


def test_ddgan_ends_on_the_data_and_on_the_prediction_exactly() -> None:
    reference, x = ddgan(), data()
    t, noise = torch.ones(BATCH, dtype=torch.int64), torch.randn(3, BATCH, 2)
    x_prev, x_t = reference.pair(x, t, noise[0], noise[1])
    assert torch.equal(x_prev, x)
    latent = torch.randn(BATCH, 4)
    assert torch.equal(reference.fake(x_t, t, latent, noise[2]), reference.generator(x_t, t, latent))


def test_ddgan_pair_has_the_marginal_of_the_chain() -> None:
    reference, x = ddgan(), torch.full((20_000, 2), 2.0)
    t = torch.full((20_000,), 2)
    for value, level in zip(reference.pair(x, t, torch.randn_like(x), torch.randn_like(x)), (1, 2), strict=True):
        signal = vp_coefficients(4).signal[level]
        assert_close(value.mean(), 2 * signal.sqrt(), rtol=0, atol=0.02)
        assert_close(value.var(), 1 - signal, rtol=0.03, atol=0)


def test_ddgan_updates_reach_only_their_own_network() -> None:
    reference, noise = ddgan(), ddgan().draw_noise(BATCH)
    leaves = {
        update: [noise[f"{update}.{leaf}"] for leaf in ("t", "x_prev", "x_t", "latent", "posterior")]
        for update in ("critic", "generator")
    }
    terms = reference.critic_terms(data(), *leaves["critic"])
    for term in terms.values():
        assert reached(term, reference.critic, reference.generator) == [True, False]
    reference.step({"x": data()}, noise)
    (adversarial,) = reference.generator_terms(data(), *leaves["generator"]).values()
    assert reached(adversarial, reference.generator) == [True]
    assert not any(parameter.requires_grad for parameter in reference.critic.parameters())
    assert all(parameter.grad is not None for parameter in reference.critic.parameters())  # its own, not thrown away


class LinearCritic(nn.Module):
    """w . x_prev + 100 |x_t|^2: a penalty that looked through x_t would be enormous."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x_prev: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        return x_prev @ self.weight + 100 * x_t.square().sum(-1)


def test_ddgan_penalty_is_lazy_not_rescaled_and_on_x_prev_alone() -> None:
    weight = torch.tensor([3.0, -4.0])
    critic = LinearCritic(weight.clone())
    reference = DDGAN(Denoiser(2, 4, 4, (8,)), critic, latent=4, event=(2,), gamma=0.05, every=3, lr=0.0)
    terms = train(reference, 7)
    assert [step for step, values in enumerate(terms) if "r1" in values] == [0, 3, 6]
    assert_close(terms[3]["r1"], torch.tensor(0.05 / 2 * 25))


def test_ddgan_average_starts_as_a_copy_after_the_first_step() -> None:
    reference = ddgan(ema=0.9)
    train(reference, 1)
    first = [parameter.detach().clone() for parameter in reference.generator_parameters]
    assert_close(reference.average_parameters, first, rtol=0, atol=0)
    train(reference, 1)
    expected = [0.9 * old + 0.1 * new.detach() for old, new in zip(first, reference.generator_parameters, strict=True)]
    assert_close(reference.average_parameters, expected)


def test_ddgan_sampling_is_ancestral() -> None:
    reference = ddgan()
    train(reference, 2)
    noise = reference.draw_sample_noise(32)
    found, x = vp_coefficients(4), noise["x_T"]
    for used, t in enumerate((4, 3, 2, 1)):
        x0 = reference.average(x, torch.full((32,), t), noise["latent"][used])
        mean = found.posterior_x0[t] * x0 + found.posterior_x_t[t] * x
        x = mean + math.sqrt(float(found.posterior_variance[t])) * noise["posterior"][used]
    assert_close(reference.sample(noise), x)
