"""Fits at a stage's start: on all values of an epoch, in order, once; a killed run makes the same fit again."""

import pytest
import torch
from sklearn.decomposition import PCA
from torch.testing import assert_close

from compose.diagnostics import SpecError
from runners.datasets import open_source
from runners.stages import plan_stages
from tests.end_to_end.systems import bits, compiled, train
from tests.end_to_end.test_resume import Dying, Killed

SPEC = """
compose: 1
name: fitted
data: {source: toy.gaussians25, batch_size: 50, size: 200, test_size: 50}
blocks:
  plane: {kind: projection.pca, latent: 2, whiten: true}
  prior: {kind: prior.mixture, components: 3}
  decoder: {kind: decoder.mlp, hidden: [8]}
graph:
  z: plane(x)
  x_hat: decoder(z)
  codes: plane(x)
stages:
  - name: plane
    fit: {plane: x}
  - name: decoder
    steps: 5
    minimize:
      reconstruction: squared_error(x_hat, x)
  - name: prior
    fit:
      prior: {value: codes, steps: 20}
    steps: 3
    minimize: {refine: -prior.log_prob(sg(z))}
    ema: {prior: 0.5}
samplers:
  default: decoder(~prior)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return train(SPEC, tmp_path_factory.mktemp("fits"))


def test_a_block_is_fitted_to_every_row_of_the_data(made):
    x = open_source("toy.gaussians25", {"size": 200, "test_size": 50}).split("train")["x"].double()
    theirs = PCA(2, whiten=True).fit(x.numpy())
    plane = made.executable.blocks["plane"].double()
    projected = torch.from_numpy(theirs.transform(x.numpy()))
    signs = (projected * plane(x)).sum(0).sign()
    assert_close(plane(x), projected * signs, rtol=0, atol=1e-5)
    plane.float()


def test_a_later_fit_sees_the_earlier_one(made):
    """Codes are whitened, so the mixture's own mean is 0 and its covariance the identity."""
    state = made.executable.blocks["prior"]._mixture()
    weights = state.logits.softmax(0)
    assert_close(weights @ state.means, torch.zeros(2), rtol=0, atol=0.05)
    assert state.means.abs().max() > 0.2
    second = (
        torch.einsum("k,kij->ij", weights, state.factors @ state.factors.mT) + (state.means.T * weights) @ state.means
    )
    assert_close(second.diagonal(), torch.ones(2), rtol=0, atol=0.1)


@pytest.mark.parametrize("at", [2, 6, 11, 15])
def test_a_killed_run_fits_the_same_again(at, made, tmp_path):
    with pytest.raises(Killed):
        train(SPEC, tmp_path, batches=lambda data: Dying(data, at))
    saved = list((tmp_path / "checkpoints").glob("step-*"))
    resumed = bits(train(SPEC, tmp_path, seed=5 if saved else 0))
    for name, value in bits(made).items():
        assert torch.equal(resumed[name], value), name


def test_the_epoch_of_a_fit_comes_before_the_steps():
    _, _, spec = compiled(SPEC)
    assert [(plan.steps, plan.first) for plan in plan_stages(spec.stages, 4)] == [(0, 4), (5, 4), (3, 16)]


def test_values_that_are_not_finite_are_a_finding_at_the_fit(tmp_path):
    with pytest.raises(SpecError) as caught:
        train(SPEC.replace("codes: plane(x)", "codes: log(plane(x))"), tmp_path)
    assert caught.value.findings[0].code == "R335"
    assert caught.value.findings[0].span.line == SPEC.split("\n").index("      prior: {value: codes, steps: 20}") + 1
