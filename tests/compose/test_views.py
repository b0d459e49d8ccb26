"""Views of a block: the same tensors, seen as one call needs them."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from compose.views import Views, view_of


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(spectral_norm(nn.Linear(2, 8)), nn.BatchNorm1d(8), nn.SiLU(), nn.Dropout(0.5), nn.Linear(8, 1))


X = torch.randn(16, 2, generator=torch.Generator().manual_seed(0))


def test_a_view_shares_every_tensor_with_its_module():
    module = network()
    for constant, training in ((True, True), (True, False), (False, False)):
        view = view_of(module, constant=constant, training=training)
        for one, other in zip(module.parameters(), view.parameters(), strict=True):
            assert one.data_ptr() == other.data_ptr() and other.requires_grad == (not constant)
        for one, other in zip(module.buffers(), view.buffers(), strict=True):
            assert one.data_ptr() == other.data_ptr()


def test_a_view_follows_changes_in_place():
    module = network().eval()
    view = view_of(module, constant=True, training=False)
    with torch.no_grad():
        module[4].weight.mul_(2.0)
        module[1].running_mean.add_(1.0)
    assert torch.equal(view(X), module(X))


@pytest.mark.parametrize("training", [True, False])
def test_a_view_writes_nothing(training):
    module = network()
    view = view_of(module, constant=True, training=training)
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}
    view(X)
    for name, buffer in module.named_buffers():
        assert torch.equal(buffer, before[name]), name


def test_a_still_view_uses_the_statistics_of_the_batch_and_a_constant_one_those_that_are_kept():
    module = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8))
    still, constant = (view_of(module, constant=True, training=training) for training in (True, False))
    module.eval()
    assert torch.equal(constant(X), module(X))
    module.train()
    assert torch.equal(still(X), module(X))


def test_a_constant_view_passes_the_gradient_to_its_input_and_none_to_its_parameters():
    module = network()
    view = view_of(module, constant=True, training=False)
    x = X.clone().requires_grad_()
    view(x).sum().backward()
    assert x.grad is not None and x.grad.any()
    assert all(parameter.grad is None for parameter in module.parameters())


def test_a_chain_view_passes_the_gradient_to_the_parameters_of_its_module():
    module = network()
    view_of(module, constant=False, training=False)(X).sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_views_are_made_once_and_have_names_that_no_block_has():
    module = network()
    views = Views({"energy": module, "energy_constant": network()}, {"energy": network()})
    assert views.get("energy", "live") == ("energy", module)
    name, made = views.get("energy", "constant")
    assert name == "energy_constant_" and views.get("energy", "constant")[1] is made
    assert views.get("energy", "average")[0] == "energy_average"
    about = views.about("energy_average")
    assert about is not None and about.startswith("energy with its averaged weights")
    assert views.about("energy") is None
    views.forget()
    assert views.get("energy", "constant")[1] is not made
