"""Evaluation: means over the test split, metrics of samplers, sources and functions; known answers."""

import math

import numpy as np
import pytest
import torch

from compose.spec import parse_spec
from runners.catalogue import open_sources
from runners.datasets import Source, Unreadable, open_source
from runners.evaluate import _function, evaluate, rows_of
from runners.launch import assemble, examine
from runners.state import RunFailed

SPEC = """
compose: 1
name: known
data: {source: toy.gaussians8, batch_size: 64, size: 800, test_size: 500}
blocks:
  energy: {kind: energy.mlp, hidden: [8]}
models:
  standard: {v: "~normal(like=x)"}
  half: tilt(standard, 0.5 * square_norm(_))
  bowl(v): -square_norm(v)
stages:
  - steps: 1
    minimize: {e: energy(x)}
samplers:
  default: ~standard
  wide(scale=2.0): scale * ~normal(like=x)
evaluate:
"""


def system(*lines, data=""):
    spec = parse_spec(
        SPEC.replace("test_size: 500", f"test_size: 500{data}") + "".join(f"  {line}\n" for line in lines)
    )
    composition, findings = examine(spec)
    return spec, composition, [found for found in findings if found.severity == "error"]


def measured(*lines, seed=0):
    spec, composition, errors = system(*lines)
    assert not errors, errors[0].message
    refused = []
    found = evaluate(assemble(composition, 0), open_sources(spec), seed=seed, refused=refused.append)
    if refused:
        raise RunFailed(str(refused[0]))
    return found


def codes(*lines):
    return [found.code for found in system(*lines)[2]]


def test_a_value_is_averaged_over_the_test_split_with_its_standard_error():
    spec, _, _ = system("norm: square_norm(x)")
    x = open_sources(spec)[""].split("test")["x"].double()
    values = x.square().sum(1)
    found = measured("norm: square_norm(x)")["norm"]
    assert math.isclose(found.value, float(values.mean()), rel_tol=1e-6)
    assert math.isclose(found.error, float(values.std() / math.sqrt(500)), rel_tol=1e-5)


def test_rows_on_the_disk_are_measured_as_those_in_memory_and_never_all_loaded(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(700, 2)).astype(np.float32))
    found = {}
    for keep in ("memory", "disk"):
        source = open_source("arrays", {"train": str(tmp_path / "x.npy"), "test_size": 600, "keep": keep})
        _, composition, _ = system("norm: square_norm(x)", "distance: mmd(default, x)", "place: mean(x)")
        if keep == "disk":
            monkeypatch.setattr(Source, "stored", lambda *_: pytest.fail("all rows were loaded"))
        made = assemble(composition, 0)
        found[keep] = [evaluate(made, {"": source}, refused=pytest.fail, most=most) for most in (None, 10)]
    assert found["memory"] == found["disk"]
    assert {*found["disk"][0]} == {"norm", "distance", "place"}
    broken = np.full((700, 2), np.nan, dtype=np.float32)
    np.save(tmp_path / "x.npy", broken)
    with pytest.raises(Unreadable, match="`x` of `train` is not finite in row"):
        evaluate(made, {"": source}, refused=pytest.fail)


def test_a_sampler_is_drawn_as_often_as_the_split_has_rows_or_as_is_asked():
    found = measured("a: frechet(default, x)", "b: frechet(default, x, count=50)")
    assert found["a"].value != found["b"].value


def test_the_truth_has_no_distance_to_itself():
    assert measured("same: frechet(x, x)")["same"].value < 1e-9


def test_a_metric_of_a_source_reads_it():
    found = measured("share: share_within(x, data)", "modes: mode_coverage(x, data)")
    assert found["share"].value > 0.97
    assert found["modes"].value == 8


def test_a_sampler_with_options_is_drawn_at_their_defaults():
    found = measured("wide: frechet(wide, default, count=4000)")["wide"].value
    assert math.isclose(found, 2.0, rel_tol=0.15)  # (2 - 1)^2 in each of two axes


def test_two_draws_in_one_line_are_independent_and_a_seed_names_them():
    line = "d: frechet(default, ~standard, count=100)"
    first, again, other = measured(line)["d"], measured(line)["d"], measured(line, seed=1)["d"]
    assert first.value > 1e-4
    assert first == again
    assert first.value != other.value


def test_log_weights_give_the_importance_weighted_bound():
    found = measured("bound: iwae(group(standard.log_prob(repeat(x, 3)), 3))", "mean: standard.log_prob(x)")
    assert math.isclose(found["bound"].value, found["mean"].value, rel_tol=1e-5)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("z: log_normaliser(standard.log_prob(_))", 0.0),
        (
            "z: log_normaliser(half.log_density(_))",
            -math.log(2),
        ),  # a product of N(0, 1) and exp(-x^2 / 2): variance 1/2
        ("z: log_normaliser(bowl)", math.log(math.pi)),
        ("z: log_normaliser(3.0 - square_norm(_), bounds=[-5, 5], cells=64)", 3.0 + math.log(math.pi)),
    ],
)
def test_a_normaliser_in_the_plane_is_known(line, value):
    assert math.isclose(measured(line)["z"].value, value, abs_tol=1e-5)


def test_a_tilted_log_likelihood_is_normalised():
    found = measured("tilted: tilted_log_likelihood(half.log_density(_), x)", "plain: half.log_density(x)")
    assert math.isclose(found["tilted"].value, found["plain"].value + math.log(2), abs_tol=1e-5)


def test_a_block_is_a_function_too_and_a_box_that_cuts_is_refused():
    with pytest.raises(RunFailed, match=r"`z` cannot be evaluated.*edge of the box"):
        measured("z: log_normaliser(energy, bounds=[-1, 1])")


def test_a_function_that_draws_draws_anew_at_each_call_and_the_same_in_each_run():
    _, composition, errors = system("z: log_normaliser(-square_norm(_ + ~normal(like=x)))")
    assert not errors
    executable = assemble(composition, 0)
    (given,) = executable.evaluation("z", frozenset()).arguments
    runs = []
    for _ in range(2):
        function = _function(executable, given, 0, "z")
        runs.append([function(torch.zeros(5, 2)) for _ in range(2)])
    assert not torch.equal(runs[0][0], runs[0][1])
    assert all(torch.equal(one, other) for one, other in zip(*runs, strict=True))


def test_few_rows_are_enough_to_see_whether_a_metric_refuses():
    spec, composition, errors = system("a: mmd(default, x, bandwidth=0)", "b: frechet(default, x, count=400)")
    assert not errors
    refused = []
    found = evaluate(assemble(composition, 0), open_sources(spec), most=4, refused=refused.append)
    assert [(told.line, told.passing) for told in refused] == [("a", False)]
    assert found["b"].value != measured("b: frechet(default, x, count=400)")["b"].value


def test_a_box_that_cuts_is_a_refusal_that_training_may_mend():
    spec, composition, _ = system("z: log_normaliser(energy, bounds=[-1, 1])")
    refused = []
    evaluate(assemble(composition, 0), open_sources(spec), refused=refused.append)
    assert [told.passing for told in refused] == [True]


WRONG = {
    "a value with an event": ("v: x - 1", ["T241"]),
    "a function where values are wanted": ("v: frechet(energy(_), x)", ["T242"]),
    "values where the source is wanted": ("v: mode_coverage(default, x)", ["T242"]),
    "too few": ("v: frechet(default)", ["T242"]),
    "an option that there is none of": ("v: mode_coverage(default, data, sigma=2)", ["T243"]),
    "an option of the wrong kind": ("v: mode_coverage(default, data, sigmas='many')", ["T243"]),
    "the source alone": ("v: data", ["T240"]),
    "a misspelt metric": ("v: frechett(default, x)", ["N101"]),
    "a misspelt sampler": ("v: frechet(defualt, x)", ["N101"]),
    "the clock": ("v: step * square_norm(x)", ["N103"]),
}


@pytest.mark.parametrize(("line", "expected"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_evaluated_is_found_before_anything_runs(line, expected):
    assert codes(line) == expected


def test_rows_of_several_sources_are_named_by_them_and_cut_to_the_shortest():
    spec = parse_spec("""
compose: 1
name: two
data:
  a: {source: toy.moons, test_size: 30}
  b: {source: toy.moons, test_size: 20}
""")
    rows = rows_of(open_sources(spec), "test", 25)
    assert rows["a.x"].shape == rows["b.x"].shape == torch.Size([20, 2])
