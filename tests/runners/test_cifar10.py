"""CIFAR-10 from archives laid out as the published ones; a pickle that would call something calls nothing."""

import io
import os
import pickle
import tarfile

import numpy as np
import pytest
import torch

from runners.datasets import BadOption, contract, open_source

NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def rows(number):
    """Ten thousand rows that are cheap to pack, and that tell the batch, the row and the channel."""
    pixels = np.zeros((10000, 3, 32, 32), np.uint8)
    pixels[:, :, 0, 1] = [10 * number + channel for channel in range(3)]
    pixels[:, :, 31, 0] = (np.arange(10000) % 251)[:, None]
    return pixels.reshape(10000, 3072), (np.arange(10000) + number) % 10


def python_batch(number):
    pixels, labels = rows(number)
    return pickle.dumps({b"data": pixels, b"labels": labels.tolist(), b"batch_label": b"batch"}, protocol=2)


def binary_batch(number):
    pixels, labels = rows(number)
    return np.concatenate([labels[:, None].astype(np.uint8), pixels], axis=1).tobytes()


def packed(path, batches, folder, suffix=""):
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in batches.items():
            member = tarfile.TarInfo(f"{folder}/{name}{suffix}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return str(path)


@pytest.fixture(scope="module")
def python_batches():
    return {name: python_batch(number) for number, name in enumerate(NAMES)}


@pytest.fixture(scope="module")
def archives(tmp_path_factory, python_batches):
    root = tmp_path_factory.mktemp("cifar")
    binary = {name: binary_batch(number) for number, name in enumerate(NAMES)}
    return {
        "python": packed(root / "cifar-10-python.tar.gz", python_batches, "cifar-10-batches-py"),
        "binary": packed(root / "cifar-10-binary.tar.gz", binary, "cifar-10-batches-bin", ".bin"),
    }


@pytest.mark.parametrize("version", ["python", "binary"])
def test_both_versions_are_the_same_pictures(archives, version):
    source = open_source("cifar10", {"root": archives[version], "limit": 20000})
    assert source.contract.splits == {"train": 20000, "test": 10000}
    x, y = source.split("train")["x"], source.split("train")["y"]
    assert torch.allclose(x[12345, :, 0, 1] * 255, torch.tensor([10.0, 11.0, 12.0]))
    assert torch.allclose(x[:, 2, 31, 0] * 255, (torch.arange(20000) % 10000 % 251).float())
    assert y[10000:].tolist() == rows(1)[1].tolist()
    assert torch.allclose(source.split("test")["x"][0, :, 0, 1] * 255, torch.tensor([50.0, 51.0, 52.0]))


def folder_of(path, batches):
    for name, content in batches.items():
        (path / name).write_bytes(content)
    return {"root": str(path), "limit": 10000}


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_would_call_something_calls_nothing(tmp_path, python_batches):
    evil = pickle.dumps({b"data": Evil(tmp_path / "pwned"), b"labels": []})
    options = folder_of(tmp_path, python_batches | {"data_batch_1": evil})
    with pytest.raises(ValueError, match=r"`data_batch_1` in .* asks for `posix\.mkdir`, which is not called"):
        open_source("cifar10", options).split("train")
    assert not (tmp_path / "pwned").exists()


WRONG = {
    "cut": (lambda batch: batch[:5000], "`data_batch_1` in .* is no batch of CIFAR-10, or a damaged one"),
    "empty": (lambda batch: b"", "is no batch of CIFAR-10"),
    "a list": (lambda batch: pickle.dumps([1, 2]), "is no batch of CIFAR-10"),
    "no pixels": (lambda batch: pickle.dumps({b"data": [1], b"labels": [1]}), "its `data` are no array"),
    "few": (
        lambda batch: pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, 2]}),
        "has 2 rows, but a batch of CIFAR-10 has 10000",
    ),
    "uneven": (
        lambda batch: pickle.dumps({b"data": np.zeros((3, 3072), np.uint8), b"labels": [1, 2]}),
        "9216 bytes for 2 labels",
    ),
    "labels": (
        lambda batch: pickle.dumps({b"data": np.zeros((10000, 3072), np.uint8), b"labels": [11] * 10000}),
        "has the label 11",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_batch_is_named(tmp_path, python_batches, wrong):
    change, message = WRONG[wrong]
    options = folder_of(tmp_path, python_batches | {"data_batch_1": change(python_batches["data_batch_1"])})
    with pytest.raises(ValueError, match=message):
        open_source("cifar10", options).split("train")


def test_without_its_files_a_spec_is_checked_against_cifar10(tmp_path):
    source = open_source("cifar10", {"root": str(tmp_path)})
    assert source.contract.splits == {"train": 50000, "test": 10000}
    with pytest.raises(BadOption, match="lacks `data_batch_1`, `data_batch_2`"):
        source.split("train")
    assert contract("cifar10", {"root": "nowhere", "validation": 0.1}).splits["validation"] == 5000
