"""Perceptrons, time and class conditioning, and what the last layer says."""

import math

import pytest
import torch
from torch import distributions, nn

from blocks.heads import bounded_exp, head
from blocks.nets import ACTIVATIONS, Concatenation, mlp, sinusoidal_table
from blocks.types import Classes, Levels


def test_a_perceptron_is_the_formula():
    net = mlp(3, 5, 2, activation="tanh")
    first, _, last = net
    x = torch.randn(4, 3)
    torch.testing.assert_close(net(x), torch.tanh(x @ first.weight.T + first.bias) @ last.weight.T + last.bias)


@pytest.mark.parametrize(("name", "at_minus_one"), [
    ("silu", -1 / (1 + math.e)),
    ("swish", -1 / (1 + math.e)),
    ("relu", 0.0),
    ("leaky_relu", -0.2),
    ("tanh", math.tanh(-1)),
    ("softplus", math.log(1 + math.exp(-1))),
    ("elu", math.exp(-1) - 1),
    ("gelu", -0.5 * (1 + math.erf(-1 / math.sqrt(2)))),
])  # fmt: skip
def test_activations_are_what_they_are_called(name, at_minus_one):
    assert ACTIVATIONS[name]()(torch.tensor(-1.0)).item() == pytest.approx(at_minus_one, abs=1e-6)


def test_every_activation_has_a_known_value():
    assert len(ACTIVATIONS) == 8


def test_norms_stand_between_linear_and_activation():
    kinds = [type(layer) for layer in mlp(3, 5, 2, activation="relu", norm="batch")]
    assert kinds == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert [layer.bias is None for layer in mlp(3, 5, 2, norm="batch") if isinstance(layer, nn.Linear)] == [True, False]
    assert isinstance(mlp(3, 5, 2, norm="layer")[1], nn.LayerNorm)


def test_a_time_step_is_a_unit_vector_and_the_data_level_is_zero():
    inputs = Concatenation(((2,), Levels(3)))
    assert inputs.features == 5
    joined = inputs(torch.full((4, 2), 7.0), torch.tensor([0, 1, 2, 3]))
    expected = torch.tensor([[7.0, 7, 0, 0, 0], [7, 7, 1, 0, 0], [7, 7, 0, 1, 0], [7, 7, 0, 0, 1]])
    assert torch.equal(joined, expected)


def test_a_class_is_a_unit_vector_and_values_are_flattened():
    inputs = Concatenation((Classes(2), (1, 2, 2), ()))
    joined = inputs(torch.tensor([1, 0]), torch.arange(8.0).reshape(2, 1, 2, 2), torch.tensor([8.0, 9.0]))
    assert torch.equal(joined, torch.tensor([[0.0, 1, 0, 1, 2, 3, 8], [1, 0, 4, 5, 6, 7, 9]]))


def test_time_moves_the_first_layer_by_its_own_column():
    inputs, layer = Concatenation(((2,), Levels(4))), nn.Linear(6, 3)
    x = torch.randn(1, 2)
    at = [layer(inputs(x, torch.tensor([t]))) for t in (1, 4)]
    torch.testing.assert_close(at[1] - at[0], (layer.weight[:, 5] - layer.weight[:, 2])[None])


def test_one_vector_passes_untouched():
    x = torch.randn(3, 2)
    assert Concatenation(((2,),))(x) is x


def test_an_empty_batch_stays_empty():
    assert Concatenation(((1, 2, 2), Levels(3)))(torch.zeros(0, 1, 2, 2), torch.zeros(0, dtype=torch.int64)).shape == (
        0,
        7,
    )


def test_sines_and_cosines_of_whole_steps():
    table = sinusoidal_table(3, 4)  # frequencies 1 and 1/10000
    expected = [math.sin(3), math.sin(3e-4), math.cos(3), math.cos(3e-4)]
    torch.testing.assert_close(table[3], torch.tensor(expected))
    assert torch.cdist(table, table).fill_diagonal_(9).min() > 0.5  # all levels of a short chain look different


def test_a_continuous_time_is_read_as_a_thousand_steps():
    inputs = Concatenation(((1,), ()), time="sinusoidal", time_features=8)
    joined = inputs(torch.zeros(2, 1), torch.tensor([0.0, 0.003]))
    torch.testing.assert_close(joined[:, 1:], sinusoidal_table(3, 8)[[0, 3]])


def test_tables_are_not_saved():
    assert not Concatenation(((2,), Levels(3), Classes(4))).state_dict()


def test_a_normal_head_is_a_normal():
    raw, value = torch.randn(4, 2 * 6), torch.randn(4, 2, 3)
    given = head((2, 3), output="normal", output_activation="sigmoid")(raw)
    mean, std = raw[:, :6].sigmoid().reshape(4, 2, 3), (5 * torch.tanh(raw[:, 6:] / 5)).exp().reshape(4, 2, 3)
    torch.testing.assert_close(given.log_prob(value), distributions.Normal(mean, std).log_prob(value).sum((1, 2)))


def test_an_image_head_splits_channels():
    raw = torch.randn(2, 2 * 3, 4, 4)
    assert torch.equal(head((3, 4, 4), output="normal")(raw).mean, raw[:, :3])


@pytest.mark.parametrize("std", ["shared", 0.3, 2])
def test_a_common_std_is_the_same_everywhere(std):
    raw, value = torch.randn(4, 6), torch.randn(4, 2, 3)
    given = head((2, 3), output="normal", std=std)
    number = 1.0 if std == "shared" else float(std)
    reference = distributions.Normal(raw.reshape(4, 2, 3), number)
    torch.testing.assert_close(given(raw).log_prob(value), reference.log_prob(value).sum((1, 2)))
    torch.testing.assert_close(given(raw).entropy(), reference.entropy().sum((1, 2)))
    assert len(list(given.parameters())) == (std == "shared")


def test_a_bernoulli_head_is_a_bernoulli():
    raw, value = torch.randn(4, 6), torch.randint(2, (4, 2, 3)).float()
    given = head((2, 3), output="bernoulli", output_activation="sigmoid")(raw)  # the mean has the sigmoid, once
    reference = distributions.Bernoulli(logits=raw.reshape(4, 2, 3))
    torch.testing.assert_close(given.log_prob(value), reference.log_prob(value).sum((1, 2)))


def test_a_learned_std_is_bounded_and_smooth():
    raw = torch.tensor([-1e6, -3.0, 0.0, 3.0, 1e6], requires_grad=True)
    std = bounded_exp(raw)
    assert std.detach().tolist()[2] == 1.0
    assert std[0].item() == pytest.approx(math.exp(-5))
    assert std[-1].item() == pytest.approx(math.exp(5))
    std.sum().backward()
    assert raw.grad.isfinite().all()
    assert raw.grad[2].item() == pytest.approx(1.0)
