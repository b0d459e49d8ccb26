"""A block that is a law over levels, in the language: its draws stop the gradient, its log_prob trains it."""

import pytest
import torch
from torch.testing import assert_close

from blocks.types import Field
from compose.spec import parse_spec
from runners.launch import examine
from tests.driving import compiled, fill, sampled

FIELDS = {"x": Field((1, 8, 8), low=0.0, high=1.0), "y": Field((), "int64", classes=10)}
SPEC = """
name: levels
data: {source: digits, batch_size: 8}
blocks:
  encoder:  {kind: encoder.resnet, latent: 3, channels: [4, 8], code: map}
  decoder:  {kind: decoder.resnet, channels: [8, 4], output_activation: sigmoid}
  codebook: {kind: memory.codebook, codes: 5}
  prior:    {kind: prior.autoregressive, levels: 5, width: 8, heads: 2, layers: 1}
models:
  vq_vae:
    level: ~prior(_, y)
    x: decoder(codebook.code(level))
graph:
  level: codebook.level(encoder(x))
  drawn: ~prior(_, y)
stages:
  - steps: 1
    train: [prior]
    minimize:
      nll: -prior(_, y).log_prob(level)
samplers:
  default: ~vq_vae
  read: record(draw=drawn, again=prior(_, y).at(drawn.noise), log_prob=prior(_, y).log_prob(drawn))
"""


def test_a_draw_is_the_map_of_its_uniform_noise_and_lies_on_the_levels():
    executable = compiled(SPEC, FIELDS)
    x, y = torch.rand(8, 1, 8, 8).double(), torch.arange(8)
    made = sampled(executable, 8, "read", x=x, y=y)
    assert torch.equal(made["draw"], made["again"])
    assert_close(made["draw"] * 4, (made["draw"] * 4).round())
    assert (made["log_prob"] < 0).all()
    assert sampled(executable, 8, "default", x=x, y=y).shape == (8, 1, 8, 8)


def test_its_log_prob_trains_it():
    executable = compiled(SPEC, FIELDS)
    program = executable.stage(0).updates[0].program(frozenset({"nll"}))
    data = {"x": torch.rand(8, 1, 8, 8).double(), "y": torch.arange(8)}
    program(fill(program, 8, data))["loss"].backward()
    assert executable.blocks["prior"].last.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(("line", "code"), [
    ("e: square_norm(prior.inverse(x))", "N102"),
    ("e: square_norm(~langevin(tilt(prior, energy), steps=2, step_size=0.1))", "T222"),
])  # fmt: skip
def test_it_is_no_bijection_and_no_chain_runs_in_its_noise(line, code):
    text = f"""
compose: 1
name: refused
data: {{source: digits, batch_size: 8}}
blocks:
  prior:  {{kind: prior.autoregressive, levels: 17, width: 8, heads: 2, layers: 1}}
  energy: {{kind: energy.mlp, hidden: [4]}}
stages:
  - steps: 1
    minimize:
      nll: -prior.log_prob(x)
      size: energy(x) ** 2
    monitor:
      {line}
"""
    assert [found.code for found in examine(parse_spec(text))[1] if found.severity == "error"] == [code]
