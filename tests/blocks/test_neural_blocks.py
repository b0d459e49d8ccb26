"""One battery for every neural block: a new one adds a row."""

import copy
import inspect
import math
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from blocks.registry import BLOCKS
from blocks.types import Classes, Levels, Size, Takes

BATCH = 5


class Row(NamedTuple):
    """A block as the compiler would build it, and the event that its call should give."""

    kind: str
    takes: Takes
    gives: Size
    makes: Size | None = None
    options: dict[str, Any] = {}


SMALL = {"hidden": (16, 12)}
NARROW_IN = {"channels": (4, 6), "hidden": 16}
NARROW_OUT = {"channels": (6, 4), "hidden": 16}

ROWS = {
    "encoder of vectors": Row("encoder.mlp", ((2,),), (3,), options={"latent": 3, **SMALL}),
    "encoder of images": Row("encoder.mlp", ((3, 4, 5),), (7,), options={"latent": 7, **SMALL}),
    "encoder of numbers": Row("encoder.mlp", ((),), (1,), options={"latent": 1, **SMALL}),
    "encoder, normal": Row("encoder.mlp", ((1, 8, 8),), (4,), options={"latent": 4, "output": "normal", **SMALL}),
    "encoder, bernoulli": Row("encoder.mlp", ((6,),), (4,), options={"latent": 4, "output": "bernoulli"}),
    "encoder of a class": Row("encoder.mlp", ((2,), Classes(10)), (3,), options={"latent": 3, **SMALL}),
    "encoder, batch norm": Row("encoder.mlp", ((2,),), (3,), options={"latent": 3, "norm": "batch", **SMALL}),
    "encoder, linear": Row("encoder.mlp", ((2,),), (3,), options={"latent": 3, "hidden": ()}),
    "decoder of vectors": Row("decoder.mlp", ((3,),), (2,), (2,), SMALL),
    "decoder of images": Row("decoder.mlp", ((3,),), (3, 4, 5), (3, 4, 5), {"output_activation": "tanh", **SMALL}),
    "decoder of numbers": Row("decoder.mlp", ((3,),), (), (), SMALL),
    "decoder, normal": Row("decoder.mlp", ((3,),), (1, 4, 4), (1, 4, 4), {"output": "normal", **SMALL}),
    "decoder, normal number": Row("decoder.mlp", ((3,),), (), (), {"output": "normal", **SMALL}),
    "decoder, shared std": Row("decoder.mlp", ((3,),), (4,), (4,), {"output": "normal", "std": "shared", **SMALL}),
    "decoder, fixed std": Row("decoder.mlp", ((3,),), (4,), (4,), {"output": "normal", "std": 0.1, **SMALL}),
    "decoder, bernoulli": Row("decoder.mlp", ((3,),), (1, 4, 4), (1, 4, 4), {"output": "bernoulli", **SMALL}),
    "decoder of a class": Row("decoder.mlp", ((3,), Classes(4)), (2,), (2,), {"latent": 3, **SMALL}),
    "decoder of code maps": Row("decoder.mlp", ((2, 3, 3),), (5,), (5,), {"norm": "layer", **SMALL}),
    "infogan encoder, 28": Row("encoder.infogan", ((1, 28, 28),), (3,), options={"latent": 3, **NARROW_IN}),
    "infogan encoder, 8": Row("encoder.infogan", ((3, 8, 8),), (3,), options={"latent": 3, **NARROW_IN}),
    "infogan encoder, normal": Row(
        "encoder.infogan", ((1, 8, 12),), (3,), options={"latent": 3, "output": "normal", **NARROW_IN}
    ),
    "infogan decoder, 28": Row("decoder.infogan", ((3,),), (1, 28, 28), (1, 28, 28), NARROW_OUT),
    "infogan decoder, 8": Row("decoder.infogan", ((3,),), (3, 8, 8), (3, 8, 8), NARROW_OUT),
    "infogan decoder, 8 x 12": Row("decoder.infogan", ((3,),), (2, 8, 12), (2, 8, 12), NARROW_OUT),
    "infogan decoder, normal": Row(
        "decoder.infogan", ((3,), Classes(10)), (2, 8, 8), (2, 8, 8), {"output": "normal", **NARROW_OUT}
    ),
    "infogan decoder, bernoulli": Row(
        "decoder.infogan", ((3,),), (1, 8, 8), (1, 8, 8), {"output": "bernoulli", **NARROW_OUT}
    ),
    "decoder, logistic": Row("decoder.mlp", ((3,),), (1, 4, 4), (1, 4, 4), {"output": "logistic", **SMALL}),
    "decoder, logistic of 32 levels": Row(
        "decoder.mlp",
        ((3,),),
        (2, 3),
        (2, 3),
        {"output": "logistic", "levels": 32, "output_activation": "tanh", **SMALL},
    ),
    "decoder, logistic mixture": Row(
        "decoder.mlp", ((3,),), (1, 4, 4), (1, 4, 4), {"output": "logistic_mixture", **SMALL}
    ),
    "decoder, categorical": Row(
        "decoder.mlp", ((3,),), (2, 2), (2, 2), {"output": "categorical", "levels": 4, **SMALL}
    ),
    "dcgan encoder, 28": Row("encoder.dcgan", ((1, 28, 28),), (3,), options={"latent": 3, "channels": (4, 6, 8)}),
    "dcgan encoder of a class": Row(
        "encoder.dcgan", ((3, 8, 8), Classes(4)), (3,), options={"latent": 3, "channels": (4, 6), "norm": "group"}
    ),
    "dcgan encoder, normal": Row(
        "encoder.dcgan",
        ((2, 9, 12),),
        (3,),
        options={"latent": 3, "channels": (4,), "output": "normal", "norm": "none"},
    ),
    "dcgan decoder, 28": Row("decoder.dcgan", ((3,),), (1, 28, 28), (1, 28, 28), {"channels": (8, 6, 4)}),
    "dcgan decoder, 64": Row(
        "decoder.dcgan", ((3,),), (3, 64, 64), (3, 64, 64), {"channels": (6, 6, 4), "norm": "none"}
    ),
    "dcgan decoder, 9 x 13": Row("decoder.dcgan", ((3,), Classes(4)), (2, 9, 13), (2, 9, 13), {"channels": (6, 4)}),
    "dcgan decoder, mixture": Row(
        "decoder.dcgan",
        ((3,),),
        (3, 8, 8),
        (3, 8, 8),
        {"channels": (6, 4), "output": "logistic_mixture", "components": 3, "output_activation": "sigmoid"},
    ),
    "resnet encoder, 32": Row("encoder.resnet", ((3, 32, 32),), (3,), options={"latent": 3, "channels": (4, 6, 8)}),
    "resnet encoder of a class": Row(
        "encoder.resnet", ((1, 9, 9), Classes(4)), (3,), options={"latent": 3, "channels": (4, 6), "norm": "batch"}
    ),
    "resnet encoder, map": Row(
        "encoder.resnet", ((1, 28, 28),), (5, 7, 7), options={"latent": 5, "channels": (4, 6), "code": "map"}
    ),
    "resnet encoder, normal map": Row(
        "encoder.resnet",
        ((1, 8, 8),),
        (5, 4, 4),
        options={"latent": 5, "channels": (4,), "code": "map", "output": "normal"},
    ),
    "resnet decoder, 28": Row("decoder.resnet", ((3,),), (1, 28, 28), (1, 28, 28), {"channels": (8, 6, 4)}),
    "resnet decoder, 64": Row("decoder.resnet", ((3,),), (3, 64, 64), (3, 64, 64), {"channels": (4, 4, 4)}),
    "resnet decoder of a map": Row("decoder.resnet", ((5, 7, 7),), (1, 28, 28), (1, 28, 28), {"channels": (6, 4)}),
    "resnet decoder, logistic": Row(
        "decoder.resnet", ((3,), Classes(3)), (2, 9, 13), (2, 9, 13), {"channels": (6, 4), "output": "logistic"}
    ),
    "energy of vectors": Row("energy.mlp", ((2,),), (), options=SMALL),
    "energy of images": Row("energy.mlp", ((1, 4, 4),), (), options={"activation": "elu", **SMALL}),
    "energy of two": Row("energy.mlp", ((2,), (1, 4, 4)), (), options={"activation": "softplus", **SMALL}),
    "energy of time": Row("energy.mlp", ((2,), Levels(6)), (), options={"time": "sinusoidal", **SMALL}),
    "generator": Row("generator.mlp", ((4,),), (2,), (2,), {"latent": 4, "activation": "relu", **SMALL}),
    "generator of a class": Row(
        "generator.mlp", ((4,), Classes(3)), (1, 4, 4), (1, 4, 4), {"output_activation": "tanh", **SMALL}
    ),
    "discriminator": Row("discriminator.mlp", ((1, 4, 4),), (), options=SMALL),
    "discriminator of three": Row("discriminator.mlp", ((2,), (2,), Levels(4)), (), options=SMALL),
    "discriminator, sinusoidal": Row(
        "discriminator.mlp", ((2,), (2,), Levels(4)), (), options={"time": "sinusoidal", "time_features": 8, **SMALL}
    ),
    "denoiser": Row("denoiser.mlp", ((2,), Levels(4)), (2,), (2,), {"activation": "gelu", **SMALL}),
    "denoiser of images": Row("denoiser.mlp", ((1, 4, 4), Levels(4)), (1, 4, 4), (1, 4, 4), SMALL),
    "denoiser, latent": Row("denoiser.mlp", ((2,), Levels(4), (5,)), (2,), (2,), {"latent": 5, **SMALL}),
    "denoiser, normal": Row("denoiser.mlp", ((2,), Levels(4)), (2,), (2,), {"output": "normal", **SMALL}),
    "denoiser, continuous time": Row("denoiser.mlp", ((2,), ()), (2,), (2,), {"time": "sinusoidal", **SMALL}),
    "denoiser, plain time": Row("denoiser.mlp", ((2,), ()), (2,), (2,), {"activation": "tanh", **SMALL}),
    "classifier": Row("classifier.mlp", ((1, 4, 4),), (10,), options={"classes": 10, **SMALL}),
    "classifier, inferred": Row("classifier.mlp", ((2,),), (3,), (3,), {"activation": "swish", **SMALL}),
}

TOO_WRONG = [  # kind, takes, makes, options, what the message must say
    ("encoder.mlp", (), None, {"latent": 2}, "call it on the value"),
    ("encoder.mlp", ((2,),), None, {"latent": 0}, "`latent` gives a layer of 0 units"),
    ("encoder.mlp", ((2,),), None, {"latent": 2, "hidden": (4, -1)}, "`hidden` gives a layer of -1 units"),
    ("encoder.mlp", ((2,),), None, {"latent": 2, "output": "gaussian"}, "one of tensor, normal, bernoulli"),
    ("encoder.mlp", ((2,),), None, {"latent": 2, "activation": "sine"}, "one of silu, swish, relu"),
    ("encoder.mlp", ((2,),), None, {"latent": 2, "norm": "group"}, "one of none, batch, layer"),
    ("encoder.mlp", ((2,),), None, {"latent": 2, "std": 0.1}, "`std: 0.1` needs `output: normal`"),
    ("decoder.mlp", ((2,),), (2,), {"output": "normal", "std": 0.0}, "write a number above 0"),
    ("decoder.mlp", ((2,),), (2,), {"output": "normal", "std": "free"}, "one of learned, shared"),
    ("decoder.mlp", ((2,),), (2,), {"output_activation": "relu"}, "one of none, sigmoid, tanh"),
    ("decoder.mlp", ((2,),), (2,), {"output": "bernoulli", "output_activation": "tanh"}, "between 0 and 1"),
    ("decoder.mlp", ((2,),), (2,), {"latent": 3}, r"passes one of size \(2,\)"),
    ("encoder.infogan", ((2,),), None, {"latent": 2}, r"\(channels, height, width\), not \(2,\)"),
    ("encoder.infogan", ((1, 30, 30),), None, {"latent": 2}, "divide by 4, not 30 x 30"),
    ("encoder.infogan", ((1, 8, 8), (2,)), None, {"latent": 2}, "one image, not 2 arguments"),
    ("encoder.infogan", ((1, 8, 8),), None, {"latent": 2, "channels": (64,)}, "write two widths"),
    ("encoder.infogan", (Classes(3),), None, {"latent": 2}, "takes an image"),
    ("decoder.infogan", ((2,),), (64,), {}, r"makes an image \(channels, height, width\), not \(64,\)"),
    ("decoder.infogan", ((2,),), (1, 8, 10), {}, "divide by 4, not 8 x 10"),
    ("encoder.dcgan", ((2,),), None, {"latent": 2}, r"\(channels, height, width\), not \(2,\)"),
    ("encoder.dcgan", ((1, 8, 8),), None, {"latent": 2, "channels": (4, 4, 4, 4)}, "leaves none: write at most 3"),
    ("encoder.dcgan", ((1, 8, 8),), None, {"latent": 2, "channels": (4, 0)}, "`channels` gives a layer of 0 units"),
    ("encoder.dcgan", ((1, 8, 8),), None, {"latent": 2, "norm": "layer"}, "one of none, batch, group"),
    ("decoder.dcgan", ((2,),), (64,), {}, r"makes an image \(channels, height, width\), not \(64,\)"),
    ("decoder.dcgan", ((2,),), (1, 4, 4), {}, "leaves none: write at most 2"),
    ("decoder.dcgan", ((2,),), (1, 8, 8), {"channels": ()}, "write a width for each doubling"),
    ("decoder.resnet", ((5, 4, 4),), (1, 28, 28), {}, "as many `channels`"),
    ("decoder.resnet", ((5, 3, 3), Classes(2)), (1, 28, 28), {}, "has no conditions"),
    ("encoder.resnet", ((1, 8, 8), (2,)), None, {"latent": 2, "code": "map"}, "has no conditions"),
    ("decoder.mlp", ((2,),), (2,), {"output": "logistic", "levels": 1}, "write 2 or more"),
    ("decoder.mlp", ((2,),), (2,), {"output": "logistic_mixture", "components": 0}, "write 1 or more"),
    ("decoder.mlp", ((2,),), (2,), {"levels": 32}, "`levels: 32` needs `output: logistic`"),
    ("decoder.mlp", ((2,),), (2,), {"output": "logistic", "components": 3}, "needs `output: logistic_mixture`"),
    ("energy.mlp", ((2,), Levels(4)), None, {"time": "sinusoidal", "time_features": 7}, "an even number"),
    ("discriminator.mlp", ((2,), Levels(4)), None, {"time": "fourier"}, "one of one_hot, sinusoidal"),
    ("generator.mlp", ((2,),), (2,), {"latent": -1}, "layer of -1 units"),
    ("denoiser.mlp", (Levels(4), (2,)), (2,), {}, r"write denoiser\(x_t, t\)"),
    ("denoiser.mlp", ((2,), Levels(4)), (2,), {"latent": 5}, "sizes argument 3, but the call has 2"),
    ("classifier.mlp", ((2,),), None, {}, "write `classes: 10`"),
    ("classifier.mlp", ((2,),), (1, 4, 4), {}, "one logit a class"),
    ("classifier.mlp", ((2,),), (3,), {"classes": 4}, "make the two equal"),
    ("parameter", None, None, {"size": 0}, "`size` gives a layer of 0 units"),
]

ARGUMENT_SIZES = {
    ("decoder.mlp", 8): ((8,),),
    ("decoder.mlp", None): (None,),
    ("decoder.infogan", 8): ((8,),),
    ("generator.mlp", 8): ((8,),),
    ("generator.mlp", None): (None,),
    ("denoiser.mlp", 8): (None, None, (8,)),
    ("denoiser.mlp", None): (None, None),
}

OUTPUT_RANGES = [
    ("decoder.mlp", {}, None),
    ("decoder.mlp", {"output_activation": "tanh"}, (-1, 1)),
    ("decoder.mlp", {"output": "normal", "output_activation": "sigmoid"}, (0, 1)),
    ("decoder.mlp", {"output": "bernoulli"}, (0, 1)),
    ("decoder.mlp", {"output": "categorical"}, (0, 1)),
    ("decoder.dcgan", {"output": "logistic", "output_activation": "tanh"}, (-1, 1)),
    ("decoder.resnet", {"output": "logistic_mixture"}, (0, 1)),
    ("decoder.infogan", {}, (0, 1)),
    ("decoder.infogan", {"output_activation": "none"}, None),
    ("generator.mlp", {"output_activation": "tanh"}, (-1, 1)),
    ("denoiser.mlp", {}, None),
]


def build(kind: str, takes: Takes | None, makes: Size | None, options: dict[str, Any], seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    positional = [size for size in (takes, makes) if size is not None]
    return BLOCKS.find(kind)(*positional, **options)


def arguments(takes: Takes, batch: int = BATCH, seed: int = 1) -> list[Tensor]:
    """One tensor an argument: normal values, indices that reach both ends of their range."""
    generator = torch.Generator().manual_seed(seed)
    values = []
    for taken in takes:
        if isinstance(taken, Levels):
            values.append((torch.arange(batch) + seed) % (taken.count + 1))
        elif isinstance(taken, Classes):
            values.append((torch.arange(batch) + seed) % taken.count)
        else:
            values.append(torch.randn(batch, *taken, generator=generator))
    return values


def tensors(output: Any) -> list[Tensor]:
    """The numbers a call gives, whatever it gives: the value, the logits, or mean and std."""
    if isinstance(output, Tensor):
        return [output]
    if "logits" in output.fields and output.logits.shape == output.mean.shape:
        return [output.logits]
    return [part for part in (output.mean, output.std) if isinstance(part, Tensor)]


@pytest.fixture(params=ROWS.values(), ids=ROWS.keys())
def row(request: pytest.FixtureRequest) -> Row:
    return request.param


@pytest.fixture
def net(row: Row) -> nn.Module:
    return build(row.kind, row.takes, row.makes, row.options)


def test_a_call_gives_the_event_that_the_row_names(row, net):
    output = net(*arguments(row.takes))
    assert all(part.shape == (BATCH, *row.gives) for part in tensors(output))
    said = row.options.get("output", getattr(type(net), "returns", "tensor"))
    assert type(output).__name__.lower() == {"scalar": "tensor"}.get(said, said).replace("_", "")
    assert (said == "scalar") == (row.kind in {"energy.mlp", "discriminator.mlp"})


def test_shapes_follow_from_fake_tensors_at_any_batch_size(row):
    with FakeTensorMode():
        net = build(row.kind, row.takes, row.makes, row.options)
        for batch in (2, 4):
            values = [
                torch.zeros(batch, dtype=torch.int64)
                if isinstance(taken, Levels | Classes)
                else torch.zeros(batch, *taken)
                for taken in row.takes
            ]
            assert all(part.shape == (batch, *row.gives) for part in tensors(net(*values)))


def test_every_parameter_gets_a_gradient(row, net):
    output = tensors(net(*arguments(row.takes)))
    sum((part * torch.randn_like(part)).sum() for part in output).backward()
    idle = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not idle


def test_a_sample_does_not_see_its_neighbours_in_eval_mode(row, net):
    net.eval()
    here, there = arguments(row.takes, seed=1), arguments(row.takes, seed=2)
    mixed = [torch.cat([a[:2], b[2:]]) for a, b in zip(here, there, strict=True)]
    for before, after in zip(tensors(net(*here)), tensors(net(*mixed)), strict=True):
        torch.testing.assert_close(after[:2], before[:2])
        if "shared" not in row.options.values():
            assert not torch.allclose(after[2:], before[2:])


def test_without_batch_norm_the_mode_changes_nothing(row, net):
    if any(isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d) for part in net.modules()):
        pytest.skip("batch norm: train mode normalises by the batch")
    values = arguments(row.takes)
    training = tensors(net(*values))
    assert all(map(torch.equal, training, tensors(net.eval()(*values))))


def test_every_argument_matters(row, net):
    net.eval()
    values, others = arguments(row.takes, seed=1), arguments(row.takes, seed=2)
    before = tensors(net(*values))[0]
    for position in range(len(values)):
        changed = [*values[:position], others[position], *values[position + 1 :]]
        after = tensors(net(*changed))[0]
        assert ((after - before).flatten(1) if before.dim() > 1 else (after - before)[:, None]).abs().amax(1).min() > 0


def test_float64_agrees_with_float32(row, net):
    net.eval()
    values = arguments(row.takes)
    single = tensors(net(*values))
    double = tensors(net.double()(*[value.double() if value.is_floating_point() else value for value in values]))
    for low, high in zip(single, double, strict=True):
        assert high.dtype == torch.float64
        # 1e-4: float32 through four layers; sines of angles near 1000 (continuous time) keep about four digits
        torch.testing.assert_close(low.double(), high, rtol=1e-3, atol=1e-4)


def test_a_seed_fixes_the_parameters(row):
    first, second, other = (build(row.kind, row.takes, row.makes, row.options, seed) for seed in (3, 3, 4))
    values = arguments(row.takes)
    one, two, three = (tensors(block.eval()(*values))[0] for block in (first, second, other))
    assert torch.equal(one, two)
    assert not torch.equal(one, three)


def test_saving_and_loading_keeps_the_function(row, net):
    twin = build(row.kind, row.takes, row.makes, row.options, seed=9)
    twin.load_state_dict(copy.deepcopy(net).state_dict())
    values = arguments(row.takes)
    assert all(map(torch.equal, tensors(net.eval()(*values)), tensors(twin.eval()(*values))))


def test_only_inferred_sizes_are_positional_and_options_have_defaults(row):
    parameters = inspect.signature(BLOCKS.find(row.kind)).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional in (["takes"], ["takes", "makes"])
    required = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    assert required == (["latent"] if row.kind.startswith("encoder.") else [])


@pytest.mark.parametrize(("kind", "takes", "makes", "options", "says"), TOO_WRONG, ids=lambda value: str(value)[:40])
def test_wrong_options_say_what_is_wrong_and_the_way_out(kind, takes, makes, options, says):
    with pytest.raises(ValueError, match=says):
        build(kind, takes, makes, options)


@pytest.mark.parametrize(("asked", "sizes"), ARGUMENT_SIZES.items(), ids=str)
def test_latent_sizes_the_argument_that_it_names(asked, sizes):
    kind, latent = asked
    options = inspect.signature(BLOCKS.find(kind)).parameters
    written = {name: p.default for name, p in options.items() if p.kind is p.KEYWORD_ONLY}
    assert BLOCKS.find(kind).argument_sizes(**{**written, "latent": latent}) == sizes


@pytest.mark.parametrize(("kind", "options", "known"), OUTPUT_RANGES, ids=str)
def test_the_range_that_options_promise(kind, options, known):
    assert BLOCKS.find(kind).output_range(options) == known


def test_a_promised_range_holds():
    for kind, makes in (("decoder.mlp", (2,)), ("decoder.infogan", (1, 8, 8)), ("generator.mlp", (2,))):
        for word, low in (("tanh", -1), ("sigmoid", 0)):
            values = build(kind, ((3,),), makes, {"output_activation": word})(100 * torch.randn(20, 3))
            assert values.min() >= low
            assert values.max() <= 1
            assert values.std() > 0.1  # not stuck at one end


def test_a_linear_energy_is_a_dot_product():
    energy = build("energy.mlp", ((2, 3),), None, {"hidden": ()})
    (weight, bias), x = energy.parameters(), torch.randn(4, 2, 3)
    torch.testing.assert_close(energy(x), (x.reshape(4, 6) * weight).sum(1) + bias)


def test_an_energy_has_a_second_derivative():
    """R1 and the generator loss of thesis eq. 5.14 differentiate a force."""
    energy = build("energy.mlp", ((2,),), None, SMALL).double()
    x = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradgradcheck(lambda x: energy(x).sum(), (x,))


def test_leaky_relu_has_the_slope_of_the_thesis():
    critic = build("discriminator.mlp", ((1,),), None, {"hidden": (1,)})
    for parameter in critic.parameters():
        nn.init.constant_(parameter, 1.0 if parameter.dim() == 2 else 0.0)
    torch.testing.assert_close(critic(torch.tensor([[-1.0], [2.0]])), torch.tensor([-0.2, 2.0]))


def test_the_critic_of_the_thesis_has_the_sizes_of_the_thesis():
    """25 Gaussians (6.4.7): x_prev, x_t and t of 4 levels are 2 + 2 + 4 inputs; three layers of 512."""
    critic = build("discriminator.mlp", ((2,), (2,), Levels(4)), None, {"hidden": (512, 512, 512)})
    assert [p.numel() for p in critic.parameters()] == [8 * 512, 512, 512**2, 512, 512**2, 512, 512, 1]


def test_a_parameter_is_its_value_and_learns():
    number, vector = build("parameter", None, None, {"init": 2}), build("parameter", None, None, {"size": 3})
    assert number().shape == ()
    assert number().item() == 2.0
    assert torch.equal(vector(), torch.zeros(3))
    (number() ** 2 + (vector() + 1).sum()).backward()
    assert number.value.grad.item() == 4.0
    assert torch.equal(vector.value.grad, torch.ones(3))
    assert dict(number.named_parameters()).keys() == {"value"}


def test_a_classifier_can_learn_a_line():
    net = build("classifier.mlp", ((2,),), None, {"classes": 2, "hidden": (8,)})
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > x[:, 1]).long()
    optimizer = torch.optim.Adam(net.parameters(), 0.05)
    for _ in range(60):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 * math.log(2)
