"""Linear layers by oneDNN: values and gradients of both orders are those of torch's own."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from runners.linears import OneDNNLinear, has_linear, multiply_by


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3, bias=False))


@pytest.mark.parametrize("shape", [(4, 5), (1, 5), (2, 3, 5)])
def test_values_and_gradients_are_those_of_the_usual_layer(shape):
    usual, other, x = net(), net(), torch.randn(shape, generator=torch.Generator().manual_seed(1), requires_grad=True)
    multiply_by("onednn", [other])
    assert [type(layer) for layer in other] == [OneDNNLinear, nn.Tanh, OneDNNLinear]
    for of in (everything, penalty):
        for one, two in zip(of(usual, x), of(other, x), strict=True):
            assert torch.allclose(one, two, rtol=1e-5, atol=1e-6)


def everything(module, x):
    y = module(x)
    return y, *torch.autograd.grad((y**2).sum(), [x, *module.parameters()])


def penalty(module, x):
    """The gradient of a squared norm of a gradient, as R1 takes it."""
    (slope,) = torch.autograd.grad(module(x).sum(), x, create_graph=True)
    return torch.autograd.grad((slope**2).sum(), list(module.parameters()))


def test_copies_and_layers_of_other_kinds_are_as_usual():
    class Own(nn.Linear):
        pass

    module = nn.Sequential(nn.Linear(2, 2), Own(2, 2))
    multiply_by("onednn", [module])
    assert [type(layer) for layer in module] == [OneDNNLinear, Own]
    copied = deepcopy(module)
    assert [type(layer) for layer in copied] == [nn.Linear, Own]
    assert torch.equal(copied[0].weight, module[0].weight)
    assert copied[0].weight is not module[0].weight
    multiply_by("blas", [module])
    assert type(module[0]) is nn.Linear
    assert not has_linear([Own(2, 2)])
