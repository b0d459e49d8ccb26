"""The standard Inception features: the library's own, from a file, and clear words where either is missing."""

import importlib.util

import pytest
import torch
from torch.testing import assert_close

from blocks import inception
from blocks.inception import Inception
from tests.fidelity import without_torchvision

with_library = pytest.mark.skipif(
    importlib.util.find_spec("torch_fidelity") is None, reason="`torch-fidelity` is not installed"
)


@pytest.fixture(autouse=True)
def importable():
    with without_torchvision():
        yield


@pytest.mark.parametrize("event", [(2, 8, 8), (8,)])
def test_it_looks_at_pictures_of_one_or_three_channels(event):
    with pytest.raises(ValueError, match=r"image|1 or 3 channels"):
        Inception((event,), file="weights.pth")


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere\.pth` is not there: .*nothing is downloaded"):
        Inception(((1, 8, 8),), file=str(tmp_path / "nowhere.pth"))


def test_a_library_that_is_missing_is_named(tmp_path, monkeypatch):
    (tmp_path / "weights.pth").write_bytes(b"")
    monkeypatch.setattr(inception, "LIBRARY", "a_library_that_nobody_has")
    with pytest.raises(ValueError, match="pip install torch-fidelity"):
        Inception(((1, 8, 8),), file=str(tmp_path / "weights.pth"))


def test_a_library_that_does_not_fit_is_told(tmp_path, monkeypatch):
    (tmp_path / "weights.pth").write_bytes(b"")
    (tmp_path / "misfit").mkdir()
    (tmp_path / "misfit" / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(inception, "LIBRARY", "misfit")
    with pytest.raises(ValueError, match=r"`misfit`, .*nms does not exist"):
        Inception(((1, 8, 8),), file=str(tmp_path / "weights.pth"))


@with_library
@pytest.mark.slow
@pytest.mark.parametrize(("layer", "size"), [("pool", 2048), ("logits", 1008)])
def test_it_gives_what_the_library_gives(layer, size, tmp_path):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    torch.manual_seed(0)
    path, name = tmp_path / "weights.pth", {"pool": "2048", "logits": "logits_unbiased"}[layer]
    torch.save(inception._empty_net("2048").state_dict(), path)
    theirs = FeatureExtractorInceptionV3("theirs", [name], feature_extractor_weights_path=str(path))
    pixels = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    block = Inception(((3, 16, 16),), file=str(path), layer=layer).train()
    made = block(pixels / 255)
    assert made.shape == (2, size)
    assert made.std() > 0
    assert_close(made, theirs(pixels)[0])
    signed = Inception(((3, 16, 16),), file=str(path), layer=layer, range="signed")
    assert_close(signed(pixels / 127.5 - 1), made)
    grey = Inception(((1, 16, 16),), file=str(path), layer=layer)
    assert_close(grey(pixels[:, :1] / 255), theirs(pixels[:, :1].expand(-1, 3, -1, -1))[0])


@with_library
@pytest.mark.parametrize("held", [{"weight": torch.zeros(2)}, b"no weights at all"])
def test_a_file_of_something_else_is_refused(held, tmp_path):
    path = tmp_path / "weights.pth"
    if isinstance(held, bytes):
        path.write_bytes(held)
    else:
        torch.save(held, path)
    with pytest.raises(ValueError, match="does not hold the weights"):
        Inception(((1, 8, 8),), file=str(path))
