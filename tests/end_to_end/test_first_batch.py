"""Norms that start from data do so in a run: by its first batch, once, unless their weights come from elsewhere."""

import torch
from torch.testing import assert_close

from runners.datasets import open_source
from tests.end_to_end.systems import GLOW, train

STILL = GLOW.replace("    ema: {flow: 0.9}\n", "    optimizer: {lr: 1e-12}\n")


def norm_of(made):
    """The norm next to the data: of the first level, behind its squeeze."""
    return made.executable.blocks["flow"].levels[0].transforms[-2].norm


def test_a_norm_starts_from_the_data(tmp_path):
    made = train(STILL, tmp_path)
    x = torch.nn.functional.pixel_unshuffle(open_source("digits", {"dequantize": 17}).split("train")["x"], 2)
    norm = norm_of(made)
    assert made.state.initialised == {"flow"}
    assert_close(norm.mean[:, 0, 0].detach(), x.mean((0, 2, 3)), atol=0.05, rtol=0)  # of 64 rows, not of all
    assert_close(norm.log_std.exp()[:, 0, 0].detach(), x.std((0, 2, 3)), atol=0.05, rtol=0)


def test_a_later_stage_does_not_start_again(tmp_path):
    text = STILL.replace(
        "stages:\n", "stages:\n  - {steps: 3, minimize: {nll: -flow.log_prob(x)}, optimizer: {lr: 0.05}}\n"
    )
    moved, still = norm_of(train(text, tmp_path / "a")), norm_of(train(STILL, tmp_path / "b"))
    assert float((moved.mean - still.mean).detach().abs().max()) > 0.03  # three steps of Adam


def test_a_block_with_weights_from_elsewhere_keeps_them(tmp_path):
    train(STILL, tmp_path / "first")
    given = f"{{kind: flow.glow, levels: 2, steps: 1, width: 6, weights: {{run: {tmp_path / 'first'}}}}}"
    text = STILL.replace("{kind: flow.glow, levels: 2, steps: 1, width: 6}", given)
    made = train(text, tmp_path / "second")
    assert made.state.initialised == set()
