"""Data files by the command line: a run on pictures, and hostile files with exit status 2, their path, no traceback."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from compose.cli import main

SPEC = """\
compose: 1
name: files
data: {{batch_size: 4, {data}}}
blocks:
  energy: {{kind: energy.mlp, hidden: [4]}}
stages:
  - steps: 2
    minimize:
      size: energy(x) ** 2
"""
IMAGES = "source: images, root: pictures, size: 6, channels: 1, classes: 2"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for kind in ("cat", "dog"):
        (tmp_path / "pictures" / kind).mkdir(parents=True)
        for number in range(4):
            Image.fromarray(np.full((6, 6), 20 * number, np.uint8)).save(tmp_path / "pictures" / kind / f"{number}.png")
    return tmp_path


def said(command, data, capsys):
    Path("spec.yaml").write_text(SPEC.format(data=data))
    status = main([*command, "spec.yaml"])
    out = capsys.readouterr()
    return status, " ".join((out.out + out.err).split())


def test_a_run_on_an_image_folder_with_all_that_may_be_asked(folder, capsys):
    status, text = said(["run", "--quiet"], f"{IMAGES}, dequantize: 256, flip: true, shift: 1, fields: [x]", capsys)
    assert status == 0, text
    assert said(["check"], IMAGES.replace("pictures", "elsewhere"), capsys)[0] == 0
    status, text = said(["run"], IMAGES.replace("pictures", "elsewhere"), capsys)
    assert status == 2
    assert "R141" in text and "`elsewhere` must be a folder of pictures" in text


def tar(folder):
    with tarfile.open(folder / "x.tar", "w") as archive:
        member = tarfile.TarInfo("../../cat/0.png")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"png"))


def pickled(folder):
    np.save(folder / "x.npy", np.array([{}], dtype=object), allow_pickle=True)


def cut(folder):
    np.save(folder / "x.npy", np.zeros((8, 2), np.float32))
    (folder / "x.npy").write_bytes((folder / "x.npy").read_bytes()[:-1])


def broken(folder):
    (folder / "pictures/dog/2.png").write_bytes((folder / "pictures/dog/2.png").read_bytes()[:45])


def uneven(folder):
    Image.fromarray(np.zeros((9, 6), np.uint8)).save(folder / "pictures/dog/2.png")


HOSTILE = {  # what is done to the folder, the data, the command that tells, its code, what it says
    "tar": (tar, "source: images, root: x.tar", "check", "N114", "`../../cat/0.png`, a path that leads out of it"),
    "pickled": (pickled, "source: arrays, train: x.npy", "check", "N114", "the dtype object"),
    "cut": (cut, "source: arrays, train: x.npy", "check", "N114", "`x` promises 64 bytes"),
    "broken": (broken, IMAGES, "run", "R101", "`dog/2.png` in `pictures`"),
    "uneven": (uneven, IMAGES, "run", "R101", "`dog/2.png` in `pictures` has 9 x 6 pixels"),
    "huggingface": (lambda folder: None, "source: huggingface, root: here", "check", "N114", ""),
    "cifar10": (lambda folder: None, "source: cifar10, root: pictures", "run", "R141", "lacks `data_batch_1`"),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_data_are_a_finding_with_their_path(folder, capsys, hostile):
    make, data, command, code, message = HOSTILE[hostile]
    make(folder)
    status, text = said([command], data, capsys)
    assert status == 2, text
    assert code in text
    assert message in text
    assert "spec.yaml:3" in text
    assert "Traceback" not in text
