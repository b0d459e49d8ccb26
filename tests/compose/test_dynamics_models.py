"""Chains and scans as models: noise that is given replays them, their options reach the loop, their ends are draws."""

import copy

import pytest
import torch
from torch.testing import assert_close

from blocks import dynamics
from tests import systems
from tests.driving import compiled, fill, program_of, sampled

X = torch.randn(8, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
HEAD = "name: small\ndata: {source: toy.moons, batch_size: 8}\n"
BLOCKS = """blocks:
  energy:  {kind: energy.mlp, hidden: [6]}
  decoder: {kind: decoder.mlp, latent: 2, hidden: [6], output: normal}
"""


def test_given_noise_replays_a_chain():
    executable = compiled(f"""{HEAD}{BLOCKS}
models:
  moving: langevin(energy, init=normal(like=x), steps=3, step_size=0.2)
graph:
  steps: interpolate(x, 2 * x, 3)
samplers:
  default: moving.at(record(init=x, step=group(steps, 3)))
""")
    made = sampled(executable, 8, x=X)
    steps = [(1 - w) * X + w * 2 * X for w in (0.0, 0.5, 1.0)]
    expected = dynamics.langevin(executable.blocks["energy"], X, steps=3, step_size=0.2, noise=steps)
    assert_close(made, expected.state)


def test_options_of_a_chain_reach_it():
    executable = compiled(f"""{HEAD}{BLOCKS}
graph:
  neg: ~langevin(energy, init=x, steps=4, step_size=0.5, noise_scale=0.1, clip=0.01, clamp=[-1, 1], keep=2)
samplers:
  default: record(end=neg, path=neg.path, state=neg.state)
""")
    program = executable.sampler("default").program
    values = fill(program, 8, {"x": X})
    made = program(values)["value"]
    (seed,) = (value for name, value in values.items() if name != "x")
    expected = dynamics.langevin(
        executable.blocks["energy"],
        X,
        steps=4,
        step_size=0.5,
        noise_scale=0.1,
        clip=0.01,
        clamp=(-1.0, 1.0),
        keep=2,
        seed=seed,
    )
    assert_close(made["end"], expected.state)
    assert_close(made["state"], expected.state)
    assert_close(made["path"], expected.path.movedim(0, 1))


def test_the_end_of_a_chain_in_noise_space_is_the_map_of_its_state():
    executable = compiled(f"""{HEAD}{BLOCKS}
models:
  vae:
    z: ~normal
    x: ~decoder(z)
  tilted: tilt(vae, energy)
graph:
  neg: ~langevin(tilted, steps=3, step_size=0.2)
samplers:
  default: record(x=neg, z=neg.z, map=vae.at(neg.state), state=neg.state.z)
""")
    made = sampled(executable, 8)
    assert torch.equal(made["x"], made["map"]) and torch.equal(made["z"], made["state"])


def test_the_schedule_of_a_step_size_follows_the_clock():
    executable = compiled(
        f"""{HEAD}{BLOCKS}
graph:
  neg: ~langevin(energy, init=x, steps=2, step_size=linear(0.4, 0.0, steps=10))
stages:
  - steps: 10
    minimize: {{contrast: energy(x) - energy(neg)}}
    write: {{}}
    monitor: {{far: square_norm(neg - x)}}
""".replace("    write: {}\n", "")
    )
    program = program_of(executable)
    far = []
    for step in (0.0, 5.0, 10.0):
        values = fill(program, 8, {"x": X, "step": torch.tensor(step, dtype=torch.float64)})
        far.append(float(program(values)["monitor"]["far"]))
    assert far[0] > far[1] > far[2] == 0.0


def test_a_chain_starts_from_a_memory_and_from_values():
    executable = compiled(f"""{HEAD}{BLOCKS}  memory:  {{kind: memory.replay, size: 16}}
models:
  vae:
    z: ~normal
    x: ~decoder(z)
  tilted: tilt(vae, energy)
graph:
  neg: ~langevin(tilted, init=record(z=~memory.read(probability=1.0), x=~normal), steps=2, step_size=0.1)
stages:
  - steps: 2
    train: [energy]
    minimize: {{contrast: energy(x) - energy(neg)}}
    write: {{memory: neg.state.z}}
""")
    program = program_of(executable)
    first = program(fill(program, 8, {"x": X}))["write"]["memory"]
    executable.blocks["memory"].write(first)
    second = program(fill(program, 8, {"x": X}))["write"]["memory"]
    assert not torch.equal(first, second)


@pytest.mark.parametrize("space", ["noise", "values"])
def test_a_chain_in_values_follows_the_joint_density(space):
    executable = compiled(f"""{HEAD}{BLOCKS}
models:
  vae:
    z: ~normal
    x: ~decoder(z)
  tilted: tilt(vae, energy)
graph:
  s: descend(tilted, record(z=x, x=2 * x), steps=1, step_size=0.2, space={space})
samplers:
  default: record(z=s.state.z, x=s.state.x)
""")
    made = sampled(executable, 8, x=X)
    z, x = X.clone().requires_grad_(), (2 * X).requires_grad_()
    decoder, energy = executable.blocks["decoder"], executable.blocks["energy"]
    if space == "noise":
        potential = energy(decoder(z).at(x)) + z.square().sum(1) / 2 + x.square().sum(1) / 2
    else:
        potential = energy(x) - decoder(z).log_prob(x) + z.square().sum(1) / 2
    slopes = torch.autograd.grad(potential.sum(), (z, x))
    assert_close(made["z"], (z - 0.1 * slopes[0]).detach())
    assert_close(made["x"], (x - 0.1 * slopes[1]).detach())


def test_given_noise_replays_a_reverse_scan():
    text = systems.DDGAN.replace("samplers:\n", """samplers:
  replayed: ddgan.at(record(init=x, steps=record(x0=latents, x_prev=group(repeat(x, 4), 4))))
""")  # fmt: skip
    latents = "  latents: group(repeat(concatenate(x, sum(x)), 4), 4)\n"
    executable = compiled(text.replace("graph:\n", f"graph:\n{latents}"))
    made = sampled(executable, 8, "replayed", x=X)
    chain, generator = executable.blocks["chain"], executable.blocks["generator"]
    latent, x = torch.cat((X, X.sum(1, keepdim=True)), 1), X
    for level in (4, 3, 2, 1):
        t = torch.full((8,), level)
        x = chain.posterior(generator(x, t, latent), x, t).at(X)
    assert_close(made, x.detach())


def test_a_scan_keeps_values_on_its_way():
    executable = compiled(systems.DDGAN.replace("samplers:\n", "samplers:\n  kept: kept.path\n").replace(
        "graph:\n", "graph:\n  kept: ~reverse(chain, denoise, keep=2)\n"
    ))  # fmt: skip
    assert sampled(executable, 8, "kept").shape == (8, 2, 2)


def test_a_differentiable_chain_reaches_start_and_energy_in_eval_mode():
    executable = compiled(f"""{HEAD}
blocks:
  generator: {{kind: generator.mlp, latent: 2, hidden: [6]}}
  energy:    {{kind: energy.mlp, hidden: [6], norm: batch}}
graph:
  start: generator(~normal)
  end: descend(energy, start, steps=2, step_size=0.2, differentiable=true)
stages:
  - steps: 1
    minimize: {{size: square_norm(end)}}
""")
    program = program_of(executable)
    energy, generator = copy.deepcopy(executable.blocks["energy"]).eval(), copy.deepcopy(executable.blocks["generator"])
    values = fill(program, 8, {})
    program(values)["loss"].backward()
    (noise,) = values.values()
    end = dynamics.descend(energy, generator(noise), steps=2, step_size=0.2, differentiable=True).state
    end.square().sum(1).mean().backward()
    for mine, twin in ((executable.blocks["energy"], energy), (executable.blocks["generator"], generator)):
        for one, other in zip(mine.parameters(), twin.parameters(), strict=True):
            assert (one.grad is None) == (other.grad is None)
            if one.grad is not None:
                assert_close(one.grad, other.grad)


def test_clip_bounds_the_whole_slope_in_noise_space():
    """The potential is sum(z) + |z|^2 / 2, with the slope 1 + z: not each of its parts is clipped."""
    executable = compiled(f"""{HEAD}
models:
  level(v): sum(v)
  tilted: tilt(normal(like=x), level)
samplers:
  default: descend(tilted, x, steps=1, step_size=0.2, clip=0.5)
""")
    assert_close(sampled(executable, 8, x=X), X - 0.1 * (1 + X).clamp(-0.5, 0.5))


def test_a_descent_from_a_model_is_a_model_whose_only_noise_is_its_start():
    """The potential is sum(z) + |z|^2 / 2, with the slope 1 + z."""
    executable = compiled(f"""{HEAD}
models:
  level(v): sum(v)
  tilted: tilt(normal(like=x), level)
  descent: descend(tilted, steps=1, step_size=0.2)
graph:
  s: ~descent
samplers:
  drawn: record(value=s, start=s.noise, state=s.state)
  given: descent.at(x)
""")
    program = executable.sampler("drawn").program
    assert [one.leaf.path for one in program.inputs if one.leaf] == ["s.init"]
    made = sampled(executable, 8, "drawn", x=X)
    assert_close(made["value"], made["start"] - 0.1 * (1 + made["start"]))
    assert_close(made["state"], made["value"])
    assert made["start"].std() > 0.5
    assert_close(sampled(executable, 8, "given", x=X), X - 0.1 * (1 + X))
