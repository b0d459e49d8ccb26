"""Shards: several owners of parts step to what one owner of all does, and what they keep is a part."""

import pytest
import torch
from torch import nn

from blocks.shares import Share
from runners import shards
from runners.optimizers import UpdateOptimizer
from runners.shards import ALIKE, Cut, Shards, messages
from runners.state import Clock
from tests.runners.test_optimizers import TORCH

START = Clock(0, 0, 0.0, 0)


def blocks():
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    scale = nn.ParameterDict({"scale": torch.tensor(1.5)})
    return {"image": convolution.double(), "linear": nn.Linear(3, 1).double(), "number": scale.double()}


class Together:
    """Processes in one: each has its own weights, and `gather` gives what each sent last."""

    def __init__(self, kind, options, count):
        self.systems = [blocks() for _ in range(count)]
        self.sent = [torch.empty(0) for _ in range(count)]
        self.optimizers = [
            UpdateOptimizer(kind, options, {}, system, START, shared_out=self.shared_out(rank, count))
            for rank, system in enumerate(self.systems)
        ]

    def shared_out(self, rank, count):
        return lambda parameters: Shards(parameters, Share(rank, count), lambda rows: self.gather(rank, rows))

    def gather(self, rank, rows):
        self.sent[rank] = rows.clone()
        return torch.cat([sent if sent.shape == rows.shape else torch.zeros_like(rows) for sent in self.sent])

    def step(self, at):
        """All step on the same gradients; the first pass tells what each owns, the second is heard by all."""
        for optimizer, system in zip(self.optimizers, self.systems, strict=True):
            gradients(system, at)
            optimizer.divide()
            optimizer.step(START)
        for optimizer in self.optimizers:
            optimizer.shards.join()


def gradients(system, at):
    x = torch.randn(6, 3, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(at))
    value = system["image"](x).tanh().mean() + system["linear"](x[..., 0, 0]).square().mean()
    (value * system["number"]["scale"] ** 2).backward()


@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("kind", TORCH)
def test_parts_step_as_the_whole_does(kind, count):
    options = TORCH[kind][1]
    whole, together = blocks(), Together(kind, options, count)
    alone = UpdateOptimizer(kind, options, {}, whole, START)
    for at in range(5):
        gradients(whole, at)
        alone.step(START)
        together.step(at)
    for system, made in zip(together.systems, together.optimizers, strict=True):
        for name, block in whole.items():
            for expected, found in zip(block.parameters(), system[name].parameters(), strict=True):
                assert found.grad is None
                torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-15)
        assert kept(made) <= kept(alone) / count + 8 * len(alone.parameters)


def kept(made):
    """Numbers that an optimizer keeps, counts aside."""
    return sum(
        value.numel() for state in made.torch.state.values() for key, value in state.items()
        if isinstance(value, torch.Tensor) and key != "step"
    )  # fmt: skip


def test_what_is_saved_is_whole_and_is_taken_apart_again():
    together = Together("adam", {"lr": 1e-2}, 2)
    whole = blocks()
    alone = UpdateOptimizer("adam", {"lr": 1e-2}, {}, whole, START)
    for at in range(3):
        gradients(whole, at)
        alone.step(START)
        together.step(at)
    first, second = together.optimizers
    for place, parameter in enumerate(alone.parameters):
        for key, expected in alone.torch.state[parameter].items():
            own, other = (made.torch.state[made.shards.owned[place]][key] for made in (first, second))
            if key in ALIKE:
                assert torch.equal(own, expected)
                continue
            cuts = [made.shards.cuts[place] for made in (first, second)]
            cuts[1].joined(other, lambda rows: together.gather(1, rows))  # sends
            saved = cuts[0].joined(own, lambda rows: together.gather(0, rows))
            torch.testing.assert_close(saved, expected, rtol=1e-13, atol=1e-15)
            assert saved.stride() == expected.stride()
            assert torch.equal(cuts[1].own(saved), other)
            assert torch.equal(cuts[1].own(saved.contiguous()), other)
            assert torch.equal(cuts[1].own(other), other)


def test_a_parameter_without_a_gradient_is_left_alone():
    together = Together("adam", {"lr": 1e-2}, 2)
    before = blocks()["linear"].weight
    for optimizer, system in zip(together.optimizers, together.systems, strict=True):
        gradients(system, 0)
        system["linear"].weight.grad = None
        optimizer.divide()
        optimizer.step(START)
    for optimizer in together.optimizers:
        optimizer.shards.join()
    assert all(torch.equal(system["linear"].weight, before) for system in together.systems)
    assert not torch.equal(together.systems[0]["image"].weight, blocks()["image"].weight)


def test_what_travels_together_is_alike_and_bounded(monkeypatch):
    monkeypatch.setattr(shards, "MESSAGE", 64)
    parts = [torch.zeros(n, dtype=dtype) for n, dtype in ((4, torch.float64), (3, torch.float32), (4, torch.float64))]
    parts += [torch.zeros(20, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)]
    found = list(messages(parts, [Cut(torch.zeros(2 * len(part)), Share(0, 2)) for part in parts]))
    assert found == [[0, 2], [3], [4], [1]]
