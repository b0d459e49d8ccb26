"""All references: steps that depend on their arguments alone, toys that learn; GLF, VAE and RealNVP term by term."""

import copy
import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from .glf import GLF
from .realnvp import RealNVP
from .toys import BATCH, REFERENCES, data, glf, iwae, reached, train, vae


@pytest.mark.parametrize("name", REFERENCES)
def test_a_step_depends_on_nothing_but_its_arguments(name: str) -> None:
    first = REFERENCES[name]()
    second = copy.deepcopy(first)
    batch, noise = {"x": data()}, first.draw_noise(BATCH)
    kept = {key: value.clone() for key, value in noise.items()}
    for _ in range(3):
        terms = first.step(batch, noise)
        torch.randn(5)  # the global generator moves, the step does not
        assert_close(second.step(batch, noise), terms, rtol=0, atol=0)
        assert all(not term.requires_grad and term.ndim == 0 and term.isfinite() for term in terms.values())
    assert_close(noise, kept, rtol=0, atol=0)
    sample_noise = first.draw_sample_noise(16)
    assert_close(first.sample(sample_noise), second.sample(sample_noise), rtol=0, atol=0)
    assert first.sample(sample_noise).shape == (16, 2)


@pytest.mark.parametrize("name", REFERENCES)
def test_float32_works_too(name: str) -> None:
    torch.set_default_dtype(torch.float32)
    reference = REFERENCES[name]()
    terms = reference.step({"x": data()}, reference.draw_noise(BATCH))
    assert {term.dtype for term in terms.values()} == {torch.float32}


@pytest.mark.parametrize("name", ["glf", "vae", "iwae", "flow_likelihood"])
def test_likelihoods_fall(name: str) -> None:
    terms = train(REFERENCES[name](), 200)
    totals = torch.stack([sum(step.values(), start=torch.zeros(())) for step in terms])
    assert totals.isfinite().all()
    assert totals[-20:].mean() < totals[:20].mean() - 0.5


@pytest.mark.parametrize(("name", "steps"), [("vaebm", 300), ("short_run", 500), ("ddgan", 400)])
def test_contrasts_pull_the_samples_to_the_data(name: str, steps: int) -> None:
    reference = REFERENCES[name]()
    noise = reference.draw_sample_noise(512)
    before = distance(reference.sample(noise))
    terms = train(reference, steps)
    assert all(value.isfinite() for step in terms for value in step.values())
    assert distance(reference.sample(noise)) < 0.6 * before


def distance(samples: Tensor) -> float:
    return float((samples.mean(0) - data(4096).mean(0)).norm())


def test_glf_stops_the_flow_at_the_codes() -> None:
    reference = glf()
    networks = reference.encoder, reference.decoder, reference.prior
    terms = reference.terms(data())
    assert reached(terms["reconstruction"], *networks) == [True, True, False]
    assert reached(terms["prior_nll"], *networks) == [False, False, True]


def test_glf_decays_the_weights_of_the_flow_alone() -> None:
    with_decay, without = glf(), glf()
    without.encoder, without.decoder, without.prior = copy.deepcopy(
        (with_decay.encoder, with_decay.decoder, with_decay.prior)
    )
    networks = without.encoder, without.decoder, without.prior
    without = GLF(*networks, latent=2, lr=3e-3, prior_weight_decay=0.0)
    batch = {"x": data()}
    for _ in range(3):
        with_decay.step(batch, {})
        without.step(batch, {})
    assert_close(list(with_decay.encoder.parameters()), list(without.encoder.parameters()), rtol=0, atol=0)
    assert_close(list(with_decay.decoder.parameters()), list(without.decoder.parameters()), rtol=0, atol=0)
    pairs = zip(with_decay.prior.parameters(), without.prior.parameters(), strict=True)
    assert any(not torch.equal(decayed, free) for decayed, free in pairs)


def test_vae_terms_are_those_of_torch_distributions() -> None:
    reference, x, eps_z = vae(), data(), torch.randn(BATCH, 2)
    terms = reference.terms(x, eps_z)
    q = torch.distributions.Normal(*reference.encoder(x))
    px = torch.distributions.Normal(*reference.decoder(q.mean + q.stddev * eps_z))
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
    assert_close(terms["reconstruction"], -px.log_prob(x).sum(-1).mean())
    assert_close(terms["kl"], kl.sum(-1).mean())
    assert reached(terms["reconstruction"], reference.encoder, reference.decoder) == [True, True]
    assert reached(terms["kl"], reference.encoder, reference.decoder) == [True, False]


def test_the_importance_bound_is_that_of_torch_distributions() -> None:
    reference, x = iwae(), data()
    eps_z = reference.draw_noise(BATCH)["eps_z"]
    q = torch.distributions.Normal(*reference.encoder(x.repeat_interleave(reference.draws, 0)))
    z = q.mean + q.stddev * eps_z
    px, prior = torch.distributions.Normal(*reference.decoder(z)), torch.distributions.Normal(0.0, 1.0)
    many = x.repeat_interleave(reference.draws, 0)
    weights = px.log_prob(many).sum(-1) + prior.log_prob(z).sum(-1) - q.log_prob(z).sum(-1)
    bound = weights.view(BATCH, reference.draws).logsumexp(1).mean() - math.log(reference.draws)
    assert_close(reference.terms(x, eps_z)["bound"], -bound)


@pytest.mark.parametrize(("dim", "couplings"), [(2, 4), (6, 3)])
def test_realnvp_density_is_the_brute_force_change_of_variables(dim: int, couplings: int) -> None:
    flow = RealNVP(dim, couplings=couplings, hidden=(16,))
    noise = torch.randn(1, dim)
    jacobian = torch.autograd.functional.jacobian(lambda u: flow.at(u[None])[0], noise[0])
    base = torch.distributions.Normal(0.0, 1.0).log_prob(noise).sum()
    assert_close(flow.log_prob(flow.at(noise))[0], base - torch.linalg.slogdet(jacobian).logabsdet)
    assert_close(flow.inverse(flow.at(noise)), noise)
    assert (jacobian != 0).all()
