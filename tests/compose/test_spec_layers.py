"""Specs in layers: what one extends, what a command line sets, the name a file gives."""

import pytest

from compose.diagnostics import SpecError
from compose.expressions import unparse
from compose.spec import (
    dump_yaml,
    load_spec,
    parse_spec,
)
from compose.spec.layers import library
from tests.compose.design_examples import DDGAN, cut


def test_a_spec_extends_another_and_every_place_stays_right(tmp_path):
    (tmp_path / "base.yaml").write_text(DDGAN.lstrip())
    child = """\
extends: base.yaml
compose: 1
params: {T: 2}
models:
  denoise(x_t, t, y):
    x0: generator(x_t, t, y)
blocks:
  critic: {kind: other}
  generator: {latent: 7}
samplers:
  strokes:
"""
    (tmp_path / "child.yaml").write_text(child)
    spec = load_spec(tmp_path / "child.yaml")
    assert spec.values == {"T": 2, "gamma": 0.05}
    assert spec.models["denoise"].parameters == ("x_t", "t", "y")
    assert [unparse(line) for line in spec.models["denoise"].lines.values()] == [
        "generator(x_t, t, y)",
        "~chain.posterior(x0, x_t, t)",
    ]
    assert list(spec.models) == ["denoise", "ddgan"]
    assert spec.blocks["generator"].kind == "denoiser.ncsnpp"
    assert spec.blocks["generator"].options == {"latent": 7}
    assert list(spec.samplers) == ["default"]
    lines = spec.models["denoise"].lines
    assert [file.rpartition("/")[2] for file in (lines["x0"].span.file, lines["x_prev"].span.file)] == [
        "child.yaml",
        "base.yaml",
    ]
    for expression in (lines["x0"], lines["x_prev"], spec.graph["fake"]):
        assert cut(spec.sources[expression.span.file], expression.span) == unparse(expression)
    assert parse_spec(dump_yaml(spec)).hash() == spec.hash()


def test_extending_what_is_not_there_or_in_a_circle_is_a_finding(tmp_path):
    with pytest.raises(SpecError) as caught:
        parse_spec("compose: 1\nextends: nothing.yaml")
    assert [found.code for found in caught.value.findings] == ["Y321"]
    assert cut("compose: 1\nextends: nothing.yaml", caught.value.findings[0].span) == "nothing.yaml"
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{one}.yaml").write_text(f"compose: 1\nextends: {other}.yaml\n")
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path / "a.yaml")
    assert [found.code for found in caught.value.findings] == ["Y322"]
    assert "a.yaml -> b.yaml -> a.yaml" in caught.value.findings[0].message


def test_settings_change_the_spec_and_are_checked_like_it():
    settings = (
        "params.T=8",
        "stages.0.steps=10",
        "stages.0.updates.1.ema.generator=0.5",
        "run.seed=3",
        "data.root=/x",
        "data.source=digits",
        "graph.fake=~denoise(x_t, t - 0)",
        "models.denoise.x0=generator(x_t, t, 0)",
        "samplers.strokes=",
        "blocks.critic.hidden=[1, 2]",
        "stages.stage1.optimizer.lr=1 / T",
    )
    spec = parse_spec(DDGAN.replace("- steps: 50000", "- name: stage1\n    steps: 50000"), overrides=settings)
    assert spec.values["T"] == 8
    assert (spec.stages[0].steps, spec.stages[0].optimizer.lr) == (10, 0.125)
    assert spec.stages[0].updates[1].ema == {"generator": 0.5}
    assert (spec.run.seed, spec.data[""].options) == (3, {"root": "/x"})
    assert unparse(spec.graph["fake"]) == "~denoise(x_t, t - 0)"
    assert unparse(spec.models["denoise"].lines["x0"]) == "generator(x_t, t, 0)"
    assert list(spec.samplers) == ["default"]
    assert spec.blocks["critic"].options == {"hidden": [1, 2]}
    span = spec.graph["fake"].operand.arguments[1].value.span
    assert span.file == "--set"
    assert cut(spec.sources["--set"], span) == "t - 0"


def test_the_name_comes_from_the_file(tmp_path):
    (tmp_path / "my.yaml").write_text("compose: 1\n")
    assert load_spec(tmp_path / "my.yaml").name == "my"
    assert parse_spec("compose: 1").name == "unnamed"


def test_a_spec_of_the_library_is_extended_by_its_name(tmp_path):
    assert all(name.count("/") == 1 for name in library())
    (tmp_path / "mine.yaml").write_text("compose: 1\nextends: thesis/ddgan_gaussians25\nrun: {seed: 7}\n")
    spec = load_spec(tmp_path / "mine.yaml")
    assert (spec.run.seed, "generator" in spec.blocks) == (7, True)
