"""Stacked digits: each channel is a digit of the split, the label is their triple, and all thousand modes are met."""

import pytest
import torch

from runners.datasets import BadOption, open_source


def test_every_channel_is_the_digit_that_the_label_says():
    source = open_source("digits.stacked", {"size": 2000})
    assert source.contract.fields["y"].classes == 1000
    plain = {split: open_source("digits", {}).split(split) for split in ("train", "test")}
    for split in plain:
        rows = source.split(split)
        known = {tuple(x.flatten().tolist()): int(y) for x, y in zip(plain[split]["x"], plain[split]["y"], strict=True)}
        for picture, label in zip(rows["x"][:200], rows["y"][:200], strict=True):
            triple = [known[tuple(channel.flatten().tolist())] for channel in picture]
            assert 100 * triple[0] + 10 * triple[1] + triple[2] == label


def test_every_mode_is_met_about_equally_often():
    y = open_source("digits.stacked", {}).split("train")["y"]
    counts = torch.bincount(y, minlength=1000)
    assert counts.min() > 30  # 60 expected; the digits are not quite equally frequent
    assert counts.max() < 100


def test_the_draw_follows_the_seed():
    first, again, other = (
        open_source("digits.stacked", {"size": 50, "seed": seed}).split("train")["y"] for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_without_the_idx_files_they_are_stacked_in_the_contract_alone():
    source = open_source("digits.stacked", {"root": "nowhere", "pad": 32, "range": "signed"})
    assert (source.contract.fields["x"].event, source.contract.fields["x"].low) == ((3, 32, 32), -1.0)
    with pytest.raises(BadOption, match="`nowhere` must hold"):
        source.split("train")
