"""What autograd records: gradients by a value, stops and draws, inside loops and outside them."""

import copy

import pytest
import torch
from torch.testing import assert_close

from compose.build import build
from compose.spec import parse_spec
from tests.driving import POINTS, compiled, fill, program_of, sampled

X = torch.randn(8, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
HEAD = "name: small\ndata: {source: toy.moons, batch_size: 8}\n"
BLOCKS = """blocks:
  energy:  {kind: energy.mlp, hidden: [6]}
  decoder: {kind: decoder.mlp, latent: 2, hidden: [6]}
  chain:   {kind: diffusion.vp, steps: 3}
"""


def value(text: str, name: str = "default"):
    """A sampler of a spec, with the energy that it was drawn with."""
    executable = compiled(f"{HEAD}{BLOCKS}{text}")
    return sampled(executable, 8, name, x=X), executable


@pytest.mark.parametrize("recording", [True, False])
def test_a_gradient_in_a_sampler_needs_no_recording_around_it(recording):
    with torch.set_grad_enabled(recording):
        made, executable = value("samplers:\n  default: grad(energy(x), x)\n")
    x = X.clone().requires_grad_()
    (expected,) = torch.autograd.grad(executable.blocks["energy"](x).sum(), x)
    assert_close(made, expected)
    assert not made.requires_grad


@pytest.mark.parametrize("recording", [True, False])
def test_a_gradient_inside_a_kernel_needs_no_recording_around_it(recording):
    with torch.set_grad_enabled(recording):
        made, executable = value("""
models:
  downhill(v, t): v - 0.1 * grad(energy(v), v)
samplers:
  default: ~reverse(chain, downhill, init=x)
""")
    x = X
    for _ in range(3):
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(executable.blocks["energy"](x).sum(), x)
        x = x - 0.1 * slope
    assert_close(made, x.detach())
    assert torch.is_grad_enabled()


def test_a_gradient_in_the_field_of_a_flow():
    made, _ = value("""
models:
  field(v, t): -grad(square_norm(v) / 2, v)
  flowed: push(normal(like=x), ode(field, time=0.5, rtol=1e-8, atol=1e-8))
samplers:
  default: flowed.log_prob(x)
""")
    before = X * torch.tensor(0.5).exp()
    expected = (-(before**2) / 2 - 0.5 * torch.log(torch.tensor(2 * torch.pi))).sum(1) + 2 * 0.5
    assert_close(made, expected, rtol=1e-6, atol=1e-6)


def test_a_gradient_holds_draws_fixed_but_passes_noise_to_its_own_draw():
    made, executable = value("""
graph:
  later: ~normal(3 * x, 0.5)
  s: ~decoded
models:
  decoded:
    z: ~normal
    y: ~normal(decoder(z), 0.5)
samplers:
  partial: grad(square_norm(x) + square_norm(later), x)
  default: record(slope=grad(energy(s), s.noise.z), z=s.noise.z, y=s.noise.y)
""")
    z = made["z"].clone().requires_grad_()
    energy = executable.blocks["energy"](executable.blocks["decoder"](z) + 0.5 * made["y"])
    (expected,) = torch.autograd.grad(energy.sum(), z)
    assert_close(made["slope"], expected)
    assert_close(sampled(executable, 8, "partial", x=X), 2 * X)


@pytest.mark.parametrize("written", ["grad(energy(sg(x)), x)", "grad(energy(2 * x), square(x))"])
def test_a_gradient_of_what_does_not_depend_on_the_value_is_refused(written):
    _, findings = build(parse_spec(f"compose: 1\n{HEAD}{BLOCKS}samplers:\n  default: {written}\n"), POINTS)
    assert [found.code for found in findings] == ["T239"]


def test_stops_inside_the_potential_of_a_chain():
    """The potential sg(w(v)) |v|^2 / 2 pulls by w(v) v, without the slope of w."""
    executable = compiled(f"""{HEAD}{BLOCKS}
models:
  pull(v): sg(energy(v)) * square_norm(v) / 2
graph:
  gen: descend(pull, x, steps=2, step_size=0.4, differentiable=true)
stages:
  - steps: 1
    minimize: {{size: square_norm(gen)}}
""")
    program = program_of(executable)
    made = program(fill(program, 8, {"x": X}))
    energy = executable.blocks["energy"]
    x = X
    for _ in range(2):
        x = (x - 0.2 * energy(x)[:, None] * x).detach()
    assert_close(made["terms"]["size"], x.square().sum(1).mean())


def test_a_differentiable_chain_that_trains_nothing_records_nothing():
    executable = compiled(f"""{HEAD}{BLOCKS}
graph:
  gen: descend(energy, x, steps=2, step_size=0.4, differentiable=true)
stages:
  - steps: 1
    train: [decoder]
    minimize: {{fit: "mse(decoder(gen), gen)"}}
""")
    program = program_of(executable)
    assert "differentiable" not in program.code
    program(fill(program, 8, {"x": X}))["loss"].backward()


def test_a_flow_that_trains_nothing_records_nothing():
    executable = compiled(f"""{HEAD}{BLOCKS}
models:
  ode: push(normal(like=x), gradient_flow(energy, time=0.1))
stages:
  - steps: 1
    train: [decoder]
    minimize: {{fit: "mse(decoder(~ode), x)"}}
""")
    program = program_of(executable)
    assert "with no_grad():" in program.code
    program(fill(program, 8, {"x": X}))["loss"].backward()


def test_the_second_derivative_reaches_parameters():
    """R1: the penalty's gradient for the energy is that of autograd twice."""
    executable = compiled(f"""{HEAD}{BLOCKS}
stages:
  - steps: 1
    minimize: {{r1: "square_norm(grad(energy(x), x))"}}
""")
    twin = copy.deepcopy(executable.blocks["energy"])
    program = program_of(executable)
    program(fill(program, 8, {"x": X}))["loss"].backward()
    x = X.clone().requires_grad_()
    (slope,) = torch.autograd.grad(twin(x).sum(), x, create_graph=True)
    slope.square().sum(1).mean().backward()
    for one, other in zip(executable.blocks["energy"].parameters(), twin.parameters(), strict=True):
        if other.grad is not None:
            assert_close(one.grad, other.grad)


def test_a_parameter_that_is_stopped_gets_no_gradient():
    """Its block gives the parameter itself: computing it without recording is not enough."""
    executable = compiled(f"""{HEAD}
blocks:
  beta:   {{kind: parameter, init: 1.0}}
  energy: {{kind: energy.mlp, hidden: [6]}}
stages:
  - steps: 1
    minimize: {{fit: sg(beta) * energy(x) + sg(exp(beta) * energy(x)), scale: beta ** 2}}
""")
    program = program_of(executable, active=["fit"])
    program(fill(program, 8, {"x": X}))["loss"].backward()
    assert executable.blocks["beta"].value.grad is None
