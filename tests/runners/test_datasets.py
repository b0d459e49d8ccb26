"""Data sets against known answers: moments, entropies and densities of the toys; files written here by hand."""

import gzip
import math
import os
import struct

import numpy as np
import pytest
import torch
from scipy.integrate import quad, simpson
from scipy.special import i0e
from torch.testing import assert_close

from blocks.registry import UnknownName
from runners.datasets import DATASETS, BadOption, UnknownOption, UnknownSplit, contract, open_source

ROLL = (1.5 * math.pi, 4.5 * math.pi)


def roll_mean(f):
    return quad(f, *ROLL, limit=200)[0] / (ROLL[1] - ROLL[0])


def roll_moments():
    """Mean and covariance of the default swiss roll, by SciPy's quadrature."""
    c = [lambda t: t * math.cos(t), lambda t: t * math.sin(t)]
    mean = [roll_mean(f) for f in c]
    second = [[roll_mean(lambda t, f=f, g=g: f(t) * g(t)) for g in c] for f in c]
    cov = [[second[i][j] - mean[i] * mean[j] + 0.25**2 * (i == j) for j in range(2)] for i in range(2)]
    return [m / 7.5 for m in mean], [[v / 7.5**2 for v in row] for row in cov]


def moons_moments():
    """By hand: E sin = 2/pi, E cos = 0, E sin^2 = E cos^2 = 1/2, E sin cos = 0; the moons are centred at +-half."""
    half = np.array([-0.5, 2 / math.pi - 0.25])
    within = np.diag([0.5, 0.5 - 4 / math.pi**2]) + 0.08**2 * np.eye(2)
    return [0.5, 0.25], (within + np.outer(half, half)).tolist()


def round_moments(variance):
    return [0.0, 0.0], [[variance, 0.0], [0.0, variance]]


TOYS = {  # a new toy adds a row: mean and covariance of its defaults, worked out by hand
    "toy.gaussians8": lambda: round_moments(2.0**2 / 2 + 0.25**2),
    "toy.gaussians9": lambda: round_moments(2 / 3 + 0.15**2),
    "toy.gaussians25": lambda: round_moments(2.0 + 0.084**2),
    "toy.moons": moons_moments,
    "toy.circles": lambda: round_moments((1 + 0.25) / 4 + 0.08**2),
    "toy.swiss_roll": roll_moments,
    "toy.checkerboard": lambda: ([0.0, 0.0], [[4 / 3, 0.25], [0.25, 4 / 3]]),
    "toy.pinwheel": lambda: round_moments((1 + 0.3**2 + 0.1**2) / 2),
}
DENSE = [name for name in TOYS if name != "toy.pinwheel"]
SPLITS = [("digits", {}), ("digits", {"validation": 0.1}), *((name, {}) for name in TOYS)]


def grid(low, high, cells):
    """Midpoints of a grid over the square, and the area of a cell."""
    width = (high - low) / cells
    ticks = low + width * (torch.arange(cells, dtype=torch.float64) + 0.5)
    return torch.cartesian_prod(ticks, ticks), width**2


def test_every_toy_has_a_row():
    assert {name for name in DATASETS.names() if name.startswith("toy.")} == set(TOYS)


@pytest.mark.parametrize(("kind", "options"), SPLITS)
def test_what_is_loaded_is_what_was_promised(kind, options):
    source = open_source(kind, options)
    for split, count in source.contract.splits.items():
        rows = source.split(split)
        assert set(rows) == set(source.contract.fields)
        for name, field in source.contract.fields.items():
            assert rows[name].shape == (count, *field.event)
            assert str(rows[name].dtype) == f"torch.{field.dtype}"
            if field.low is not None and (name, split) != ("index", "test"):
                assert rows[name].min() >= field.low
            if field.high is not None and (name, split) != ("index", "test"):
                assert rows[name].max() <= field.high
            if field.classes is not None and name == "y":
                assert len(rows[name].unique()) == field.classes


@pytest.mark.parametrize("kind", TOYS)
def test_draws_depend_on_the_seed_and_the_split(kind):
    def x(split, **options):
        return open_source(kind, {"size": 100, "test_size": 100, **options}).split(split)["x"]

    assert torch.equal(x("train"), x("train"))
    assert not torch.equal(x("train"), x("test"))
    assert not torch.equal(x("train"), x("train", seed=1))
    assert torch.equal(x("train"), x("train", test_size=7))


@pytest.mark.parametrize("kind", TOYS)
def test_moments_of_the_samples(kind):
    mean, cov = (torch.tensor(values, dtype=torch.float64) for values in TOYS[kind]())
    x = open_source(kind, {"size": 200_000}).split("train")["x"].double()
    spread = cov.diagonal().max().sqrt()
    assert_close(x.mean(0), mean, atol=5 * float(spread) / 200_000**0.5, rtol=0)  # five standard errors
    assert_close(x.T.cov(), cov, atol=10 * float(spread) ** 2 / 200_000**0.5, rtol=0)  # kurtosis below 4: 2 std^2 each


@pytest.mark.parametrize("kind", DENSE)
def test_the_density_is_that_of_the_samples(kind):
    """It integrates to one, its entropy is that of the samples, and every cell has its share of them."""
    source = open_source(kind, {"size": 50_000})
    assert source.log_prob is not None
    x = source.split("train")["x"].double()
    points, area = grid(-4.0, 4.0, 256)
    log_p = source.log_prob(points)
    p = log_p.exp() * area
    assert p.sum().item() == pytest.approx(1.0, abs=1e-6)

    own = source.log_prob(x)
    negative_entropy = torch.where(p > 0, p * log_p, 0.0).sum()
    assert own.isfinite().all()
    error = own.std() / len(own) ** 0.5
    assert abs(own.mean() - negative_entropy) <= 4 * error + 1e-6

    cells = 32
    expected = p.view(cells, 8, cells, 8).sum((1, 3)).flatten() * len(x)
    place = ((x + 4) / (8 / cells)).floor().long()
    observed = torch.bincount(place[:, 0] * cells + place[:, 1], minlength=cells**2)
    often = expected > 5
    chi = ((observed - expected).square() / expected)[often].sum()
    freedom = int(often.sum()) - 1
    assert chi < freedom + 5 * (2 * freedom) ** 0.5
    assert observed[~often].sum() <= expected[~often].sum() + 5 * expected[~often].sum() ** 0.5 + 5


def test_the_truth_of_25_gaussians_has_the_likelihood_of_the_thesis():
    source = open_source("toy.gaussians25", {"test_size": 100_000})
    mean = source.log_prob(source.split("test")["x"]).mean().item()
    assert mean == pytest.approx(-1.10, abs=0.01)
    assert mean == pytest.approx(-math.log(25) - 1 - math.log(2 * math.pi * 0.084**2), abs=5 / 100_000**0.5)
    assert sorted(source.modes.flatten().unique().tolist()) == [-2, -1, 0, 1, 2]


def test_classes_of_a_mixture_are_its_modes():
    source = open_source("toy.gaussians9", {"std": 0.01, "spacing": 3.0})
    rows = source.split("train")
    assert source.scale == 0.01
    assert_close(rows["x"], source.modes[rows["y"]], atol=0.06, rtol=0)  # six standard deviations
    assert_close(torch.bincount(rows["y"]) / 20000, torch.full((9,), 1 / 9), atol=5 * (0.1 / 20000) ** 0.5, rtol=0)


def test_circles_have_a_bessel_density():
    """p(x) = mean over r of exp(-(|x|^2 + r^2) / 2 s^2) I_0(|x| r / s^2) / (2 pi s^2)."""
    source = open_source("toy.circles", {"factor": 0.3, "noise": 0.1, "scale": 2.0})
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2
    norm, s = x.norm(dim=1).numpy(), 0.2
    parts = [np.exp(-((norm - r) ** 2) / (2 * s**2)) * i0e(norm * r / s**2) / (2 * np.pi * s**2) for r in (2.0, 0.6)]
    near = torch.from_numpy(np.mean(parts, axis=0))
    assert_close(source.log_prob(x).exp(), near, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("noise", "tolerance"), [(0.05, 1e-6), (0.25, 1e-9), (2.0, 1e-9)])  # Simpson's own at 0.05
def test_swiss_roll_density_agrees_with_a_fine_simpson_rule(noise, tolerance):
    source = open_source("toy.swiss_roll", {"noise": noise, "scale": 1.0, "size": 30})
    x = source.split("train")["x"].double().numpy()
    t = np.linspace(*ROLL, 200_001)
    square = (x[:, :1] - t * np.cos(t)) ** 2 + (x[:, 1:] - t * np.sin(t)) ** 2
    density = simpson(np.exp(-square / (2 * noise**2)), x=t) / (2 * math.pi * noise**2 * (ROLL[1] - ROLL[0]))
    log_density = torch.from_numpy(np.log(density))
    assert_close(source.log_prob(torch.from_numpy(x)), log_density, rtol=0, atol=tolerance)


def test_a_curve_too_fine_for_quadrature_says_so():
    source = open_source("toy.swiss_roll", {"noise": 1e-4})
    assert source.log_prob is None
    assert "1e-04" in source.log_prob_note or "0.0001" in source.log_prob_note


def test_log_prob_keeps_dtype_and_gives_gradients():
    source = open_source("toy.gaussians8", {})
    x = torch.tensor([[2.1, 0.1]], requires_grad=True)
    (slope,) = torch.autograd.grad(source.log_prob(x).sum(), x)
    assert source.log_prob(x).dtype == torch.float32
    assert_close(slope, torch.tensor([[-0.1, -0.1]]) / 0.25**2, rtol=1e-3, atol=1e-5)  # the nearest Gaussian alone


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    bundle = load_digits()
    source = open_source("digits", {"range": "signed"})
    parts = [source.split("train"), source.split("test")]
    x, y = (torch.cat([part[name] for part in parts]) for name in ("x", "y"))
    known = sorted((*image.flatten(), label) for image, label in zip(bundle.images, bundle.target, strict=True))
    ours = sorted((*((image.flatten() + 1) * 8).tolist(), float(label)) for image, label in zip(x, y, strict=True))
    assert np.array_equal(np.array(known), np.array(ours))
    assert (source.contract.fields["x"].low, source.contract.fields["x"].high) == (-1.0, 1.0)
    assert contract("digits", {}).splits == {"train": 1437, "test": 360}


def test_validation_is_taken_out_of_train():
    whole = open_source("digits", {}).split("train")["x"].flatten(1)
    source = open_source("digits", {"validation": 0.25})
    assert source.contract.splits == {"train": 1078, "validation": 359, "test": 360}
    assert source.contract.fields["index"].classes == 1078
    parts = torch.cat([source.split(name)["x"] for name in ("train", "validation")]).flatten(1)
    assert sorted(map(tuple, parts.tolist())) == sorted(map(tuple, whole.tolist()))


@pytest.mark.parametrize("keep", ["memory", "disk"])
def test_a_test_split_is_taken_out_of_train_by_share_or_number_and_validation_moves_it_not(keep, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(40.0)[:, None])
    named = {"train": str(tmp_path / "x.npy"), "keep": keep}
    for size, validation, counts in [
        (0.25, 0.0, {"train": 30, "test": 10}),
        (10, 0.2, {"train": 24, "validation": 6, "test": 10}),
        (10, 6, {"train": 24, "validation": 6, "test": 10}),
    ]:
        source = open_source("arrays", {**named, "test_size": size, "validation": validation})
        assert source.contract.splits == counts
        assert source.contract.fields["index"].classes == counts["train"]
        rows = {split: source.read(split, torch.arange(count))["x"].flatten() for split, count in counts.items()}
        assert torch.equal(torch.cat(list(rows.values())).sort().values, torch.arange(40.0))
        held = rows["test"]
        assert torch.equal(held, open_source("arrays", {**named, "test_size": 0.25}).split("test")["x"].flatten())
        assert torch.equal(source.split("train")["x"].flatten(), rows["train"])


def test_validation_may_be_arrays_of_their_own():
    given = {"train": torch.zeros(5, 2), "validation": torch.ones(3, 2), "test_size": 2}
    source = open_source("arrays", given)
    assert source.contract.splits == {"train": 3, "validation": 3, "test": 2}
    assert source.split("validation")["x"].mean() == 1
    with pytest.raises(BadOption, match=r"those of `validation` {'x': \(3,\)}"):
        open_source("arrays", {"train": torch.zeros(5, 2), "validation": torch.ones(3, 3)})


def test_where_there_are_no_files_a_test_split_is_assumed_as_it_would_be_cut():
    assert contract("idx", {"root": "nowhere", "test_size": 0.1}).splits == {"train": 54000, "test": 6000}
    given = {"root": "nowhere", "size": 8, "channels": 1, "test_size": 100}
    assert contract("images", given).splits == {"train": 9900, "test": 100}


# --- options


def test_an_unknown_option_is_answered_with_the_nearest():
    with pytest.raises(
        UnknownOption, match=r"dataset `toy.moons` has no option `noize`; the nearest is `noise`"
    ) as error:
        open_source("toy.moons", {"noize": 0.1})
    assert (error.value.option, error.value.nearest) == ("noize", "noise")


def test_an_unknown_data_set_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match=r"toy\.moons"):
        contract("moons", {})


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("toy.moons", {"size": "many"}, "`size` of dataset `toy.moons` is 'many', but it must be a whole number"),
        ("toy.moons", {"size": 2.5}, "is 2.5, but it must be a whole number"),
        ("toy.moons", {"size": True}, "is True, but it must be a whole number"),
        ("toy.moons", {"size": 0}, "`size` is 0, but it must be above 0"),
        ("toy.moons", {"noise": -1}, "`noise` is -1, but it must be above 0"),
        ("toy.gaussians9", {"std": 0.0}, "`std` is 0"),
        ("digits", {"range": "bytes"}, "must be `unit` or `signed`"),
        ("digits", {"validation": 1.5}, "`validation` is 1.5"),
        ("digits", {"validation": 1.0}, "`validation` is 1: write a share below 1, or a whole number of rows above it"),
        (
            "arrays",
            {"train": torch.zeros(4, 1), "test_size": 4},
            "`test_size` is 4: of 4 training rows that holds out 4",
        ),
        (
            "arrays",
            {"train": torch.zeros(4, 1), "test": torch.zeros(4, 1), "test_size": 2},
            "`test_size` is 2, but the data have a split `test` already",
        ),
        ("digits", {"test_size": 1797}, "`test_size` is 1797, but there are 1797"),
        ("idx", {}, "dataset `idx` needs the option `root`: text"),
        ("idx", {"root": "nowhere", "event": [28, 28]}, "`event` is [28, 28], but IDX images are [1, height, width]"),
        ("idx", {"root": "nowhere", "pad": 20}, "the images are 28 x 28 already"),
        ("arrays", {"train": "x.csv"}, "must name a file that ends in one of `.npy`, `.npz`"),
        ("arrays", {"train": "nowhere.npy"}, "there is no such file"),
    ],
)
def test_a_bad_option_is_a_sentence(kind, options, message):
    with pytest.raises(BadOption) as error:
        contract(kind, options)
    assert message in str(error.value)


def test_whole_floats_are_whole_numbers():
    assert contract("toy.moons", {"size": 1e4, "noise": 1}).splits["train"] == 10_000


def test_an_unknown_split_names_the_splits():
    with pytest.raises(UnknownSplit, match="no split `tets`; it has `train`, `test`") as error:
        open_source("toy.moons", {}).split("tets")
    assert error.value.nearest == "test"


# --- IDX files


IMAGES = np.arange(2 * 5 * 4 * 3, dtype=np.uint8).reshape(2, 5, 4, 3)  # split row height width
LABELS = np.array([[0, 1, 2, 1, 0], [2, 2, 1, 0, 1]], dtype=np.uint8)


def idx_bytes(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder, compress=False, replace=None):
    """The four files, plain or gzipped; `replace` changes the bytes of some before compression."""
    for i, prefix in enumerate(["train", "t10k"]):
        for name, array in [(f"{prefix}-images-idx3-ubyte", IMAGES[i]), (f"{prefix}-labels-idx1-ubyte", LABELS[i])]:
            content = (replace or {}).get(name, lambda b: b)(idx_bytes(array))
            path = folder / (f"{name}.gz" if compress else name)
            path.write_bytes(gzip.compress(content) if compress else content)
    return str(folder)


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gz"])
def test_idx_reads_what_was_written(tmp_path, compress):
    source = open_source("idx", {"root": write_idx(tmp_path, compress), "classes": 3})
    assert source.contract.splits == {"train": 5, "test": 5}
    assert source.contract.fields["x"].event == (1, 4, 3)
    for i, split in enumerate(["train", "test"]):
        rows = source.split(split)
        assert_close(rows["x"], torch.from_numpy(IMAGES[i]).float().unsqueeze(1) / 255)
        assert rows["y"].tolist() == LABELS[i].tolist()


def test_idx_limit_pad_and_range(tmp_path):
    options = {"root": write_idx(tmp_path, True), "limit": 2, "pad": 8, "range": "signed", "classes": 3}
    rows = open_source("idx", options).split("test")
    assert rows["x"].shape == (2, 1, 8, 8)
    assert_close(rows["x"][:, 0, 2:6, 2:5], torch.from_numpy(IMAGES[1, :2]).float() / 127.5 - 1)
    border = rows["x"].clone()
    border[:, 0, 2:6, 2:5] = -1
    assert (border == -1).all()
    assert rows["y"].tolist() == [2, 2]


def test_idx_without_labels_has_no_y(tmp_path):
    root = write_idx(tmp_path)
    for path in tmp_path.glob("*labels*"):
        path.unlink()
    assert set(open_source("idx", {"root": root}).split("train")) == {"x", "index"}


def test_idx_without_files_promises_what_mnist_would(tmp_path):
    source = open_source("idx", {"root": str(tmp_path), "limit": 20000, "pad": 32, "range": "signed"})
    fields, splits = source.contract.fields, source.contract.splits
    assert (fields["x"].event, fields["x"].low, fields["y"].classes) == ((1, 32, 32), -1.0, 10)
    assert splits == {"train": 20000, "test": 10000}
    assert source.missing is not None
    with pytest.raises(BadOption, match="train-images-idx3-ubyte"):
        source.split("train")
    assert open_source("idx", {"root": "nowhere", "event": [1, 8, 9]}).contract.fields["x"].event == (1, 8, 9)


def test_the_event_of_idx_files_must_be_theirs(tmp_path):
    root = write_idx(tmp_path)
    given = {"root": root, "classes": 3}
    assert open_source("idx", {**given, "event": [1, 4, 3]}).missing is None
    with pytest.raises(BadOption, match=r"`event` is \[1, 28, 28\], but the images in .* are \[1, 4, 3\]"):
        open_source("idx", {**given, "event": [1, 28, 28]})


def test_an_idx_contract_reads_headers_alone(tmp_path):
    """Cut behind the header, the file still has a contract; loading it names the file and both counts."""
    root = write_idx(tmp_path, replace={"train-images-idx3-ubyte": lambda b: b[:16]})
    source = open_source("idx", {"root": root, "classes": 3})
    assert source.contract.splits["train"] == 5
    with pytest.raises(ValueError, match="train-images-idx3-ubyte` is cut short: 60 bytes were expected, 0 are there"):
        source.split("train")
    assert len(source.split("test")["x"]) == 5


def test_a_cut_gzip_file_is_named(tmp_path):
    root = write_idx(tmp_path, compress=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte.gz` is a damaged or incomplete gzip file"):
        open_source("idx", {"root": root, "classes": 3}).split("train")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("train-images-idx3-ubyte", lambda b: b"\x89PNG" + b[4:], "is not an IDX file of unsigned bytes"),
        ("train-images-idx3-ubyte", lambda b: b[:7], "is cut short: 12 bytes were expected, 3 are there"),
        ("train-images-idx3-ubyte", lambda b: idx_bytes(LABELS[0]), "has 1 axes, but images have 3"),
        ("t10k-labels-idx1-ubyte", lambda b: idx_bytes(LABELS[0, :4]), "has 4 labels for 5 images"),
        ("train-labels-idx1-ubyte", lambda b: idx_bytes(LABELS[0] + 9), "has the label 11"),
    ],
)
def test_a_wrong_idx_file_is_named(tmp_path, name, change, message):
    root = write_idx(tmp_path, replace={name: change})
    with pytest.raises(ValueError, match=message) as error:
        open_source("idx", {"root": root}).split("train")
    assert name in str(error.value)


@pytest.mark.skipif("MNIST_ROOT" not in os.environ, reason="MNIST_ROOT does not say where MNIST lies")
def test_mnist_has_its_known_moments():
    source = open_source("idx", {"root": os.environ["MNIST_ROOT"]})
    assert source.contract.splits == {"train": 60000, "test": 10000}
    rows = source.split("train")
    assert rows["x"].mean().item() == pytest.approx(0.1307, abs=1e-4)  # the constants of every MNIST tutorial
    assert rows["x"].std().item() == pytest.approx(0.3081, abs=1e-4)
    assert torch.bincount(rows["y"]).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


# --- arrays


def test_arrays_from_files_and_from_python_agree(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(7, 3)), np.array([0, 2, 1, 1, 0, 3, 2])
    np.savez(tmp_path / "train.npz", x=x, y=y)
    from_file = open_source("arrays", {"train": str(tmp_path / "train.npz")})
    given = open_source("arrays", {"train": {"x": torch.from_numpy(x), "y": y}})
    for source in (from_file, given):
        assert source.contract == from_file.contract
        assert source.contract.fields["y"].classes == 4
        assert_close(source.split("train")["x"], torch.from_numpy(x).float())
        assert source.split("train")["y"].tolist() == y.tolist()


def test_an_array_alone_is_x_and_bytes_are_pixels(tmp_path):
    pixels = np.array([[[0, 51], [102, 255]]], dtype=np.uint8)
    np.save(tmp_path / "x.npy", pixels)
    source = open_source("arrays", {"train": str(tmp_path / "x.npy"), "test": torch.from_numpy(pixels)})
    assert_close(source.split("train")["x"], torch.tensor([[[0.0, 0.2], [0.4, 1.0]]]))
    assert_close(source.split("test")["x"], source.split("train")["x"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": {"x": torch.zeros(3, 2), "y": torch.zeros(4)}}, "equally many rows"),
        ({"train": {"index": torch.zeros(3)}}, "`index` is the number of a row"),
        ({"train": torch.zeros(3, 2), "test": torch.zeros(3, 4)}, "the fields of `train` are"),
        ({"train": torch.zeros(3, 2), "test": {"x": torch.zeros(3, 2), "y": torch.zeros(3)}}, "the fields of `train`"),
        ({"train": torch.zeros(3, dtype=torch.complex64)}, "must hold real numbers"),
        ({"train": torch.tensor([[0.0], [math.nan]])}, "`x` of `train` is not finite in row 1"),
        (
            {"train": torch.full((3, 1), 2.0), "low": 0.0, "high": 1.0},
            r"lies in \[2, 2\], but promised is \[0.0, 1.0\]",
        ),
        ({"train": torch.full((3, 1), 2.0), "high": 1.0}, r"promised is \[None, 1.0\]"),
        ({"train": 3}, "`train` of dataset `arrays` is 3"),
    ],
)
def test_wrong_arrays_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        open_source("arrays", options).split("train")


def test_pickles_are_never_read(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(BadOption, match="`x` of `train` has the dtype object"):
        contract("arrays", {"train": str(tmp_path / "x.npy")})


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_damaged_array_files_are_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"not an array at all")
    with pytest.raises(BadOption, match=name):
        contract("arrays", {"train": str(tmp_path / name)})
