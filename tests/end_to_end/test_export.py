"""An exported run draws, in a process that cannot import this package, what the run itself draws."""

import os
import re
import subprocess
import sys

import pytest
import torch

import compose
from compose.cli import main
from tests.end_to_end.systems import SYSTEMS
from tests.house.sources import ROOT
from tests.thinning import thinned

BLOCKED = """
import runpy, sys
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("compose", "blocks", "runners", "lightning_fabric", "safetensors", "PIL"):
            raise ImportError(name)
sys.meta_path.insert(0, Refused())
sys.argv = sys.argv[1:]
sys.path[:0] = [""]
runpy.run_path("sample.py", run_name="__main__")
"""


def drawn(folder, *words):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", BLOCKED, "sample.py", *map(str, words)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.strip()


@pytest.fixture(scope="module", params=thinned(SYSTEMS, every=2), ids=str)
def trained(request, tmp_path_factory):
    return compose.run(compose.load(_data(SYSTEMS[request.param])), tmp_path_factory.mktemp("x") / "run", quiet=True)


def _data(text):
    from compose.positions import loads

    return loads(text).data


def test_an_export_draws_the_same_samples_without_this_package(trained, tmp_path):
    assert main(["export", str(trained.folder), str(tmp_path / "out")]) == 0
    for seed, count in ((trained.seed, 5), (7, 260)):  # more than one chunk
        made = drawn(tmp_path / "out", "default", "--seed", seed, "--count", count)
        assert torch.equal(torch.load(made, weights_only=True), trained.sample("default", count, seed=seed))


def test_no_source_of_an_export_names_this_package(trained, tmp_path):
    main(["export", str(trained.folder), str(tmp_path / "out")])
    for path in (tmp_path / "out").rglob("*.py"):
        imported = re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(), re.MULTILINE)
        assert not {"compose", "blocks", "runners"} & set(imported), path
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "sample.py", "system.py", "weights.pt", "programs", "parts",
    }  # fmt: skip


SPEC = """
compose: 1
name: wide
data: {source: digits, batch_size: 16}
blocks:
  encoder: {kind: encoder.mlp, latent: 2, hidden: [8]}
  decoder: {kind: decoder.mlp, hidden: [8]}
graph: {x_hat: decoder(encoder(x))}
stages:
  - steps: 2
    minimize: {reconstruction: "squared_error(x_hat, x)"}
    ema: {decoder: 0.5}
samplers:
  default(scale=1.0): decoder(scale * ~normal)
  pair: record(a=x_hat, b=x_hat - x)
"""


def test_conditional_samplers_averages_records_and_pictures_are_carried(tmp_path):
    run = compose.run(compose.load(_data(SPEC)), tmp_path / "run", quiet=True)
    assert main(["export", str(run.folder)]) == 0
    rows = {"x": torch.rand(6, 1, 8, 8)}
    torch.save(rows, tmp_path / "rows.pt")
    made = torch.load(drawn(run.folder / "export", "pair", "--data", tmp_path / "rows.pt"), weights_only=True)
    own = run.sample("pair", 6, batch=rows)
    assert made.keys() == own.keys()
    assert all(torch.equal(made[name], own[name]) for name in own)
    torch.save({"x": torch.rand(6, 1, 9, 9)}, tmp_path / "large.pt")
    for data, said in {"none.pt": "No such file", "large.pt": "do not fit, of shapes {'x': [6, 1, 9, 9]}"}.items():
        command = [sys.executable, "sample.py", "pair", "--data", tmp_path / data]
        told = subprocess.run(command, cwd=run.folder / "export", capture_output=True, text=True, check=False)
        assert said in told.stderr
        assert "Traceback" not in told.stderr
    picture = drawn(run.folder / "export", "default", "--count", "7", "--out", "made.png").read_bytes()
    from PIL import Image

    (tmp_path / "made.png").write_bytes(picture)
    with Image.open(tmp_path / "made.png") as image:
        assert (image.size, image.mode) == ((24, 24), "L")
        shade = image.getpixel((9, 3))
    value = run.sample("default", 7)[1, 0, 3, 1].clamp(0, 1)
    assert shade == round(255 * value.item())


def test_a_folder_with_other_things_is_not_written_into_and_an_export_is_replaced(tmp_path, capsys):
    run = compose.run(compose.load(_data(SPEC)), tmp_path / "run", quiet=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("mine")
    assert main(["export", str(run.folder), str(tmp_path / "mine")]) == 2
    assert "holds other things" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
    assert main(["export", str(run.folder)]) == main(["export", str(run.folder)]) == 0
    assert main(["export", str(ROOT / "docs")]) == 2
