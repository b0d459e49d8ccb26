"""A batch in parts, one after the other: what is trained, logged and remembered is what the whole batch gives."""

import math

import pytest
import torch

import compose
from compose.difference import difference
from compose.explanation import tables
from compose.spec import parse_spec
from runners.card import card_of
from runners.launch import assemble, examine
from runners.state import Diverged, RunFailed
from tests.end_to_end.systems import DDGAN, GLF, VAEBM, bits, train
from tests.end_to_end.test_processes import command, distance, finish, logged, saved
from tests.end_to_end.test_resume import Dying, Killed

ROW_BY_ROW = GLF.replace("  - steps: 12", "  - steps: 12\n    mode: {encoder: eval, decoder: eval}")
"""GLF without the statistics of its batches."""

OF_TIMES = DDGAN.replace("- train: [critic]", "- train: [critic]\n        times: 2\n        batch: next").replace(
    "    optimizer:", "    gradients: {norm: 0.05}\n    optimizer:"
)
COPIES = """
compose: 1
name: copies
data: {source: toy.gaussians25, batch_size: 32, size: 200, test_size: 50}
blocks:
  encoder: {kind: encoder.mlp, latent: 2, hidden: [16], output: normal}
graph:
  many: repeat(x, 3)
  q: encoder(many)
  z: ~q
stages:
  - steps: 6
    minimize:
      spread: logmeanexp(group(q.log_prob(z), 3))
      gap: squared_error(z, many)
"""
ROWS = """
compose: 1
name: rows
data: {source: mine}
blocks:
  net: {kind: decoder.mlp, hidden: [8]}
graph:
  gap: net(x) - x
stages:
  - steps: 3
    minimize:
      error: sum(gap ** 2)
"""
BEFORE_CLIPPING = COPIES + "    gradients: {norm: 0.05}\n"
SYSTEMS = {"glf": ROW_BY_ROW, "vaebm": VAEBM, "ddgan": DDGAN, "times": OF_TIMES, "copies": BEFORE_CLIPPING}
"""Lazy terms: `ddgan`; several steps, each on its own batch: `times`; folded copies, and clipping: `copies`."""


def trained(text, folder, *settings):
    """The folder of a finished run in this process."""
    compose.run(parse_spec(text, "spec.yaml", ("run.log_every=4", *settings)), folder, quiet=True)
    return folder


def compare(one, other, most):
    """Weights, averages, memories and optimizers; then what was logged."""
    assert distance(saved(one), saved(other)) < most
    for whole, parts in zip(logged(one), logged(other), strict=True):
        for group in ("terms", "gradients"):
            assert parts.get(group, {}) == pytest.approx(whole.get(group, {}), rel=100 * most, abs=100 * most)


@pytest.mark.parametrize(
    ("system", "precision", "most"),
    [
        *((system, "64", 1e-10) for system in SYSTEMS),
        *(pytest.param(system, "32", 1e-5, marks=pytest.mark.slow) for system in ("glf", "vaebm", "ddgan")),
    ],
)
def test_parts_of_a_batch_compute_what_the_batch_does(system, precision, most, tmp_path):
    asked = (f"run.precision={precision}", "stages.0.optimizer.eps=1e-5")
    whole = trained(SYSTEMS[system], tmp_path / "whole", *asked)
    parts = trained(SYSTEMS[system], tmp_path / "parts", *asked, "run.accumulate=4")
    compare(whole, parts, most)


@pytest.mark.slow
def test_two_processes_in_parts_compute_what_one_does_at_once(tmp_path):
    asked = ("run.precision=64", "run.log_every=4")
    whole = trained(VAEBM, tmp_path / "whole", *asked)
    status, said = finish(command(VAEBM, tmp_path, *asked, "run.accumulate=4"))
    assert status == 0, said
    compare(whole, tmp_path / "run", 1e-10)


def test_a_run_in_parts_that_was_killed_goes_on_to_the_same_bits(tmp_path):
    text = VAEBM + "run: {accumulate: 4}\n"
    whole = bits(train(text, tmp_path / "whole"))
    with pytest.raises(Killed):
        train(text, tmp_path / "run", batches=lambda data: Dying(data, 8))
    resumed = bits(train(text, tmp_path / "run", seed=5))
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())


def test_rows_of_a_loader_that_do_not_divide_end_the_run(tmp_path):
    spec = parse_spec(ROWS, "spec.yaml", ("run.accumulate=3",))
    with pytest.raises(RunFailed, match="8 rows cannot be computed in 3 parts of equal rows"):
        compose.run(spec, out=tmp_path, quiet=True, data=[{"x": torch.zeros(8, 2)}] * 3)


def test_a_lost_value_is_named_with_its_row_of_the_whole_batch(tmp_path):
    x = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
    x[5, 1] = math.nan
    spec = parse_spec(ROWS, "spec.yaml", ("run.accumulate=4",))
    with pytest.raises(Diverged, match="in row 5 of the batch"):
        compose.run(spec, out=tmp_path, quiet=True, data=[{"x": x}] * 3)


def test_the_parts_are_shown_before_anything_runs():
    composition, findings = examine(parse_spec(VAEBM, "spec.yaml", ("run.accumulate=4",)))
    assert not findings
    said = "gradients of 4 parts of 8 rows, one after the other"
    assert tables(composition).count(said) == 2
    card = card_of(composition, assemble(composition, 0), 32)
    assert sum(said in line for line in card.lines) == 1
    changed = difference(examine(parse_spec(VAEBM, "spec.yaml"))[0], composition)
    assert not changed.matters
    assert [change.part for change in changed.immaterial] == ["accumulate"]
