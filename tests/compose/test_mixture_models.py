"""Mixtures and products in the language: densities, draws, gradients, and blocks whose noise has a choice."""

import math

import pytest
import torch
from torch import distributions
from torch.testing import assert_close

from tests.driving import compiled, fill, sampled

X = torch.randn(8, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
SPEC = """
name: mixtures
data: {source: toy.moons, batch_size: 8}
blocks:
  flow:    {kind: flow.realnvp, couplings: 2, hidden: [6]}
  prior:   {kind: prior.mixture, components: 3}
  decoder: {kind: decoder.mlp, hidden: [6], output: normal}
  share:   {kind: parameter, init: 0.5}
models:
  wide: normal(0, 2)
  vae:
    z: ~normal(like=x)
    x: ~decoder(z)
  mixed: mixture(flow, normal, prior, weights=[1, 2, 5])
  learned: mixture(flow, normal, weights=[sigmoid(share), 1 - sigmoid(share)])
  prod: product(normal(like=x), normal(2, 0.5, like=x))
  three: product(flow, normal, prior)
graph:
  m: ~mixed
  p: ~prior
  far: ~mixture(normal(-9, 0.1, like=x), normal(9, 0.1, like=x), weights=[1, 3])
samplers:
  density: record(all=mixed.log_prob(x), a=flow.log_prob(x), b=normal.log_prob(x), c=prior.log_prob(x))
  learned: record(all=learned.log_prob(x), a=flow.log_prob(x), b=normal.log_prob(x), share=0 * sum(x) + share)
  map: record(draw=m, again=mixed.at(m.noise), read=kl(mixed, wide, at=m), all=mixed.log_prob(m), b=wide.log_prob(m))
  block: record(draw=p, again=prior.at(p.noise), read=kl(prior, wide, at=p), all=prior.log_prob(p), b=wide.log_prob(p))
  far: far
  three: record(all=three.log_density(x), a=flow.log_prob(x), b=normal.log_prob(x), c=prior.log_prob(x))
  chain: ~langevin(prod, steps=400, step_size=0.02)
  inside: record(joint=vae.log_prob(z=x, x=x), s=~vae)
"""


def drawn(name, count=8, **data):
    return sampled(compiled(SPEC), count, name, **data)


def test_a_mixtures_density_is_the_weighted_sum():
    made = drawn("density", x=X)
    expected = (made["a"].exp() + 2 * made["b"].exp() + 5 * made["c"].exp()) / 8
    assert_close(made["all"], expected.log())


def test_weights_may_be_learned():
    made = drawn("learned", x=X)
    share = made["share"].sigmoid()
    assert_close(made["all"], (share * made["a"].exp() + (1 - share) * made["b"].exp()).log())
    executable = compiled(
        f"{SPEC}stages:\n  - steps: 1\n    train: [share, flow]\n    minimize: {{nll: -learned.log_prob(x)}}\n"
    )
    program = executable.stage(0).updates[0].program(frozenset({"nll"}))
    program({given.name: X for given in program.inputs})["loss"].backward()
    assert executable.blocks["share"].value.grad.abs() > 0
    assert all(p.grad is not None for p in executable.blocks["flow"].parameters())


@pytest.mark.parametrize("name", ["map", "block"])
def test_a_draw_is_the_map_of_its_noise_and_its_density_may_be_read(name):
    made = drawn(name, x=X)
    assert torch.equal(made["draw"], made["again"])
    assert_close(made["read"], made["all"] - made["b"])


def test_parts_are_drawn_as_often_as_they_weigh():
    values = drawn("far", 4000, x=torch.zeros(4000, 2, dtype=torch.float64))
    assert ((values - 9).abs().amax(1) < 1).double().mean().item() == pytest.approx(0.75, abs=0.03)  # 4 sigma
    assert (values.abs() > 8).all()


def test_a_products_density_is_the_product():
    made = drawn("three", x=X)
    assert_close(made["all"], made["a"] + made["b"] + made["c"])


def test_dynamics_draw_a_product_of_normals():
    """N(0, 1) times N(2, 1/4) has precision 5 and mean 8/5; the chain's own error at this step is below 2 %."""
    values = drawn("chain", 4000, x=torch.zeros(4000, 2, dtype=torch.float64))
    assert values.mean().item() == pytest.approx(8 / 5, abs=0.03)
    assert values.var().item() == pytest.approx(1 / 5, abs=0.015)


def test_a_mixture_prior_is_the_block_it_was():
    executable = compiled(SPEC)
    block = executable.blocks["prior"]
    state = block._mixture()
    theirs = distributions.MixtureSameFamily(
        distributions.Categorical(logits=state.logits),
        distributions.MultivariateNormal(state.means, scale_tril=state.factors),
    )
    made = sampled(executable, 8, "density", x=X)
    assert_close(made["c"], theirs.log_prob(X))
    assert math.isfinite(float(made["c"].sum()))


AGGREGATE = """
name: aggregate
data: {source: toy.moons, batch_size: 8}
blocks:
  encoder: {kind: encoder.mlp, latent: 3, hidden: [6], output: normal}
  pseudo:  {kind: parameter.rows, rows: 5}
models:
  prior: aggregate(encoder, pseudo)
graph:
  q: encoder(x)
  z: ~q
  p: ~prior
samplers:
  density: record(all=prior.log_prob(z), z=z)
  draw: record(p=p, again=prior.at(p.noise))
stages:
  - steps: 1
    minimize:
      kl: q.log_prob(z) - prior.log_prob(z)
"""


def test_the_average_posterior_is_torchs_mixture_of_the_rows():
    executable = compiled(AGGREGATE)
    made = sampled(executable, 8, "density", x=X)
    law = executable.blocks["encoder"](executable.blocks["pseudo"].value)
    normals = distributions.Independent(distributions.Normal(law.mean, law.std), 1)
    theirs = distributions.MixtureSameFamily(distributions.Categorical(torch.ones(5).double()), normals)
    assert_close(made["all"], theirs.log_prob(made["z"]))
    drawn = sampled(executable, 4000, "draw")
    assert torch.equal(drawn["p"], drawn["again"])
    assert_close(drawn["p"].mean(0), theirs.mean, rtol=0, atol=0.08)
    assert_close(drawn["p"].var(0), theirs.variance, rtol=0.15, atol=0.05)


def test_pseudo_inputs_and_encoder_learn_from_the_average_posterior():
    executable = compiled(AGGREGATE)
    program = executable.stage(0).updates[0].program(frozenset({"kl"}))
    assert executable.stage(0).updates[0].trains == ("encoder", "pseudo")
    program(fill(program, 8, {"x": X}))["loss"].backward()
    assert executable.blocks["pseudo"].value.grad.abs().sum() > 0
