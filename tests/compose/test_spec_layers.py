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
    assert all(name.count("/") in (1, 2) for name in library())
    (tmp_path / "mine.yaml").write_text("compose: 1\nextends: thesis/ddgan_gaussians25\nrun: {seed: 7}\n")
    spec = load_spec(tmp_path / "mine.yaml")
    assert (spec.run.seed, "generator" in spec.blocks) == (7, True)


TWO_STAGES = """\
compose: 1
stages:
  - name: first
    steps: 10
    minimize:
      a: u
      b: v
    optimizer: {kind: adam, lr: 1e-3}
  - steps: 20
    updates:
      - {name: critic, train: [critic], minimize: {a: u}}
      - train: [generator]
        minimize:
          b: v
        every: 2
"""


def stages_of(tmp_path, child, base=TWO_STAGES):
    (tmp_path / "base.yaml").write_text(base)
    (tmp_path / "child.yaml").write_text(f"compose: 1\nextends: base.yaml\n{child}")
    return load_spec(tmp_path / "child.yaml")


def test_a_mapping_changes_the_stages_and_updates_that_it_names_and_no_other(tmp_path):
    child = """\
stages:
  first:
    epochs: 3
    steps:
    minimize:
      b: -w
      c: w
    optimizer: {lr: 1e-4}
  "1":
    updates:
      critic: {times: 5}
      update2: {every: }
"""
    spec = stages_of(tmp_path, child)
    first, second = spec.stages
    assert (first.epochs, first.steps, first.name) == (3, None, "first")
    assert {name: unparse(term.value) for name, term in first.minimize.items()} == {"a": "u", "b": "-w", "c": "w"}
    assert (first.optimizer.kind, first.optimizer.lr) == ("adam", 1e-4)
    assert [(update.train, update.times, update.every) for update in second.updates] == [
        (("critic",), 5, 1),
        (("generator",), 1, 1),
    ]
    for term, file in ((first.minimize["a"], "base.yaml"), (first.minimize["b"], "child.yaml")):
        assert term.value.span.file.endswith(file)
        assert cut(spec.sources[term.value.span.file], term.value.span) == unparse(term.value)


def test_the_merged_spec_has_lists_and_is_the_spec_that_repeats_them(tmp_path):
    spec = stages_of(tmp_path, "stages: {first: {steps: 11}, stage2: {updates: {update2: {every: 3}}}}\n")
    whole = TWO_STAGES.replace("steps: 10", "steps: 11").replace("every: 2", "every: 3")
    assert spec.hash() == parse_spec(f"name: child\n{whole}").hash()
    assert isinstance(spec.to_data()["stages"], list)
    assert parse_spec(dump_yaml(spec)).hash() == spec.hash()


def test_nothing_takes_a_stage_or_an_update_away(tmp_path):
    spec = stages_of(tmp_path, "stages:\n  first:\n  stage2:\n    updates:\n      critic:\n")
    assert [len(stage.updates) for stage in spec.stages] == [1]
    assert spec.stages[0].updates[0].train == ("generator",)


def test_stages_are_changed_through_several_files_and_settings_follow(tmp_path):
    (tmp_path / "middle.yaml").write_text("compose: 1\nextends: base.yaml\nstages: {first: {steps: 11, times: 2}}\n")
    (tmp_path / "last.yaml").write_text("compose: 1\nextends: middle.yaml\nstages: {first: {steps: 12}}\n")
    stages_of(tmp_path, "")
    spec = load_spec(tmp_path / "last.yaml", ["stages.stage2.updates.critic.times=7"])
    assert (spec.stages[0].steps, spec.stages[0].times) == (12, 2)
    assert spec.stages[1].updates[0].times == 7


def test_a_stage_left_idle_is_told_where_it_was_changed(tmp_path):
    with pytest.raises(SpecError) as caught:
        stages_of(tmp_path, "stages:\n  first:\n    minimize:\n    monitor: {d: u}\n")
    (found,) = caught.value.findings
    assert (found.code, found.span.line) == ("Y309", 6)
    assert found.span.file.endswith("child.yaml")


def test_a_mistake_in_the_middle_is_shown_with_its_text(tmp_path):
    (tmp_path / "middle.yaml").write_text("compose: 1\nextends: base.yaml\nstages: {frist: {steps: 11}}\n")
    (tmp_path / "last.yaml").write_text("compose: 1\nextends: middle.yaml\n")
    stages_of(tmp_path, "")
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path / "last.yaml")
    (found,) = caught.value.findings
    assert (found.code, found.help) == ("Y323", "did you mean `first`?")
    assert cut(caught.value.sources[found.span.file], found.span) == "frist"


@pytest.mark.parametrize(
    ("child", "base"),
    [
        ("stages: {first: {steps: 1}}", "compose: 1\n"),
        ("stages: {first: {updates: {update1: {every: 2}}}}", TWO_STAGES),
    ],
)
def test_a_mapping_where_there_is_no_list_to_change_says_so(tmp_path, child, base):
    with pytest.raises(SpecError) as caught:
        stages_of(tmp_path, child, base)
    found = caught.value.findings[0]
    assert found.code == "Y303"
    assert "only change a list that the spec under `extends` has" in found.help
