"""Array files: what was saved is read; what is cut, swollen, pickled or of another type is named before it is read."""

import io
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from runners.datasets import BadOption, contract, open_source
from runners.datasets.array_files import read_rows

X = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)


def npy(array):
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    return content.getvalue()


def npy_head(shape, dtype="<f4"):
    """A `.npy` header alone."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def npz(path, **contents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(f"{name}.npy", content)


def test_safetensors_are_read_as_they_were_saved(tmp_path):
    x = torch.from_numpy(X)
    y = torch.tensor([0, 1, 2, 0, 1, 2, 3])
    pixels = torch.arange(7 * 4, dtype=torch.uint8).view(7, 1, 2, 2)
    save_file({"x": x, "y": y, "half": x.bfloat16(), "image": pixels}, tmp_path / "rows.safetensors")
    source = open_source("arrays", {"train": str(tmp_path / "rows.safetensors")})
    rows = source.split("train")
    assert torch.equal(rows["x"], x)
    assert torch.equal(rows["half"], x.bfloat16().float())
    assert rows["y"].tolist() == y.tolist()
    assert source.contract.fields["y"].classes == 4
    assert torch.allclose(rows["image"], pixels.float() / 255)


def test_fortran_order_is_read_as_rows(tmp_path):
    np.save(tmp_path / "x.npy", np.asfortranarray(X))
    assert torch.equal(
        open_source("arrays", {"train": str(tmp_path / "x.npy")}).split("train")["x"], torch.from_numpy(X)
    )


def test_labels_are_read_without_the_other_fields(tmp_path):
    """The contract of an archive whose `x` is damaged behind its header is still had."""
    path = tmp_path / "rows.npz"
    np.savez(path, x=np.zeros((7000, 9), np.float32), y=np.arange(7000) % 7)
    content = bytearray(path.read_bytes())
    content[100_000:100_004] = b"oops"  # within x: its checksum is wrong now
    path.write_bytes(content)
    source = open_source("arrays", {"train": str(path)})
    assert source.contract.fields["y"].classes == 7
    with pytest.raises(BadOption, match=r"rows\.npz` is damaged.*CRC"):
        source.split("train")


HOSTILE = {
    "cut.npy": (npy(X)[:-5], r"`x` promises 84 bytes \(7, 3\), but 79 are there"),
    "long.npy": (npy(X) + b"more", "but 88 are there"),
    "huge.npy": (npy_head((10**13, 3)), "promises 120000000000000 bytes"),
    "negative.npy": (npy_head((-1, 3)), r"shape is \(-1, 3\)"),
    "head.npy": (npy_head((7, 3))[:40], "damaged"),
    "code.npy": (npy_head("__import__('os').getcwd()"), "damaged"),
    "objects.npy": (npy(np.array([{}, 1], dtype=object)), "the dtype object"),
    "text.npy": (npy(np.array(["a", "b"])), "the dtype <U1"),
    "empty.npy": (b"", "damaged"),
    "cut.safetensors": (b"\x10\0\0\0\0\0\0\0{}", "damaged"),
    "long.safetensors": (b"\xff" * 8 + b"{}", "damaged"),
    "empty.safetensors": (b"", "damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_by_its_header(tmp_path, name):
    content, message = HOSTILE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadOption, match=message) as error:
        contract("arrays", {"train": str(tmp_path / name)})
    assert error.value.option == "train"


def test_an_archive_that_swells_is_refused_before_memory_is_asked_for(tmp_path):
    npz(tmp_path / "false.npz", x=npy_head((10**10, 100)) + b"\0" * 1000)
    with pytest.raises(BadOption, match=r"`x` promises 4000000000000 bytes .* but 1000 are there"):
        contract("arrays", {"train": str(tmp_path / "false.npz")})
    path = tmp_path / "true.npz"  # the directory of the archive lies as well: 4 TB are promised by both
    npz(path, x=npy_head((10**7, 100)) + b"\0" * 1000)
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 4_000_000_000 + 128)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"true\.npz"):
        open_source("arrays", {"train": str(path)}).split("train")


def test_a_size_above_the_memory_of_the_machine_is_refused(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", X)
    monkeypatch.setattr("os.sysconf", lambda name: 8)
    with pytest.raises(BadOption, match="`x` says that it has 84 bytes, and this machine has 64 of memory"):
        contract("arrays", {"train": str(tmp_path / "x.npy")})


def saved(tmp_path, suffix, array):
    path = tmp_path / f"pixels{suffix}"
    if suffix == ".npy":
        np.save(path, array)
    elif suffix == ".npz":
        np.savez(path, x=array)
    else:
        save_file({"x": torch.from_numpy(array)}, path)
    return str(path)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors"])
@pytest.mark.parametrize(("range", "values"), [("unit", [0.0, 0.2, 1.0]), ("signed", [-1.0, -0.6, 1.0])])
def test_bytes_lie_in_the_range_asked_for(tmp_path, suffix, range, values):
    path = saved(tmp_path, suffix, np.array([[0, 51, 255]] * 4, dtype=np.uint8))
    source = open_source("arrays", {"train": path, "range": range})
    assert (source.contract.fields["x"].low, source.contract.fields["x"].high) == (values[0], values[-1])
    torch.testing.assert_close(source.split("train")["x"][0], torch.tensor(values))


def test_a_range_for_what_is_no_pixels_is_refused(tmp_path):
    with pytest.raises(BadOption, match="no field holds pixels") as refused:
        open_source("arrays", {"train": saved(tmp_path, ".npy", X), "range": "signed"})
    assert refused.value.option == "range"


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_are_read_alone_by_many_threads_at_once(order, tmp_path):
    values = np.asarray(np.random.default_rng(0).normal(size=(64, 3, 2)), order=order)
    np.save(tmp_path / "x.npy", values)
    with ThreadPoolExecutor(8) as threads:
        wanted = [np.arange(n, 64, 7) for n in range(7)] * 20
        read = threads.map(lambda rows: read_rows(tmp_path / "x.npy", rows), wanted)
        assert all(np.array_equal(found, values[rows]) for rows, found in zip(wanted, read, strict=True))
    np.save(tmp_path / "x.npy", values + 1)
    assert np.array_equal(read_rows(tmp_path / "x.npy", np.arange(3)), values[:3] + 1)
