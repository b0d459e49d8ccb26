"""A picture leads back to its run, wherever either of them has gone, and its pixels are what they were."""

import io
import json
import shutil

import pytest
import torch
from PIL import Image

import compose
from compose.cli import main
from runners.origin import origin_of, stamped
from runners.pictures import draw_grid

SPEC = {
    "compose": 1,
    "name": "pictured",
    "data": {"source": "digits", "batch_size": 16},
    "blocks": {"decoder": {"kind": "decoder.mlp", "hidden": [8]}, "encoder": {"kind": "encoder.mlp", "latent": 2}},
    "graph": {"x_hat": "decoder(encoder(x))"},
    "stages": [{"steps": 2, "minimize": {"error": "squared_error(x_hat, x)"}}],
    "samplers": {"default": "decoder(~normal)"},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return compose.run(
        compose.load(SPEC, ["run.seed=3"]), tmp_path_factory.mktemp("whence") / "runs" / "one", quiet=True
    )


def test_a_stamp_is_a_chunk_that_others_read_and_changes_no_pixel():
    png = draw_grid(torch.rand(4, 1, 8, 8))
    marked = stamped(png, {"name": "größe", "step": 7})
    assert origin_of(marked) == {"name": "größe", "step": 7}
    assert origin_of(png) is None
    with Image.open(io.BytesIO(marked)) as image, Image.open(io.BytesIO(png)) as plain:
        image.load()
        assert json.loads(image.text["compose"])["step"] == 7
        assert image.tobytes() == plain.tobytes()


@pytest.mark.parametrize("cut", [0, 4, 20, 50, 59])
def test_half_a_picture_or_another_file_says_nothing(cut):
    assert origin_of(stamped(draw_grid(torch.rand(1, 1, 8, 8)), {"step": 7})[:cut]) is None


def test_every_picture_of_a_run_says_its_step_sampler_and_spec(run, capsys):
    (picture,) = run.folder.glob("samples/default-*.png")
    assert main(["whence", str(picture), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["run"] == str(run.folder.resolve())
    assert (found["name"], found["seed"], found["step"], found["shows"]) == ("pictured", 3, 2, "default")
    assert found["spec_sha256"] == run.about["spec_sha256"]
    assert found["commit"]
    assert origin_of((run.folder / "composition.png").read_bytes())["shows"] == "composition"


def test_a_picture_that_was_taken_away_finds_its_run_and_a_stranger_does_not(run, tmp_path, capsys):
    main(["sample", str(run.folder), "--seed", "9", "--out", str(tmp_path / "figure.png")])
    moved = shutil.copytree(run.folder, tmp_path / "elsewhere" / "moved")
    capsys.readouterr()
    assert main(["whence", str(tmp_path / "figure.png"), "--runs", str(tmp_path / "elsewhere"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["run"], found["noise_seed"]) == (str(moved), 9)
    (moved / "run.json").write_text(json.dumps({**run.about, "spec_sha256": "another"}))
    main(["whence", str(tmp_path / "figure.png"), "--runs", str(tmp_path / "elsewhere")])
    assert "none of this spec and seed" in capsys.readouterr().out


def test_a_picture_without_an_origin_is_told(tmp_path, capsys):
    (tmp_path / "photo.png").write_bytes(draw_grid(torch.rand(1, 1, 8, 8)))
    assert main(["whence", str(tmp_path / "photo.png")]) == 2
    assert main(["whence", str(tmp_path / "none.png")]) == 2
    told = capsys.readouterr().err
    assert "does not say where it comes from" in told
    assert "cannot be read" in told
