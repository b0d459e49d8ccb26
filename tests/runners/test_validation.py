"""Validation while training: what leads, what is kept, when a stage stops, and that a stop changes nothing of it."""

import json
import math

import pytest
import torch

from compose.spec import dump_json, dump_yaml, parse_spec
from runners import launch
from runners.checkpoints import checkpoint_paths
from runners.goals import better_of
from runners.launch import Order, examine, train
from runners.metrics import METRICS, better_side
from runners.stages import StagePlan
from runners.state import Leading, Measured, RunFailed
from runners.validation import Validation, validation_of

SPEC = """
compose: 1
name: watched
data: {source: toy.moons, batch_size: 64, size: 256, test_size: 64}
blocks:
  flow: {kind: flow.realnvp, couplings: 2, hidden: [8]}
stages:
  - name: first
    epochs: 4
    minimize: {nll: "-flow.log_prob(x)"}
    optimizer: {lr: 5e-3}
  - name: second
    steps: 12
    minimize: {nll: "-flow.log_prob(x)"}
    optimizer: {lr: "linear(0, 0.5)"}
samplers:
  default: ~flow
evaluate:
  every: 3 steps
  keep: lowest nats
  patience: 2
  nats: -flow.log_prob(x)
run: {log_every: 2, checkpoint_every: 1}
"""


def trained(folder, text=SPEC):
    spec = parse_spec(text)
    composition, findings = examine(spec, to_run=True)
    assert findings == []
    return train(spec, composition, Order(out=folder, quiet=True))


def record(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "rate"} for line in lines]


def validation(**changed):
    return Validation(**{"measure": Measured, "count": 3, "epochs": False, "line": "fid", "patience": 2, **changed})


@pytest.mark.parametrize(
    ("sign", "figures", "best", "step", "waited"),
    [
        (1, [3.0, 1.0, 2.0, 1.0], 1.0, 2, 2),
        (-1, [3.0, 1.0, 2.0, 4.0], 4.0, 4, 0),
        (1, [3.0, math.nan, math.inf, 5.0], 3.0, 1, 3),
        (1, [math.nan], None, 0, 1),
    ],
)
def test_the_best_figure_leads_and_what_beats_nothing_is_counted(sign, figures, best, step, waited):
    leading, watch = Leading(), validation(sign=sign)
    for at, figure in enumerate(figures, 1):
        leading = watch.note(leading, {"fid": figure}, at)
    assert (leading.best, leading.step, leading.waited) == (best, step, waited)
    assert watch.is_over(leading) == (waited >= 2)


def test_a_figure_that_a_metric_refuses_is_waited_for():
    assert validation().note(Leading(2.0, 3, 2.0, 0), {}, 6) == Leading(2.0, 3, 2.0, 1)


def test_the_next_stage_waits_anew_and_the_best_of_the_run_stays():
    leading = validation().note(Leading(2.0, 3, 2.0, 5).next_stage(), {"fid": 7.0}, 12)
    assert leading == Leading(2.0, 3, 7.0, 0)


@pytest.mark.parametrize(
    ("count", "epochs", "stride", "expected"), [(3, False, 1, 3), (2, True, 1, 20), (1, True, 4, 3)]
)
def test_an_interval_in_epochs_is_so_many_passes_over_the_data(count, epochs, stride, expected):
    watch, plan = validation(count=count, epochs=epochs), StagePlan(50, stride, 0, 10)
    assert [step for step in range(1, 51) if watch.is_due(plan, step)] == sorted({*range(expected, 51, expected), 50})


def test_epochs_of_data_without_a_length_are_refused():
    with pytest.raises(RunFailed, match="write `every: 3 steps`"):
        validation(epochs=True).is_due(StagePlan(50, 1, 0, 0), 4)


@pytest.mark.parametrize(
    ("keep", "line", "side"),
    [
        ("best a", "frechet(default, x)", "lower"),
        ("best a", "iwae(default)", "higher"),
        ("highest a", "frechet(default, x)", "higher"),
        ("lowest a", "x", "lower"),
        ("best a", "x", None),
        ("best a", "log_normaliser(flow.log_prob(_))", None),
    ],
)
def test_the_better_side_is_what_is_said_or_what_the_metric_says(keep, line, side):
    spec = parse_spec(f'compose: 1\nevaluate: {{every: 5 epochs, keep: {keep}, a: "{line}"}}')
    assert better_of(spec.evaluate) == side


def test_metrics_say_which_side_is_better_as_their_text_does():
    for name in METRICS.names():
        text, side = METRICS.find(name).__doc__, better_side(name)
        for word in ("lower", "higher"):
            assert f"{word} is better" not in text or side == word, name


def test_a_spec_without_an_interval_is_not_watched():
    assert validation_of(parse_spec("compose: 1\nevaluate: {a: x}"), Measured) is None


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    return trained(folder)


def test_figures_are_in_the_record_and_a_stage_stops_when_nothing_gets_better(whole):
    lines = [line for line in record(whole.folder) if "validation" in line]
    second = [line["validation"]["nats"] for line in lines if line["stage"] == "second"]
    assert [line["step"] for line in lines if line["stage"] == "first"] == [3, 6, 9, 12, 15, 16]
    assert len(second) < 4, "at this learning rate nothing gets better"
    assert min(second[-2:]) >= min(second[:-2]), "the last two beat none before them"


def test_the_best_checkpoint_is_the_step_of_the_best_figure_and_holds_its_weights(whole):
    figures = {line["run_step"]: line["validation"]["nats"] for line in record(whole.folder) if "validation" in line}
    step = min(figures, key=lambda at: figures[at])
    assert [path.name for path in checkpoint_paths(whole.folder / "best")] == [f"step-{step:08d}"]
    assert whole.about["best"] == {"name": "nats", "value": figures[step], "step": step}
    import compose

    best = compose.load_run(whole.folder, checkpoint="best")
    assert best.evaluate()["nats"].value == pytest.approx(figures[step], rel=1e-6)
    assert whole.evaluate()["nats"].value > figures[step]


def test_a_checkpoint_that_is_not_there_is_named_beside_those_that_are(whole):
    import compose

    with pytest.raises(RunFailed, match=r"no checkpoint `3`; it has latest, best, \d+"):
        compose.load_run(whole.folder, checkpoint=3)


@pytest.mark.parametrize("at", [2, 3, 10, 16, 17, 18, 20, 21, 22])
def test_a_run_that_was_stopped_finds_the_same_best_and_waits_as_long(at, whole, tmp_path, monkeypatch):
    from runners.stages import StageRun

    def dies(self, norms, step=StageRun.step):
        if self.session.state.run_step == at:
            raise KeyboardInterrupt
        step(self, norms)

    folder = tmp_path / "run"
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(StageRun, "step", dies)
        trained(folder)
        raise KeyboardInterrupt  # it stopped before that step
    again = trained(folder)
    assert record(folder) == record(whole.folder)
    assert again.state.leading == whole.state.leading
    assert again.about["best"] == whole.about["best"]
    mine, other = again.state.tensors()["blocks"], whole.state.tensors()["blocks"]
    assert all(torch.equal(mine[name], other[name]) for name in other)
    names = [path.name for path in checkpoint_paths(folder / "best")]
    assert names == [path.name for path in checkpoint_paths(whole.folder / "best")]


def test_at_the_end_of_a_stage_the_same_rows_are_not_measured_twice(tmp_path, monkeypatch):
    calls = []

    def counted(*given, measured=launch.evaluate, **options):
        calls.append(options["split"])
        return measured(*given, **options)

    monkeypatch.setattr(launch, "evaluate", counted)
    done = trained(tmp_path / "run")
    figures = [line for line in record(done.folder) if "validation" in line or "metrics" in line]
    assert len(calls) == len([line for line in figures if "validation" in line]) == len(figures) - 2


def test_so_many_rows_of_the_first_sampler_are_drawn_by_their_number(whole):
    assert torch.equal(whole.sample(5), whole.sample("default", 5))


def test_validation_reads_the_validation_split_where_there_is_one(tmp_path):
    import numpy as np

    np.save(tmp_path / "rows.npy", np.random.default_rng(0).normal(size=(200, 2)).astype("f4"))
    ours = f"{{source: arrays, train: {tmp_path / 'rows.npy'}, validation: 0.2, batch_size: 40}}"
    text = SPEC.replace("{source: toy.moons, batch_size: 64, size: 256, test_size: 64}", ours)
    done = trained(tmp_path / "run", text)
    figures = {line["run_step"]: line["validation"]["nats"] for line in record(done.folder) if "validation" in line}
    last = max(figures)
    assert done.evaluate("validation")["nats"].value == pytest.approx(figures[last], rel=1e-6)
    assert "metrics" not in done.about or done.about["metrics"] == {}


def test_the_words_of_the_section_survive_every_door():
    spec = parse_spec(SPEC)
    written = {}
    exec(spec.to_python(), written)
    assert written["draft"].spec().evaluate == spec.evaluate
    assert parse_spec(dump_yaml(spec)) == parse_spec(dump_json(spec, structured=True)) == spec
    assert parse_spec(SPEC, "set", ["evaluate.every=2  epochs"]).evaluate.every == "2 epochs"
