"""Flows that are told something, as models and as bijections: `flow(_, y)` is the flow given y."""

import torch
from torch.testing import assert_close

from compose.equations import equations_of
from tests.driving import compiled, composed, sampled

X = torch.randn(8, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
SPEC = """
name: told
data: {source: toy.moons, batch_size: 8}
blocks:
  encoder: {kind: encoder.mlp, latent: 3, hidden: [6], output: normal}
  flow:    {kind: flow.maf, layers: 2, hidden: [6]}
  cell:    {kind: flow.iaf, layers: 2, hidden: [6]}
models:
  posterior: push(encoder(x), cell(_, x))
  given(v): flow(_, v)
graph:
  w: x * 2
  sized: flow(_, w).log_prob(x)
  s: ~flow(_, w)
  z: ~posterior
  back: flow.inverse(s, w)
  still: freeze(flow)(_, w).log_prob(1 * s)
samplers:
  flow: record(at_draw=flow(_, w).log_prob(s), computed=flow(_, w).log_prob(1 * s), frozen=still)
  noise: record(back=back, given=flow(_, w).inverse(s), noise=s.noise, again=flow(_, w).at(s.noise), s=s)
  posterior: record(at_draw=posterior.log_prob(z), computed=posterior.log_prob(1 * z))
  other: record(here=flow(_, w).log_prob(1 * s), there=flow(_, x).log_prob(1 * s))
  through: given(w).log_prob(s)
"""


def test_a_flow_given_a_value_has_a_density_and_draws():
    made = sampled(compiled(SPEC), 8, "flow", x=X)
    assert_close(made["at_draw"], made["computed"])
    assert torch.equal(made["frozen"], made["computed"])


def test_a_flow_given_a_value_is_inverted_given_it():
    made = sampled(compiled(SPEC), 8, "noise", x=X)
    assert_close(made["back"], made["noise"])
    assert torch.equal(made["given"], made["back"])
    assert torch.equal(made["again"], made["s"])


def test_a_posterior_is_pushed_through_a_flow_that_sees_the_data():
    made = sampled(compiled(SPEC), 8, "posterior", x=X)
    assert_close(made["at_draw"], made["computed"])


def test_what_the_flow_is_told_matters():
    made = sampled(compiled(SPEC), 8, "other", x=X)
    assert not torch.allclose(made["here"], made["there"])


def test_a_function_may_return_the_flow():
    through = sampled(compiled(SPEC), 8, "through", x=X)
    assert_close(through, sampled(compiled(SPEC), 8, "flow", x=X)["at_draw"])


def test_in_a_larger_function_only_the_other_holes_are_open():
    text = SPEC + "  tilted: tilt(normal, -flow(_, w).log_prob(_)).log_density(s)\n"
    made = sampled(compiled(text), 8, "tilted", x=X)
    s = sampled(compiled(text), 8, "noise", x=X)["s"]
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(s).sum(1)
    assert_close(made, normal + sampled(compiled(text), 8, "flow", x=X)["at_draw"])


def test_its_equation_says_what_it_is_told():
    equations = equations_of(composed(SPEC))
    assert equations.lines["s"] == r"s \sim p_{\mathrm{flow}}(s \mid x \cdot 2)"
