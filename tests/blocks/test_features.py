"""The feature net: its maps written out, the distance by hand, and weights that a run handed on."""

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from blocks.features import VGGFeatures
from compose.spec import parse_spec
from runners.launch import Order, assemble, examine, train
from runners.weights import fill_blocks


def small():
    torch.manual_seed(0)
    return VGGFeatures(((2, 9, 8),), channels=(3, 4), depth=2).double()


def by_hand(net, x):
    names = dict(net.named_parameters())
    maps = []
    for scale in range(2):
        for layer in range(2):
            weight, bias = (names[f"scales.{scale}.{layer}.0.{part}"] for part in ("weight", "bias"))
            x = F.relu(F.conv2d(x, weight, bias, padding=1))
        maps.append(x)
        x = F.max_pool2d(x, 2)
    return maps


def test_maps_and_distance_are_those_written_out():
    net, a, b = small(), torch.randn(5, 2, 9, 8).double(), torch.randn(5, 2, 9, 8).double()
    assert_close(net(a), by_hand(net, a)[-1])
    pairs = zip(by_hand(net, a), by_hand(net, b), strict=True)
    assert_close(net.distance(a, b), sum((u - v).abs().mean((1, 2, 3)) for u, v in pairs))
    assert_close(net.distance(a, a), torch.zeros(5).double())


@pytest.mark.parametrize(("event", "options", "says"), [
    ((4,), {}, "an image"), ((1, 8, 8), {"channels": ()}, "a width for each scale"),
    ((1, 4, 4), {"channels": (2, 2, 2, 2)}, "which leaves none"),
    ((1, 8, 8), {"depth": 0}, "`depth` gives a layer of 0"),
])  # fmt: skip
def test_wrong_options_say_the_way_out(event, options, says):
    with pytest.raises(ValueError, match=says):
        VGGFeatures((event,), **options)


CLASSIFY = """
compose: 1
name: classify
data: {source: digits, batch_size: 64}
blocks:
  features: {kind: features.vgg, channels: [4, 8], depth: 1}
  head: {kind: classifier.mlp, classes: 10, hidden: []}
graph:
  logits: head(features(x))
stages:
  - steps: 3
    minimize:
      classes: cross_entropy(logits, y)
"""
PERCEPTUAL = """
compose: 1
name: perceptual
data: {source: digits, batch_size: 64}
blocks:
  features: {kind: features.vgg, channels: [4, 8], depth: 1, trainable: false, weights: {run: FOLDER}}
  encoder: {kind: encoder.dcgan, latent: 4, channels: [4, 8]}
  decoder: {kind: decoder.dcgan, channels: [8, 4], output_activation: sigmoid}
graph:
  x_hat: decoder(encoder(x))
stages:
  - steps: 2
    minimize:
      perceptual: features.distance(x_hat, x)
samplers:
  reconstruction: x_hat
"""


def test_a_net_trained_by_one_run_is_the_frozen_eye_of_another(tmp_path):
    def checked(text):
        composition, findings = examine(parse_spec(text))
        assert not [found.message for found in findings]
        return composition

    first = checked(CLASSIFY)
    made = train(first.spec, first, Order(out=tmp_path / "classify", quiet=True))
    second = checked(PERCEPTUAL.replace("FOLDER", str(tmp_path / "classify")))
    executable = assemble(second, 0)
    fill_blocks(dict(executable.blocks.items()), second.spec)
    seen = train(second.spec, second, Order(out=tmp_path / "perceptual", quiet=True))
    for name, value in made.executable.blocks["features"].named_parameters():
        assert torch.equal(executable.blocks["features"].get_parameter(name), value)
        assert torch.equal(seen.executable.blocks["features"].get_parameter(name), value)  # and the loss left it alone
