"""A batch in parts, one after the other: what is trained, logged and remembered is what the whole batch gives."""

import pytest
import torch

import compose
from compose.spec import parse_spec
from runners.checkpoints import checkpoint_paths
from tests.end_to_end.systems import DDGAN, GLF, VAEBM
from tests.end_to_end.test_processes import command, distance, finish, logged, saved

ROW_BY_ROW = GLF.replace("  - steps: 12", "  - steps: 12\n    mode: {encoder: eval, decoder: eval}")
"""GLF without the statistics of its batches."""

OF_TIMES = DDGAN.replace("- train: [critic]", "- train: [critic]\n        times: 2\n        batch: next").replace(
    "    optimizer:", "    gradients: {clip_norm: 0.05}\n    optimizer:"
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
      spread: logmeanexp(group(q.log_prob(z), 3)) + squared_error(z, many)
"""
SYSTEMS = {"glf": ROW_BY_ROW, "vaebm": VAEBM, "ddgan": DDGAN, "times": OF_TIMES}


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


@pytest.mark.parametrize(("precision", "most"), [("32", 1e-5), ("64", 1e-10)])
@pytest.mark.parametrize("system", SYSTEMS)
def test_parts_of_a_batch_compute_what_the_batch_does(system, precision, most, tmp_path):
    asked = (f"run.precision={precision}", "stages.0.optimizer.eps=1e-5")
    whole = trained(SYSTEMS[system], tmp_path / "whole", *asked)
    parts = trained(SYSTEMS[system], tmp_path / "parts", *asked, "run.accumulate=4")
    compare(whole, parts, most)
