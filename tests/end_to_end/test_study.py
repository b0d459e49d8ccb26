"""Several seeds and several values: each run is made once, specs are frozen, what stopped goes on, tables are right."""

import csv
import json
import signal
import statistics
import subprocess
import sys
import time

import pytest

import compose
from compose.cli import main
from compose.cli.studying import read_seeds, read_sweeps
from compose.diagnostics import SpecError
from compose.spec import parse_spec
from runners import study as runs
from runners.study import carry_out, freeze, members, rows, write_table
from tests.house.sources import ROOT

SPEC = """
compose: 1
name: tiny
data: {source: toy.moons, batch_size: 32, size: 64, test_size: 32}
blocks: {flow: {kind: flow.realnvp, couplings: 2, hidden: [4]}}
stages:
  - steps: 2
    minimize: {nll: "-flow.log_prob(x)"}
samplers: {default: ~flow}
evaluate:
  nats: flow.log_prob(x)
"""


@pytest.fixture
def spec_file(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture
def done_at_once(monkeypatch):
    """Processes that make a finished run at once, and the folders they were started for."""
    started = []

    class Process:
        returncode = 0

        def poll(self):
            return 0

    def start(member, words):
        started.append(member.folder)
        about = {"status": "finished", "spec_sha256": runs.identity(member.spec)}
        figure = member.seed + 10 * float(member.settings.get("stages.0.steps", 0))
        (member.folder / "run.json").write_text(json.dumps({**about, "metrics": {"nats": figure}}))
        return Process()

    monkeypatch.setattr(runs, "_start", start)
    return started


def made(tmp_path, seeds=(0, 1), **sweeps):
    def load(settings):
        return parse_spec(SPEC, "tiny.yaml", settings)

    return members(
        load, tmp_path / "study", seeds, {path.replace("__", "."): values for path, values in sweeps.items()}
    )


def test_sweeps_multiply_and_the_first_seed_comes_first(tmp_path):
    study = made(tmp_path, (3, 1), stages__0__steps=["2", "5"], data__batch_size=["16", "32"])
    assert [(one.seed, *one.settings.values()) for one in study] == [
        (seed, steps, size) for seed in (3, 1) for steps in ("2", "5") for size in ("16", "32")
    ]
    assert study[0].spec.stages[0].steps == 2
    assert study[0].spec.run.seed == 3
    assert study[0].folder == tmp_path / "study" / "stages.0.steps=2,data.batch_size=16" / "seed-3"
    assert len({one.folder for one in study}) == 8


def test_the_table_holds_mean_and_deviation_over_the_seeds(tmp_path, done_at_once):
    study = made(tmp_path, (0, 1, 5), stages__0__steps=["2", "5"])
    freeze(study)
    carry_out(study, 1, [], str)
    table = rows(study)
    assert [row.settings for row in table] == [{"stages.0.steps": "2"}, {"stages.0.steps": "5"}]
    assert table[1].figures["nats"] == (52.0, pytest.approx(statistics.stdev([0, 1, 5])), 3)
    write_table(tmp_path / "table.csv", table)
    read = list(csv.reader((tmp_path / "table.csv").read_text().splitlines()))
    assert read[0] == ["stages.0.steps", "nats", "nats.std", "nats.seeds"]
    assert [float(cell) for cell in read[1]] == [2, 22, pytest.approx(statistics.stdev([0, 1, 5])), 3]


def test_a_single_seed_has_no_deviation(tmp_path, done_at_once):
    study = made(tmp_path, (4,))
    freeze(study)
    carry_out(study, 1, [], str)
    assert rows(study)[0].figures["nats"] == (4.0, None, 1)


def test_what_is_finished_is_not_made_again_and_a_new_value_joins(tmp_path, done_at_once):
    first, wider = made(tmp_path, stages__0__steps=["2"]), made(tmp_path, stages__0__steps=["2", "5"])
    for study in (first, wider):
        freeze(study)
        carry_out(study, 2, [], str)
    assert len(done_at_once) == len(set(done_at_once)) == 4


def test_specs_are_frozen_before_the_first_run_and_another_one_is_refused(tmp_path):
    study = made(tmp_path, stages__0__steps=["2", "5"])
    freeze(study)
    for one in study:
        assert parse_spec((one.folder / "spec.yaml").read_text()) == one.spec
    other = members(lambda settings: parse_spec(SPEC.replace("[4]", "[5]"), "tiny.yaml", settings), tmp_path / "study",
                    (0, 1), {"stages.0.steps": ["2", "5"]})  # fmt: skip
    with pytest.raises(SpecError, match=r"blocks\.flow\.hidden"):
        freeze(other)


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["--seeds", "0,one"], "is no list of seeds"),
        (["--seeds", "0,1,0"], "names 0 twice"),
        (["--seeds", ""], "is no list of seeds"),
        (["--seeds", "0,1", "--seed", "2"], "exclude each other"),
        (["--seeds", "0,1", "--fresh"], "for one run"),
        (["--sweep", "stages.0.steps"], "sweeps nothing"),
        (["--sweep", "stages.0.steps=2,,3"], "sweeps nothing"),
        (["--sweep", "stages.0.steps=2", "--sweep", "stages.0.steps=3"], "is swept twice"),
        (["--sweep", "stages.0.stepps=2,3"], "stepps"),
        (["--sweep", "stages.0.steps=2,none"], "none"),
    ],
)
def test_each_way_to_ask_wrongly_is_told_and_nothing_runs(words, cause, spec_file, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(spec_file), *words]) == 2
    assert cause in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_commas_within_brackets_part_nothing():
    assert read_sweeps(["blocks.flow.hidden=[4,4], [8]"]) == {"blocks.flow.hidden": ["[4,4]", "[8]"]}
    assert read_seeds("0, 7") == [0, 7]


@pytest.mark.slow
def test_a_study_from_python_runs_and_gives_its_rows(tmp_path):
    (row,) = compose.study(parse_spec(SPEC), [0, 1], out=tmp_path / "study", jobs=2, quiet=True)
    mean, deviation, count = row.figures["nats"]
    each = [compose.load_run(tmp_path / "study" / f"seed-{seed}").about["metrics"]["nats"] for seed in (0, 1)]
    assert (mean, deviation, count) == (pytest.approx(statistics.mean(each)), pytest.approx(statistics.stdev(each)), 2)


@pytest.mark.slow
def test_an_interrupted_study_saves_and_the_same_command_goes_on(spec_file, tmp_path):
    spec_file.write_text(SPEC.replace("- steps: 2", "- steps: 600"))
    home = tmp_path / "study"
    words = [sys.executable, "-m", "compose", "run", str(spec_file), "--seeds", "0,1", "--out", str(home), "--quiet"]
    started = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (home / "seed-0" / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    started.send_signal(signal.SIGINT)
    assert started.wait(60) == 130
    about = json.loads((home / "seed-0" / "run.json").read_text())
    assert (about["status"], about["run_step"] < 600) == ("interrupted", True)
    assert [path.name for path in (home / "seed-1").iterdir()] == ["spec.yaml"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert (home / "table.csv").read_text().splitlines()[1].endswith(",2")
    assert done.stdout.splitlines()[0].split() == ["seeds", "nats"]


def test_a_run_that_fails_is_told_and_the_others_go_on(spec_file, tmp_path, capsys):
    spec_file.write_text(SPEC.replace("- steps: 2", "- steps: 3\n    optimizer: {lr: 0.001}"))
    words = ["--sweep", "stages.0.optimizer.lr=1e30,1e-3", "--out", str(tmp_path / "study"), "--quiet", "--jobs", "2"]
    assert main(["run", str(spec_file), *words]) == 1
    table = (tmp_path / "study" / "table.csv").read_text().splitlines()
    assert table[1].endswith(",,,0")
    assert table[2].endswith(",,1")
