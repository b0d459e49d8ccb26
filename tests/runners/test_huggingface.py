"""Hugging Face data sets saved on this disk.   Without the library, the command that installs it."""

import importlib.util

import numpy as np
import pytest
import torch
from PIL import Image

from runners.datasets import BadOption, contract, open_source

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
LABELS = [0, 2, 1, 1, 0, 2]

with_library = pytest.mark.skipif(importlib.util.find_spec("datasets") is None, reason="`datasets` is not installed")


def test_without_the_library_the_command_is_named(monkeypatch):
    monkeypatch.setattr("runners.datasets.huggingface.LIBRARY", "no_such_library")
    with pytest.raises(BadOption, match="run `pip install datasets`"):
        contract("huggingface", {"root": "anywhere"})


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    def table(images, labels):
        features = datasets.Features({"digit": datasets.Image(), "kind": datasets.ClassLabel(names=["a", "b", "c"])})
        return datasets.Dataset.from_dict({"digit": images, "kind": labels}, features=features)

    pictures = [Image.fromarray(pixels) for pixels in PIXELS]
    both = datasets.DatasetDict({"train": table(pictures[:4], LABELS[:4]), "test": table(pictures[4:], LABELS[4:])})
    both.save_to_disk(tmp_path / "both")
    odd = [*pictures[:3], Image.fromarray(np.zeros((9, 9), np.uint8))]
    table(odd, LABELS[:4]).save_to_disk(tmp_path / "odd")
    return tmp_path


@with_library
def test_a_saved_data_set_is_read(saved):
    source = open_source("huggingface", {"root": str(saved / "both")})
    assert source.contract.splits == {"train": 4, "test": 2}
    assert source.contract.fields["x"].event == (1, 5, 4)
    assert source.contract.fields["y"].classes == 3
    assert torch.allclose(source.split("train")["x"][:, 0] * 255, torch.from_numpy(PIXELS[:4]).float())
    assert source.split("test")["y"].tolist() == LABELS[4:]
    limited = {"root": str(saved / "both"), "limit": 1, "image": "digit", "label": "kind", "channels": 3}
    assert open_source("huggingface", limited).split("train")["x"].shape == (1, 3, 5, 4)


@with_library
def test_what_is_wrong_with_it_is_named(saved):
    with pytest.raises(ValueError, match=r"row 3 of `train` of .* has 9 x 9 pixels, but 5 x 4 are promised"):
        open_source("huggingface", {"root": str(saved / "odd")}).split("train")
    with pytest.raises(BadOption, match=r"`image` is `kind`, but of the columns of .*, `digit` can be the image"):
        contract("huggingface", {"root": str(saved / "both"), "image": "kind"})
    with pytest.raises(BadOption, match="there is no such folder"):
        contract("huggingface", {"root": "nowhere"})
    with pytest.raises(BadOption, match="is no data set that `save_to_disk` wrote"):
        contract("huggingface", {"root": str(saved)})
    for path in (saved / "odd").glob("*.arrow"):
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(BadOption, match="or a damaged one"):
        contract("huggingface", {"root": str(saved / "odd")})
