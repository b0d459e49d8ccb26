"""A spec that is edited after its run began: harmless, with `--force`, or impossible."""

import json
import shutil

import numpy as np
import pytest

import compose
from compose.cli import main
from compose.diagnostics import SpecError
from compose.spec import parse_spec
from compose.spec.changes import Absent, Change
from runners.checkpoints import checkpoint_paths, read_checkpoint
from runners.edits import _edit
from runners.state import Interrupted
from tests.runners.small_system import assert_same_bits, everything

SPEC = """
compose: 1
name: edited
data: {source: toy.moons, batch_size: 8, size: 64, test_size: 16}
blocks:
  flow: {kind: flow.realnvp, couplings: 2, hidden: [8]}
  critic: {kind: discriminator.mlp, hidden: [8]}
stages:
  - name: first
    steps: 3
    minimize: {nll: -flow.log_prob(x)}
  - name: second
    steps: 6
    updates:
      - {name: judge, train: [critic], minimize: {contrast: softplus(-critic(x))}}
      - {name: fit, train: [flow], minimize: {nll: -flow.log_prob(x)}}
samplers:
  default: ~flow
evaluate:
  nats: flow.log_prob(x)
run: {log_every: 1, checkpoint_every: 1}
"""

EDITS = {  # a change, and what it is
    "name=other": "harmless",
    "samplers.wide=2 * ~flow": "harmless",
    "evaluate.nats=2 * flow.log_prob(x)": "harmless",
    "evaluate={nats: flow.log_prob(x), keep: highest nats, every: 2 steps}": "needs `--force`",
    "stages.1.steps=8": "needs `--force`",
    "stages.1.updates.0.optimizer.lr=1e-4": "needs `--force`",
    "stages.1.updates.1.minimize.nll=-2 * flow.log_prob(x)": "needs `--force`",
    "data.size=80": "needs `--force`",
    "run.seed=1": "needs `--force`",
    "blocks.critic.activation=relu": "needs `--force`",
    "stages.0.steps=5": "impossible: that stage is over",
    "blocks.flow.hidden=[9]": "impossible: the checkpoint's",
    "blocks.flow.couplings=3": "impossible: the checkpoint's blocks do not fit",
    "blocks.more={kind: discriminator.mlp, hidden: [8]}": "needs `--force`",  # of which nothing is saved
    "stages.1.updates.0.name=critique": "impossible: nothing would take the optimizer state of `judge/critic",
    "run.precision=64": "impossible: what is saved is in the other precision",
}


def spec(*settings):
    return parse_spec(SPEC, "spec.yaml", settings)


@pytest.fixture(scope="module")
def halfway(tmp_path_factory):
    """The folder of a run that was stopped in its second stage, after step 5."""
    folder = tmp_path_factory.mktemp("halfway") / "run"
    stop_after(folder, 5)
    return folder


def stop_after(folder, step, *settings):
    from runners import loop

    with pytest.MonkeyPatch.context() as patch:
        stopped = loop.Loop._leave_if_asked

        def leave(self):
            if self.session.state.run_step == step:
                self.signals.status = 130
            stopped(self)

        patch.setattr(loop.Loop, "_leave_if_asked", leave)
        with pytest.raises(Interrupted):
            compose.run(spec(*settings), folder, quiet=True)


def copied(halfway, tmp_path):
    return shutil.copytree(halfway, tmp_path / "run")


@pytest.mark.parametrize("edit", EDITS)
def test_each_edit_is_classed(edit, halfway, tmp_path):
    home = copied(halfway, tmp_path)
    before = (home / "run.json").read_text()
    forced = "force" in EDITS[edit]
    if EDITS[edit] != "harmless":
        with pytest.raises(SpecError) as refused:
            compose.run(spec(edit), home, quiet=True)
        (found,) = refused.value.findings
        assert found.code == "R131"
        assert f"({EDITS[edit]}" in found.message
        assert ("`--force` goes on with the new spec after step 5" in found.help) == forced
        assert (home / "run.json").read_text() == before
    if "impossible" in EDITS[edit]:
        with pytest.raises(SpecError):
            compose.run(spec(edit), home, quiet=True, force=True)
        return
    done = compose.run(spec(edit), home, quiet=True, force=forced)
    about = json.loads((home / "run.json").read_text())
    assert done.finished
    assert about["edits"][0]["run_step"] == 5
    assert edit.partition("=")[0].split(".")[0] in about["edits"][0]["changes"][0]
    assert (home / "spec-until-00000005.yaml").exists()
    assert compose.run(spec(edit), home, quiet=True).finished  # and it is one run with its new spec


def test_a_harmless_edit_trains_what_would_have_been_trained(halfway, tmp_path):
    plain = compose.run(spec(), copied(halfway, tmp_path / "plain"), quiet=True)
    edited = compose.run(spec("samplers.wide=2 * ~flow"), copied(halfway, tmp_path / "edited"), quiet=True)
    one, other = (read_checkpoint(checkpoint_paths(run.folder / "checkpoints")[-1]) for run in (plain, edited))
    for part, tensors in one.tensors.items():
        for name, value in tensors.items():
            assert value.equal(other.tensors[part][name]), name
    assert edited.sample("wide", 4).shape == (4, 2)


def test_where_rows_are_kept_and_who_reads_them_changes_nothing(tmp_path):
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32))
    source = f"data={{source: arrays, train: {tmp_path}/rows.npy, batch_size: 8}}", "evaluate={}"
    stop_after(tmp_path / "halfway", 5, *source)
    runs = []
    for name, edit in {"plain": (), "edited": ("data.keep=disk", "run.workers=2")}.items():
        shutil.copytree(tmp_path / "halfway", tmp_path / name)
        runs.append(compose.run(spec(*source, *edit), tmp_path / name, quiet=True))
    assert_same_bits(*map(everything, runs))
    edits = json.loads((tmp_path / "edited" / "run.json").read_text())["edits"]
    assert edits == [{"run_step": 5, "changes": ["data.keep: nothing -> 'disk'"]}]


def test_a_source_that_is_called_as_an_option_is_none():
    change = Change("data.keep", {"source": "toy.moons"}, Absent.ABSENT)
    assert _edit(change, 0, "").standing == "needs `--force`"
    assert _edit(Change("data.photos.keep", "memory", "disk"), 0, "").standing == "harmless"


def test_a_forced_edit_is_what_the_next_steps_compute(halfway, tmp_path):
    done = compose.run(spec("stages.1.steps=8"), copied(halfway, tmp_path), quiet=True, force=True)
    assert done.state.run_step == 11


def test_a_finished_run_takes_a_harmless_edit_and_says_that_it_is_finished(halfway, tmp_path, capsys):
    home = copied(halfway, tmp_path)
    compose.run(spec(), home, quiet=True)
    (tmp_path / "spec.yaml").write_text(SPEC)
    words = ["run", str(tmp_path / "spec.yaml"), "--out", str(home), "--set", "samplers.wide=2 * ~flow"]
    for _ in range(2):
        assert main(words) == 0
        assert "is finished" in capsys.readouterr().err
    assert main(["sample", str(home), "wide", "--out", str(tmp_path / "wide.png")]) == 0
    assert main([*words, "--set", "stages.1.steps=9"]) == 2
    assert "that stage is over" in capsys.readouterr().err


def test_the_command_line_forces(halfway, tmp_path, capsys):
    home = copied(halfway, tmp_path)
    (tmp_path / "spec.yaml").write_text(SPEC)
    words = ["run", str(tmp_path / "spec.yaml"), "--out", str(home), "--set", "stages.1.updates.1.optimizer.lr=1e-4"]
    assert main(words) == 2
    assert "error[R131]" in capsys.readouterr().err
    assert main([*words, "--force"]) == 0
    assert "the spec was edited: stages.1.updates.1.optimizer" in capsys.readouterr().err
