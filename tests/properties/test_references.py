"""Compiled updates and hand-written loops, from the same weights and the same noise: the same losses and parameters."""

import copy
from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from blocks.noise import draw, leaf_seed
from tests import systems
from tests.driving import Trainer, compiled, fill
from tests.references.ddgan import DDGAN
from tests.references.glf import GLF
from tests.references.iwae import IWAE
from tests.references.short_run import NaiveShortRun, ShortRun
from tests.references.vae import VAE
from tests.references.vaebm import VAEBM

ROWS, STEPS = 32, 20


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
    executable = compiled(systems.GLF)
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
    executable = compiled(systems.VAEBM)
    networks = copied(executable, "encoder", "decoder")
    reference = VAE(*networks, latent=3, event=(2,))
    trainer = Trainer(executable, executable.stage(0).updates[0])
    for step, x in batches():
        terms, values = trainer.step(ROWS, {"x": x}, seed=step)
        (eps_z,) = (value for name, value in values.items() if name != "x")
        assert_agree(terms, reference.step({"x": x}, {"eps_z": eps_z}))
    assert_same_parameters([executable.blocks[n] for n in ("encoder", "decoder")], networks)
    program = executable.sampler("before").program
    values = fill(program, ROWS, {})
    eps_z, eps_x = values.values()
    expected = reference.sample({"eps_z": eps_z, "eps_x": eps_x})
    assert_close(program(values)["value"], expected, rtol=1e-12, atol=1e-12)


def test_iwae_evaluates_its_encoder_once():
    executable = compiled(systems.IWAE)
    networks = copied(executable, "encoder", "decoder")
    reference = IWAE(*networks, latent=3, event=(2,), draws=5)
    trainer = Trainer(executable, executable.stage(0).updates[0])
    for step, x in batches():
        terms, values = trainer.step(ROWS, {"x": x}, seed=step)
        (eps_z,) = (value for name, value in values.items() if name != "x")
        assert eps_z.shape == (5 * ROWS, 3)
        assert_agree(terms, reference.step({"x": x}, {"eps_z": eps_z}))
    assert_same_parameters([executable.blocks[n] for n in ("encoder", "decoder")], networks)


def test_vaebm_energy_stage():
    executable = compiled(systems.VAEBM)
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
    executable = compiled(systems.SHORT_RUN)
    (energy,) = copied(executable, "energy")
    reference = kind(energy, event=(2,), steps=5, step_size=0.4)
    trainer = Trainer(executable, executable.stage(0).updates[0])
    for step, x in batches():
        terms, values = trainer.step(ROWS, {"x": x}, seed=step)
        (x0,) = (value for name, value in values.items() if name != "x")
        assert_agree(terms, reference.step({"x": x}, {"x0": x0}))
    assert_same_parameters([executable.blocks["energy"]], [energy])


def test_denoising_diffusion_gan_with_a_lazy_penalty_and_an_average():
    executable = compiled(systems.DDGAN)
    generator, critic = copied(executable, "generator", "critic")
    reference = DDGAN(generator, critic, latent=3, event=(2,), every=6, ema=0.9, lr=1e-3)
    trainers = [Trainer(executable, update, lr=1e-3, betas=(0.5, 0.9)) for update in executable.stage(0).updates]
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
    seed = noise["samplers/default.steps"]
    drawn = {
        path: torch.stack([draw("normal", (ROWS, size), leaf_seed(seed, t, path), torch.float64) for t in (4, 3, 2, 1)])
        for path, size in (("kernel.x0", 3), ("kernel.x_prev", 2))
    }
    given = {"x_T": noise["samplers/default.init"], "latent": drawn["kernel.x0"], "posterior": drawn["kernel.x_prev"]}
    assert_close(program(values)["value"], reference.sample(given), rtol=1e-12, atol=1e-12)
