"""Metrics of features, of logits and of scores, against other libraries and against brute force."""

import math

import numpy as np
import prdc
import pytest
import torch
from scipy.optimize import minimize_scalar
from sklearn.metrics import roc_auc_score

from runners.metrics import NoFigure, better_side, kernel_inception, measure, neighbours
from runners.metrics.precision_recall import f_of_shares
from tests.fidelity import without_torchvision


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


SETS = {
    "equal": (normal(300, 8), normal(300, 8, seed=1)),
    "unequal": (normal(250, 8), normal(400, 8, seed=1) * 1.3 + 0.2),
    "apart": (normal(200, 4), normal(300, 4, seed=1) + 1.5),
    "narrow": (normal(300, 8) * 0.3, normal(200, 8, seed=1)),
}


def value(name, *sets, **options):
    return measure(name, sets, options).value


@pytest.fixture(scope="module")
def fidelity():
    """torch-fidelity's functions of features."""
    with without_torchvision():
        fid = pytest.importorskip("torch_fidelity.metric_fid")
        from torch_fidelity import metric_isc, metric_kid

        yield fid, metric_kid, metric_isc


@pytest.mark.parametrize("sets", SETS.values(), ids=SETS.keys())
def test_frechet_and_kid_agree_with_torch_fidelity(fidelity, sets):
    fid, kid, _ = fidelity
    a, b = sets
    statistics = [fid.fid_features_to_statistics(rows) for rows in (a, b)]
    expected = fid.fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert value("frechet", a, b) == pytest.approx(expected, abs=1e-6)
    size = min(len(a), len(b))  # a subset of all rows: then there is but one
    found = kid.kid_features_to_metric(a[:size], b[:size], kid_subsets=1, kid_subset_size=size, verbose=False)
    expected = found["kernel_inception_distance_mean"]
    assert value("kid", a[:size], b[:size]) == pytest.approx(expected, abs=1e-6)


def test_the_entropy_score_agrees_with_torch_fidelity(fidelity):
    _, _, isc = fidelity
    logits = 3 * normal(500, 10)
    expected = isc.isc_features_to_metric(logits, splits=1)["inception_score_mean"]
    assert value("entropy_score", logits) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("sets", SETS.values(), ids=SETS.keys())
def test_kid_by_every_pair(sets, monkeypatch):
    monkeypatch.setattr(kernel_inception, "CHUNK", 1000)  # several parts
    a, b = (rows.numpy() for rows in sets)

    def pairs(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x):
        return pairs(x, x)[~np.eye(len(x), dtype=bool)].mean()

    assert value("kid", *sets) == pytest.approx(within(a) + within(b) - 2 * pairs(a, b).mean(), rel=1e-10)


@pytest.mark.parametrize("sets", SETS.values(), ids=SETS.keys())
@pytest.mark.parametrize("k", [1, 3, 5])
def test_neighbours_agree_with_prdc(sets, k, monkeypatch):
    monkeypatch.setattr(neighbours, "CHUNK", 1000)  # several parts
    samples, reference = sets
    expected = prdc.compute_prdc(reference.numpy(), samples.numpy(), nearest_k=k)
    names = {
        "precision": "improved_precision",
        "recall": "improved_recall",
        "density": "density",
        "coverage": "coverage",
    }
    for theirs, ours in names.items():
        assert value(ours, samples, reference, neighbours=k) == pytest.approx(expected[theirs], abs=1e-6), ours


def test_the_truth_has_the_coverage_of_its_docstring():
    """Naeem et al. 2020, eq. 8, for n = m: 1 - prod_i (n - i) / (2 n - i), i = 1 .. k."""
    found = np.mean([value("coverage", normal(400, 4, seed=s), normal(400, 4, seed=50 + s)) for s in range(8)])
    assert found == pytest.approx(1 - 2**-5, abs=0.01)


# --- the entropy score


def test_the_entropy_score_of_sure_classifiers_counts_classes():
    sure = 200 * torch.eye(10)
    assert value("entropy_score", sure.repeat(3, 1)) == pytest.approx(10)
    assert value("entropy_score", sure[:4].repeat(3, 1)) == pytest.approx(4)
    assert value("entropy_score", torch.zeros(50, 10)) == pytest.approx(1)
    half = torch.tensor([[0.75, 0.25], [0.25, 0.75]]).log()
    nats = math.log(2) + 0.75 * math.log(0.75) + 0.25 * math.log(0.25)
    assert value("entropy_score", half + 7.0) == pytest.approx(math.exp(nats))  # logits have no origin


# --- precision and recall of distributions


def test_f_of_shares_is_the_maximum_over_every_slope():
    generator = np.random.default_rng(0)
    for beta in (8, 1 / 8, 1):
        samples, reference = generator.dirichlet(np.ones(20) / 2, 2)

        def lost(log_slope, q=samples, p=reference, beta=beta):
            precision = np.minimum(np.exp(log_slope) * p, q).sum()
            recall = precision / np.exp(log_slope)
            return -(1 + beta**2) * precision * recall / (beta**2 * precision + recall)

        grid = np.linspace(-8, 8, 400)
        best = min(minimize_scalar(lost, bounds=(s, s + 0.04), method="bounded").fun for s in grid)
        found = f_of_shares(torch.tensor(samples), torch.tensor(reference), beta)
        assert found == pytest.approx(-best, abs=2e-3)  # 1001 slopes: from below
        assert found <= -best + 1e-9


def test_f_of_equal_and_of_disjoint_shares():
    half, left, right = (torch.tensor(shares).double() for shares in ([0.5, 0.5], [1.0, 0.0], [0.0, 1.0]))
    assert f_of_shares(half, half, 8) == pytest.approx(1)
    assert f_of_shares(left, right, 8) == pytest.approx(0)
    # one of two modes: precision 1 at recall 1/2, so F_8 = 65 / 2 / (64 + 1/2), F_1/8 = (65 / 64) / 2 / (1/64 + 1/2)
    assert f_of_shares(left, half, 8) == pytest.approx(32.5 / 64.5, abs=5e-3)
    assert f_of_shares(left, half, 1 / 8) == pytest.approx(65 / 66, abs=5e-3)


def modes(*centres, seed):
    """150 points about each of the centres on a line, as a set of rows of two numbers."""
    return torch.cat([0.05 * normal(150, 2, seed=seed + c) + 10 * c for c in centres])


def test_lost_modes_lower_recall_and_invented_ones_precision():
    two, four = modes(0, 1, seed=1), modes(0, 1, 2, 3, seed=50)
    options = {"clusters": 4, "runs": 3}
    assert value("prd_precision", two, four, **options) == pytest.approx(65 / 66, abs=5e-3)
    assert value("prd_recall", two, four, **options) == pytest.approx(32.5 / 64.5, abs=5e-3)
    assert value("prd_precision", four, two, **options) == pytest.approx(32.5 / 64.5, abs=5e-3)
    assert value("prd_recall", four, two, **options) == pytest.approx(65 / 66, abs=5e-3)
    assert value("prd_recall", four, four) > 0.999
    assert value("prd_recall", two, two + 500) < 1e-6


# --- telling two sources apart


def test_auroc_agrees_with_scikit_learn():
    for seed in range(5):
        a, b = (normal(200, seed=seed) * 2 + 0.7).round(), normal(300, seed=10 + seed).round()  # with ties
        expected = roc_auc_score(np.r_[np.ones(200), np.zeros(300)], torch.cat([a, b]).numpy())
        assert value("auroc", a, b) == pytest.approx(expected, abs=1e-12)


def test_the_error_of_auroc_is_its_spread():
    found = [measure("auroc", [normal(200, seed=s) + 0.7, normal(300, seed=1000 + s)], {}) for s in range(400)]
    exact = 0.5 * (1 + math.erf(0.7 / 2))  # P(N(0.7, 2) > 0)
    assert np.mean([f.value for f in found]) == pytest.approx(exact, abs=4 * 0.0236 / 20)
    assert np.mean([f.error for f in found]) == pytest.approx(np.std([f.value for f in found]), rel=0.12)


# --- what has no figure

TWO_SETS = ["coverage", "density", "frechet", "improved_precision", "improved_recall", "kid", "mmd", "prd_precision",
            "prd_recall"]  # fmt: skip


@pytest.mark.parametrize("name", [*TWO_SETS, "auroc"])
def test_one_sample_and_values_that_are_not_finite_have_no_figure(name):
    def rows(count):
        return normal(count) if name == "auroc" else normal(count, 3)

    with pytest.raises(ValueError, match="at least two"):
        value(name, rows(1), rows(50))
    with pytest.raises(ValueError, match="at least two"):
        value(name, rows(50), rows(1))
    for bad in (math.nan, math.inf):
        broken = rows(50)
        broken[7] = bad
        for sets in ((broken, rows(50)), (rows(50), broken)):
            with pytest.raises(NoFigure, match="not finite"):
                value(name, *sets)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("density", {}, "`neighbours` is 5: at least 1, and fewer than the 5 samples"),
        ("coverage", {"neighbours": 0}, "`neighbours` is 0"),
        ("improved_recall", {"neighbours": 5}, "`neighbours` is 5"),
        ("prd_recall", {}, "20 clusters in 10 runs: at least 2 in 1, and no more than the 5 samples"),
        ("prd_recall", {"clusters": 1}, "1 clusters"),
        ("prd_precision", {"clusters": 2, "runs": 0}, "in 0 runs"),
    ],
)
def test_too_few_samples_are_said_to_be(name, options, message):
    with pytest.raises(ValueError, match=message):
        value(name, normal(5, 2), normal(5, 2, seed=1), **options)


def test_logits_of_one_sample_of_one_class_or_not_finite_have_no_score():
    for shape in ((1, 10), (10, 1)):
        with pytest.raises(ValueError, match="two samples and two classes"):
            value("entropy_score", normal(*shape))
    with pytest.raises(NoFigure, match="not finite"):
        value("entropy_score", torch.full((5, 3), math.nan))


def test_each_says_which_side_is_better():
    assert {name: better_side(name) for name in [*TWO_SETS, "entropy_score", "auroc"]} == {
        **dict.fromkeys(TWO_SETS, "higher"),
        **dict.fromkeys(["frechet", "kid", "mmd"], "lower"),
        "entropy_score": "higher",
        "auroc": None,
    }
