"""A flow of several scales in the language: its noise is a record, from which the value is made again."""

import pytest
import torch
from torch.testing import assert_close

from blocks.types import Field
from compose.build import build
from compose.spec import parse_spec
from tests.driving import compiled, sampled

PICTURES = {"x": Field((1, 4, 4), low=0.0, high=1.0), "y": Field((), "int64", classes=3)}
X = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
Y = torch.tensor([0, 1, 2, 0, 1, 2])
SPEC = """
compose: 1
name: scales
data: {source: digits, batch_size: 6}
blocks:
  glow: {kind: flow.glow, levels: 2, steps: 2, width: 4}
  told: {kind: flow.realnvp_image, levels: 2, width: 4}
  energy: {kind: energy.mlp, hidden: [4]}
  residual: {kind: flow.residual, layers: 2, hidden: [4]}
models:
  pushed: push(normal(like=x), glow)
  tilted: tilt(glow, energy)
graph:
  sized: glow.log_prob(x) + told(_, y).log_prob(x)
  s: ~glow
  noise: glow.inverse(x)
  other: ~told(_, y)
  of_x: told(_, y).inverse(x)
  p: ~pushed
  chain: ~langevin(tilted, steps=2, step_size=0.01)
  r: ~residual
  flat: residual.log_prob(flatten(x))
samplers:
  again: record(x=glow.at(noise), draw=glow.at(s.noise), s=s, one=s.noise.level1, two=s.noise.level2)
  densities: record(read=glow.log_prob(s), computed=glow.log_prob(1 * s))
  told: record(x=told(_, y).at(of_x), read=told(_, y).log_prob(other), computed=told(_, y).log_prob(1 * other))
  pushed: record(read=pushed.log_prob(p), computed=pushed.log_prob(1 * p))
  fresh: glow.at(~glow.noise)
  chain: chain
  residual: record(read=residual.log_prob(r), computed=residual.log_prob(1 * r))
"""


def made(name, **given):
    return sampled(compiled(SPEC, PICTURES), 6, name, **given)


def test_the_value_is_made_again_of_its_noise():
    found = made("again", x=X)
    assert_close(found["x"], X)
    assert torch.equal(found["draw"], found["s"])
    assert (found["one"].shape[1:], found["two"].shape[1:]) == ((2, 2, 2), (8, 1, 1))


@pytest.mark.parametrize("name", ["densities", "told", "pushed", "residual"])
def test_the_density_at_a_draw_is_that_of_the_value(name):
    found = made(name, x=X, y=Y)
    assert_close(found["read"], found["computed"])
    if name == "told":
        assert_close(found["x"], X)


def test_chains_run_in_the_noise_of_all_scales():
    assert made("chain").shape == made("fresh").shape == (6, 1, 4, 4)


def test_noise_without_a_level_is_refused_by_name():
    spec = parse_spec(SPEC.replace("at(noise)", "at(record(level1=noise.level1))"))
    _, findings = build(spec, PICTURES)
    assert [(found.code, "level1, level2" in found.message) for found in findings] == [("T216", True)]


def test_the_estimate_in_training_takes_a_seed_of_its_own():
    stages = "stages: [{steps: 1, minimize: {nll: -flat}}]\n"
    update = compiled(SPEC + stages, PICTURES).stage(0).updates[0]
    program = update.program(frozenset(update.terms))
    assert [one.leaf.path for one in program.inputs if one.leaf and one.leaf.law == "seed"] == ["residual.trace"]
