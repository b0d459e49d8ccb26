"""The commands one after the other, and what the README says: its specs check, its Python runs, its commands exist."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

import compose
from compose.cli import commands, main
from compose.diagnostics import SpecError
from compose.spec import parse_spec
from runners.launch import examine
from runners.state import RunFailed
from tests.house.sources import ROOT
from tests.thinning import thinned

README = (ROOT / "README.md").read_text(encoding="utf-8")
SPEC = """
compose: 1
name: little
data: {source: toy.gaussians8, batch_size: 32, size: 200, test_size: 100}
blocks: {flow: {kind: flow.realnvp, couplings: 2, hidden: [8]}}
graph: {scaled: 2 * x}
stages:
  - steps: 6
    minimize: {nll: -flow.log_prob(x)}
samplers:
  default: ~flow
  doubled: scaled
  wide(scale=2.0): scale * ~flow
evaluate:
  nll: -flow.log_prob(x)
  share: share_within(default, data)
run: {log_every: 2}
"""


def fenced(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def spec_file(tmp_path):
    path = tmp_path / "little.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture
def trained(spec_file, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["run", str(spec_file), "--out", str(out), "--quiet"]) == 0
    capsys.readouterr()
    return out


def test_a_run_ends_by_naming_what_it_made_and_what_comes_next(spec_file, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(spec_file)]) == 0
    shown = capsys.readouterr().out
    folder = tmp_path / "runs" / "little" / "seed-0"
    assert folder.is_dir()
    assert "runs/little/seed-0" in shown
    pictures = re.findall(r"^samples +(\S+)$", shown, re.MULTILINE)
    assert pictures
    assert all((tmp_path / picture).exists() for picture in pictures)
    following = [line.split() for line in shown.split("next:")[1].strip().split("\n")]
    assert [words[1] for words in following if words[0] == "compose"] == ["sample", "sample", "sample", "eval", "run"]
    assert all(main(words[1:]) == 0 for words in following if words[0] == "compose")
    assert (tmp_path / "runs" / "little" / "seed-0-2").is_dir()


TWO = SPEC.replace(
    "samplers:", "  - {name: second, steps: 4, minimize: {again: -flow.log_prob(x)}}\nsamplers:"
).replace("  doubled: scaled\n", "  pair:\n    a: ~flow\n    out: record(before=a, after=2 * a)\n")


def test_stages_are_counted_parts_of_samplers_shown_and_the_users_settings_kept(tmp_path, capsys):
    (tmp_path / "two.yaml").write_text(TWO)
    words = ["run", str(tmp_path / "two.yaml"), "--out", str(tmp_path / "run"), "--seed", "3"]
    assert main([*words, "--set", "data.size=150", "--set", "stages.0.steps=5"]) == 0
    shown = capsys.readouterr()
    assert re.search(r"^stage 1 of 2, stage1: 5/5 steps  \S+ steps/s  in 0:0\d  nll \S+$", shown.err, re.MULTILINE)
    assert "stage 2 of 2, second: 4/4 steps" in shown.err
    pictures = [Path(name).name for name in re.findall(r"^samples +(\S+)$", shown.out, re.MULTILINE)]
    assert pictures == [f"{label}-00000009.png" for label in ("default", "pair.after", "pair.before", "wide")]
    (again,) = re.findall(r"compose run .*", shown.out)
    assert "--set data.size=150 --set run.seed=3 --set stages.0.steps=10 --set stages.1.steps=8 --fresh" in again


def test_a_run_without_samplers_or_metrics_offers_neither(tmp_path, capsys):
    path = tmp_path / "none.yaml"
    path.write_text(SPEC[: SPEC.index("samplers:")])
    assert main(["run", str(path), "--out", str(tmp_path / "run"), "--quiet"]) == 0
    assert "samples" not in capsys.readouterr().out
    assert main(["run", str(path), "--out", str(tmp_path / "run")]) == 0  # finished: says the same again
    shown = capsys.readouterr().out
    assert "compose sample" not in shown
    assert "compose eval" not in shown
    assert "tensorboard" in shown


def test_the_same_command_finds_a_finished_run_finished(spec_file, trained, capsys):
    before = (trained / "run.json").read_text()
    assert main(["run", str(spec_file), "--out", str(trained)]) == 0
    assert "finished" in capsys.readouterr().err
    assert (trained / "run.json").read_text() == before


def test_another_spec_is_refused_in_the_same_folder(spec_file, trained, capsys):
    before = (trained / "run.json").read_text()
    words = ["run", str(spec_file), "--out", str(trained), "--set", "stages.0.steps=7", "--set", "data.size=300"]
    assert main(words) == 2
    shown = capsys.readouterr().err
    assert "error[R131]" in shown
    assert "stages.0.steps: 6 -> 7" in shown
    assert "data.size: 200 -> 300" in shown
    assert "nll" not in shown  # what is the same is not told
    assert "--fresh" in shown
    assert (trained / "run.json").read_text() == before
    assert main(["run", str(trained / "spec.yaml"), "--out", str(trained)]) == 0  # the other way out
    assert main([*words, "--fresh", "--quiet"]) == 0
    assert (trained.parent / f"{trained.name}-2" / "run.json").exists()


def test_a_finished_run_says_the_way_on_in_both_languages(trained, capsys):
    compose.run(str(trained / "spec.yaml"), trained)
    assert "is finished; `--fresh` (in Python `fresh=True`) starts the next run" in capsys.readouterr().err


def test_python_measures_what_the_command_does(trained, capsys):
    run = compose.load_run(trained)
    assert main(["eval", str(trained), "--data", "train", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    figures = run.evaluate("train")
    assert {name: one._asdict() for name, one in figures.items()} == told
    assert run.evaluate("train", only=["share"]) == {"share": figures["share"]}
    assert run.evaluate()["nll"].value == pytest.approx(run.about["metrics"]["nll"])
    with pytest.raises(ValueError, match="did you mean `share`"):
        run.evaluate(only=["shar"])
    with pytest.raises(ValueError, match="no split `testt`"):
        run.evaluate("testt")


def test_a_folder_above_runs_names_them_and_misspelt_names_what_was_meant(trained, capsys):
    said = {}
    for path, sampler in ((trained.parent, ""), (trained.parent / "runn", ""), (trained, "defualt")):
        assert main(["sample", str(path), *([sampler] if sampler else [])]) == 2
        said[path.name, sampler] = capsys.readouterr().err
    assert f"help: the run inside: {trained}\n" in said[trained.parent.name, ""]
    assert f"help: did you mean `{trained}`?" in said["runn", ""]
    assert "help: did you mean `default`?" in said["run", "defualt"]


def test_a_run_prints_what_one_wants_to_know_of_it(trained):
    shown = str(compose.load_run(trained))
    assert re.fullmatch(rf"<run little in {trained}: finished, 6 steps, nll [\d.]+, share [\d.]+>", shown)


def test_a_run_that_diverged_says_where_and_another_rate_begins_in_its_folder(spec_file, tmp_path, capsys):
    words = ["run", str(spec_file), "--out", str(tmp_path / "run")]
    assert main([*words, "--set", "stages.0.optimizer.lr=1e30"]) == 1
    shown = capsys.readouterr().err
    assert re.search(
        r"^error\[R181\]: the term `nll` of update `update1` became (nan|inf) in step \d of stage", shown, re.M
    )
    assert f"{spec_file}:9:" in shown
    assert "`--set stages.0.optimizer.lr=1e+29`" in shown
    assert "no checkpoint was written yet" in shown
    assert main([*words, "--set", "stages.0.optimizer.lr=1e-3"]) == 0
    assert "it starts over" in capsys.readouterr().err


def test_another_seed_is_another_spec_and_how_a_run_is_carried_out_is_not(spec_file, trained, capsys):
    assert main(["run", str(spec_file), "--out", str(trained), "--seed", "1"]) == 2
    assert "run.seed" in capsys.readouterr().err
    words = ["run", str(spec_file), "--out", str(trained), "--set", "run.threads=1", "--set", "run.checkpoint_every=7"]
    assert main(words) == 0


def test_a_folder_with_other_things_is_refused_and_left_alone(spec_file, tmp_path, capsys):
    home = tmp_path / "home"
    home.mkdir()
    (home / "letter.txt").write_text("dear")
    for out in (home, home / "letter.txt"):
        assert main(["run", str(spec_file), "--out", str(out)]) == 2
    assert "error[R130]" in capsys.readouterr().err
    assert [path.name for path in home.iterdir()] == ["letter.txt"]


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(spec_file, tmp_path, capsys):
    (tmp_path / "file").write_text("dear")
    assert main(["run", str(spec_file), "--out", str(tmp_path / "file" / "run")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_an_empty_folder_and_one_that_a_killed_start_left_are_fine(spec_file, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "lock").write_text("")
    assert main(["run", str(spec_file), "--out", str(home), "--quiet"]) == 0


def test_a_run_that_fails_is_status_1_and_names_the_term(spec_file, tmp_path, capsys):
    words = [
        "run",
        str(spec_file),
        "--out",
        str(tmp_path / "bad"),
        "--set",
        "stages.0.minimize.nll=-flow.log_prob(x) / (step * 0)",
    ]
    assert main(words) == 1
    assert "`nll`" in capsys.readouterr().err


def test_a_smoke_run_keeps_nothing(spec_file, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(spec_file), "--smoke"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["little.yaml"]


REFUSING = "evaluate.distance=mmd(default, x, bandwidth=0)"


def test_a_metric_that_refuses_fails_a_smoke_run(spec_file, capsys):
    assert main(["run", str(spec_file), "--smoke", "--set", REFUSING]) == 1
    assert "`distance` cannot be evaluated: `bandwidth` is 0" in capsys.readouterr().err


def test_a_run_without_a_figure_is_trained_and_is_status_1_each_time(spec_file, tmp_path, capsys):
    words = ["run", str(spec_file), "--out", str(tmp_path / "run"), "--set", REFUSING]
    for _ in range(2):  # the second time it is finished
        assert main(words) == 1
        shown = capsys.readouterr()
        assert "`distance` cannot be evaluated: `bandwidth` is 0" in shown.err
        assert str(tmp_path / "run") in shown.out


@pytest.mark.parametrize("number", thinned([signal.SIGINT, signal.SIGTERM], every=2))
def test_a_signal_saves_and_is_the_exit_status(number, spec_file, tmp_path):
    out = tmp_path / "run"
    words = [
        sys.executable,
        "-m",
        "compose",
        "run",
        str(spec_file),
        "--out",
        str(out),
        "--set",
        "stages.0.steps=100000",
    ]
    started = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log, until = out / "metrics.jsonl", time.monotonic() + 60
    while time.monotonic() < until and not (log.exists() and log.read_text().count("\n") > 3):
        time.sleep(0.1)
    started.send_signal(number)
    _, err = started.communicate(timeout=60)
    assert started.returncode == 128 + number, err
    assert "Traceback" not in err
    assert json.loads((out / "run.json").read_text())["status"] == "interrupted"


def test_samples_are_written_in_the_form_that_is_asked_for(trained, tmp_path, capsys):
    import numpy as np

    assert main(["sample", str(trained), "default", "--count", "5", "--out", str(tmp_path / "a.npy")]) == 0
    assert main(["sample", str(trained), "default", "--count", "5", "--out", str(tmp_path / "a.pt")]) == 0
    assert main(["sample", str(trained), "default", "--count", "5"]) == 0
    picture = capsys.readouterr().out.strip().split("\n")[-1]
    assert Path(picture).read_bytes()[:4] == b"\x89PNG"
    assert np.array_equal(np.load(tmp_path / "a.npy"), torch.load(tmp_path / "a.pt").numpy())


def test_a_conditional_sampler_reads_the_split_that_is_named(trained, tmp_path):
    from runners.datasets import open_source

    rows = open_source("toy.gaussians8", {"size": 200, "test_size": 100})
    for split in ("test", "train"):
        assert (
            main(["sample", str(trained), "doubled", "--count", "7", "--data", split, "--out", str(tmp_path / "d.pt")])
            == 0
        )
        assert torch.equal(torch.load(tmp_path / "d.pt"), 2 * rows.split(split)["x"][:7])


def test_an_option_of_a_sampler_is_given_by_name(trained, tmp_path):
    out = str(tmp_path / "w.pt")
    assert main(["sample", str(trained), "wide", "--out", out]) == 0
    twice = torch.load(out)
    assert main(["sample", str(trained), "wide", "--option", "scale=6", "--out", out]) == 0
    torch.testing.assert_close(torch.load(out), 3 * twice)


MISTAKES = {
    "no such sampler": (["sample", "RUN", "defualt"], "`default`"),
    "no such option": (["sample", "RUN", "wide", "--option", "scal=1"], "scal"),
    "an option without a number": (["sample", "RUN", "wide", "--option", "scale=big"], "scale=big"),
    "no such split": (["sample", "RUN", "doubled", "--data", "tset"], "tset"),
    "a form that there is none of": (["sample", "RUN", "--out", "a.jpg"], ".jpg"),
    "no such line to measure": (["eval", "RUN", "--only", "nlk"], "nlk"),
    "no such split to measure on": (["eval", "RUN", "--data", "tset"], "tset"),
    "a picture of no form": (["show", "SPEC", "--out", "a.doc"], ".png"),
}


@pytest.mark.parametrize(("words", "named"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_about_a_run_is_status_2(words, named, trained, spec_file, capsys):
    assert main([{"RUN": str(trained), "SPEC": str(spec_file)}.get(word, word) for word in words]) == 2
    assert named in capsys.readouterr().err


def test_evaluation_at_the_end_of_a_run_and_afterwards_agree(trained, capsys):
    assert main(["eval", str(trained), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {name: one["value"] for name, one in said.items()} == json.loads((trained / "run.json").read_text())[
        "metrics"
    ]
    assert said["nll"]["error"] > 0


def test_a_damaged_run_is_told_in_a_sentence(trained, capsys):
    for part in (trained / "checkpoints").rglob("*.safetensors"):
        part.write_bytes(b"nothing")
    assert main(["sample", str(trained)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_plugin_is_recorded_and_needed_again(spec_file, tmp_path, capsys):
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from compose import block\nfrom blocks.flows import RealNVP\n\n"
        "@block('test_run.flow')\nclass Mine(RealNVP):\n    '''Mine.'''\n"
    )
    out = tmp_path / "plugged"
    words = [
        "run",
        str(spec_file),
        "--out",
        str(out),
        "--set",
        "blocks.flow.kind=test_run.flow",
        "--plugin",
        str(plugin),
        "--quiet",
    ]
    assert main(words) == 0
    assert main(["sample", str(out)]) == 2
    assert "--plugin" in capsys.readouterr().err
    assert main(["sample", str(out), "--plugin", str(plugin)]) == 0


TERM = "stages.0.minimize.nll=freeze(flow).log_prob(x) - flow.log_prob(sg(scaled))"


def test_a_composition_is_drawn_with_its_colours(spec_file, tmp_path):
    out = tmp_path / "drawn.svg"
    assert (
        main(
            [
                "show",
                str(spec_file),
                "--set",
                TERM,
                "--out",
                str(out),
            ]
        )
        == 0
    )
    drawn = out.read_text()
    assert "#d1242f" in drawn
    assert "#0969da" in drawn
    assert "stroke-dasharray" in drawn


# Python's door -------------------------------------------------------------------------------------------------------


class Shift(nn.Module):
    """A linear map."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(2, 2)

    def forward(self, x):
        return self.net(x)


def test_a_loader_and_a_module_of_ones_own(tmp_path):
    rows = torch.randn(64, 2)
    loader = torch.utils.data.DataLoader(rows, batch_size=16)
    mine = Shift()
    before = mine.net.weight.clone()
    spec = compose.load(
        {
            "compose": 1,
            "name": "own",
            "data": {"source": "mine"},
            "blocks": {"net": {"kind": "mine"}},
            "stages": [{"steps": 3, "minimize": {"error": "squared_error(net(x), x)"}}],
            "samplers": {"default": "net(~normal(like=x))"},
        }
    )
    assert compose.check(spec, data=loader, blocks={"net": mine}) == []
    run = compose.run(spec, out=tmp_path / "run", data=loader, blocks={"net": mine}, quiet=True)
    assert run.finished
    assert torch.equal(mine.net.weight, before)
    drawn = run.sample("default", 5)
    assert drawn.shape == (5, 2)
    again = compose.load_run(tmp_path / "run", blocks={"net": mine})
    assert torch.equal(again.sample("default", 5), drawn)


def test_python_raises_findings_and_failures(tmp_path):
    spec = compose.load(ROOT / "specs/tutorial/glf_digits.yaml", set=["stages.0.minimize.prior_nll=-prio.log_prob(z)"])
    with pytest.raises(SpecError, match="prio"):
        compose.run(spec, out=tmp_path / "run")
    with pytest.raises(RunFailed):
        compose.load_run(tmp_path / "nowhere")


DESIGN = (ROOT / "docs/design.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", re.findall(r"^```yaml\n(.*?)^```$", DESIGN, re.MULTILINE | re.DOTALL))
def test_the_specs_of_the_design_notes_are_clean_and_run(text, tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    assert examine(parse_spec(text, "design.md"))[1] == []
    assert main(["run", str(path), "--smoke"]) == 0


# the README -----------------------------------------------------------------------------------------------------------


def test_the_readme_shows_a_whole_spec_that_is_clean():
    (text,) = fenced("yaml")
    assert examine(parse_spec(text, "README.md"))[1] == []


COMPLETE = {
    "vaebm": """
name: vaebm
blocks:
  encoder: {kind: encoder.mlp, latent: 2, output: normal}
  decoder: {kind: decoder.mlp, output: normal}
  energy: {kind: energy.mlp, hidden: [16]}
""",
    "gen: descend": """
name: short_run
blocks:
  energy: {kind: energy.mlp, hidden: [16]}
""",
    "ddgan": """
name: ddgan
blocks:
  chain: {kind: diffusion.vp, steps: 4}
  generator: {kind: denoiser.mlp, latent: 2, hidden: [16]}
  critic: {kind: discriminator.mlp, hidden: [16]}
""",
}


@pytest.mark.parametrize("mark", COMPLETE)
def test_every_excerpt_is_right_once_its_blocks_are_declared(mark):
    (text,) = [block for block in fenced("yaml excerpt") if mark in block]
    whole = f"compose: 1\ndata: {{source: toy.gaussians25, batch_size: 32}}\n{COMPLETE[mark]}{text}"
    errors = [found.message for found in examine(parse_spec(whole, mark))[1] if found.severity == "error"]
    assert errors == []


def test_no_excerpt_is_left_untested():
    assert len(fenced("yaml excerpt")) == len(COMPLETE)


def test_the_readmes_python_runs(tmp_path, monkeypatch):
    (text,) = fenced("python")
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(text, names)
    assert names["images"].shape == (16, 1, 8, 8)


def test_the_readmes_commands_exist():
    named = set(re.findall(r"\bcompose ([a-z]+) (?:SPEC|RUN|NOUN|specs/|runs/|spec\.yaml)", README))
    assert named >= {"run", "check", "explain", "show", "sample", "eval", "list", "probe", "export"}
    assert named <= set(commands.commands)
    targets = set(re.findall(r"\bmake ([a-z]+)\b", README))
    makefile = (ROOT / "Makefile").read_text()
    assert {"demo", "test"} <= targets
    assert all(f"\n{target}:" in makefile for target in targets)


def test_the_readmes_files_are_there():
    for path in re.findall(r"`((?:specs|docs|blocks|compose|runners|tests|benchmarks)/[\w./]*|[A-Z]+\.md)`", README):
        assert (ROOT / path).exists(), path
