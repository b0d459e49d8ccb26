"""Bijections: one table, one battery, float64."""

import itertools

import pytest
import torch
from torch.testing import assert_close

from blocks.flows import RealNVP
from blocks.flows.iaf import IAF
from blocks.flows.maf import MAF
from blocks.flows.planar import PlanarFlow
from blocks.flows.radial import RadialFlow
from blocks.flows.spline import SplineFlow
from blocks.transforms import AffineCoupling, Chain, Permutation, Transform

BIJECTIONS = {  # a new bijection adds one row; all of them take vectors of 6
    "affine coupling, tanh": lambda: AffineCoupling(2, 4, hidden=(5,)),
    "affine coupling, sigmoid": lambda: AffineCoupling(3, 3, hidden=(5,), scale="sigmoid"),
    "permutation": lambda: Permutation([3, 1, 0, 5, 4, 2]),
    "chain": lambda: Chain([AffineCoupling(3, 3, hidden=(5,)), Permutation([5, 4, 3, 2, 1, 0])]),
    "empty chain": lambda: Chain([]),
    **{
        f"realnvp, {permutation}, {scale}": lambda permutation=permutation, scale=scale: (
            RealNVP(((6,),), couplings=3, hidden=(7, 5), permutation=permutation, scale=scale).transform
        )
        for permutation, scale in itertools.product(("alternate", "random", "reverse"), ("tanh", "sigmoid", "soft"))
    },
    **{
        f"{kind.__name__}{', conditional' if told else ''}": lambda kind=kind, options=options, told=told: Told(
            kind(((6,), (3,)) if told else ((6,),), **options)
        )
        for told in (False, True)
        for kind, options in {
            RealNVP: {"couplings": 2, "hidden": (7,)},
            MAF: {"layers": 2, "hidden": (7, 9), "activation": "tanh"},
            IAF: {"layers": 2, "hidden": (7, 9), "permutation": "random", "activation": "tanh"},
            SplineFlow: {"couplings": 2, "hidden": (7,), "bins": 4, "bound": 2.0},
            PlanarFlow: {"layers": 3},
            RadialFlow: {"layers": 3},
        }.items()
    },
}


class Told(Transform):
    """The bijection of a flow at one context, the same for every row."""

    def __init__(self, flow):
        super().__init__()
        self.transform, self.context = flow.transform, torch.tensor([[0.3, -1.0, 0.7]], dtype=torch.float64)
        self.told = flow.condition is not None

    def push(self, z, context=None):
        return self.transform.push(z, self.context.expand(len(z), 3) if self.told else None)

    def pull(self, x, context=None):
        return self.transform.pull(x, self.context.expand(len(x), 3) if self.told else None)


@pytest.fixture(params=BIJECTIONS.values(), ids=BIJECTIONS.keys())
def bijection(request):
    torch.manual_seed(0)
    bijection = request.param().double()
    for p in bijection.parameters():  # large enough for the map to be far from linear
        torch.nn.init.normal_(p, std=0.5)
    return bijection


@pytest.fixture
def z():
    return torch.randn(9, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_inverse_undoes_forward(bijection, z):
    x, ladj = bijection(z)
    back, inverse_ladj = bijection.inverse(x)
    assert_close(back, z)
    assert_close(inverse_ladj, -ladj)
    assert ladj.shape == (9,)


def test_forward_undoes_inverse(bijection, z):
    assert_close(bijection(bijection.inverse(z)[0])[0], z)


def test_ladj_is_the_brute_force_jacobian(bijection, z):
    for one in z[:3]:
        full = torch.autograd.functional.jacobian(lambda v: bijection(v[None])[0][0], one)
        assert_close(bijection(one[None])[1][0], torch.linalg.slogdet(full).logabsdet)


def test_every_parameter_gets_a_gradient_in_both_directions(bijection, z):
    for direction in (bijection, bijection.inverse):
        value, ladj = direction(z)
        parameters = list(bijection.parameters())
        if parameters:
            gradients = torch.autograd.grad((value.square().sum(1) + ladj).sum(), parameters)
            assert all(gradient.abs().sum() > 0 for gradient in gradients)


def test_rows_do_not_meet(bijection, z):
    assert_close(bijection(z)[0][4:5], bijection(z[4:5])[0])


def test_one_coupling_is_the_formula():
    coupling = AffineCoupling(1, 1, hidden=()).double()
    z = torch.randn(4, 2, dtype=torch.float64)
    shift, raw = coupling.net(z[:, :1]).unbind(1)
    assert_close(coupling(z)[0], torch.stack([z[:, 0], z[:, 1] * raw.tanh().exp() + shift], 1))
    glow = AffineCoupling(1, 1, hidden=(), scale="sigmoid").double()
    shift, raw = glow.net(z[:, :1]).unbind(1)
    assert_close(glow.inverse(z)[0], torch.stack([z[:, 0], (z[:, 1] - shift) * (raw + 2).sigmoid()], 1))


def test_an_order_that_is_none_is_refused():
    with pytest.raises(ValueError, match="order"):
        Permutation([0, 0, 1])
