"""The importance-weighted bound of a linear Gaussian VAE, in float64: closed forms, one sum of all draws, memory.

p(z) = N(0, 1), p(x | z) = N(W z + c, s^2), so p(x) = N(c, W W' + s^2) and p(z | x) = N(v W' (x - c) / s^2, v) with
1 / v = 1 + W' W / s^2.
"""

import math
import weakref

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from blocks.noise import draw, leaf_seed
from compose.spec import parse_spec
from runners.catalogue import open_sources
from runners.evaluate import evaluate
from runners.launch import assemble, examine
from runners.metrics import Redrawn, measure
from runners.sampling import CHUNK

SPEC = """
compose: 1
name: linear
data: {source: toy.gaussians8, batch_size: 64, size: 64, test_size: 300}
blocks:
  encoder: {kind: encoder.mlp, latent: 1, hidden: [], output: normal, std: POSTERIOR}
  decoder: {kind: decoder.mlp, hidden: [], output: normal, std: 0.5}
models:
  vae:
    z: ~normal
    x: ~decoder(z)
graph:
  q: encoder(x)
  z: ~q
  log_weight: vae.log_prob(z=z, x=x) - q.log_prob(z)
stages:
  - steps: 1
    minimize: {negative_elbo: -log_weight}
evaluate:
  bound: iwae(log_weight, draws=DRAWS)
"""

LOADING, OFFSET, VARIANCE = torch.tensor([[0.8], [-0.5]]).double(), torch.tensor([0.3, 0.1]).double(), 0.25
POSTERIOR_VARIANCE = 1 / (1 + float(LOADING.square().sum()) / VARIANCE)
GAIN = POSTERIOR_VARIANCE / VARIANCE * LOADING.T  # the mean of p(z | x) is GAIN (x - OFFSET)


def points() -> Tensor:
    return open_sources(parse_spec(SPEC))[""].split("test")["x"].double()


def evidence(x: Tensor) -> Tensor:
    """log p(x), of torch's own multivariate normal."""
    covariance = LOADING @ LOADING.T + VARIANCE * torch.eye(2).double()
    return torch.distributions.MultivariateNormal(OFFSET, covariance).log_prob(x)


def bound(draws: int, *, std: float, shift: float = 0.0, seed: int = 0):
    """The figure of the line `bound` where q(z | x) = N(mean of p(z | x) + shift, std^2)."""
    spec = parse_spec(SPEC.replace("DRAWS", str(draws)).replace("POSTERIOR", repr(std)))
    composition, findings = examine(spec)
    assert not [found for found in findings if found.severity == "error"]
    executable = assemble(composition, 0)
    executable.blocks.double()
    for block, weight, bias in (
        ("encoder", GAIN, -GAIN @ OFFSET + shift),
        ("decoder", LOADING, OFFSET),
    ):
        (layer,) = [part for part in executable.blocks[block].modules() if isinstance(part, nn.Linear)]
        with torch.no_grad():
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
    refused = []
    found = evaluate(executable, open_sources(spec), seed=seed, refused=refused.append)
    assert not refused
    return found["bound"], executable


def log_weights(x: Tensor, noise: Tensor, *, std: float, shift: float) -> Tensor:  # b 2, k b 1 -> k b
    """log p(z) + log p(x | z) - log q(z | x), written out."""
    normal = torch.distributions.Normal
    mean = (x - OFFSET) @ GAIN.T + shift
    z = mean + std * noise
    of_data = normal(z @ LOADING.T + OFFSET, math.sqrt(VARIANCE)).log_prob(x).sum(-1)
    return of_data + (normal(0.0, 1.0).log_prob(z) - normal(mean, std).log_prob(z)).sum(-1)


def test_with_the_posterior_itself_every_draw_has_the_evidence():
    x = points()
    for draws in (1, 7):
        found, _ = bound(draws, std=math.sqrt(POSTERIOR_VARIANCE))
        assert found.value == pytest.approx(float(evidence(x).mean()), abs=1e-6)  # x was made in float32
        assert found.error == pytest.approx(float(evidence(x).std() / math.sqrt(len(x))), rel=1e-5)


def test_one_draw_is_the_elbo_and_more_rise_to_the_evidence():
    x, std, shift = points(), 0.8, 0.3
    v = POSTERIOR_VARIANCE
    divergence = 0.5 * (std**2 / v + shift**2 / v - 1 - math.log(std**2 / v))  # KL(q | p(z | x))
    exact = float(evidence(x).mean())
    found = {draws: bound(draws, std=std, shift=shift)[0].value for draws in (1, 10, 100, 1000)}
    assert found[1] == pytest.approx(exact - divergence, abs=0.15)  # 300 draws of a weight of variance about 2
    assert found[1] < found[10] < found[100] < found[1000]
    assert found[1000] == pytest.approx(exact, abs=0.005)


def test_a_stream_of_draws_is_one_sum_of_all():
    x, std, shift, draws = points(), 0.8, 0.3, 40
    found, executable = bound(draws, std=std, shift=shift, seed=3)
    (argument,) = executable.evaluation("bound", frozenset()).arguments
    (leaf,) = [given.leaf for given in argument.sampler.program.inputs if given.leaf is not None]
    noise = [
        torch.cat([
            draw("normal", (rows, 1), leaf_seed(3, "evaluate/bound/bound", "", 0, number, chunk, leaf.path),
                 torch.float64, torch.device("cpu"))
            for chunk, rows in enumerate((CHUNK, len(x) - CHUNK))
        ])
        for number in range(draws)
    ]  # fmt: skip
    weights = log_weights(x, torch.stack(noise), std=std, shift=shift)
    assert weights.std(0).min() > 0.1  # the draws differ
    values = torch.logsumexp(weights, dim=0) - math.log(draws)
    assert found.value == pytest.approx(float(values.mean()), abs=1e-6)
    assert found.error == pytest.approx(float(values.std() / math.sqrt(len(x))), rel=1e-5)


class Alive(TorchDispatchMode):
    """Knows what every operation made, and how much of that is still held."""

    def __init__(self) -> None:
        super().__init__()
        self.made = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.made.append(weakref.ref(result))
        return result

    def numbers(self) -> int:
        return sum(value.numel() for value in (reference() for reference in self.made) if value is not None)


def test_memory_is_that_of_one_draw_however_many_there_are():
    held = []
    with Alive() as alive:

        def drawn(number: int) -> Tensor:
            held.append(alive.numbers())
            return torch.full((50, 4), float(number))

        measure("iwae", [Redrawn(drawn)], {"draws": 64})
    assert len(held) == 64
    assert held[1] >= 50  # the running sum is seen, so what else were kept would be
    assert max(held) == held[2]
    assert held[2] < 50 * 4 * 2


def test_draws_of_groups_are_counted_together():
    weights = torch.randn(6, 20, 5, generator=torch.Generator().manual_seed(0)).double()
    found = measure("iwae", [Redrawn(lambda number: weights[number])], {"draws": 6})
    at_once = torch.cat(list(weights), dim=1)
    assert found.value == pytest.approx(float((torch.logsumexp(at_once, 1) - math.log(30)).mean()), abs=1e-12)
    assert_close(torch.tensor(found.error), torch.tensor(measure("iwae", [at_once]).error))


def test_weights_that_differ_by_thousands_of_nats_do_not_overflow():
    found = measure("iwae", [Redrawn(lambda number: torch.full((3,), 2000.0 - 4000.0 * number))], {"draws": 2})
    assert found.value == pytest.approx(2000 - math.log(2))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_refused_at_the_first_draw(value):
    drawn = []

    def values(number: int) -> Tensor:
        drawn.append(number)
        return torch.full((3,), value)

    with pytest.raises(ValueError, match="nan or infinity"):
        measure("iwae", [Redrawn(values)], {"draws": 1000})
    assert drawn == [0]


def test_values_that_are_given_cannot_be_drawn_again():
    with pytest.raises(ValueError, match="cannot be drawn again"):
        measure("iwae", [torch.zeros(3)], {"draws": 2})
