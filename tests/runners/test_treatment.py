"""Fields, dequantisation, flips and shifts: what is drawn for a row follows from seed, epoch and index alone."""

from dataclasses import replace

import pytest
import torch
from scipy.stats import kstest
from torch.testing import assert_close

from runners.batches import Batches
from runners.datasets import BadOption, UnknownOption, contract, open_source
from runners.datasets.treatment import uniforms

ALL = {"dequantize": 17, "flip": True, "shift": 1}


def by_index(batches, epoch):
    """The pictures of an epoch in the order of their index."""
    read = list(batches.epoch(epoch))
    index = torch.cat([batch["index"] for batch in read])
    return torch.cat([batch["x"] for batch in read])[index.argsort()]


def digits(batch_size, seed=0, **options):
    return Batches(open_source("digits", {"test_size": 1797 - 400, **options}), batch_size=batch_size, seed=seed)


def test_splitmix64_is_the_published_one():
    """The first numbers after seed 1234567, of the reference implementation (Vigna's splitmix64.c)."""
    from runners.datasets.treatment import STEP, _mixed

    state = 1234567 + torch.arange(1, 6) * STEP
    found = [int(z) % 2**64 for z in _mixed(state)]
    assert found == [
        6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
    ]  # fmt: skip


def test_numbers_of_rows_are_uniform_and_unlike_each_other():
    u = uniforms(3, torch.arange(500), 200)
    assert kstest(u.flatten().numpy(), "uniform").pvalue > 1e-3
    centred = (u - 0.5) * 12**0.5
    assert (centred @ centred.T / 200).fill_diagonal_(0).abs().max() < 6 / 200**0.5
    assert (centred.T @ centred / 500).fill_diagonal_(0).abs().max() < 6 / 500**0.5


def test_what_is_drawn_is_a_function_of_seed_epoch_and_index():
    """Whatever the size of the batches, where a run begins, or which batches were read before."""
    first, again = digits(40, **ALL), digits(100, **ALL)
    assert torch.equal(by_index(first, 1), by_index(again, 1))
    assert not torch.equal(by_index(first, 0), by_index(first, 1))
    assert not torch.equal(by_index(first, 0), by_index(digits(40, seed=1, **ALL), 0))
    alone = digits(40, **ALL).batch(17)
    assert torch.equal(alone["x"], first.batch(17)["x"])


@pytest.mark.parametrize("option", ALL)
def test_each_draw_is_anew_with_the_epoch_and_the_seed(option):
    batches = digits(40, **{option: ALL[option]})
    assert not torch.equal(by_index(batches, 0), by_index(batches, 1))
    assert not torch.equal(by_index(batches, 0), by_index(digits(40, seed=1, **{option: ALL[option]}), 0))


def test_dequantised_levels_can_be_had_back_and_are_spread_evenly():
    plain, noisy = by_index(digits(40), 2), by_index(digits(40, dequantize=17), 2)
    levels = noisy * 17
    assert_close(levels.floor() / 16, plain)
    assert kstest((levels - levels.floor()).flatten().numpy(), "uniform").pvalue > 1e-3
    signed = by_index(digits(40, dequantize=17, range="signed"), 2)
    assert_close(signed, noisy * 2 - 1)
    filled, gaps = contract("digits", {"dequantize": 17}).fields["x"], contract("digits", {}).fields["x"]
    assert (gaps.levels, filled) == (17, replace(gaps, levels=None))


def test_outside_of_training_the_noise_is_always_the_same():
    options = {"test_size": 400, **ALL}
    test = open_source("digits", options).split("test")["x"]
    assert torch.equal(test, open_source("digits", options).split("test")["x"])
    assert_close((test * 17).floor() / 16, open_source("digits", {"test_size": 400}).split("test")["x"])


def test_half_of_the_pictures_are_mirrored():
    plain, flipped = by_index(digits(40), 0), by_index(digits(40, flip=True), 0)
    mirrored = torch.tensor([torch.equal(a.flip(-1), b) for a, b in zip(plain, flipped, strict=True)])
    kept = torch.tensor([torch.equal(a, b) for a, b in zip(plain, flipped, strict=True)])
    assert (mirrored | kept).all()
    assert abs(int(mirrored.sum()) - 200) < 50  # five standard deviations


def test_a_shift_is_a_crop_of_the_reflected_picture():
    plain, shifted = by_index(digits(40), 0), by_index(digits(40, shift=1), 0)
    padded = torch.nn.functional.pad(plain, (1, 1, 1, 1), mode="reflect")
    crops = torch.stack([padded[:, :, i : i + 8, j : j + 8] for i in range(3) for j in range(3)])  # 9 n 1 8 8
    same = (crops == shifted).flatten(2).all(-1)  # 9 n
    assert same.any(0).all()
    assert (same.sum(1) > 15).all()  # 44 expected of each


def test_fields_are_chosen_and_renamed():
    source = open_source("digits", {"fields": {"image": "x"}, "dequantize": 17, "test_size": 400})
    assert set(source.contract.fields) == {"image", "index"}
    batch = Batches(source, batch_size=10).batch(0)
    assert set(batch) == {"image", "index"}
    assert batch["image"].unique().numel() > 17
    assert set(contract("digits", {"fields": ["y"]}).fields) == {"y", "index"}


def test_several_sources_are_treated_each_by_itself():
    sources = {"a": open_source("digits", {"flip": True}), "b": open_source("digits", {"dequantize": 17})}
    batch = Batches(sources, batch_size=8).batch(0)
    assert batch["a.x"].unique().numel() <= 17
    assert batch["b.x"].unique().numel() > 17


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("digits", {"fields": ["z"]}, "`fields` asks for `z`, but the fields are `x`, `y`"),
        ("digits", {"fields": {"index": "x"}}, "cannot be the name of a field"),
        ("digits", {"fields": []}, "`fields` keeps none"),
        ("digits", {"fields": ["y"], "flip": True}, "`flip` is for the field `x`"),
        ("digits", {"dequantize": 1}, "`dequantize` is 1"),
        ("digits", {"shift": 8}, "`shift` is 8, but pictures are 8 x 8"),
        ("digits", {"shift": "far"}, "`shift` of dataset `digits` is 'far', but it must be a whole number"),
        ("toy.moons", {"flip": True}, r"`x` is [2], and no picture"),
        ("toy.moons", {"dequantize": 256}, "it needs an `x` with a range"),
    ],
)
def test_a_wrong_treatment_is_a_sentence(kind, options, message):
    with pytest.raises(BadOption) as error:
        contract(kind, options)
    assert message in str(error.value)


def test_a_misspelt_treatment_is_answered_with_the_nearest():
    with pytest.raises(UnknownOption, match="the nearest is `dequantize`"):
        contract("digits", {"dequantise": 17})


def test_the_listing_and_the_schema_show_what_any_source_may_be_asked(capsys):
    import json

    from compose.cli import main

    assert main(["list", "data", "toy.moons"]) == 0
    assert "dequantize" in capsys.readouterr().out
    assert main(["schema"]) == 0
    sources = json.loads(capsys.readouterr().out)["definitions"]["DataSource"]["allOf"]
    assert all({"fields", "dequantize", "flip", "shift"} <= set(one["then"]["properties"]) for one in sources)
