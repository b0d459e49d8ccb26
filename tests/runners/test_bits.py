"""Bits per dimension: of uniform densities, of levels, and of what is not in the range."""

import math

import pytest
import torch

from runners.metrics import NoFigure, better_side, measure

X = torch.rand(200, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def bits(log_prob, values=X, **options):
    return measure("bits_per_dimension", [log_prob, values], options)


def test_a_uniform_density_spends_the_bits_of_a_level():
    assert bits(torch.zeros(200)).value == pytest.approx(8)
    assert bits(torch.zeros(200), bins=32).value == pytest.approx(5)
    signed = torch.full((200,), -16 * math.log(2))  # on [-1, 1]^16
    assert bits(signed, 2 * X - 1, low=-1, high=1).value == pytest.approx(8)
    half = torch.full((200,), 16 * math.log(2))  # half of each axis
    assert bits(half).value == pytest.approx(7)


def test_a_density_of_levels_has_the_bits_of_their_entropy():
    """Levels of the shares p: the density p_i * bins on the i-th of the bins, whose code has -log2 p_i bits."""
    shares = torch.tensor([0.5, 0.25, 0.125, 0.125], dtype=torch.float64)
    levels = torch.multinomial(shares, 40_000, replacement=True, generator=torch.Generator().manual_seed(1))
    values = ((levels + 0.5) / 4)[:, None]
    density, whole = (4 * shares)[levels].log(), shares[levels].log()
    found = bits(density, values, bins=4)
    assert found.value == pytest.approx(1.75, abs=5 * found.error)
    assert bits(whole, values, bins=1).value == pytest.approx(found.value)


def test_less_is_better_and_the_error_is_that_of_a_mean():
    log_prob = torch.randn(200, generator=torch.Generator().manual_seed(2)).double()
    assert bits(log_prob).error == pytest.approx(float(log_prob.std()) / 200**0.5 / (16 * math.log(2)))
    assert bits(log_prob[:1], X[:1]).error is None
    assert better_side("bits_per_dimension") == "lower"


@pytest.mark.parametrize(
    ("log_prob", "values", "options", "message"),
    [
        (torch.zeros(200), 2 * X - 1, {}, "run from -0.999.* write the range of the data as `low=` and `high=`"),
        (torch.zeros(200), 255 * X, {}, "and the bins from 0 to 1"),
        (torch.zeros(200), X * math.nan, {}, "the values run from nan"),
        (torch.zeros(100), X, {}, "one log-density for each value"),
        (torch.zeros(200, 16), X, {}, "one log-density for each value"),
        (torch.zeros(200), X, {"bins": 0}, "0 bins"),
        (torch.zeros(200), X, {"low": 1, "high": 0}, "`low` below `high`"),
    ],
)
def test_a_likelihood_of_a_space_that_the_data_are_not_in_has_no_figure(log_prob, values, options, message):
    with pytest.raises(ValueError, match=message):
        bits(log_prob, values, **options)


def test_log_densities_that_are_not_finite_have_no_figure():
    with pytest.raises(NoFigure, match="not finite"):
        bits(torch.full((200,), -math.inf))
