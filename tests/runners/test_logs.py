"""The record: what is written, what a resumed run forgets, and that TensorBoard reads the same."""

import json

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from runners.logs import Lost, Pending, Record, fold
from runners.state import Measured
from tests.runners.small_system import train


def read(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_resumed_record_forgets_what_came_after_and_what_was_torn(tmp_path):
    record = Record(tmp_path, 0, print)
    for step in (10, 20, 30):
        record.line(step, "fit", {"terms": {"fit/error": float(step)}, "rate": 1.0})
    record.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"run_step": 40, "sta')
    record = Record(tmp_path, 20, print)
    record.line(25, "fit", {"terms": {"fit/error": 25.0}})
    record.close()
    assert [line["run_step"] for line in read(tmp_path)] == [10, 20, 25]


def test_tensorboard_has_a_tag_for_each_term(tmp_path):
    made = train(tmp_path, log=3)
    events = EventAccumulator(str(made.folder / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert {"fit/fit/error", "fit/fit/size", "play/judge/contrast", "play/deceive/adversarial", "fit/monitor/fit/width",
            "fit/gradients/fit/generator", "play/lr/judge/critic"} <= set(tags["scalars"])  # fmt: skip
    assert tags["images"] == ["samples/default"]
    lines = {line["run_step"]: line for line in read(tmp_path)}
    for event in events.Scalars("play/judge/contrast"):
        assert lines[event.step]["terms"]["judge/contrast"] == pytest.approx(event.value)


def test_values_are_folded_into_sums_and_counts():
    window = {"terms/u/a": [1.0, 1]}
    pending = [Pending(k, "u", {"a": torch.tensor(float(k))}, {"m": torch.tensor(float("nan"))}) for k in range(3)]
    assert fold(pending, window) is None
    assert window["terms/u/a"] == [4.0, 4]
    assert pending == []


def test_the_first_value_that_is_not_finite_is_named():
    values = [1.0, float("inf"), float("nan")]
    pending = [Pending(k, "u", {"a": torch.tensor(0.0), "b": torch.tensor(v)}, {}) for k, v in enumerate(values)]
    assert fold(pending, {}) == Lost(1, "u", "b", float("inf"))


def test_metrics_of_a_stages_end_stand_in_the_record_once(tmp_path):
    made = train(tmp_path, evaluate=lambda _executable, averaged: Measured({"count": float(len(averaged))}))
    said = [(line["run_step"], line["metrics"]) for line in read(tmp_path) if "metrics" in line]
    assert said == [(6, {"count": 1.0}), (12, {"count": 1.0})]
    assert made.about["metrics"] == {"count": 1.0}
