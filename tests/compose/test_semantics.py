"""What a spec means where a wrong answer would look like a right one."""

import pytest
import torch
from torch.testing import assert_close

from blocks.noise import leaf_seed
from compose.build import build
from compose.spec import parse_spec
from tests.driving import POINTS, compiled, sampled

X = torch.randn(8, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
HEAD = "name: small\ndata: {source: toy.moons, batch_size: 8}\n"
BLOCKS = """blocks:
  encoder: {kind: encoder.mlp, latent: 3, output: normal, hidden: [8], norm: batch}
  decoder: {kind: decoder.mlp, latent: 3, output: normal, hidden: [8]}
  energy:  {kind: energy.mlp, hidden: [8]}
  chain:   {kind: diffusion.vp, steps: 3}
  centre:  {kind: parameter, size: 3, init: 0.5}
  spread:  {kind: parameter, size: 3, init: 2.0}
models:
  vae:
    z: ~normal
    x: ~decoder(z)
  generator:
    z: ~normal
    x: decoder(z).mean
  settle(x_t, t):
    x_prev: ~langevin(energy, x_t, steps=2, step_size=0.1)
graph:
  t: ~chain.timestep
"""


def draws(line: str):
    return sampled(compiled(f"{HEAD}{BLOCKS}samplers:\n  default: {line}\n"), 8, x=X)


def codes(line: str):
    _, findings = build(parse_spec(f"compose: 1\n{HEAD}{BLOCKS}samplers:\n  default: {line}\n"), POINTS)
    return [found.code for found in findings]


@pytest.mark.parametrize("base", ["condition(vae, x=x)", "tilt(condition(vae, x=x), energy)"])
def test_a_chain_in_the_values_of_a_conditioned_model_moves_no_given_line(base):
    chain = f"~langevin({base}, steps=3, step_size=0.1, space=values)"
    made = draws(f"\n    s: {chain}\n    both: record(x=s.x, z=s.z)")
    assert_close(made["x"], X)
    assert made["z"].shape == (8, 3)


def test_a_chain_in_values_ends_in_the_observed_line_and_not_in_the_last_that_is_drawn():
    assert draws("~langevin(tilt(generator, energy), steps=3, step_size=0.1, space=values)").shape == (8, 2)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("sum(centre)", 1.5),
        ("mean(centre)", 0.5),
        ("square_norm(centre)", 0.75),
        ("squared_error(centre, 0)", 0.75),
        ("kl(normal(centre, spread), normal)", 3 * (0.5 * (0.25 + 4 - 1) - 0.6931471805599453)),
        ("normal(centre, 1.0).log_prob(centre)", -3 * 0.9189385332046727),
        ("square_norm(grad(square_norm(centre), centre))", 3.0),
    ],
)
def test_what_sums_over_the_event_sums_over_all_of_a_constant(written, expected):
    assert_close(draws(written), torch.tensor(expected, dtype=torch.float64))


def test_a_kernel_may_run_a_chain_whose_seed_is_of_its_level():
    executable = compiled(f"{HEAD}{BLOCKS}samplers:\n  default: ~reverse(chain, settle, init=normal(like=x))\n")
    made = sampled(executable, 8)
    energy = executable.blocks["energy"].eval()
    scan = leaf_seed(0, "samplers/default.steps")
    state = torch.randn(
        8, 2, generator=torch.Generator().manual_seed(leaf_seed(0, "samplers/default.init")), dtype=X.dtype
    )
    for level in (3, 2, 1):
        noise = torch.Generator().manual_seed(leaf_seed(scan, level, "kernel.x_prev.step"))
        for _ in range(2):
            at = state.detach().requires_grad_()
            (slope,) = torch.autograd.grad(energy(at).sum(), at)
            state = state - 0.05 * slope + 0.1**0.5 * torch.randn(8, 2, generator=noise, dtype=X.dtype)
    assert_close(made, state)


def test_the_noise_of_a_chain_replays_it_and_cannot_be_read():
    chain = "langevin(tilt(vae, energy), steps=2, step_size=0.1)"
    executable = compiled(
        f"{HEAD}{BLOCKS}  law: {chain}\nsamplers:\n  default: law.at(~law.noise)\n".replace(
            "graph:\n  t: ~chain.timestep\n", ""
        )
    )
    assert sampled(executable, 8).shape == (8, 2)
    assert codes(f"(~{chain}).noise") == ["T244"]


@pytest.mark.parametrize("level", ["t - 1", "t - 0", "3 - t", "4 - t"])
def test_a_level_that_is_one_at_any_time_step_is_taken(level):
    assert codes(f"~chain.diffuse(x, {level})") == []


@pytest.mark.parametrize("level", ["t - 2", "t + 1", "2 - t", "5 - t", "(t - 1) - 1", "t - 0.5"])
def test_a_level_that_may_be_none_is_refused(level):
    assert codes(f"~chain.diffuse(x, {level})") == ["T213"]


@pytest.mark.parametrize(("mode", "view"), [("train", "encoder_still_average"), ("eval", "encoder_average")])
def test_a_mode_does_not_bring_back_the_raw_weights_of_an_averaged_block(mode, view):
    executable = compiled(f"""{HEAD}{BLOCKS}
stages:
  - name: first
    steps: 1
    minimize: {{error: square_norm(encoder(x).mean)}}
    ema: {{encoder: 0.9}}
  - name: second
    steps: 1
    train: [decoder]
    minimize:
      error: -decoder(encoder(x).mean).log_prob(x)
    mode: {{encoder: {mode}}}
""")
    stage = executable.stage(1, frozenset({"encoder"}))
    module = program_of_stage(stage).get_submodule(view)
    averaged = dict(executable.averages["encoder"].named_parameters())
    assert all(part.data_ptr() == averaged[name].data_ptr() for name, part in module.named_parameters())
    assert module.training == (mode == "train")


def program_of_stage(stage):
    return stage.updates[0].program(frozenset(stage.updates[0].terms)).module
