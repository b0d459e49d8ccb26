"""Operators against closed forms, one row each; and what every one of them must declare."""

import inspect
import math

import pytest
import torch
from torch import Tensor, tensor
from torch.testing import assert_close

from blocks.distributions import Bernoulli, Normal
from blocks.events import align
from blocks.operators.rules import Rule
from blocks.registry import OPERATORS

V = tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)  # two samples of two entries
W = tensor([[2.0, 2.0], [-1.0, 0.5]], dtype=torch.float64)
B = tensor([3.0, -4.0], dtype=torch.float64)  # one number a sample
P = tensor([[0.2, 0.9]], dtype=torch.float64)  # probabilities
LOGITS = tensor([[0.0, math.log(2), math.log(5)]], dtype=torch.float64)  # odds 1 : 2 : 5
IMAGE = torch.arange(8, dtype=torch.float64).reshape(1, 2, 2, 2)


def entries(function, value=V):
    return [[function(x) for x in row] for row in value.tolist()]


CASES = {  # id: (operator, arguments, options, what comes out); a new operator adds one row
    "add": ("add", (V, W), {}, [[3, 0], [-0.5, 3.5]]),
    "add, number": ("add", (1.5, 2), {}, 3.5),
    "subtract": ("subtract", (V, 1), {}, [[0, -3], [-0.5, 2]]),
    "multiply": ("multiply", (V, W), {}, [[2, -4], [-0.5, 1.5]]),
    "divide": ("divide", (V, W), {}, [[0.5, -1], [-0.5, 6]]),
    "floor_divide": ("floor_divide", (V, 2), {}, [[0, -1], [0, 1]]),
    "power": ("power", (V, 2), {}, [[1, 4], [0.25, 9]]),
    "power, number": ("power", (2, 3), {}, 8),
    "negative": ("negative", (V,), {}, [[-1, 2], [-0.5, -3]]),
    "minimum": ("minimum", (V, W), {}, [[1, -2], [-1, 0.5]]),
    "minimum, number": ("minimum", (V, 0.5), {}, [[0.5, -2], [0.5, 0.5]]),
    "minimum, whole numbers and a half": ("minimum", (tensor([1, 0]), 0.5), {}, tensor([0.5, 0.0])),
    "maximum": ("maximum", (V, W), {}, [[2, 2], [0.5, 3]]),
    "maximum, number first": ("maximum", (0, V), {}, [[1, 0], [0.5, 3]]),
    "maximum, numbers": ("maximum", (1, 2.5), {}, 2.5),
    "less": ("less", (V, W), {}, [[True, True], [False, False]]),
    "less_equal": ("less_equal", (V, 1), {}, [[True, True], [True, False]]),
    "greater": ("greater", (V, W), {}, [[False, False], [True, True]]),
    "greater_equal": ("greater_equal", (V, 1), {}, [[True, False], [False, True]]),
    "equal": ("equal", (V, 3), {}, [[False, False], [False, True]]),
    "where": ("where", (V > 0, V, W), {}, [[1, 2], [0.5, 3]]),
    "where, numbers": ("where", (V > 0, 1.0, 0.0), {}, tensor([[1.0, 0.0], [1.0, 1.0]])),
    "where, one truth value": ("where", (False, V, W), {}, W),
    "where, one truth value, a number": ("where", (True, 0.5, (V > 0).long()), {}, torch.full(V.shape, 0.5)),
    "exp": ("exp", (V,), {}, entries(math.exp)),
    "exp, number": ("exp", (2.0,), {}, math.exp(2)),
    "log": ("log", (P,), {}, entries(math.log, P)),
    "sqrt": ("sqrt", (P,), {}, entries(math.sqrt, P)),
    "abs": ("abs", (V,), {}, entries(abs)),
    "tanh": ("tanh", (V,), {}, entries(math.tanh)),
    "sigmoid": ("sigmoid", (V,), {}, entries(lambda x: 1 / (1 + math.exp(-x)))),
    "softplus": ("softplus", (V,), {}, entries(lambda x: math.log1p(math.exp(x)))),
    "relu": ("relu", (V,), {}, [[1, 0], [0.5, 3]]),
    "sin": ("sin", (V,), {}, entries(math.sin)),
    "cos": ("cos", (V,), {}, entries(math.cos)),
    "square": ("square", (V,), {}, [[1, 4], [0.25, 9]]),
    "clamp": ("clamp", (V,), {"low": -1, "high": 2}, [[1, -1], [0.5, 2]]),
    "clamp, from above": ("clamp", (V,), {"high": 0.0}, [[0, -2], [0, 0]]),
    "round": ("round", (tensor([0.5, 1.5, -1.2]),), {}, tensor([0.0, 2.0, -1.0])),
    "sum": ("sum", (V,), {}, [-1, 3.5]),
    "sum, image": ("sum", (IMAGE,), {}, [28]),
    "sum, number a sample": ("sum", (B,), {}, B),
    "mean": ("mean", (IMAGE,), {}, [3.5]),
    "logsumexp": ("logsumexp", (LOGITS,), {}, [math.log(8)]),
    "logsumexp, huge": ("logsumexp", (V * 0 + 1000,), {}, [1000 + math.log(2)] * 2),
    "logmeanexp": ("logmeanexp", (LOGITS,), {}, [math.log(8 / 3)]),
    "logmeanexp, number a sample": ("logmeanexp", (B,), {}, B),
    "square_norm": ("square_norm", (V,), {}, [5, 9.25]),
    "norm": ("norm", (V,), {}, [math.sqrt(5), math.sqrt(9.25)]),
    "norm, number a sample": ("norm", (B,), {}, [3, 4]),
    # k(0) is 7, and k(1) = 1/6 + 2/7 + 1/2 + 2/3 + 4/5 + 10/11 + 20/21
    "mmd_penalty": ("mmd_penalty", (V[:, :1] * 0 + tensor([[0], [1]]), V[:, :1] * 0), {}, [-2.71948052, 2.71948052]),
    "nearest_row": ("nearest_row", (V, W), {}, [[-1, 0.5], [2, 2]]),
    "next_row": ("next_row", (V,), {}, V.roll(-1, 0)),
    "batch_mean": ("batch_mean", (V,), {}, [0.75, 0.5]),
    "squared_error": ("squared_error", (V, W), {}, [17, 8.5]),
    "mse": ("mse", (V, W), {}, [8.5, 4.25]),
    "l1": ("l1", (V, W), {}, [2.5, 2]),
    "bce": ("bce", (P, tensor([[1.0, 0.25]]).double()), {},
            [-math.log(0.2) - 0.25 * math.log(0.9) - 0.75 * math.log(0.1)]),
    "bce_with_logits": ("bce_with_logits", (V[:1], tensor([[1.0, 0.25]]).double()), {},
                        [math.log1p(math.e) - 1 + math.log1p(math.exp(-2)) + 0.5]),
    "bce, number": ("bce", (P, 1), {}, [-math.log(0.2) - math.log(0.9)]),
    "bce_with_logits, number": ("bce_with_logits", (V[:1], 0), {}, [math.log1p(math.e) + math.log1p(math.exp(-2))]),
    "cross_entropy": ("cross_entropy", (LOGITS.expand(2, 3), tensor([2, 0])), {}, [-math.log(5 / 8), math.log(8)]),
    "concatenate": ("concatenate", (V, B), {}, [[1, -2, 3], [0.5, 3, -4]]),
    "concatenate, numbers": ("concatenate", (B, B), {}, [[3, 3], [-4, -4]]),
    "concatenate, columns": ("concatenate", (IMAGE, IMAGE), {"axis": -1}, torch.cat([IMAGE, IMAGE], 3)),
    "reshape": ("reshape", (IMAGE, [4, 2]), {}, [[[0, 1], [2, 3], [4, 5], [6, 7]]]),
    "flatten": ("flatten", (IMAGE,), {}, [list(range(8))]),
    "flatten, number a sample": ("flatten", (B,), {}, [[3], [-4]]),
    "repeat": ("repeat", (V, 2), {}, [[1, -2], [1, -2], [0.5, 3], [0.5, 3]]),
    "repeat, number a sample": ("repeat", (B, 3), {}, [3, 3, 3, -4, -4, -4]),
    "group": ("group", (tensor([1.0, 2, 3, 4, 5, 6]).double(), 3), {}, [[1, 2, 3], [4, 5, 6]]),
    "interpolate": ("interpolate", (V, W, 3), {}, [[1, -2], [1.5, 0], [2, 2], [0.5, 3], [-0.25, 1.75], [-1, 0.5]]),
    "interpolate, one point": ("interpolate", (V, W, 1), {}, V),
    "interpolate, spherical": ("interpolate", (tensor([[2.0, 0.0]]), tensor([[0.0, 2.0]]), 3), {"kind": "spherical"},
                               tensor([[2.0, 0.0], [2**0.5, 2**0.5], [0.0, 2.0]])),
    "interpolate, parallel": ("interpolate", (V, 2 * V, 2), {"kind": "spherical"},
                              [[1, -2], [2, -4], [0.5, 3], [1, 6]]),
    "one_hot": ("one_hot", (tensor([2, 0]), 3), {}, tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])),
    "argmax": ("argmax", (tensor([[1, 5, 2], [7, 7, 0]]),), {}, tensor([1, 0])),
}  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "options", "expected"), CASES.values(), ids=CASES.keys())
def test_an_operator_is_its_closed_form(name, arguments, options, expected):
    found = OPERATORS.find(name)(*arguments, **options)
    if isinstance(expected, list):
        expected = tensor(expected, dtype=torch.bool if found.dtype == torch.bool else torch.float64)
    if isinstance(expected, Tensor):
        assert_close(found, expected)
    else:
        assert type(found) in (int, float)
        assert found == pytest.approx(expected, rel=1e-12)


def test_every_operator_has_a_row():
    assert set(OPERATORS.names()) == {name for name, *_ in CASES.values()}


@pytest.mark.parametrize("name", OPERATORS.names())
def test_every_operator_declares_its_rule_its_types_and_its_meaning(name):
    function = OPERATORS.find(name)
    assert isinstance(function.rule, Rule)
    assert function.__doc__
    parameters = inspect.signature(function).parameters.values()
    assert all(parameter.annotation is not parameter.empty for parameter in parameters)
    assert OPERATORS.summary(name) == function.__doc__.split("\n")[0]


# one of the values is never read
ONE_SIDED = {"where, one truth value", "where, one truth value, a number", "interpolate, one point"}
FLOATS = {
    key: row
    for key, row in CASES.items()
    if key not in ONE_SIDED and any(isinstance(a, Tensor) and a.is_floating_point() for a in row[1])
}


@pytest.mark.parametrize(("name", "arguments", "options"), [row[:3] for row in FLOATS.values()], ids=FLOATS.keys())
def test_the_gradient_passes_where_the_rule_says(name, arguments, options):
    function = OPERATORS.find(name)
    for place, argument in enumerate(arguments):
        if isinstance(argument, Tensor) and argument.is_floating_point():
            tracked = argument.detach().clone().requires_grad_()
            value = function(*arguments[:place], tracked, *arguments[place + 1 :], **options)
            gradient = torch.zeros_like(tracked)
            if value.requires_grad:
                (gradient,) = torch.autograd.grad(value.sum(), tracked, materialize_grads=True)
            assert gradient.isfinite().all()
            assert gradient.any() == function.rule.passes(place)


ROWS = {"same": lambda b: b, "repeat": lambda b: 2 * b, "group": lambda b: b // 2, "interpolate": lambda b: 2 * b}


@pytest.mark.parametrize("name", ["add", "exp", "sum", "flatten", "repeat", "group", "interpolate"])
def test_rows_become_what_the_rule_says(name):
    function = OPERATORS.find(name)
    arguments = {"add": (V, W), "repeat": (V, 2), "group": (V, 2), "interpolate": (V, W, 2)}.get(name, (V,))
    assert len(function(*arguments)) == ROWS[function.rule.rows](2)


def test_group_undoes_repeat():
    repeat, group = OPERATORS.find("repeat"), OPERATORS.find("group")
    grouped = group(repeat(IMAGE, 3), 3)
    assert grouped.shape == (1, 3, 2, 2, 2)
    assert all(torch.equal(grouped[:, k], IMAGE) for k in range(3))


def test_spherical_interpolation_keeps_the_norm_and_meets_its_ends():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.nn.functional.normalize(torch.randn(4, 9, generator=generator), dim=1) for _ in range(2))
    points = OPERATORS.find("interpolate")(a.reshape(4, 3, 3), b.reshape(4, 3, 3), 5, kind="spherical").reshape(4, 5, 9)
    assert_close(points.norm(dim=2), torch.ones(4, 5))
    assert_close(points[:, 0], a)
    assert_close(points[:, 4], b)


def test_a_number_a_sample_meets_an_image_from_the_left():
    assert_close(align(B, IMAGE.expand(2, 2, 2, 2)) * torch.ones(2, 2, 2, 2).double(),
                 B.reshape(2, 1, 1, 1).expand(2, 2, 2, 2))  # fmt: skip
    assert align(IMAGE, B) is IMAGE


def test_a_clamp_without_bounds_is_refused():
    with pytest.raises(ValueError, match="low"):
        OPERATORS.find("clamp")(V)


@pytest.mark.parametrize(
    "law",
    [
        Normal(IMAGE[:, 0].expand(2, 2, 2) + B.view(2, 1, 1), torch.tensor([[1.0, 2.0], [0.5, 1.5]], dtype=B.dtype)),
        Normal(V, W.abs()),
        Normal(V, 0.5),
        Bernoulli(V),
    ],
    ids=["std of an event", "std of rows", "a number", "bernoulli"],
)
def test_a_repeated_law_is_that_of_each_row(law):
    repeat = OPERATORS.find("repeat")
    value = law.at(torch.full_like(law.mean, 0.25))
    many = repeat(law, 3)
    assert_close(many.log_prob(repeat(value, 3)), repeat(law.log_prob(value), 3))
    assert_close(many.mean[:3], law.mean[:1].expand(3, *law.mean.shape[1:]))
