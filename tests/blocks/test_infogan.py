"""The auto-encoder of thesis Table 3.6, counted by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blocks.infogan import InfoGANDecoder, InfoGANEncoder

# channels, pixels, latent (DETAILS: 20 for MNIST, 64 for CIFAR-10 and CelebA); M is 7, 8 and 16
DATA = {"mnist": (1, 28, 20, 7), "cifar10": (3, 32, 64, 8), "celeba": (3, 64, 64, 16)}


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(("channels", "pixels", "latent", "m"), DATA.values(), ids=DATA.keys())
def test_parameters_of_table_3_6(channels, pixels, latent, m):
    with torch.device("meta"):
        encoder = InfoGANEncoder(((channels, pixels, pixels),), latent=latent)
        decoder = InfoGANDecoder(((latent,),), (channels, pixels, pixels))
    conv_64 = channels * 64 * 16 + 64
    conv_128 = 64 * 128 * 16 + 2 * 128  # no bias: a batch norm follows, with a scale and a shift
    flat = 128 * m * m
    assert count(encoder) == conv_64 + conv_128 + flat * 1024 + 2 * 1024 + 1024 * latent + latent
    linear = latent * 1024 + 2 * 1024 + 1024 * flat + 2 * flat
    assert count(decoder) == linear + 128 * 64 * 16 + 2 * 64 + 64 * channels * 16 + channels


def test_mnist_totals():
    assert count(InfoGANEncoder(((1, 28, 28),), latent=20)) == 6_577_492
    assert count(InfoGANEncoder(((1, 28, 28),), latent=20, output="normal")) == 6_577_492 + 1024 * 20 + 20
    assert count(InfoGANDecoder(((20,),), (1, 28, 28))) == 6_589_825


def test_the_encoder_is_the_table_in_order():
    x = torch.randn(6, 2, 8, 8)
    encoder = InfoGANEncoder(((2, 8, 8),), latent=3, channels=(4, 6), hidden=16)
    conv1, _, conv2, norm2, _, _, full, norm3, _, last = encoder.net
    h = F.relu(F.conv2d(x, conv1.weight, conv1.bias, stride=2, padding=1))
    h = F.relu(F.batch_norm(F.conv2d(h, conv2.weight, stride=2, padding=1), None, None, norm2.weight, norm2.bias, True))
    h = F.relu(F.batch_norm(F.linear(h.flatten(1), full.weight), None, None, norm3.weight, norm3.bias, True))
    torch.testing.assert_close(encoder(x), F.linear(h, last.weight, last.bias))


def test_the_decoder_is_the_table_in_order():
    z = torch.randn(6, 3)
    decoder = InfoGANDecoder(((3,),), (2, 8, 8), channels=(6, 4), hidden=16)
    full1, norm1, _, full2, norm2, _, _, deconv1, norm3, _, deconv2 = decoder.net
    h = F.relu(F.batch_norm(F.linear(z, full1.weight), None, None, norm1.weight, norm1.bias, True))
    h = F.relu(F.batch_norm(F.linear(h, full2.weight), None, None, norm2.weight, norm2.bias, True))
    h = F.conv_transpose2d(h.reshape(6, 6, 2, 2), deconv1.weight, stride=2, padding=1)
    h = F.relu(F.batch_norm(h, None, None, norm3.weight, norm3.bias, True))
    image = F.conv_transpose2d(h, deconv2.weight, deconv2.bias, stride=2, padding=1).sigmoid()
    torch.testing.assert_close(decoder(z), image)


def test_the_encoder_ends_in_a_plain_linear_layer():
    """A batch norm at the end would make the codes of a flow prior depend on the batch."""
    encoder = InfoGANEncoder(((1, 8, 8),), latent=3)
    assert isinstance(encoder.net[-1], nn.Linear)
    assert encoder.net[-1].bias is not None


@pytest.mark.parametrize("size", [4, 8, 12, 16, 28, 32])
def test_any_size_that_divides_by_four(size):
    encoder = InfoGANEncoder(((1, size, size),), latent=3, channels=(2, 2), hidden=4)
    decoder = InfoGANDecoder(((3,),), (1, size, size), channels=(2, 2), hidden=4)
    x = torch.rand(2, 1, size, size)
    assert decoder(encoder(x)).shape == x.shape


def test_eval_mode_writes_no_statistics_and_train_mode_does():
    encoder = InfoGANEncoder(((1, 8, 8),), latent=3, channels=(2, 2), hidden=4)
    before = {name: value.clone() for name, value in encoder.named_buffers()}
    encoder.eval()(torch.rand(4, 1, 8, 8))
    assert all(torch.equal(value, before[name]) for name, value in encoder.named_buffers())
    encoder.train()(torch.rand(4, 1, 8, 8))
    assert not any(torch.equal(value, before[name]) for name, value in encoder.named_buffers())
