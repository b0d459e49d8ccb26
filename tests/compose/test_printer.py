"""The readable print of a program: it runs on its own, computes the same bits, and reads like code a person wrote."""

import ast
import builtins
import copy

import pytest
import torch

from compose.printer import namespace
from compose.program import Program
from tests import systems
from tests.driving import compiled, fill
from tests.properties.random_specs import RandomSpec

X = torch.randn(16, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

MANY = """
name: many
data: {source: toy.moons, batch_size: 32}
blocks:
  encoder: {kind: encoder.mlp, latent: 3, output: normal, hidden: [8], norm: batch}
  decoder: {kind: decoder.mlp, output: bernoulli, hidden: [8], norm: batch}
  energy:  {kind: energy.mlp, hidden: [8]}
  flow:    {kind: flow.realnvp, couplings: 2, hidden: [8]}
  beta:    {kind: parameter, init: 1.0}
  memory:  {kind: memory.replay, size: 64}
models:
  vae:
    z: ~normal
    x: decoder(z).mean
  joint: tilt(vae, energy)
  ode: push(normal(like=x), gradient_flow(energy, time=0.2, method=rk4, steps=2))
  softened(v, w): v / (1 + abs(w)) ** 2
graph:
  q: encoder(x)
  s: ~vae
  z: ~q
  px: decoder(sg(z))
  fake: ~langevin(joint, init=record(z=~memory.read(probability=0.5)), steps=2, step_size=linear(0.1, 0.05, steps=10))
  walk: descend(energy, x, steps=2, step_size=0.1, differentiable=true, keep=1)
  lines: softened(x, -x - (x - 1) - (2 - x) // 3) * exp(x) ** -1.5
  sum_of: where(x < 0.5, x * -1, -(x * x) ** 2)
stages:
  - steps: 10
    minimize:
      evidence: kl(q, normal) - px.log_prob(sigmoid(x))
      z: square_norm(z) * exp(-beta)
      contrast: energy(x) - energy(fake) + 0.1 * square_norm(grad(energy(x), x))
      walked: mse(walk, sg(lines)) + sum(sum_of) + softplus(-energy(walk))
      flow: -flow.log_prob(x) - flow.log_prob(~flow)
      likelihood: {value: -ode.log_prob(x), every: 3}
    maximize:
      entropy: square_norm(s.z - sg(s.noise.z)) + kl(sg(q), normal)
    monitor:
      path: mean(walk.path)
      slope: square_norm(grad(energy(s), s))
    write: {memory: fake.state.z}
samplers:
  default: record(a=~ode, b=s.z, c=grad(energy(s), s))
  path: ~langevin(joint, steps=4, step_size=0.1, keep=2)
"""


def programs(text: str) -> list[tuple[str, Program]]:
    executable = compiled(text)
    found = []
    for index, _ in enumerate(executable.composition.stages):
        for update in executable.stage(index).updates:
            for step in (0, 1):
                active = update.active(step)
                found.append((f"{index}.{update.name}.{step}", update.program(active)))
    return found + [(name, executable.sampler(name).program) for name in executable.composition.samplers]


def run(program: Program, function) -> tuple[dict, list[torch.Tensor | None]]:
    """Everything that a program gives, and the gradients that its loss leaves."""
    clock = {"step": torch.tensor(3.0, dtype=torch.float64)}
    values = fill(program, len(X), {"x": X, **clock})
    parameters = [*program.module.parameters()]
    for parameter in parameters:
        parameter.grad = None
    made = function(*values.values())
    if "loss" in made and made["loss"].requires_grad:
        made["loss"].backward()
    return made, [parameter.grad for parameter in parameters]


def same(left, right) -> bool:
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return left is right


TEXTS = {name: getattr(systems, name) for name in systems.__all__} | {"MANY": MANY}
TEXTS |= {f"random {seed}": RandomSpec(seed).text for seed in range(15)}


@pytest.mark.parametrize("name", TEXTS)
def test_the_print_computes_the_same_bits(name):
    for label, program in programs(TEXTS[name]):
        scope: dict = {**namespace(program.module)}
        exec(compile(program.code, label, "exec"), scope)
        function = ast.parse(program.code).body[-1]
        assert isinstance(function, ast.FunctionDef)
        before = copy.deepcopy(program.module.state_dict())
        made, gradients = run(program, program.module)
        program.module.load_state_dict(before)
        printed, again = run(program, scope[function.name])
        assert same(made, printed), label
        for one, other in zip(gradients, again, strict=True):
            assert same(one, other), label


@pytest.mark.parametrize("name", TEXTS)
def test_the_print_names_what_it_uses_and_shadows_nothing(name):
    for label, program in programs(TEXTS[name]):
        tree = ast.parse(program.code)
        assert all(len(line) <= 130 for line in program.code.splitlines()), program.code
        functions = [part for part in tree.body if isinstance(part, ast.FunctionDef)]
        outer = {one.name for one in functions} | set(namespace(program.module))
        outer |= {
            alias.asname or alias.name
            for part in ast.walk(tree)
            if isinstance(part, ast.ImportFrom)
            for alias in part.names
        }
        for one in functions:
            stored = {
                part.id for part in ast.walk(one) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
            }
            stored |= {argument.arg for argument in one.args.args}
            assert not stored & (outer | set(dir(builtins))), (label, stored & outer)
            loaded = {
                part.id for part in ast.walk(one) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
            }
            assert loaded <= stored | outer | {"float"}, (label, loaded - stored - outer)
        inner = functions[:-1]
        assert all(ast.get_docstring(one) for one in inner), program.code


def test_the_print_of_the_energy_stage_is_the_one_a_person_would_write():
    program = dict(programs(systems.VAEBM))["1.update1.0"]
    assert program.code == EXPECTED


EXPECTED = '''# One step of energy_update1. It trains: energy.
# decoder_constant: decoder with constant parameters, in eval mode
# energy_constant: energy with constant parameters, in eval mode

from blocks.loops import langevin


def neg_potential(z, x):
    """- log `vaebm` at its noise, up to a constant and without |noise|^2 / 2: `prior` adds that."""
    return energy_constant(decoder_constant(z).at(x))


def energy_update1(x, z, noise_neg_init_x, seed_neg_step):
    energy_x = energy(x)
    neg_chain = langevin(
        neg_potential,
        {"z": z, "x": noise_neg_init_x},
        steps=10,
        step_size=0.05,
        seed=seed_neg_step,
        prior=True,
    )
    neg = decoder_constant(neg_chain.state["z"]).at(neg_chain.state["x"])
    energy_neg = energy(neg)
    contrast = (energy_x - energy_neg).mean()
    size = (0.1 * (energy_x ** 2 + energy_neg ** 2)).mean()
    return {
        "loss": contrast + size,
        "terms": {"contrast": contrast.detach(), "size": size.detach()},
        "monitor": {},
        "write": {},
    }
'''
