"""The classifier of the tutorial, and samples of another run measured in its features."""

import pytest
import torch

from compose.spec import load_spec, parse_spec
from runners.launch import Order, examine, train
from tests.house.sources import ROOT

SPEC = """
extends: {tutorial}/glf_digits.yaml
compose: 1
name: measured
blocks:
  net: {{kind: encoder.infogan, latent: 32, channels: [32, 64], hidden: 128, trainable: false,
        weights: {{run: {run}, block: features}}}}
evaluate:
  fid: frechet(net(~glf), net(x))
  kid: kid(net(~glf), net(x))
  precision: prd_precision(net(~glf), net(x))
  coverage: coverage(net(~glf), net(x))
  of_the_data: frechet(net(x), net(x))
"""


def trained(spec, folder):
    composition, findings = examine(spec)
    assert not [found.message for found in findings if found.severity == "error"]
    return train(composition.spec, composition, Order(out=folder, quiet=True))


def test_the_classifier_learns_and_its_features_measure_another_run(tmp_path):
    tutorial = ROOT / "specs" / "tutorial"
    classifier = trained(load_spec(tutorial / "digits_classifier.yaml", ["stages.0.epochs=6"]), tmp_path / "net")
    figures = classifier.about["metrics"]
    assert figures["accuracy"] > 0.9
    assert 5 < figures["score_of_the_data"] <= 10  # ten classes; how sure it is after six epochs lowers it
    text = SPEC.format(tutorial=tutorial, run=tmp_path / "net")
    spec = parse_spec(text, str(tmp_path / "measured.yaml"), ["stages.0.epochs=1"])
    run = trained(spec, tmp_path / "glf")
    found = run.about["metrics"]
    assert found["fid"] > 1  # after an epoch
    assert found["kid"] > 0
    assert found["of_the_data"] == pytest.approx(0, abs=1e-6)
    assert 0 <= found["precision"] <= 1
    assert 0 <= found["coverage"] <= 1
    net, features = (made.executable.blocks[name] for made, name in ((run, "net"), (classifier, "features")))
    for name, kept in features.state_dict().items():
        torch.testing.assert_close(net.state_dict()[name], kept, rtol=0, atol=0)
