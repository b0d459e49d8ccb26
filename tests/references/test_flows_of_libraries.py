"""Our bijections against those of nflows, normflows and zuko, with the weights copied over, in float64."""

import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from blocks.autoregressive import InverseAutoregressive, MaskedAutoregressive
from blocks.flows.glow import Glow
from blocks.flows.planar import Planar
from blocks.flows.radial import Radial
from blocks.flows.spline import SplineCoupling
from blocks.masked import MaskedNet
from blocks.transforms import AffineCoupling

nflows = pytest.importorskip("nflows", reason="nflows is not installed")
normflows = pytest.importorskip("normflows", reason="normflows is not installed")
zuko = pytest.importorskip("zuko", reason="zuko is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of theirs: searchsorted and lu as torch had them
FEATURES, TOLD, ROWS = 6, 3, 40


@pytest.fixture(autouse=True)
def numbers():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def spread(module, std=0.5):
    """Weights large enough for the map to be far from linear."""
    for p in module.parameters():
        nn.init.normal_(p, std=std)
    return module


@torch.no_grad()
def copied(ours, theirs, outputs):
    """Our linear layers become theirs; `outputs` is the order of their outputs, since ours are shift, then scale."""
    layers = [[m for m in net.modules() if getattr(m, "weight", None) is not None] for net in (ours, theirs)]
    pairs = list(zip(*layers, strict=True))
    for k, (mine, other) in enumerate(pairs):
        order = outputs if k == len(pairs) - 1 else slice(None)
        for name in [name for name in ("weight", "bias", "mask") if hasattr(mine, name)]:
            getattr(mine, name).copy_(getattr(other, name)[order])


def apart(features):
    """Shift and scale of an entry side by side -> all shifts, then all scales."""
    return torch.arange(2 * features).reshape(features, 2).T.flatten()


class Ours(nn.Module):
    """Our network where nflows wants one of its own."""

    def __init__(self, net, change=lambda raw: raw):
        super().__init__()
        self.net, self.change = net, change

    def forward(self, value, context=None):
        return self.change(self.net(value if context is None else torch.cat([value, context], 1)))


@pytest.mark.parametrize("told", [False, True])
def test_the_affine_coupling_is_zukos(told):
    context = torch.randn(ROWS, TOLD) if told else None
    mask = torch.arange(FEATURES) < 2
    theirs = spread(zuko.flows.GeneralCouplingTransform(FEATURES, TOLD * told, mask, hidden_features=(7, 5)))
    ours = AffineCoupling(2, FEATURES - 2, hidden=(7, 5), scale="soft", context=TOLD * told)
    copied(ours, theirs, apart(FEATURES - 2))
    z = torch.randn(ROWS, FEATURES)
    x, ladj = theirs(context).call_and_ladj(z)
    assert_close(ours(z, context), (x, ladj))
    assert_close(ours.inverse(x, context)[0], theirs(context).inv(x))


@pytest.mark.parametrize("told", [False, True])
def test_the_inverse_autoregressive_map_is_zukos(told):
    context = torch.randn(ROWS, TOLD) if told else None
    theirs = spread(zuko.flows.MaskedAutoregressiveTransform(FEATURES, TOLD * told, hidden_features=(12, 13)))
    ours = InverseAutoregressive(FEATURES, hidden=(12, 13), scale="soft", activation="relu", context=TOLD * told)
    copied(ours, theirs, apart(FEATURES))
    z = torch.randn(ROWS, FEATURES)
    x, ladj = theirs(context).call_and_ladj(z)
    assert_close(ours(z, context), (x, ladj))
    assert_close(ours.inverse(x, context)[0], theirs(context).inv(x))


def test_the_masks_are_those_of_nflows():
    from nflows.transforms.made import MADE, MaskedLinear

    theirs = MADE(FEATURES, 11, num_blocks=1, output_multiplier=2, use_residual_blocks=False)
    ours = MaskedNet(FEATURES, 2, hidden=(11, 11), activation="relu")
    masks = [part.mask.double() for part in theirs.modules() if isinstance(part, MaskedLinear)]
    masks[-1] = masks[-1][apart(FEATURES)]
    assert_close([ours[0].mask, ours[2].mask, ours[4].mask], masks)


@pytest.mark.parametrize("told", [False, True])
def test_the_masked_map_is_that_of_nflows_both_ways(told):
    from nflows.transforms.autoregressive import MaskedAffineAutoregressiveTransform

    context = torch.randn(ROWS, TOLD) if told else None
    ours = spread(MaskedAutoregressive(FEATURES, hidden=(12, 13), scale="tanh", activation="tanh", context=TOLD * told))

    def as_theirs(raw):  # they multiply by softplus(u) + 1e-3 and add; we subtract t and multiply by exp(-tanh r)
        shift, log_scale = raw.chunk(2, dim=1)
        scale = torch.exp(-log_scale.tanh())
        return torch.stack([torch.log(torch.expm1(scale - 1e-3)), -shift * scale], 2).flatten(1)

    theirs = MaskedAffineAutoregressiveTransform(FEATURES, 4)
    theirs.autoregressive_net = Ours(ours.net, as_theirs)
    x = torch.randn(ROWS, FEATURES)
    z, ladj = theirs(x, context)
    assert_close(ours.inverse(x, context), (z, ladj))
    assert_close(ours(z, context), theirs.inverse(z, context))


@pytest.mark.parametrize("told", [False, True])
def test_the_spline_coupling_is_that_of_nflows_both_ways(told):
    from nflows.transforms.coupling import PiecewiseRationalQuadraticCouplingTransform

    context = torch.randn(ROWS, TOLD) if told else None
    ours = spread(
        SplineCoupling(
            2, FEATURES - 2, hidden=(7,), bins=5, bound=1.5, activation="relu", context=TOLD * told
        ), 1.0
    )  # fmt: skip
    theirs = PiecewiseRationalQuadraticCouplingTransform(
        (torch.arange(FEATURES) >= 2).int(),
        lambda kept, out: Ours(ours.net),
        num_bins=5,
        tails="linear",
        tail_bound=1.5,
    )
    x = torch.randn(ROWS, FEATURES)  # a fourth of the entries lie outside of the interval
    z, ladj = theirs(x, context)
    assert_close(ours.inverse(x, context), (z, ladj))
    assert_close(ours(x, context), theirs.inverse(x, context))


def test_the_planar_map_is_that_of_normflows():
    theirs = spread(normflows.flows.Planar((FEATURES,)))
    ours = Planar(FEATURES)
    with torch.no_grad():
        ours.numbers.copy_(torch.cat([theirs.u[0], theirs.w[0], theirs.b]))
    z = torch.randn(ROWS, FEATURES)
    assert_close(ours(z), theirs(z))


def test_the_radial_map_is_that_of_normflows():
    theirs = spread(normflows.flows.Radial((FEATURES,)))
    ours = Radial(FEATURES)
    with torch.no_grad():  # their alpha is |a|, ours softplus(a)
        ours.numbers.copy_(torch.cat([theirs.z_0[0], theirs.alpha.abs().expm1().log(), theirs.beta]))
    z = torch.randn(ROWS, FEATURES)
    assert_close(ours(z), theirs(z))


@torch.no_grad()
def copied_step(step, theirs):
    """A step of Glow becomes a block of normflows, whose shifts and scales alternate by channel."""
    coupling, both = step
    mixing, norm = both.convolution, both.norm
    block, their_mixing, their_norm = theirs.flows
    convolutions = [part for part in block.modules() if isinstance(part, nn.Conv2d)]
    for k, (mine, other) in enumerate(
        zip([coupling.net.first, coupling.net.second, coupling.net.last], convolutions, strict=True)
    ):
        order = apart(len(other.weight) // 2) if k == 2 else slice(None)
        mine.weight.copy_(other.weight[order])
        mine.bias.copy_(other.bias[order])
    mixing.order.copy_(their_mixing.P)
    mixing.sign.copy_(their_mixing.sign_S)
    mixing.lower.copy_(their_mixing.L)
    mixing.upper.copy_(their_mixing.U)
    mixing.log_scale.copy_(their_mixing.log_S)
    norm.mean.copy_(their_norm.t[0])
    norm.log_std.copy_(their_norm.s[0])


@pytest.mark.parametrize("coupling", ["affine", "additive"])
def test_a_level_of_glow_is_that_of_normflows_both_ways(coupling):
    ours = Glow(((1, 4, 6),), levels=1, steps=2, width=5, coupling=coupling, prior="standard")
    theirs = [
        spread(normflows.flows.GlowBlock(4, 5, scale=coupling == "affine", init_zeros=False), 0.3) for _ in range(2)
    ]
    for block in theirs:
        block.flows[-1].data_dep_init_done.fill_(1)
    parts = list(ours.levels[0].transforms)
    for k, block in enumerate(theirs):
        if coupling == "affine":
            copied_step(parts[2 * k : 2 * k + 2], block)
        else:
            copied_additive(parts[2 * k : 2 * k + 2], block)
    z = torch.randn(ROWS, 4, 2, 3)
    value, ladj = z, torch.zeros(ROWS)
    for block in theirs:
        value, more = block(value)
        ladj = ladj + more
    squeezed = nn.functional.pixel_shuffle(value, 2)
    x, found = ours.forward_and_ladj(z.flatten(1).unflatten(1, (1, 4, 6)))
    assert_close(x, squeezed)
    assert_close(found, ladj)
    assert_close(ours.noise_of(x)[0], z)


def copied_additive(step, theirs):
    """As `copied_step`: without scales, their channels are shifts in order."""
    order = copy.deepcopy(theirs)
    last = [part for part in order.modules() if isinstance(part, nn.Conv2d)][2]
    back = apart(len(last.weight) // 2).argsort()
    with torch.no_grad():
        last.weight.copy_(last.weight[back])
        last.bias.copy_(last.bias[back])
    copied_step(step, order)
