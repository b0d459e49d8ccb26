"""Stages without terms do what they say: copy weights once, fill a memory in every step."""

import pytest
import torch

from tests.end_to_end.systems import train

HEAD = """
compose: 1
name: short
data: {source: toy.gaussians25, batch_size: 32, size: 200, test_size: 50}
blocks:
  energy: {kind: energy.mlp, hidden: [8]}
  other: {kind: energy.mlp, hidden: [8]}
  memory: {kind: memory.replay, size: 100}
graph:
  start: ~memory.read(probability=1, fresh=normal(like=x))
samplers:
  default: start + energy(start) + other(start)
stages:
"""
TRAINED = "  - {steps: 2, train: [energy], minimize: {loss: energy(x) ** 2 + other(x)}}\n"


@pytest.mark.parametrize("before", ["", TRAINED])
def test_a_stage_that_only_copies_copies_once_and_is_over(before, tmp_path):
    made = train(HEAD + before + "  - copy: {other: energy}\n", tmp_path)
    blocks = made.executable.blocks
    for one, twin in zip(blocks["energy"].parameters(), blocks["other"].parameters(), strict=True):
        assert torch.equal(one, twin)
    assert made.state.run_step == (2 if before else 0)
    again = train(HEAD + before + "  - copy: {other: energy}\n", tmp_path)
    assert again.state.run_step == made.state.run_step


def test_a_stage_that_only_writes_fills_its_memory(tmp_path):
    made = train(HEAD + "  - {steps: 2, write: {memory: x}}\n", tmp_path)
    assert int(made.executable.blocks["memory"].count) == 64


def test_an_update_that_only_writes_need_not_say_what_it_trains(tmp_path):
    updates = "    updates:\n      - write: {memory: x}\n      - {train: [energy], minimize: {loss: energy(x) ** 2}}\n"
    made = train(f"{HEAD}  - steps: 2\n{updates}", tmp_path)
    assert int(made.executable.blocks["memory"].count) == 64
