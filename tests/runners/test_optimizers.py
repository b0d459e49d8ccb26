"""Optimizers: torch's own steps, options per block, schedules, and the treatments of gradients."""

import pytest
import torch
from torch import nn

from runners.optimizers import CLIPS, OPTIMIZERS, UpdateOptimizer, contract
from runners.projections import projections_of
from runners.state import Clock

START = Clock(0, 0, 0.0, 0)

TORCH = {  # a new optimizer adds one row: torch's class, and options to try
    "adam": (torch.optim.Adam, {"lr": 3e-3, "betas": (0.5, 0.9), "weight_decay": 0.01}),
    "adamw": (torch.optim.AdamW, {"lr": 3e-3, "weight_decay": 0.1}),
    "adamax": (torch.optim.Adamax, {"lr": 3e-3}),
    "sgd": (torch.optim.SGD, {"lr": 1e-2, "momentum": 0.9, "nesterov": True}),
    "rmsprop": (torch.optim.RMSprop, {"lr": 1e-3, "momentum": 0.5, "centered": True}),
}


def blocks():
    torch.manual_seed(0)
    return {"first": nn.Linear(3, 4).double(), "second": nn.Linear(4, 1).double()}


def descend(made, step, count=5):
    for at in range(count):
        x = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(at))
        made["second"](made["first"](x).tanh()).square().mean().backward()
        step(at)


@pytest.mark.parametrize("kind", TORCH)
def test_a_step_is_torchs_own(kind):
    cls, options = TORCH[kind]
    ours, theirs = blocks(), blocks()
    optimizer = UpdateOptimizer(kind, options, {}, ours, START)
    descend(ours, lambda at: optimizer.step(Clock(at, 0, 0, at)))
    plain = cls([p for block in theirs.values() for p in block.parameters()], **options, foreach=False)
    descend(theirs, lambda _: (plain.step(), plain.zero_grad()))
    for name, block in ours.items():
        for left, right in zip(block.parameters(), theirs[name].parameters(), strict=True):
            torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-12)  # fused sums in another order


def test_every_registered_optimizer_is_tested():
    assert OPTIMIZERS.names() == sorted(TORCH)


def test_blocks_may_have_options_of_their_own():
    made = blocks()
    options = {"lr": 1e-2, "weight_decay": 0.0}
    optimizer = UpdateOptimizer("adam", options, {"second": {"lr": 1e-3, "weight_decay": 2e-5}}, made, START)
    groups = optimizer.torch.param_groups
    assert [(group["lr"], group["weight_decay"]) for group in groups] == [(1e-2, 0.0), (1e-3, 2e-5)]
    assert optimizer.names == ["first.weight", "first.bias", "second.weight", "second.bias"]
    assert optimizer.rates() == {"first": 1e-2, "second": 1e-3}


def test_blocks_with_equal_options_share_a_group():
    assert len(UpdateOptimizer("adam", {"lr": 1e-2}, {}, blocks(), START).torch.param_groups) == 1


def test_options_may_follow_the_clock():
    options = {"lr": "linear(0.1, 0, steps=4)", "betas": [0.9, "where(step < 2, 0.5, 0.99)"]}
    made = blocks()
    optimizer = UpdateOptimizer("adam", options, {}, made, START)
    seen = []

    def step(at):
        optimizer.step(Clock(at, 0, 0, at))
        seen.append((optimizer.torch.param_groups[0]["lr"], optimizer.torch.param_groups[0]["betas"][1]))

    descend(made, step)
    assert [lr for lr, _ in seen] == pytest.approx([0.1, 0.075, 0.05, 0.025, 0.0])
    assert [beta for _, beta in seen] == [0.5, 0.5, 0.99, 0.99, 0.99]


def test_an_unknown_option_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="has no option `momentum`; it has lr, betas"):
        UpdateOptimizer("adam", {"momentum": 0.9}, {}, blocks(), START)


def test_the_contract_is_the_signature():
    assert contract("sgd") == {"lr": 1e-3, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False}


def test_clipping_by_norm_and_value():
    made = blocks()
    optimizer = UpdateOptimizer("sgd", {}, {}, made, START)
    for parameter in optimizer.parameters:
        parameter.grad = torch.full_like(parameter, 3.0)
    CLIPS["value"](optimizer, 2.0)
    assert all((p.grad == 2.0).all() for p in optimizer.parameters)
    CLIPS["norm"](optimizer, 0.5)
    assert torch.cat([p.grad.flatten() for p in optimizer.parameters]).norm() == pytest.approx(0.5, rel=1e-5)
    assert all(p.grad.isfinite().all() for p in optimizer.parameters)


def test_clipping_by_sigma_follows_adams_second_moment():
    made = blocks()
    optimizer = UpdateOptimizer("adam", {"betas": (0.9, 0.99)}, {}, made, START)
    weight = made["first"].weight
    big = torch.full_like(weight, 100.0)
    weight.grad = big.clone()
    CLIPS["sigma"](optimizer, 3.0)
    assert torch.equal(weight.grad, big)  # nothing is known on the first step
    weight.grad = torch.full_like(weight, 0.1)
    optimizer.step(START)
    weight.grad = big.clone()
    weight.grad[0] = -100.0
    CLIPS["sigma"](optimizer, 3.0)
    bound = 3.0 * 0.1 + 0.1  # v / (1 - beta2) is the first gradient squared
    assert weight.grad[0].tolist() == pytest.approx([-bound] * 3)
    assert weight.grad[1:].flatten().tolist() == pytest.approx([bound] * 9)


def test_clipping_by_sigma_needs_a_second_moment():
    made = blocks()
    optimizer = UpdateOptimizer("sgd", {"momentum": 0.9}, {}, made, START)
    descend(made, lambda _: optimizer.step(START), count=1)
    optimizer.parameters[0].grad = torch.ones_like(optimizer.parameters[0])
    with pytest.raises(ValueError, match="Adam's second moment"):
        CLIPS["sigma"](optimizer, 3.0)


def test_projections_clip_entries_and_shorten_rows():
    ((clip, limit),) = projections_of({"clip": 0.5})
    rows = torch.tensor([[3.0, -4.0], [0.1, 0.2]])
    clipped = rows.clone()
    clip([clipped], limit)
    assert clipped.tolist() == [[0.5, -0.5], [pytest.approx(0.1), pytest.approx(0.2)]]
    ((ball, radius),) = projections_of("unit_ball")
    ball([rows], radius)
    torch.testing.assert_close(rows, torch.tensor([[0.6, -0.8], [0.1, 0.2]]))
    with pytest.raises(ValueError, match="no projection is called `box`"):
        projections_of("box")
