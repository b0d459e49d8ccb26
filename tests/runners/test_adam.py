"""The prepared step of Adam: torch's fused kernel, bit for bit, with less around it."""

import pytest
import torch
from safetensors.torch import save
from torch import nn

from runners.adam import prepared_step

OPTIONS = {
    "adam": (torch.optim.Adam, {"lr": 1e-2, "weight_decay": 0.1}),
    "amsgrad": (torch.optim.Adam, {"lr": 1e-2, "amsgrad": True}),
    "adamw": (torch.optim.AdamW, {"lr": 1e-2, "weight_decay": 0.1}),
}


def system(kind):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    cls, options = OPTIONS[kind]
    groups = [{"params": network[0].parameters()}, {"params": network[2].parameters(), "lr": 1e-3}]
    return network, cls(groups, fused=True, **options)


def fill_gradients(network, step, idle):
    noise = torch.Generator().manual_seed(step)
    for at, parameter in enumerate(network.parameters()):
        parameter.grad = None if (step, at) in idle else torch.randn(parameter.shape, generator=noise)


@pytest.mark.parametrize("idle", [set(), {(0, 1), (3, 2), (4, 2)}], ids=["all", "lazy"])
@pytest.mark.parametrize("kind", OPTIONS)
def test_parameters_and_state_are_those_of_torch_bit_for_bit(kind, idle):
    (ours, optimizer), (theirs, plain) = system(kind), system(kind)
    step = optimizer.step
    for at in range(7):
        fill_gradients(ours, at, idle)
        fill_gradients(theirs, at, idle)
        for held in (optimizer, plain):
            held.param_groups[0]["lr"] = 1e-2 / (1 + at)
        step()
        plain.step()
        step = prepared_step(optimizer) if at == 1 else step
    for left, right in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(left, right)
        assert all(torch.equal(value, plain.state[right][key]) for key, value in optimizer.state[left].items())


def test_the_state_can_be_saved_while_its_counts_are_one_vector():
    network, optimizer = system("adam")
    fill_gradients(network, 0, set())
    optimizer.step()
    prepared_step(optimizer)()
    counts = {str(at): state["step"] for at, state in enumerate(optimizer.state.values())}
    assert [count.item() for count in counts.values()] == [2.0] * 4
    assert save(counts)


def test_other_optimizers_step_as_they_do():
    network = nn.Linear(2, 1)
    for optimizer in (torch.optim.SGD(network.parameters(), 0.1), torch.optim.Adam(network.parameters(), foreach=True)):
        fill_gradients(network, 0, set())
        optimizer.step()
        assert prepared_step(optimizer) == optimizer.step
