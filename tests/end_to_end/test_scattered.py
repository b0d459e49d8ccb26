"""Weights that are shared out (`strategy: fsdp`): what two processes compute with parts is what one does with all."""

import json
import signal
import subprocess
import sys

import pytest

import compose
from tests.end_to_end.forking import ROOT
from tests.end_to_end.systems import DDGAN, GLF, VAEBM
from tests.end_to_end.test_processes import distance, logged, saved

TREATED = DDGAN.replace("ema: {generator: 0.9}", "ema: {generator: 0.9}\n        gradients: {norm: 0.05}").replace(
    "      - train: [generator]",
    "        gradients: {value: 0.01}\n        project: {critic: {clip: 0.3}}\n      - train: [generator]",
)
"""Gradients that are clipped by the norm of all parts, and by value; weights that are projected; averages."""
BOUNDED = VAEBM.replace(
    "ema: {energy: 0.8}", "ema: {energy: 0.8}\n    gradients: {sigma: 3.0}\n    project: {energy: unit_ball}"
)
"""Clipping by what the optimizer knows, and a projection of whole rows."""
COPIED = """
compose: 1
name: copied
data: {source: toy.gaussians25, batch_size: 32, size: 200, test_size: 64}
blocks:
  encoder: {kind: encoder.mlp, latent: 2, hidden: [16], output: normal}
  decoder: {kind: decoder.mlp, hidden: [16]}
  target: {kind: decoder.mlp, hidden: [16]}
  codes: {kind: prior.mixture, components: 4}
graph:
  q: encoder(x)
  z: ~q
  x_hat: decoder(z)
stages:
  - steps: 6
    shared: [z]
    updates:
      - train: [encoder]
        minimize: {error: "squared_error(freeze(decoder)(z), x)", kl: "0.1 * kl(q, normal)"}
      - train: [decoder]
        minimize: {error: "squared_error(x_hat, x)"}
        ema: {decoder: 0.9}
  - steps: 5
    copy: {target: decoder}
    fit: {codes: q.mean}
    train: [target, codes]
    minimize:
      error: squared_error(target(z), x)
      prior: -codes.log_prob(sg(z))
samplers:
  default: target(~codes)
evaluate: {every: 3 steps, keep: lowest error, error: "squared_error(x_hat, x)"}
"""
"""A shared value that carries a gradient, copies, a fit at a stage's start, measuring while training."""

EXACT = ("run.precision=64", "run.log_every=1")
"""Two orders of a sum are told from two sums."""


@pytest.fixture
def both(forker, tmp_path):
    """A function: train a text in two processes that share weights out, and in one, with the same settings."""

    def train(text, *settings, processes=2, status=0):
        spec = tmp_path / "spec.yaml"
        spec.write_text(text)
        asked = [part for setting in (*EXACT, *settings) for part in ("--set", setting)]
        ended, said = forker.run(
            "run", spec, *asked, "--strategy", "fsdp", "--out", tmp_path / "parts", processes=processes
        )
        assert ended == status, said
        ended, other = forker.run("run", spec, *asked, "--out", tmp_path / "whole")
        assert ended == status, other
        return said, other

    return train


def alike(folder, most=1e-10):
    """Assert that both runs ended with the same state, and logged the same."""
    one, two = saved(folder / "whole"), saved(folder / "parts")
    assert one.numbers == two.numbers
    assert distance(one, two) < most
    for alone, shared in zip(logged(folder / "whole"), logged(folder / "parts"), strict=True):
        for group in ("terms", "gradients", "monitor", "validation", "metrics"):
            assert shared.get(group, {}) == pytest.approx(alone.get(group, {}), rel=100 * most, abs=100 * most)


def test_a_run_in_parts_goes_on_in_one_process_that_holds_all(forker, tmp_path):
    spec = tmp_path / "spec.yaml"
    spec.write_text(VAEBM)
    asked = [part for setting in (*EXACT, "run.checkpoint_every=2") for part in ("--set", setting)]
    status, said = forker.run("run", spec, *asked, "--out", tmp_path / "whole")
    assert status == 0, said
    parts = tmp_path / "parts"
    stopped = {"signal": signal.SIGTERM, "at": [30], "within": str(parts / "checkpoints"), "processes": 2}
    status, said = forker.run("run", spec, *asked, "--strategy", "fsdp", "--out", parts, **stopped)
    assert status == 128 + signal.SIGTERM, said
    assert 0 < saved(parts).step < 12
    compose.load_run(parts).sample("default", 4)  # on one process, which knows nothing of others
    status, said = forker.run("run", spec, *asked, "--strategy", "ddp", "--out", parts)
    assert status == 0, said
    assert "going on" in said
    assert distance(saved(tmp_path / "whole"), saved(parts)) < 1e-10


VARIANTS = {
    "treated": (TREATED, ()),
    "bounded": (BOUNDED, ()),
    "copied": (COPIED, ()),
    "in parts": (DDGAN, ("run.accumulate=2",)),
    "three": (DDGAN.replace("batch_size: 32", "batch_size: 33"), ()),
    "glf": (GLF, ("run.sample_every=5",)),
}


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_parts_train_as_the_whole_does(variant, both, tmp_path):
    text, settings = VARIANTS[variant]
    both(text, *settings, processes=3 if variant == "three" else 2)
    alike(tmp_path)


@pytest.mark.slow
def test_kernels_are_made_of_weights_that_come_and_go(both, tmp_path):
    both(VAEBM, "run.compile=true")
    alike(tmp_path, 1e-8)


@pytest.mark.slow
def test_a_loss_is_found_in_parts_and_replayed_from_the_whole(both, tmp_path):
    told = both(VAEBM, "stages.0.optimizer.lr=1e200", status=1)
    assert all("error[R181]" in said and "in step 2 of stage `vae`: `z` is the first" in said for said in told)
    assert compose.replay(tmp_path / "parts").cause == compose.replay(tmp_path / "whole").cause


@pytest.mark.slow
def test_a_run_in_parts_rolls_back(both, tmp_path):
    told = both(VAEBM, "stages.1.optimizer.lr=1e200", "run.on_nan=rollback", "run.rollbacks=2", status=1)
    assert all("rollback 2 of 2" in said and "in step 2 of stage `energy`" in said for said in told)


@pytest.mark.slow
def test_less_is_held_between_updates_and_at_the_peak():
    asked = [sys.executable, "-m", "benchmarks.weights_held", "--json"]
    found = json.loads(subprocess.check_output(asked, cwd=ROOT, stderr=subprocess.DEVNULL, text=True))
    for copy, part in zip(found["ddp"], found["fsdp"], strict=True):
        for kind in ("weights", "averages", "optimizers"):
            assert part["between"][kind] == pytest.approx(copy["between"][kind] / 2, rel=1e-3)
        assert part["between"]["gradients"] == 0
        assert part["peak"]["weights"] < 0.9 * copy["peak"]["weights"]
        assert sum(part["peak"].values()) < 0.7 * sum(copy["peak"].values())
