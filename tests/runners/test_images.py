"""Image folders and archives against pictures written here; what is broken or hostile is named, never unpacked."""

import io
import stat
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from runners.datasets import BadOption, contract, open_source

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)  # n h w c
LAYOUT = [
    "train/cat/0.png",
    "train/cat/1.png",
    "train/ant/0.png",
    "train/bee/0.png",
    "test/ant/0.png",
    "test/bee/0.png",
]


def png(pixels):
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def contents(layout=LAYOUT):
    return {name: png(pixels) for name, pixels in zip(layout, PIXELS, strict=False)}


def in_folder(path, files):
    for name, content in files.items():
        (path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (path / "set" / name).write_bytes(content)
    return path / "set"


def in_zip(path, files):
    with zipfile.ZipFile(path / "set.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path / "set.zip"


def in_tar(path, files):
    with tarfile.open(path / "set.tar.gz", "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo("./" + name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path / "set.tar.gz"


@pytest.mark.parametrize("place", [in_folder, in_zip, in_tar])
def test_pictures_are_read_as_they_were_written(tmp_path, place):
    source = open_source("images", {"root": str(place(tmp_path, contents()))})
    assert source.contract.splits == {"train": 4, "test": 2}
    assert source.contract.fields["x"].event == (3, 5, 4)
    assert source.contract.fields["y"].classes == 3
    expected = torch.from_numpy(PIXELS).permute(0, 3, 1, 2).float() / 255
    assert torch.allclose(source.split("train")["x"], expected[[2, 3, 0, 1]])  # by name: ant, bee, cat
    assert source.split("train")["y"].tolist() == [0, 1, 2, 2]
    assert torch.allclose(source.split("test")["x"], expected[4:])
    assert source.split("test")["y"].tolist() == [0, 1]


def test_classes_alone_are_all_to_train_on_and_loose_pictures_have_no_class(tmp_path):
    classes = in_folder(tmp_path / "a", contents(["cat/0.png", "dog/0.PNG"]))
    assert contract("images", {"root": str(classes)}).splits == {"train": 2}
    loose = in_folder(tmp_path / "b", contents(["0.png", "1.png"]))
    assert set(contract("images", {"root": str(loose)}).fields) == {"x", "index"}
    mixed = in_folder(tmp_path / "c", contents(["0.png", "dog/1.png"]))
    with pytest.raises(BadOption, match=r"`0\.png` in .* lies in no sub-folder"):
        contract("images", {"root": str(mixed)})


def test_size_and_channels_are_those_asked_for(tmp_path):
    files = contents() | {"train/cat/1.png": png(np.full((8, 12, 3), 77, np.uint8))}
    root = str(in_folder(tmp_path, files))
    with pytest.raises(ValueError, match=r"`train/cat/1\.png` in .* has 8 x 12 pixels, the others 5 x 4: write `fit"):
        open_source("images", {"root": root}).split("train")
    for fit in ("crop", "stretch"):
        x = open_source("images", {"root": root, "size": [6, 6], "channels": 1, "fit": fit}).split("train")["x"]
        assert x.shape == (4, 1, 6, 6)
        assert torch.allclose(x[3], torch.tensor(77 / 255))


def test_a_crop_keeps_the_middle_and_a_stretch_all(tmp_path):
    wide = np.zeros((4, 12, 3), np.uint8)
    wide[:, 4:8] = 255
    root = str(in_folder(tmp_path, {"a/0.png": png(wide)}))
    cut, whole = (
        open_source("images", {"root": root, "size": 4, "fit": fit}).split("train")["x"] for fit in ("crop", "stretch")
    )
    assert cut.min() == 1
    assert whole.min() == 0


def test_limit_is_spread_over_the_classes(tmp_path):
    root = str(in_folder(tmp_path, contents(["a/0.png", "a/1.png", "b/0.png", "b/1.png", "c/0.png", "c/1.png"])))
    assert open_source("images", {"root": root, "limit": 3}).split("train")["y"].tolist() == [0, 1, 2]


def test_without_its_files_a_spec_is_checked_against_what_it_promises():
    promised = {"root": "nowhere", "size": 32, "channels": 3, "classes": 10, "range": "signed"}
    source = open_source("images", promised)
    assert (source.contract.fields["x"].event, source.contract.fields["x"].low) == ((3, 32, 32), -1.0)
    with pytest.raises(BadOption, match="`nowhere` must be a folder of pictures"):
        source.split("train")
    with pytest.raises(BadOption, match="write `size` and `channels`"):
        open_source("images", {"root": "nowhere"})


def bomb():
    """A PNG whose header promises 100000 x 100000 pixels."""
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0" * 16


BROKEN = {
    "empty": (b"", "is empty"),
    "no picture": (b"hello", "is no PNG or JPEG picture"),
    "cut": (png(PIXELS[0])[:-40], "is a broken picture"),
    "bomb": (bomb(), "100000 x 100000|no PNG or JPEG picture"),
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("place", [in_folder, in_zip, in_tar])
def test_a_broken_picture_is_named(tmp_path, place, broken):
    content, message = BROKEN[broken]
    root = str(place(tmp_path, contents() | {"train/cat/1.png": content}))
    with pytest.raises(ValueError, match=message) as error:
        open_source("images", {"root": root}).split("train")
    assert "train/cat/1.png" in str(error.value)


def tar_of(path, change):
    with tarfile.open(path / "set.tar", "w") as archive:
        for name, content in contents().items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        member = tarfile.TarInfo("train/cat/evil.png")
        change(member)
        archive.addfile(member)
    return str(path / "set.tar")


HOSTILE = {
    "out of it": ({"name": "../evil.png"}, "`../evil.png`, a path that leads out"),
    "absolute": ({"name": "/evil.png"}, "`/evil.png`, a path that leads out"),
    "link": ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "the link `train/cat/evil.png`"),
    "hard link": ({"type": tarfile.LNKTYPE, "linkname": "../../x"}, "the link `train/cat/evil.png`"),
    "device": ({"type": tarfile.CHRTYPE}, "the device `train/cat/evil.png`"),
    "twice": ({"name": "train/cat/0.png"}, "`train/cat/0.png` twice"),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_tar_is_refused_before_it_is_read(tmp_path, hostile):
    attributes, message = HOSTILE[hostile]
    root = tar_of(tmp_path, lambda member: [setattr(member, key, value) for key, value in attributes.items()])
    with pytest.raises(BadOption, match=message):
        contract("images", {"root": root})
    assert [path.name for path in tmp_path.iterdir()] == ["set.tar"]


def test_a_hostile_zip_is_refused_before_it_is_read(tmp_path):
    out = in_zip(tmp_path, contents() | {"../evil.png": b"x"})
    with pytest.raises(BadOption, match="leads out of it"):
        contract("images", {"root": str(out)})
    link = zipfile.ZipInfo("train/cat/evil.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(BadOption, match=r"the link `train/cat/evil\.png`"):
        contract("images", {"root": str(tmp_path / "link.zip")})


def test_a_cut_archive_and_a_file_that_is_none_are_named(tmp_path):
    path = in_tar(tmp_path, contents())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(BadOption, match=r"set\.tar\.gz` is no folder, and no whole zip or tar archive"):
        contract("images", {"root": str(path)})
    (tmp_path / "note.txt").write_text("hello")
    with pytest.raises(BadOption, match=r"note\.txt` is no folder, and no whole"):
        contract("images", {"root": str(tmp_path / "note.txt")})
