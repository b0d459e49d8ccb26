"""Runs on data and blocks that a user hands over from Python, opened again by the command line and from Python."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import compose
from blocks.registry import BLOCKS
from compose.cli import main
from compose.diagnostics import SpecError

DATA = {
    "compose": 1,
    "name": "own",
    "data": {"source": "mine"},
    "blocks": {"net": {"kind": "decoder.mlp", "hidden": [8]}},
    "stages": [{"steps": 3, "minimize": {"error": "squared_error(net(x), x)"}}],
    "samplers": {"default": "net(~normal(like=x))", "doubled": "2 * x"},
    "evaluate": {"error": "squared_error(2 * x, x)"},
}
BLOCK = {**DATA, "data": {"source": "toy.moons", "batch_size": 16, "size": 100}, "blocks": {"net": {"kind": "mine"}}}


class Shift(nn.Module):
    """A linear map."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(2, 2)

    def forward(self, x):
        return self.net(x)


@pytest.fixture(scope="module")
def on_a_loader(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loader") / "run"
    compose.run(
        compose.load(DATA), out=folder, data=torch.utils.data.DataLoader(torch.randn(64, 2), batch_size=16), quiet=True
    )
    return folder


@pytest.fixture
def with_a_block(tmp_path):
    module = Shift()
    compose.run(compose.load(BLOCK), out=tmp_path / "run", blocks={"net": module}, quiet=True)
    yield tmp_path / "run", module
    BLOCKS._declared.pop("given.net", None)


@pytest.fixture
def rows(tmp_path):
    x = torch.randn(7, 2)
    np.savez(tmp_path / "rows.npz", x=x.numpy())
    return x, str(tmp_path / "rows.npz")


def test_a_sampler_that_reads_no_data_is_drawn(on_a_loader, tmp_path):
    assert main(["sample", str(on_a_loader), "--count", "5", "--out", str(tmp_path / "a.npy")]) == 0
    assert np.load(tmp_path / "a.npy").shape == (5, 2)
    assert main(["sample", str(on_a_loader)]) == 0  # the picture, without data beneath


@pytest.mark.parametrize(
    ("words", "call"),
    [(["sample", "RUN", "doubled"], "sample(.., batch="), (["eval", "RUN"], "evaluate(data=")],
    ids=["sample", "eval"],
)
def test_what_reads_data_says_what_is_missing_and_the_ways_out(words, call, on_a_loader, capsys):
    assert main([{"RUN": str(on_a_loader)}.get(word, word) for word in words]) == 2
    shown = capsys.readouterr().err
    assert "error[R121]" in shown
    assert "`x`" in shown
    assert "--data" in shown
    assert call in shown


def test_a_file_of_rows_takes_the_place_of_the_data(on_a_loader, rows, tmp_path, capsys):
    x, file = rows
    assert main(["sample", str(on_a_loader), "doubled", "--data", file, "--out", str(tmp_path / "d.pt")]) == 0
    assert torch.equal(torch.load(tmp_path / "d.pt"), 2 * x)
    capsys.readouterr()
    assert main(["eval", str(on_a_loader), "--data", file, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["error"]["value"] == pytest.approx(x.square().sum(1).mean().item())


BAD = {
    "no file": (None, "there is no file"),
    "other names": ({"w": np.zeros((4, 2))}, "`w`"),
    "another shape": ({"x": np.zeros((4, 3))}, "a row of `x`"),
    "no numbers": ({"x": np.array(["a", "b"])}, "numbers"),
}


@pytest.mark.parametrize(("arrays", "named"), BAD.values(), ids=BAD.keys())
def test_a_file_that_does_not_fit_is_a_finding(arrays, named, on_a_loader, tmp_path, capsys):
    path = tmp_path / "bad.npz"
    if arrays is not None:
        np.savez(path, **arrays)
    assert main(["eval", str(on_a_loader), "--data", str(path)]) == 2
    shown = capsys.readouterr().err
    assert "error[R122]" in shown
    assert named in shown


def test_python_hands_a_batch_to_a_sampler_that_reads_data(on_a_loader, rows):
    run = compose.load_run(on_a_loader)
    assert torch.equal(run.sample("doubled", batch={"x": rows[0]}), 2 * rows[0])
    with pytest.raises(ValueError, match="reads `x`, and the data handed to it hold `y`"):
        run.sample("doubled", batch={"y": rows[0]})


@pytest.mark.parametrize("source", ["mine", "arrays"])
def test_the_spec_of_a_run_on_a_loader_says_what_the_data_were_and_how_to_go_on(source, rows, tmp_path, capsys):
    spec = compose.load({**DATA, "data": {"source": source}})
    folder, loader = tmp_path / "run", torch.utils.data.DataLoader(torch.randn(64, 2), batch_size=16)
    compose.run(spec, folder, data=loader, quiet=True)
    for command in ("run", "check"):
        assert main([command, str(folder / "spec.yaml")]) == 2
        shown = capsys.readouterr().err
        assert shown.count("error[") == 1
        assert "error[R182]" in shown
        assert "`x` (2)" in shown
    assert compose.run(str(folder / "spec.yaml"), folder, data=loader, quiet=True).finished
    way = ["--set", "data.source=arrays", "--set", f"data.train={rows[1]}", "--set", "data.batch_size=4"]
    assert main(["run", str(folder / "spec.yaml"), *way, "--out", str(tmp_path / "other")]) == 0
    assert "the data have no test split, and `data: {test_size: 0.1}` would hold one out" in capsys.readouterr().err
    assert main(["sample", str(tmp_path / "other"), "default", "--out", str(tmp_path / "x.png")]) == 0  # on its rows
    assert main(["eval", str(tmp_path / "other")]) == 2
    assert "the data has no split `test`; it has `train`" in capsys.readouterr().err


def test_python_measures_what_the_command_does_on_rows_handed_over(on_a_loader, rows, capsys):
    run = compose.load_run(on_a_loader)
    with pytest.raises(SpecError, match=r"evaluate\(data=\{"):
        run.evaluate()
    figures = run.evaluate(data={"x": rows[0]})
    assert main(["eval", str(on_a_loader), "--data", rows[1], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {name: one._asdict() for name, one in figures.items()} == told
    assert run.evaluate(data=Path(rows[1])) == figures


@pytest.mark.parametrize("command", ["sample", "eval"])
def test_a_run_with_blocks_from_python_says_how_it_is_opened(command, with_a_block, capsys):
    folder, _ = with_a_block
    BLOCKS._declared.pop("given.net")  # as in another process
    assert main([command, str(folder)]) == 2
    shown = capsys.readouterr().err
    assert "error[R120]" in shown
    assert f'compose.load_run("{folder}", blocks={{"net": ...}})' in shown


def test_python_opens_a_run_with_its_blocks(with_a_block):
    folder, module = with_a_block
    BLOCKS._declared.pop("given.net")
    with pytest.raises(SpecError, match="blocks from Python"):
        compose.load_run(folder)
    assert compose.load_run(folder, blocks={"net": module}).sample("default", 4).shape == (4, 2)
