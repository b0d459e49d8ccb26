"""What a chain costs and leaves behind: evaluations, memory, batch statistics."""

import copy
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from blocks.registry import BLOCKS
from blocks.types import Takes
from tests.driving import compiled, fill, program_of, sampled

CALLS: list[int] = []


class CountedEnergy(nn.Module):
    """A bowl that counts its calls."""

    role: ClassVar[str] = "energy"
    like: ClassVar[str | None] = None
    returns: ClassVar[str] = "scalar"

    def __init__(self, takes: Takes) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(takes[0]))

    def forward(self, x: Tensor) -> Tensor:
        CALLS.append(len(x))
        return (self.scale * x).square().sum(1) / 2


@pytest.fixture
def counted():
    BLOCKS.replace("test.counted", CountedEnergy)
    yield CALLS
    BLOCKS._declared.pop("test.counted")
    CALLS.clear()


SPEC = """
name: counted
data: {{source: toy.moons, batch_size: 16}}
blocks:
  decoder: {{kind: decoder.mlp, latent: 2, hidden: [8], output: normal}}
  energy:  {{kind: test.counted}}
models:
  vae:
    z: ~normal
    x: ~decoder(z)
  vaebm: tilt(vae, energy)
graph:
  neg: ~langevin(vaebm, steps={steps}, step_size=0.05)
  gen: descend(energy, x, steps=3, step_size=0.1, differentiable=true)
stages:
  - steps: 1
    train: [energy]
    minimize:
      contrast: energy(x) - energy(neg)
      size: 0.1 * (energy(x) ** 2 + energy(neg) ** 2)
  - steps: 1
    train: [energy]
    minimize:
      data: energy(x)
      samples: -energy(sg(gen))
      generator: freeze(energy)(gen)
samplers:
  default: ~langevin(vaebm, steps={steps}, step_size=0.05)
"""
X = torch.randn(16, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("steps", [1, 7])
def test_a_step_of_a_chain_costs_one_evaluation_of_the_energy(counted, steps):
    executable = compiled(SPEC.format(steps=steps))
    counted.clear()
    program = program_of(executable)
    program(fill(program, 16, {"x": X}))["loss"].backward()
    assert len(counted) == steps + 2
    counted.clear()
    sampled(executable, 16)
    assert len(counted) == steps
    counted.clear()
    program = program_of(executable, 1)
    program(fill(program, 16, {"x": X}))["loss"].backward()
    assert len(counted) == 3 + 3


class Saved:
    """A tensor that autograd keeps; counts how many there are, and how many there were at most."""

    alive, most = 0, 0

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        Saved.alive += 1
        Saved.most = max(Saved.most, Saved.alive)

    def __del__(self) -> None:
        Saved.alive -= 1


def test_the_memory_of_a_chain_does_not_grow_with_its_steps(counted):
    most = []
    for steps in (2, 50):
        program = program_of(compiled(SPEC.format(steps=steps)))
        Saved.most = Saved.alive
        with torch.autograd.graph.saved_tensors_hooks(Saved, lambda saved: saved.tensor):
            program(fill(program, 16, {"x": X}))["loss"].backward()
        most.append(Saved.most)
    assert most[0] == most[1]


NORMED = """
name: normed
data: {source: toy.moons, batch_size: 16}
blocks:
  encoder: {kind: encoder.mlp, latent: 2, hidden: [8], output: normal, norm: batch}
  decoder: {kind: decoder.mlp, latent: 2, hidden: [8], output: normal, norm: batch}
  energy:  {kind: energy.mlp, hidden: [8], norm: batch}
models:
  vae:
    z: ~normal
    x: ~decoder(z)
  vaebm: tilt(vae, energy)
graph:
  z: ~encoder(x)
  px: decoder(z)
  neg: ~langevin(vaebm, steps=3, step_size=0.05)
  gen: descend(energy, x, steps=3, step_size=0.1, differentiable=true)
stages:
  - name: both
    steps: 1
    updates:
      - name: autoencode
        train: [encoder, decoder]
        minimize: {nll: -px.log_prob(x)}
        monitor: {seen: energy(x), again: encoder(x).std}
      - name: contrast
        train: [energy]
        minimize: {contrast: energy(x) - energy(neg)}
  - name: frozen
    steps: 1
    train: [energy]
    minimize: {samples: freeze(energy)(gen)}
  - name: energy
    steps: 1
    train: [energy]
    minimize: {contrast: energy(x) - energy(neg)}
  - name: decode
    steps: 1
    train: [decoder, energy]
    minimize: {contrast: energy(x) - energy(neg) + square_norm(px.mean)}
samplers:
  default: ~langevin(vaebm, steps=3, step_size=0.05)
  reconstruction: px.mean
""".replace("{nll: -px.log_prob(x)}", '{nll: "-px.log_prob(x)"}')


def statistics(executable) -> dict[str, dict[str, Tensor]]:
    """The buffers of every block."""
    return {name: copy.deepcopy(dict(block.named_buffers())) for name, block in executable.blocks.items()}


def moved(executable, before) -> set[str]:
    """The blocks whose buffers changed."""
    after = statistics(executable)
    return {n for n in before if any(not torch.equal(before[n][key], after[n][key]) for key in before[n])}


@pytest.mark.parametrize(
    ("stage", "update", "expected"),
    [
        (0, 0, {"encoder", "decoder"}),
        (0, 1, {"energy"}),
        (1, 0, set()),
        (2, 0, {"energy"}),
        (3, 0, {"decoder", "energy"}),
    ],
)
def test_batch_statistics_move_only_where_the_update_trains(stage, update, expected):
    executable = compiled(NORMED)
    before = statistics(executable)
    program = program_of(executable, stage, update)
    program(fill(program, 16, {"x": X}))["loss"].backward()
    assert moved(executable, before) == expected


def test_batch_statistics_move_once_for_each_call_of_the_block():
    """Chains, their ends and monitored values do not count."""
    executable = compiled(NORMED)
    program = program_of(executable, 0, 0)
    program(fill(program, 16, {"x": X}))
    counts = {
        n: int(b.num_batches_tracked)
        for n, m in executable.blocks.items()
        for b in m.modules()
        if isinstance(b, nn.BatchNorm1d)
    }
    assert counts == {"encoder": 1, "decoder": 1, "energy": 0}
    program = program_of(executable, 3, 0)
    program(fill(program, 16, {"x": X}))
    counts = {
        n: int(b.num_batches_tracked)
        for n, m in executable.blocks.items()
        for b in m.modules()
        if isinstance(b, nn.BatchNorm1d)
    }
    assert counts == {"encoder": 1, "decoder": 2, "energy": 2}


@pytest.mark.parametrize("sampler", ["default", "reconstruction"])
def test_batch_statistics_do_not_move_in_samplers(sampler):
    executable = compiled(NORMED)
    executable.blocks.train()
    before = statistics(executable)
    sampled(executable, 16, sampler, x=X)
    assert not moved(executable, before)


def test_a_frozen_call_in_training_uses_the_statistics_of_its_batch():
    executable = compiled(NORMED)
    program = program_of(executable, 1)
    made = program(fill(program, 16, {"x": X}))
    twin = copy.deepcopy(executable.blocks["energy"])
    gen = X.clone().requires_grad_()
    twin.eval()
    for _ in range(3):
        (gradient,) = torch.autograd.grad(twin(gen).sum(), gen)
        gen = (gen - 0.05 * gradient).detach().requires_grad_()
    twin.train()
    assert torch.allclose(made["terms"]["samples"], twin(gen).mean(), atol=1e-12)
