"""Models: the views of each agree with each other and with torch's own distributions."""

import torch
from torch import distributions
from torch.testing import assert_close

from tests.driving import compiled, fill, sampled

X = torch.randn(8, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
SPEC = """
name: models
data: {source: toy.moons, batch_size: 8}
blocks:
  prior:   {kind: flow.realnvp, couplings: 2, hidden: [6]}
  decoder: {kind: decoder.mlp, hidden: [6], output: normal}
  energy:  {kind: energy.mlp, hidden: [6]}
models:
  vae:
    z: ~prior
    x: ~decoder(z)
  tilted: tilt(vae, energy)
  given: condition(vae, x=x)
  pushed: push(prior, prior)
  level(v, w): v * w + 1
graph:
  sized: prior.log_prob(x)
  s: ~vae
  z: ~prior
  y: prior.at(z)
  p: ~pushed
  wide: ~normal(x, exp(sum(x)))
samplers:
  joint: record(all=vae.log_prob(z=s.z, x=s), prior=prior.log_prob(s.z), likelihood=decoder(s.z).log_prob(s))
  again: record(draw=s, map=vae.at(s.noise), other=vae.at(record(z=s.noise.z, x=s.noise.x)))
  weighted: record(tilted=tilted.log_density(z=s.z, x=s), joint=vae.log_prob(z=s.z, x=s), energy=energy(s))
  conditioned: record(given=given.log_density(z=z, x=x), joint=vae.log_prob(z=z, x=x))
  inverse: record(back=prior.inverse(y), z=z)
  at_draw: record(read=prior.log_prob(z), computed=prior.log_prob(0 * z + z))
  pushed: record(read=pushed.log_prob(p), computed=pushed.log_prob(0 * p + p))
  wide: record(at=wide, density=normal(x, exp(sum(x))).log_prob(wide), noise=wide.noise)
  levels: level(x, sum(x))
"""


def test_the_density_of_a_program_is_the_sum_of_its_lines():
    made = sampled(compiled(SPEC), 8, "joint")
    assert_close(made["all"], made["prior"] + made["likelihood"])


def test_a_draw_is_the_map_of_its_noise():
    made = sampled(compiled(SPEC), 8, "again")
    assert torch.equal(made["draw"], made["map"])
    assert_close(made["draw"], made["other"])


def test_a_tilt_adds_its_weight():
    made = sampled(compiled(SPEC), 8, "weighted")
    assert_close(made["tilted"], made["joint"] - made["energy"])


def test_a_condition_weighs_by_the_density_of_what_is_given():
    made = sampled(compiled(SPEC), 8, "conditioned", x=X)
    assert_close(made["given"], made["joint"])


def test_a_flow_inverts_itself():
    made = sampled(compiled(SPEC), 8, "inverse")
    assert_close(made["back"], made["z"])


def test_a_density_at_its_own_draw_is_read_and_not_inverted():
    executable = compiled(SPEC)
    for name in ("at_draw", "pushed"):
        made = sampled(executable, 8, name)
        assert_close(made["read"], made["computed"])
    code = executable.sampler("at_draw").program.code
    assert "log_prob_at" in code


def test_parameters_of_a_normal_meet_as_operands_do():
    made = sampled(compiled(SPEC), 8, "wide", x=X)
    law = distributions.Normal(X, X.sum(1, keepdim=True).exp().expand_as(X))
    assert_close(made["at"], law.mean + law.stddev * made["noise"])
    assert_close(made["density"], law.log_prob(made["at"]).sum(1))


def test_functions_of_the_spec_are_written_where_they_are_called():
    assert_close(sampled(compiled(SPEC), 8, "levels", x=X), X * X.sum(1, keepdim=True) + 1)


def test_the_noise_of_a_model_is_its_leaves():
    program = compiled(SPEC).sampler("again").program
    assert [one.leaf.path for one in program.inputs if one.leaf] == ["s.z", "s.x"]
    assert set(fill(program, 4, {})) == {"z", "noise_s_x"} or len(program.inputs) == 2


SHAPED = """
name: shaped
data: {source: toy.moons, batch_size: 8}
blocks:
  decoder: {kind: decoder.mlp, latent: 3, hidden: [6]}
samplers:
  near: x + ~normal(0, 0.1)
  code: decoder(~normal(1, 2))
  rows: group(decoder(~normal(like=repeat(concatenate(x, sum(x)), 4))), 4)
"""


def test_a_normal_of_two_numbers_is_shaped_by_its_use():
    executable = compiled(SHAPED)
    for name, event in (("near", (2,)), ("code", (3,))):
        (leaf,) = [one.leaf for one in executable.sampler(name).program.inputs if one.leaf]
        assert leaf.event == event
    program = executable.sampler("code").program
    values = fill(program, 8, {})
    (noise,) = values.values()
    assert_close(program(values)["value"], executable.blocks["decoder"](1 + 2 * noise).detach())


def test_an_example_decides_the_rows_of_a_draw_whatever_takes_it():
    executable = compiled(SHAPED)
    (leaf,) = [one.leaf for one in executable.sampler("rows").program.inputs if one.leaf]
    assert (leaf.event, leaf.copies) == ((3,), 4)
    assert sampled(executable, 8, "rows", x=X).shape == (8, 4, 2)
