"""Distributions against torch.distributions, float64."""

import math

import pytest
import torch
from torch import distributions as reference
from torch.testing import assert_close

from blocks.distributions import (
    Bernoulli,
    Normal,
    Uniform,
    kl_bernoulli,
    kl_normal,
    kl_standard,
    standard_normal_log_prob,
)


def rows(*event, seed=0):
    return torch.randn(5, *event, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


PAIRS = {  # ours, PyTorch's; the batch is 5
    "normal": lambda: (Normal(rows(3), rows(3, seed=1).exp()), reference.Normal(rows(3), rows(3, seed=1).exp())),
    "normal on images": lambda: (
        Normal(rows(2, 4, 4), rows(2, 4, 4, seed=1).exp()),
        reference.Normal(rows(2, 4, 4), rows(2, 4, 4, seed=1).exp()),
    ),
    "normal, a number for std": lambda: (Normal(rows(3), 0.3), reference.Normal(rows(3), 0.3)),
    "normal, std a sample": lambda: (
        Normal(rows(3, 2), rows(1, 1, seed=1).exp()),
        reference.Normal(rows(3, 2), rows(1, 1, seed=1).exp()),
    ),
    "normal, one number a sample": lambda: (
        Normal(rows(), rows(seed=1).exp()),
        reference.Normal(rows(), rows(seed=1).exp()),
    ),
    "bernoulli": lambda: (Bernoulli(3 * rows(4)), reference.Bernoulli(logits=3 * rows(4))),
    "uniform": lambda: (Uniform(rows(3), rows(3) + 2), reference.Uniform(rows(3), rows(3) + 2)),
}


def summed(value):
    return value.reshape(5, -1).sum(1)


@pytest.fixture(params=PAIRS.values(), ids=PAIRS.keys())
def pair(request):
    return request.param()


def noise_for(ours, theirs):
    generator = torch.Generator().manual_seed(3)
    draw = {"normal": torch.randn, "uniform": torch.rand}[ours.law]
    return draw(theirs.mean.shape, generator=generator, dtype=torch.float64)


def test_log_prob_is_summed_over_the_event(pair):
    ours, theirs = pair
    value = ours.at(noise_for(ours, theirs))
    assert_close(ours.log_prob(value), summed(theirs.log_prob(value)))


def test_log_prob_at_the_noise_is_log_prob_of_the_draw(pair):
    ours, theirs = pair
    noise = noise_for(ours, theirs)
    value, log_prob = ours.log_prob_at(noise)
    assert torch.equal(value, ours.at(noise))
    assert_close(log_prob, summed(theirs.log_prob(value)))


def test_moments_and_entropy(pair):
    ours, theirs = pair
    assert_close(ours.mean, theirs.mean)
    assert_close(torch.as_tensor(ours.std, dtype=torch.float64).expand_as(theirs.stddev), theirs.stddev)
    assert_close(ours.entropy(), summed(theirs.entropy()))


def test_the_fields_are_there(pair):
    ours, _ = pair
    assert all(getattr(ours, name) is not None for name in ours.fields)


def test_the_draw_of_a_normal_and_a_uniform_passes_gradients_to_both_parameters():
    for law in (Normal, Uniform):
        a, b = rows(3).requires_grad_(), (rows(3) + 9).requires_grad_()
        law(a, b).at(torch.full((5, 3), 0.25, dtype=torch.float64)).sum().backward()
        assert_close(a.grad + b.grad, torch.full_like(a, 1.25 if law is Normal else 1.0))


def test_a_bernoulli_draws_ones_as_often_as_it_says_and_stops_the_gradient():
    logits = torch.full((20000, 1), 0.4, requires_grad=True)
    drawn = Bernoulli(logits).at(torch.rand(20000, 1, generator=torch.Generator().manual_seed(0)))
    assert not drawn.requires_grad
    assert abs(float(drawn.mean()) - torch.tensor(0.4).sigmoid()) < 5 * 0.5 / math.sqrt(20000)  # 5 standard errors


def test_a_uniform_of_two_numbers_takes_its_event_from_what_it_meets():
    law = Uniform(0.0, 4.0)
    assert_close(law.at(torch.tensor([0.25, 0.5])), torch.tensor([1.0, 2.0]))
    assert_close(law.log_prob(torch.tensor([[1.0, 2.0], [1.0, 5.0]])), torch.tensor([-2 * math.log(4), -math.inf]))
    assert law.entropy() == math.log(4)


@pytest.mark.parametrize("std", [0.0, torch.zeros(5, 3, dtype=torch.float64)], ids=["number", "tensor"])
def test_a_certain_normal_is_its_mean_and_nothing_raises(std):
    law = Normal(rows(3), std)
    assert torch.equal(law.at(rows(3, seed=1)), rows(3))
    assert not law.log_prob(rows(3, seed=1)).isfinite().any()


def test_standard_normal_log_prob():
    for value in (rows(3), rows(), rows(1, 4, 4)):
        assert_close(standard_normal_log_prob(value), summed(reference.Normal(0.0, 1.0).log_prob(value)))


@pytest.mark.parametrize("q_std", [0.4, rows(3, seed=1).exp()], ids=["number", "tensor"])
@pytest.mark.parametrize("p_std", [1.7, rows(3, seed=2).exp()], ids=["number", "tensor"])
def test_kl_between_normals(q_std, p_std):
    q, p = Normal(rows(3), q_std), Normal(rows(3, seed=4), p_std)
    expected = reference.kl_divergence(reference.Normal(q.mean, q_std), reference.Normal(p.mean, p_std))
    assert_close(kl_normal(q, p), summed(expected))
    standard = reference.kl_divergence(reference.Normal(q.mean, q_std), reference.Normal(0.0, 1.0))
    assert_close(kl_standard(q), summed(standard))


def test_kl_between_bernoullis_and_of_a_law_to_itself():
    q, p = Bernoulli(rows(4)), Bernoulli(rows(4, seed=1))
    theirs = reference.kl_divergence(reference.Bernoulli(logits=q.logits), reference.Bernoulli(logits=p.logits))
    assert_close(kl_bernoulli(q, p), summed(theirs))
    assert_close(kl_bernoulli(q, q), torch.zeros(5, dtype=torch.float64))
    law = Normal(rows(3), rows(3, seed=1).exp())
    assert_close(kl_normal(law, law), torch.zeros(5, dtype=torch.float64))
