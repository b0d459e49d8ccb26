"""A probe tells of one value what the value is, with first weights or those of a run."""

import json

import pytest
import torch

import compose
from compose.cli import main
from compose.spec import parse_spec
from runners.launch import assemble, examine
from runners.probe import PROBE, asked_for, probe

SPEC = """
compose: 1
name: probed
data: {source: digits, batch_size: 16}
blocks:
  encoder: {kind: encoder.mlp, latent: 2, hidden: [8]}
  decoder: {kind: decoder.mlp, hidden: [8]}
graph:
  z: encoder(x)
  x_hat: decoder(z)
  both: record(a=z, b=log(z))
stages:
  - steps: 3
    minimize:
      reconstruction: squared_error(x_hat, x)
    monitor:
      logs: mean(both.b) + mean(both.a)
samplers:
  default: x_hat
"""


@pytest.fixture
def spec_file(tmp_path):
    path = tmp_path / "probed.yaml"
    path.write_text(SPEC)
    return path


def told(words, capsys):
    assert main(["probe", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_figures_are_those_of_the_finite_entries_and_the_others_are_counted(spec_file, tmp_path):
    spec = parse_spec(SPEC, "probed.yaml", [asked_for(parse_spec(SPEC), "both")])
    composition, _ = examine(spec)
    executable = assemble(composition, 0)
    rows = {"x": torch.rand(7, 1, 8, 8)}
    found = probe(executable, frozenset(), rows, composition.fields, 0, None)
    z = executable.blocks["encoder"](rows["x"]).detach()
    assert found["a"].shape == (7, 2)
    assert (found["a"].low, found["a"].high) == (pytest.approx(z.min().item()), pytest.approx(z.max().item()))
    assert found["a"].mean == pytest.approx(z.double().mean().item())
    assert found["b"].lost == pytest.approx((z <= 0).double().mean().item())
    assert found["b"].high == pytest.approx(z[z > 0].log().max().item())
    assert PROBE in executable.spec.samplers


def test_a_node_has_a_picture_a_term_its_rows_and_an_expression_is_computed(spec_file, tmp_path, capsys):
    picture = tmp_path / "x_hat.png"
    (image,) = told([spec_file, "x_hat", "--out", picture], capsys).values()
    assert (image["shape"], image["picture"]) == ([16, 1, 8, 8], str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")
    (term,) = told([spec_file, "reconstruction"], capsys).values()
    (same,) = told([spec_file, "squared_error(x_hat, x)"], capsys).values()
    assert term["shape"] == [16]
    assert term == same


def test_a_run_is_probed_with_its_weights(spec_file, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = compose.run(spec_file, tmp_path / "run", quiet=True)
    first = told([spec_file, "z"], capsys)[""]
    trained = told([run.folder, "z"], capsys)[""]
    assert first["mean"] != trained["mean"]
    run.executable.blocks.eval()
    from runners.datasets import open_source

    rows = open_source("digits", {}).split("test")["x"][:16]
    assert trained["mean"] == pytest.approx(run.executable.blocks["encoder"](rows).double().mean().item(), rel=1e-5)
    told([run.folder, "x_hat"], capsys)
    assert (run.folder / "probe" / "x_hat.png").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["x_hatt"], "N101"),
        (["decoder"], "T234"),
        (["squared_error(x_hat,"], "Y2"),
        (["z", "--checkpoint", "best"], "L103"),
    ],
)
def test_what_cannot_be_probed_is_told_where_it_stands(words, code, spec_file, capsys):
    assert main(["probe", str(spec_file), *words]) == 2
    said = capsys.readouterr().err
    assert f"error[{code}" in said
    assert "--set" not in said
    assert code == "L103" or "--> NODE:1:" in said


def test_a_setting_beside_a_wrong_node_keeps_its_place(spec_file, capsys):
    assert main(["probe", str(spec_file), "x_hatt", "--set", "stages.0.minimize.more=sum(nothing)"]) == 2
    said = capsys.readouterr().err
    assert "--> --set:1:" in said
    assert "--> NODE:1:1" in said
