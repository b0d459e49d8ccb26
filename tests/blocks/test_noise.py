"""Noise leaves: a leaf's numbers depend on its name alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from blocks.noise import draw, leaf_seed

COUNT = 20000  # standard error of a mean of unit variance: 0.007; the bounds below are 5 of them

SCOPES = st.lists(st.one_of(st.text(max_size=5), st.integers(0, 99)), max_size=4).map(tuple)


def test_a_leaf_seed_never_changes():  # else old runs could not be resumed or repeated
    assert leaf_seed(0, "stage", 0, "z") == 14041923980067409651


@given(SCOPES, SCOPES)
@settings(max_examples=200, deadline=None)
def test_seeds_agree_exactly_where_the_scopes_do(a, b):
    assert (leaf_seed(7, *a) == leaf_seed(7, *b)) == (a == b)


def test_seeds_fill_64_bits_and_do_not_collide():
    seeds = {leaf_seed(0, "stage", step, leaf) for step in range(5000) for leaf in ("z", "eps", "t", "u")}
    assert len(seeds) == 20000
    assert max(seeds).bit_length() == 64
    assert min(seeds) >= 0


@pytest.mark.parametrize("law", ["normal", "uniform", "rademacher", "integers"])
def test_the_same_seed_gives_the_same_numbers_and_another_does_not(law):
    first, again, other = (draw(law, (64, 3), seed, high=9) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_drawing_moves_no_global_generator():
    before = torch.get_rng_state()
    draw("normal", (5,), 3)
    assert torch.equal(torch.get_rng_state(), before)


def test_differently_named_leaves_are_uncorrelated():
    a, b = (draw("normal", (COUNT,), leaf_seed(0, "stage", 4, name)) for name in ("z", "x"))
    assert abs(float((a * b).mean())) < 5 / COUNT**0.5


MOMENTS = {"normal": (0.0, 1.0), "uniform": (0.5, 1 / 12), "rademacher": (0.0, 1.0), "integers": (2.5, 1.25)}


@pytest.mark.parametrize("law", MOMENTS)
def test_a_law_has_its_mean_and_variance(law):
    numbers = draw(law, (COUNT,), 11, high=4).double()
    mean, variance = MOMENTS[law]
    assert_close(float(numbers.mean()), mean, atol=0.04, rtol=0)
    assert_close(float(numbers.var()), variance, atol=0.05, rtol=0)


def test_integers_run_from_one_to_high_and_are_int64():
    numbers = draw("integers", (1000,), 0, high=4, dtype=torch.float32)
    assert numbers.dtype == torch.int64
    assert numbers.unique().tolist() == [1, 2, 3, 4]


def test_rademacher_noise_is_plus_or_minus_one_in_the_dtype_asked_for():
    numbers = draw("rademacher", (100,), 0, dtype=torch.float64)
    assert numbers.dtype == torch.float64
    assert sorted(numbers.unique().tolist()) == [-1, 1]


@pytest.mark.parametrize(("law", "high"), [("gaussian", 0), ("integers", 0)])
def test_a_law_that_does_not_exist_is_refused(law, high):
    with pytest.raises(ValueError, match="law"):
        draw(law, (3,), 0, high=high)
