"""What differs between two specs, as lines that a reader understands."""

import pytest

from compose.spec.changes import Absent, changes

SPEC = {
    "name": "glf",
    "data": {"source": "digits", "batch_size": 128},
    "graph": {"z": "encoder(x)", "x_hat": "decoder(z)"},
    "stages": [{"epochs": 10, "minimize": {"kl": "kl(q, normal)"}}],
    "blocks": {"prior": {"kind": "flow.realnvp", "hidden": [64, 64]}},
}

CHANGED = {
    "a term": (
        {"stages": [{"epochs": 10, "minimize": {"kl": "0.1 * kl(q, normal)"}}]},
        ["stages.0.minimize.kl: 'kl(q, normal)' -> '0.1 * kl(q, normal)'"],
    ),
    "a number": ({"data": {"source": "digits", "batch_size": 64}}, ["data.batch_size: 128 -> 64"]),
    "a list": (
        {"blocks": {"prior": {"kind": "flow.realnvp", "hidden": [64, 32]}}},
        ["blocks.prior.hidden: [64, 64] -> [64, 32]"],
    ),
    "a key more": ({"run": {"seed": 1}}, ['run: nothing -> {"seed": 1}']),
    "a key less": ({"data": {"source": "digits"}}, ["data.batch_size: 128 -> nothing"]),
    "a stage more": (
        {"stages": [*SPEC["stages"], {"steps": 5, "train": ["prior"]}]},
        ['stages.1: nothing -> {"steps": 5, "train": ["prior"]}'],
    ),
    "epochs for steps": (
        {"stages": [{"steps": 10, "minimize": {"kl": "kl(q, normal)"}}]},
        ["stages.0.epochs: 10 -> nothing", "stages.0.steps: nothing -> 10"],
    ),
    "another order": (
        {"graph": {"x_hat": "decoder(z)", "z": "encoder(x)"}},
        ['graph (order): ["z", "x_hat"] -> ["x_hat", "z"]'],
    ),
    "a number for a truth": ({"name": True}, ["name: 'glf' -> true"]),
}


@pytest.mark.parametrize(("changed", "lines"), CHANGED.values(), ids=CHANGED.keys())
def test_a_difference_is_a_line_with_its_path_and_both_values(changed, lines):
    assert [str(change) for change in changes(SPEC, {**SPEC, **changed})] == lines


def test_equal_specs_have_no_differences():
    assert changes(SPEC, {**SPEC, "data": dict(SPEC["data"])}) == []


def test_true_is_not_one_and_one_is_its_float():
    assert len(changes({"a": True}, {"a": 1})) == 1
    assert changes({"a": 1.0}, {"a": 1}) == []


def test_a_change_holds_both_values_whole():
    long = {"value": "x" * 200}
    (change,) = changes({}, {"term": long})
    assert (change.path, change.old, change.new) == ("term", Absent.ABSENT, long)
    assert len(str(change)) < 90
