"""Metrics against closed forms."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from torch.testing import assert_close

from blocks.registry import UnknownName
from runners.datasets import BadOption, UnknownOption, open_source
from runners.metrics import METRICS, Estimate, NoFigure, arguments, measure
from runners.metrics.distances import frechet_gaussians
from runners.metrics.measure import misfit
from runners.metrics.normaliser import log_normaliser_2d


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def truth():
    return open_source("toy.gaussians25", {"size": 50_000})


# --- modes


def test_the_truth_covers_every_mode_and_keeps_its_quality(truth):
    x = truth.split("train")["x"]
    assert measure("mode_coverage", [x, truth]).value == 25
    for sigmas in (1.0, 3.0):
        share = 1 - math.exp(-(sigmas**2) / 2)  # of a Gaussian of the plane
        found = measure("share_within", [x, truth], {"sigmas": sigmas}).value
        assert found == pytest.approx(share, abs=5 * (share * (1 - share) / len(x)) ** 0.5)
    assert 0 <= measure("mode_kl", [x, truth]).value < 3 * 24 / (2 * len(x))  # chi-square with 24 degrees of freedom


def test_coverage_counts_modes_with_enough_samples_near(truth):
    near = truth.modes[[3, 3, 7]] + 2.9 * truth.scale * torch.tensor([1.0, 0.0])
    far = truth.modes[[11]] + 3.1 * truth.scale * torch.tensor([0.0, 1.0])
    samples = torch.cat([near, far])
    assert measure("mode_coverage", [samples, truth]).value == 2
    assert measure("mode_coverage", [samples, truth], {"minimum": 2}).value == 1
    assert measure("mode_coverage", [samples, truth], {"sigmas": 3.2}).value == 3
    assert measure("share_within", [samples, truth]).value == 0.75


def test_mode_kl_is_that_of_the_shares(truth):
    one, three_to_one = truth.modes[[4]], truth.modes[[4, 4, 4, 9]]
    assert measure("mode_kl", [one, truth]).value == pytest.approx(math.log(25))
    expected = 0.75 * math.log(0.75 * 25) + 0.25 * math.log(0.25 * 25)
    assert measure("mode_kl", [three_to_one, truth]).value == pytest.approx(expected)
    assert measure("mode_kl", [truth.modes, truth]).value == pytest.approx(0, abs=1e-12)


# --- the normaliser


def tilted(x):
    """An unnormalised Gaussian with mean (1, -0.5), covariance [[0.5, 0.2], [0.2, 0.3]] and log Z = 3 exactly."""
    mean = torch.tensor([1.0, -0.5])
    cov = torch.tensor([[0.5, 0.2], [0.2, 0.3]])
    quadratic = ((x - mean) @ torch.linalg.inv(cov) * (x - mean)).sum(1)
    return 3 - 0.5 * quadratic - math.log(2 * math.pi) - 0.5 * torch.logdet(cov)


def test_the_normaliser_of_a_gaussian():
    for bounds in ((-6.0, 6.0), (-4.0, 6.0, -5.0, 4.0)):
        found = log_normaliser_2d(tilted, bounds, points=128, chunk=1000)
        assert found.value == pytest.approx(3, abs=1e-5)  # the density itself is float32
        assert found.error < 1e-5
        assert abs(found.edge) < 1e-5


def test_a_box_that_cuts_the_density_shows_at_the_edge():
    found = log_normaliser_2d(tilted, (0.0, 1.0), points=128)
    assert found.value < 2
    assert found.edge > 0.02


def test_the_error_bounds_the_error_of_a_density_with_an_edge():
    """log int over [0, 1]^2 of exp(x + y) = 2 log(e - 1): second order in h, a quarter with half the width."""
    exact = 2 * math.log(math.e - 1)
    coarse, fine = (log_normaliser_2d(lambda x: x.double().sum(1), (0.0, 1.0), points=n) for n in (16, 32))
    assert abs(coarse.value - exact) < coarse.error
    assert (coarse.value - exact) / (fine.value - exact) == pytest.approx(4, rel=0.01)


@pytest.mark.parametrize(
    ("bounds", "points", "message"),
    [
        ((1.0, 0.0), 16, "the box is empty: from 1 to 0"),
        ((0.0, 1.0, 0.0), 16, "`bounds` are 2 numbers, or 4"),
        ((0.0, 1.0), 15, "must be even"),
    ],
)
def test_a_grid_that_is_none_is_refused(bounds, points, message):
    with pytest.raises(ValueError, match=message):
        log_normaliser_2d(tilted, bounds, points=points)


def test_a_density_that_is_nan_is_refused():
    with pytest.raises(ValueError, match="nan or inf somewhere"):
        log_normaliser_2d(lambda x: x[:, 0].log(), (-1.0, 1.0), points=16)


# --- distances


def covariance(seed, size=6):
    root = normal(size, size, seed=seed)
    return root @ root.T + 0.1 * torch.eye(size, dtype=torch.float64)


def test_frechet_with_commuting_covariances():
    """|m1 - m2|^2 + sum (sqrt l1 - sqrt l2)^2."""
    basis = torch.linalg.qr(normal(6, 6)).Q
    a, b = normal(6, seed=1).exp(), normal(6, seed=2).exp()
    m1, m2 = normal(6, seed=3), normal(6, seed=4)
    found = frechet_gaussians(m1, basis * a @ basis.T, m2, basis * b @ basis.T)
    assert found == pytest.approx(float((m1 - m2).square().sum() + (a.sqrt() - b.sqrt()).square().sum()), rel=1e-10)


def test_frechet_agrees_with_the_matrix_root_of_scipy():
    a, b, mean = covariance(1), covariance(2), normal(6)
    root = scipy.linalg.sqrtm(a.numpy() @ b.numpy())
    expected = float(mean.square().sum() + a.trace() + b.trace()) - 2 * np.trace(root).real
    assert frechet_gaussians(mean, a, torch.zeros_like(mean), b) == pytest.approx(expected, rel=1e-9)


def test_frechet_of_singular_covariances():
    a, b = torch.diag(torch.tensor([4.0, 0, 0])).double(), torch.diag(torch.tensor([1.0, 0, 9])).double()
    zero = torch.zeros(3, dtype=torch.float64)
    assert frechet_gaussians(zero, a, zero, b) == pytest.approx(1 + 9)


def test_frechet_of_samples():
    x = normal(500, 2, 3)
    assert measure("frechet", [x, x]).value == pytest.approx(0, abs=1e-12)
    assert measure("frechet", [x, x + 2]).value == pytest.approx(6 * 4)
    centred = x - x.mean(0)
    spread = float(x.flatten(1).T.cov().trace())
    assert measure("frechet", [centred, 3 * centred]).value == pytest.approx(4 * spread)  # (3 - 1)^2 tr cov
    assert measure("frechet", [normal(50), 2 * normal(50)]).value > 0  # one number a sample


def test_mmd_of_gaussians_has_a_closed_form():
    """For N(0, I), N(m, I) and bandwidth s: 2 c (1 - exp(-|m|^2 / (2 (s^2 + 2)))), c = (s^2 / (s^2 + 2))^(d/2)."""
    s = 1.5
    sets = [(normal(2000, 2, seed=i), normal(1500, 2, seed=100 + i)) for i in range(10)]
    c = s**2 / (s**2 + 2)
    expected = 2 * c * (1 - math.exp(-2 / (2 * (s**2 + 2))))
    apart = [measure("mmd", [a, b + 1], {"bandwidth": s}).value for a, b in sets]
    assert np.mean(apart) == pytest.approx(expected, abs=0.012)  # one has a standard deviation of 0.01
    same = [measure("mmd", [a, b], {"bandwidth": s}).value for a, b in sets]
    assert abs(np.mean(same)) < 3e-4  # the biased estimate would be 5.5e-4 higher
    assert min(same) < 0


def test_mmd_by_hand():
    """Two and two points on the line: k(0, 1) = e^-1/2 within each; across k(0, 2), k(0, 3), k(1, 2), k(1, 3)."""
    a, b = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [3.0]])
    k = [math.exp(-(gap**2) / 2) for gap in range(4)]
    assert measure("mmd", [a, b], {"bandwidth": 1.0}).value == pytest.approx(2 * k[1] - (k[2] + k[3] + k[1] + k[2]) / 2)
    wide = measure("mmd", [10 * a, 10 * b]).value  # the median distance moves with the scale
    assert wide == pytest.approx(measure("mmd", [a, b]).value)


# --- likelihoods


def test_mean_log_prob_of_the_truth_is_minus_its_entropy(truth):
    found = measure("mean_log_prob", [truth.split("test")["x"], truth])
    exact = -math.log(25) - 1 - math.log(2 * math.pi * 0.084**2)
    assert found.error == pytest.approx(1 / 10_000**0.5, rel=0.1)  # log p varies as half a chi-square with 2 degrees
    assert abs(found.value - exact) < 4 * found.error
    assert measure("mean_log_prob", [truth.modes, truth]).value == pytest.approx(exact + 1, abs=1e-6)


def test_iwae_by_hand():
    weights = torch.tensor([[0.0, math.log(3)], [math.log(4), math.log(4)]])
    found = measure("iwae", [weights])
    assert found.value == pytest.approx((math.log(2) + math.log(4)) / 2)
    assert found.error == pytest.approx(math.log(2) / 2)  # std of two values log 2 apart over sqrt 2
    assert measure("iwae", [weights[:1]]).error is None
    assert measure("iwae", [torch.full((3, 5), -1000.0)]).value == pytest.approx(-1000)  # no underflow


def test_iwae_approaches_the_likelihood_from_below():
    """p(z) = N(0, 1), p(x | z) = N(z, 1), q(z | x) = N(x / 2, 1): log p(x) = log N(x; 0, 2)."""
    x = normal(2000, 1) * 2**0.5
    z = x / 2 + normal(2000, 500, seed=1)
    log_weights = -0.5 * (z.square() + (x - z).square() - (z - x / 2).square()) - 0.5 * math.log(2 * math.pi)
    exact = float((-x.square() / 4).mean() - 0.5 * math.log(4 * math.pi))
    bounds = [measure("iwae", [log_weights[:, :k]]).value for k in (1, 10, 500)]
    assert bounds[0] < bounds[1] < bounds[2]
    assert bounds[0] == pytest.approx(exact - 0.5 * (1 - math.log(2)), abs=0.05)  # less KL(N(0, 1) | N(0, 1/2))
    assert bounds[2] == pytest.approx(exact, abs=0.005)


# --- calls by name


def test_arguments_say_what_a_metric_takes():
    assert arguments("mode_coverage") == {"samples": "samples", "source": "source"}
    assert arguments("frechet") == {"samples": "samples", "reference": "samples"}
    assert set(METRICS.names()) >= {
        "frechet",
        "iwae",
        "mean_log_prob",
        "mmd",
        "mode_coverage",
        "mode_kl",
        "share_within",
    }


def test_a_measure_is_an_estimate(truth):
    assert measure("mode_coverage", [truth.modes, truth]) == Estimate(25.0, None)


def test_wrong_calls_are_refused(truth):
    x = truth.modes
    with pytest.raises(UnknownName, match="the nearest is `frechet`"):
        measure("frechett", [x, x])
    with pytest.raises(UnknownOption, match="metric `mode_coverage` has no option `sigma`; the nearest is `sigmas`"):
        measure("mode_coverage", [x, truth], {"sigma": 3})
    with pytest.raises(BadOption, match="must be a whole number"):
        measure("mode_coverage", [x, truth], {"minimum": "one"})
    with pytest.raises(ValueError, match=r"takes \(samples: samples, source: source\), but it was given"):
        measure("mode_coverage", [x, x])
    with pytest.raises(ValueError, match="has no modes"):
        measure("mode_kl", [x, open_source("toy.moons", {})])
    with pytest.raises(ValueError, match="no exact density"):
        measure("mean_log_prob", [x, open_source("toy.pinwheel", {})])


@pytest.mark.parametrize(("few", "named"), [(0, "the samples"), (1, "the reference")])
def test_a_frechet_distance_of_no_more_samples_than_dimensions_is_refused(few, named):
    sets = [normal(400, 8), normal(400, 8, seed=1)]
    assert measure("frechet", [rows[:9] for rows in sets]).value > 0
    sets[few] = sets[few][:8]
    with pytest.raises(NoFigure, match=f"{named} are 8 in 8 dimensions.* 9 or more"):
        measure("frechet", sets)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("frechet", [torch.zeros(5, 2), torch.zeros(5, 3)]),
        ("frechet", [torch.zeros(1, 2), torch.zeros(5, 2)]),
        ("frechet", [torch.full((5, 2), math.nan), torch.zeros(5, 2)]),
        ("mmd", [torch.zeros(5, 2), torch.zeros(5, 2)]),  # all distances are 0: no bandwidth
        ("iwae", [torch.zeros(5, 2, 2)]),
    ],
)
def test_samples_that_fit_no_metric_are_refused(name, values):
    with pytest.raises(ValueError, match=r"needed|finite|bandwidth|shape"):
        measure(name, values)


def test_samples_that_are_not_finite_are_near_no_mode(truth):
    with pytest.raises(ValueError, match="not finite"):
        measure("mode_coverage", [torch.tensor([[0.0, math.nan]]), truth])
    with pytest.raises(ValueError, match="cannot lie near"):
        measure("mode_coverage", [torch.zeros(4, 3), truth])


def test_nearest_distances_are_distances(truth):
    from runners.metrics.modes import nearest_modes

    found = nearest_modes(torch.tensor([[1.1, -0.9], [5.0, 2.0]]), truth.modes)
    assert_close(truth.modes[found.mode], torch.tensor([[1.0, -1.0], [2.0, 2.0]]))
    assert_close(found.distance, torch.tensor([0.02**0.5, 3.0], dtype=torch.float64), atol=1e-7, rtol=0)


AGREE = {  # axes as metrics write them, events, the first that does not fit
    "one shape": (["n *event", "m *event"], [(2, 3), (2, 3)], None),
    "unlike shapes": (["n *event", "m *event"], [(2,), (1,)], 1),
    "one size": (["n d", "k d"], [(2,), (3,)], 1),
    "a number": (["n 2"], [(2,)], None),
    "another number": (["n 2"], [(3,)], 0),
    "an axis too few": (["b k"], [()], 0),
    "an axis too many": (["b k"], [(2, 2)], 0),
    "no axes": (["b"], [()], None),
}


@pytest.mark.parametrize(("written", "events", "first"), AGREE.values(), ids=AGREE.keys())
def test_shapes_agree_as_the_axes_of_a_metric_say(written, events, first):
    assert misfit(written, events) == first
