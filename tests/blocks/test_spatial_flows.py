"""Flows of pictures: one table, one battery, float64."""

import pytest
import torch
from torch.testing import assert_close

from blocks.distributions import standard_normal_log_prob
from blocks.flows.glow import Glow
from blocks.flows.realnvp_image import RealNVPImage
from blocks.initialisation import first_batch
from blocks.spatial import ActNorm, InvertibleConvolution, Mixing, ZeroConvolution
from blocks.transforms import Chain, total

FLOWS = {  # a new flow of pictures adds a row: kind, event, options
    "glow": (Glow, (1, 4, 4), {"levels": 2, "steps": 2, "width": 5}),
    "glow, additive": (Glow, (2, 2, 4), {"levels": 1, "steps": 2, "width": 5, "coupling": "additive"}),
    "glow, standard": (Glow, (1, 4, 4), {"levels": 2, "steps": 1, "width": 5, "prior": "standard", "scale": "soft"}),
    "realnvp": (RealNVPImage, (1, 4, 4), {"levels": 2, "width": 5}),
    "realnvp, one level": (RealNVPImage, (3, 2, 3), {"levels": 1, "width": 5}),
}


@pytest.fixture(params=[(*row, told) for row in FLOWS.values() for told in (False, True)],
                ids=[f"{name}{told}" for name in FLOWS for told in ("", ", conditional")])  # fmt: skip
def case(request):
    kind, event, options, told = request.param
    torch.manual_seed(0)
    flow = kind((event, (3,)) if told else (event,), **options).double()
    for p in flow.parameters():  # zero convolutions would make it nearly linear
        torch.nn.init.normal_(p, std=0.3)
    context = (normal(7, 3, seed=5),) if told else ()
    return flow, event, context


def normal(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_inverse_undoes_forward(case):
    flow, event, context = case
    z = normal(7, *event)
    x, ladj = flow.forward_and_ladj(z, *context)
    back, inverse_ladj = flow.inverse_and_ladj(x, *context)
    assert_close(back, z)
    assert_close(inverse_ladj, -ladj)
    assert_close(flow(z, *context), x)
    assert_close(flow.inverse(x, *context), z)


def test_ladj_is_the_brute_force_jacobian(case):
    flow, event, context = case
    z = normal(2, *event)
    for row in range(2):
        told = [c[row : row + 1] for c in context]
        full = torch.func.jacrev(lambda v, told=told: flow(v[None], *told)[0])(z[row])
        count = z[row].numel()
        _, ladj = flow.forward_and_ladj(z[row : row + 1], *told)
        assert_close(ladj[0], torch.linalg.slogdet(full.reshape(count, count)).logabsdet)


def test_the_value_is_made_again_of_the_leaves_of_all_levels(case):
    flow, event, context = case
    x = normal(7, *event)
    leaves = flow.noise_of(x, *context)
    assert_close(flow.at(*leaves, *context), x)
    assert [tuple(leaf.shape[1:]) for leaf in leaves] == [size for _, size in flow.noise_laws().values()]
    again, density = flow.log_prob_at(*leaves, *context)
    assert_close(density, flow.log_prob(x, *context))
    assert_close(again, x)
    inverse, ladj = flow.inverse_and_ladj(x, *context)
    assert_close(density, standard_normal_log_prob(inverse) + ladj)


def test_every_parameter_gets_a_gradient(case):
    flow, event, context = case
    parameters = list(flow.parameters())
    gradients = torch.autograd.grad(flow.log_prob(normal(7, *event), *context).sum(), parameters)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


def test_rows_do_not_meet(case):
    flow, event, context = case
    x = normal(7, *event)
    assert_close(flow.log_prob(x, *context)[4:5], flow.log_prob(x[4:5], *(c[4:5] for c in context)))


def test_a_norm_starts_from_the_first_batch_alone():
    norm = ActNorm(2).double()
    x = 3 * normal(50, 2, 3, 4) + torch.tensor([5.0, -1.0], dtype=torch.float64)[:, None, None]
    assert torch.equal(norm.pull(x)[0], x)  # nobody said that it is the first batch
    with first_batch([norm]):
        z = norm.pull(x)[0]
        norm.pull(x + 1)
    assert_close(z.mean((0, 2, 3)), torch.zeros(2, dtype=torch.float64), atol=1e-12, rtol=0)
    assert_close(z.std((0, 2, 3), correction=0), torch.ones(2, dtype=torch.float64), atol=1e-6, rtol=0)
    assert_close(norm.pull(x)[0], z)  # neither the second value nor a later one moved it


def test_every_norm_of_a_flow_sees_what_the_ones_before_made_of_the_batch():
    torch.manual_seed(0)
    flow = Glow(((1, 4, 4),), levels=1, steps=3, width=5).double()
    x = 2 + 3 * normal(64, 1, 4, 4)
    with first_batch([flow]):
        flow.log_prob(x)
    z = flow.inverse(
        x
    ).detach()  # couplings start near z * 0.88, and the last norm is before the last convolution and coupling
    assert float(z.mean().abs()) < 0.05
    assert 0.75 < float(z.std()) < 1


def test_the_convolution_starts_as_a_rotation():
    torch.manual_seed(0)
    layer = InvertibleConvolution(6).double()
    matrix = layer.matrix()
    assert_close(matrix @ matrix.T, torch.eye(6, dtype=torch.float64), atol=1e-5, rtol=0)  # drawn in float32
    assert_close(layer.log_scale.sum(), torch.zeros((), dtype=torch.float64), atol=1e-5, rtol=0)


def test_the_mixing_is_the_norm_and_then_the_convolution():
    torch.manual_seed(0)
    both = Mixing(3).double()
    for p in both.parameters():
        torch.nn.init.normal_(p, std=0.5)
    apart, x = Chain([both.convolution, both.norm]), normal(5, 3, 2, 2)
    z, parts = both.pull(x)
    expected, others = apart.pull(x)
    assert_close(z, expected)
    assert_close(total(parts, x), total(others, x))
    assert_close(both.push(z)[0], apart.push(z)[0])


def test_the_last_convolution_is_stretched_by_the_cube_of_its_factors_exponential():
    """Glow's code: `(conv(x) + b) * exp(3 logs)`, of zeros at first."""
    layer = ZeroConvolution(3, 4).double()
    x = normal(5, 3, 4, 4)
    assert not layer(x).any()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    plain = torch.nn.functional.conv2d(x, layer.weight, layer.bias, padding=1)
    stretched = plain * layer.log_factor.exp()[:, None, None] ** 3
    assert_close(layer(x), stretched)


REFUSED = {
    "odd": (Glow, (1, 7, 8), {"levels": 1}, "7 is odd; pad or crop"),
    "once": (Glow, (1, 28, 28), {"levels": 3}, "28 is not a multiple of 8; `levels: 2` fits"),
    "no picture": (Glow, (6,), {}, "for pictures"),
    "one pixel": (RealNVPImage, (2, 4, 4), {"levels": 3}, "nothing to transform: write `levels: 2`"),
    "one pixel at once": (RealNVPImage, (2, 1, 1), {"levels": 1}, "nothing to transform$"),
    "no steps": (Glow, (1, 4, 4), {"steps": 0}, "`steps` cannot be 0"),
    "no width": (Glow, (1, 4, 4), {"width": 0}, "`width`"),
}


@pytest.mark.parametrize(("kind", "event", "options", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_with_a_sentence(kind, event, options, said):
    with pytest.raises(ValueError, match=said):
        kind((event,), **options)
