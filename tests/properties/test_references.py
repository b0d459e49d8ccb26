"""Compiled updates and hand-written loops, from the same weights and the same noise: the same losses and parameters."""

import copy
from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from blocks.noise import draw, leaf_seed
from tests.driving import Trainer, compiled, fill
from tests.references.ddgan import DDGAN
from tests.references.glf import GLF
from tests.references.short_run import NaiveShortRun, ShortRun
from tests.references.vae import VAE
from tests.references.vaebm import VAEBM

ROWS, STEPS = 32, 20

GLF_SPEC = """
name: glf
data: {source: toy.moons, batch_size: 32}
blocks:
  encoder: {kind: encoder.mlp, latent: 4, hidden: [16]}
  decoder: {kind: decoder.mlp, hidden: [16]}
  prior:   {kind: flow.realnvp, couplings: 3, hidden: [8, 8]}
models:
  glf:
    z: ~prior
    x: decoder(z)
graph:
  z: encoder(x)
  x_hat: decoder(z)
stages:
  - steps: 20
    minimize:
      reconstruction: squared_error(x_hat, x)
      prior_nll: -prior.log_prob(sg(z))
samplers:
  default: ~glf
"""

VAEBM_SPEC = """
name: vaebm
data: {source: toy.moons, batch_size: 32}
blocks:
  encoder: {kind: encoder.mlp, latent: 3, output: normal, hidden: [16]}
  decoder: {kind: decoder.mlp, output: normal, hidden: [16]}
  energy:  {kind: energy.mlp, hidden: [16, 16]}
models:
  vae:
    z: ~normal
    x: ~decoder(z)
  vaebm: tilt(vae, energy)
graph:
  q: encoder(x)
  z: ~q
  px: decoder(z)
  neg: ~langevin(vaebm, steps=10, step_size=0.05)
stages:
  - name: vae
    epochs: 2
    minimize:
      reconstruction: -px.log_prob(x)
      kl: kl(q, normal)
  - name: energy
    steps: 20
    train: [energy]
    minimize:
      contrast: energy(x) - energy(neg)
      size: 0.1 * (energy(x) ** 2 + energy(neg) ** 2)
samplers:
  default: ~vae
"""

SHORT_SPEC = """
name: short
data: {source: toy.moons, batch_size: 32}
blocks:
  energy: {kind: energy.mlp, hidden: [16, 16]}
graph:
  x0: ~normal(like=x)
  gen: descend(energy, x0, steps=5, step_size=0.4, differentiable=true)
stages:
  - steps: 20
    minimize:
      data: energy(x)
      samples: -energy(sg(gen))
      generator: freeze(energy)(gen)
"""

DDGAN_SPEC = """
name: ddgan
params: {T: 4, gamma: 0.05}
data: {source: toy.moons, batch_size: 32}
blocks:
  chain:     {kind: diffusion.vp, steps: T, beta_min: 0.1, beta_max: 20}
  generator: {kind: denoiser.mlp, latent: 3, hidden: [16, 16], activation: leaky_relu}
  critic:    {kind: discriminator.mlp, hidden: [16, 16]}
models:
  denoise(x_t, t):
    x0: generator(x_t, t, ~normal)
    x_prev: ~chain.posterior(x0, x_t, t)
  ddgan: reverse(chain, denoise)
graph:
  t: ~chain.timestep
  x_prev: ~chain.diffuse(x, t - 1)
  x_t: ~chain.step(x_prev, t)
  fake: ~denoise(x_t, t)
stages:
  - steps: 20
    updates:
      - train: [critic]
        minimize:
          real: softplus(-critic(x_prev, x_t, t))
          fake: softplus(critic(fake, x_t, t))
          r1:
            value: gamma / 2 * square_norm(grad(critic(x_prev, x_t, t), x_prev))
            every: 6
      - train: [generator]
        minimize:
          adversarial: softplus(-critic(fake, x_t, t))
        ema: {generator: 0.9}
samplers:
  default: ~ddgan
"""


def batches() -> Iterable[tuple[int, Tensor]]:
    generator = torch.Generator().manual_seed(7)
    for step in range(STEPS):
        yield step, torch.randn(ROWS, 2, generator=generator, dtype=torch.float64) * 0.4 + 1.0


def copied(executable, *names: str) -> list[nn.Module]:
    return [copy.deepcopy(executable.blocks[name]) for name in names]


def assert_agree(terms: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert terms.keys() == expected.keys()
    assert_close(terms, expected, rtol=1e-12, atol=1e-12)


def assert_same_parameters(blocks: Iterable[nn.Module], references: Iterable[nn.Module]) -> None:
    for block, reference in zip(blocks, references, strict=True):
        assert_close(block.state_dict(), reference.state_dict(), rtol=1e-12, atol=1e-12)


def by_path(program, values) -> dict[str, Tensor]:
    """The noise of a step by the path of its leaf."""
    return {one.leaf.path: values[one.name] for one in program.inputs if one.leaf is not None}


def test_generative_latent_flow():
    executable = compiled(GLF_SPEC)
    networks = copied(executable, "encoder", "decoder", "prior")
    reference = GLF(*networks, latent=4)
    trainer = Trainer(executable, executable.stage(0).updates[0], decay={"prior": 2e-5})
    for _, x in batches():
        terms, _ = trainer.step(ROWS, {"x": x})
        assert_agree(terms, reference.step({"x": x}, {}))
    assert_same_parameters([executable.blocks[n] for n in ("encoder", "decoder", "prior")], networks)
    program = executable.sampler("default").program
    values = fill(program, ROWS, {})
    (u,) = values.values()
    assert_close(program(values)["value"], reference.sample({"u": u}), rtol=1e-12, atol=1e-12)


def test_vae():
    executable = compiled(VAEBM_SPEC)
    networks = copied(executable, "encoder", "decoder")
    reference = VAE(*networks, latent=3, event=(2,))
    trainer = Trainer(executable, executable.stage(0).updates[0])
    for step, x in batches():
        terms, values = trainer.step(ROWS, {"x": x}, seed=step)
        (eps_z,) = (value for name, value in values.items() if name != "x")
        assert_agree(terms, reference.step({"x": x}, {"eps_z": eps_z}))
    assert_same_parameters([executable.blocks[n] for n in ("encoder", "decoder")], networks)
    program = executable.sampler("default").program
    values = fill(program, ROWS, {})
    eps_z, eps_x = values.values()
    expected = reference.sample({"eps_z": eps_z, "eps_x": eps_x})
    assert_close(program(values)["value"], expected, rtol=1e-12, atol=1e-12)


def test_vaebm_energy_stage():
    executable = compiled(VAEBM_SPEC)
    decoder, energy = copied(executable, "decoder", "energy")
    reference = VAEBM(decoder, energy, latent=3, event=(2,), steps=10, step_size=0.05)
    trainer = Trainer(executable, executable.stage(1).updates[0])
    before = copy.deepcopy(executable.blocks["decoder"].state_dict())
    for step, x in batches():
        terms, values = trainer.step(ROWS, {"x": x}, seed=step)
        noise = by_path(trainer.update.program(trainer.update.active(0)), values)
        generator = torch.Generator().manual_seed(noise["neg.step"])
        steps = [
            [torch.randn(ROWS, size, generator=generator, dtype=torch.float64) for size in (3, 2)] for _ in range(10)
        ]
        given = {
            "eps_z": noise["neg.init.z"],
            "eps_x": noise["neg.init.x"],
            "step_z": torch.stack([z for z, _ in steps]),
            "step_x": torch.stack([x for _, x in steps]),
        }
        assert_agree(terms, reference.step({"x": x}, given))
    assert_same_parameters([executable.blocks["energy"]], [energy])
    assert_close(executable.blocks["decoder"].state_dict(), before, rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in executable.blocks["decoder"].parameters())


@pytest.mark.parametrize("kind", [ShortRun, NaiveShortRun])
def test_noise_free_dynamics_with_the_generator_term(kind):
    executable = compiled(SHORT_SPEC)
    (energy,) = copied(executable, "energy")
    reference = kind(energy, event=(2,), steps=5, step_size=0.4)
    trainer = Trainer(executable, executable.stage(0).updates[0])
    for step, x in batches():
        terms, values = trainer.step(ROWS, {"x": x}, seed=step)
        (x0,) = (value for name, value in values.items() if name != "x")
        assert_agree(terms, reference.step({"x": x}, {"x0": x0}))
    assert_same_parameters([executable.blocks["energy"]], [energy])


def test_denoising_diffusion_gan_with_a_lazy_penalty_and_an_average():
    executable = compiled(DDGAN_SPEC)
    generator, critic = copied(executable, "generator", "critic")
    reference = DDGAN(generator, critic, latent=3, event=(2,), every=6, ema=0.9, lr=1e-3)
    trainers = [
        Trainer(executable, update, lr=1e-3, betas=(0.5, 0.9)) for update in executable.stage(0).updates
    ]
    average, trained = executable.averages["generator"], executable.blocks["generator"]
    for step, x in batches():
        terms, noise = {}, {}
        for number, (trainer, update) in enumerate(zip(trainers, ("critic", "generator"), strict=True)):
            program = trainer.update.program(trainer.update.active(step))
            made, values = trainer.step(ROWS, {"x": x}, seed=2 * step + number)
            terms |= made
            leaves = by_path(program, values)
            names = {"t": "t", "x_prev": "x_prev", "x_t": "x_t", "latent": "fake.x0", "posterior": "fake.x_prev"}
            noise |= {f"{update}.{leaf}": leaves[path] for leaf, path in names.items()}
        with torch.no_grad():
            for mean, parameter in zip(average.parameters(), trained.parameters(), strict=True):
                mean.lerp_(parameter, 1.0 if step == 0 else 0.1)
        assert ("r1" in terms) == (step % 6 == 0)
        assert_agree(terms, reference.step({"x": x}, noise))
    assert_same_parameters([trained, executable.blocks["critic"], average], [generator, critic, reference.average])
    assert_same_samples(executable, reference)


def assert_same_samples(executable, reference: DDGAN) -> None:
    """The sampler reads the average, and its kernel's noise is a function of the seed, the level and the leaf."""
    program = executable.sampler("default", frozenset({"generator"})).program
    values = fill(program, ROWS, {})
    noise = by_path(program, values)
    seed = noise["default.steps"]
    drawn = {
        path: torch.stack([draw("normal", (ROWS, size), leaf_seed(seed, t, path), torch.float64) for t in (4, 3, 2, 1)])
        for path, size in (("kernel.x0", 3), ("kernel.x_prev", 2))
    }
    given = {"x_T": noise["default.init"], "latent": drawn["kernel.x0"], "posterior": drawn["kernel.x_prev"]}
    assert_close(program(values)["value"], reference.sample(given), rtol=1e-12, atol=1e-12)
