"""The floors: each reference of `tests/references` at benchmark size, as closures to time.

    python -m benchmarks.speed.floors [NAME ...] [--rounds 5] [--seconds 0.5]

A floor is a careful hand-written loop, float32, one thread. `step()` draws its noise and does one training step (for
chains and samplers: one run); `bare()` is the same on noise drawn beforehand. Networks may be given, so that a compiled
program can be timed on copies of the very same ones. Compare only runs that are interleaved in one process.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable
from itertools import cycle
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from tests.references import Tensors
from tests.references.ddgan import DDGAN
from tests.references.glf import GLF
from tests.references.iwae import IWAE
from tests.references.langevin_step import Langevin
from tests.references.networks import MLP, Critic, Denoiser, Energy, Flow, GaussianMLP
from tests.references.realnvp import FlowLikelihood, RealNVP
from tests.references.short_run import ShortRun
from tests.references.vae import VAE
from tests.references.vaebm import VAEBM

__all__ = ["BATCHES", "FLOORS", "Floor", "interleave"]

BATCHES = 50  # in an epoch of either side

Run = Callable[[], object]


class Floor(NamedTuple):
    """A system to beat."""

    reference: object  # one of tests.references, for its networks and settings
    batch: Tensors  # what a training step reads; empty for a chain or a sampler
    samples: int  # how many a call of `step` handles
    period: int  # calls after which the work repeats (lazy terms): time whole periods
    step: Run
    bare: Run


def training(reference: GLF | FlowLikelihood | VAE | IWAE | VAEBM | ShortRun | DDGAN, x: Tensor) -> Floor:
    """A floor of training steps over `BATCHES` batches in shuffled order, as many rows in memory as ours has."""
    generator, batch = Generator().manual_seed(0), {"x": x}
    noise, table = reference.draw_noise(len(x), generator), x.repeat(BATCHES, *[1] * (x.dim() - 1))
    shuffled = cycle(torch.randperm(len(table), generator=generator).split(len(x)))

    def step() -> Tensors:
        rows = {"x": table.index_select(0, next(shuffled))}
        return reference.step(rows, reference.draw_noise(len(x), generator))

    period = reference.every if isinstance(reference, DDGAN) else 1
    return Floor(reference, batch, len(x), period, step, lambda: reference.step(batch, noise))


def sampling(reference: Langevin | VAEBM | DDGAN, count: int) -> Floor:
    """A floor of samples."""
    generator = Generator().manual_seed(0)
    noise = reference.draw_sample_noise(count, generator)

    def step() -> Tensor:
        return reference.sample(reference.draw_sample_noise(count, generator))

    return Floor(reference, {}, count, 1, step, lambda: reference.sample(noise))


def gaussians(count: int, *, side: int = 5, std: float = 0.05) -> Tensor:
    """A grid of side x side Gaussians over [-1, 1]^2: "count 2"."""
    centres = torch.cartesian_prod(torch.linspace(-1, 1, side), torch.linspace(-1, 1, side))
    return centres[torch.randint(len(centres), (count,))] + std * torch.randn(count, 2)


def glf(encoder: nn.Module | None = None, decoder: nn.Module | None = None, prior: Flow | None = None) -> Floor:
    """GLF on 8 x 8 digits' size, batch 256: MLPs 64-256-20-256-64, a flow of 4 couplings of 2 x 64 on 20 dimensions."""
    torch.manual_seed(0)
    encoder, decoder = encoder or MLP(64, 256, 20), decoder or MLP(20, 256, 64)
    return training(GLF(encoder, decoder, prior or RealNVP(20), latent=20), torch.rand(256, 64))


def realnvp(flow: Flow | None = None) -> Floor:
    """RealNVP by likelihood in 2-D, 4 couplings of 2 x 64, batch 256."""
    torch.manual_seed(0)
    return training(FlowLikelihood(flow or RealNVP(2), dim=2), gaussians(256))


def vae(encoder: nn.Module | None = None, decoder: nn.Module | None = None) -> Floor:
    """VAE on 784 dimensions, batch 128: MLPs 784-400-20-400-784, both ends Gaussian."""
    torch.manual_seed(0)
    encoder, decoder = encoder or GaussianMLP(784, 400, 20), decoder or GaussianMLP(20, 400, 784)
    return training(VAE(encoder, decoder, latent=20, event=(784,)), torch.rand(128, 784))


def iwae(encoder: nn.Module | None = None, decoder: nn.Module | None = None) -> Floor:
    """IWAE of 50 draws on 64 dimensions, batch 32: MLPs 64-128-8-128-64, both ends Gaussian."""
    torch.manual_seed(0)
    encoder, decoder = encoder or GaussianMLP(64, 128, 8), decoder or GaussianMLP(8, 128, 64)
    return training(IWAE(encoder, decoder, latent=8, event=(64,), draws=50), torch.rand(32, 64))


def langevin(energy: nn.Module | None = None) -> Floor:
    """60 Langevin steps of 256 chains on an energy 2-128-128-1."""
    torch.manual_seed(0)
    return sampling(Langevin(energy or Energy(2, 128, 128), event=(2,), steps=60, step_size=0.01), 256)


def vaebm(decoder: nn.Module | None = None, energy: nn.Module | None = None) -> Floor:
    """VAEBM's energy stage in 2-D: decoder 2-128-128-2, energy 2-128-128-1, batch 256, 60 steps."""
    torch.manual_seed(0)
    decoder, energy = decoder or GaussianMLP(2, 128, 128, 2), energy or Energy(2, 128, 128)
    return training(VAEBM(decoder, energy, latent=2, event=(2,), steps=60, step_size=0.01), gaussians(256))


def short_run(energy: nn.Module | None = None) -> Floor:
    """Thesis eq. 5.14 in 2-D: energy 2-128-128-1, batch 256, 40 steps, differentiated through."""
    torch.manual_seed(0)
    return training(ShortRun(energy or Energy(2, 128, 128), event=(2,), steps=40, step_size=0.1), gaussians(256))


def small_ddgan(generator: nn.Module | None, critic: nn.Module | None) -> DDGAN:
    generator = generator or Denoiser(2, 16, 4, hidden=(512, 512, 512))
    critic = critic or Critic(2, 4, hidden=(512, 512, 512))
    return DDGAN(generator, critic, latent=16, event=(2,), levels=4)


def ddgan(generator: nn.Module | None = None, critic: nn.Module | None = None) -> Floor:
    """DDGAN on 25 Gaussians: T = 4, latent 16, MLPs of 3 x 512, batch 512, R1 every 15 steps (thesis 6.4.7)."""
    torch.manual_seed(0)
    return training(small_ddgan(generator, critic), gaussians(512))


def ddgan_sampling(generator: nn.Module | None = None, critic: nn.Module | None = None) -> Floor:
    """512 samples of the same in 4 steps."""
    torch.manual_seed(0)
    return sampling(small_ddgan(generator, critic), 512)


FLOORS: dict[str, Callable[[], Floor]] = {  # a new floor adds one row
    "glf": glf,
    "realnvp": realnvp,
    "vae": vae,
    "iwae": iwae,
    "langevin": langevin,
    "vaebm": vaebm,
    "short_run": short_run,
    "ddgan": ddgan,
    "ddgan_sampling": ddgan_sampling,
}


def interleave(runs: dict[str, Run], *, rounds: int = 5, seconds: float = 0.5, period: int = 1) -> dict[str, float]:
    """Seconds per call of each: the median over rounds, in each of which every one runs for about `seconds`.

    Every other round turns their order round. The number of calls in a round is a multiple of `period`, so that lazy
    terms weigh what they should.
    """
    repeats = {}
    for name, run in runs.items():
        run()  # the first call pays for warming up
        start = time.perf_counter()
        run()
        repeats[name] = period * max(1, round(seconds / (time.perf_counter() - start) / period))
    measured: dict[str, list[float]] = {name: [] for name in runs}
    for at in range(rounds):
        for name, run in list(runs.items())[:: -1 if at % 2 else 1]:
            start = time.perf_counter()
            for _ in range(repeats[name]):
                run()
            measured[name].append((time.perf_counter() - start) / repeats[name])
    return {name: statistics.median(values) for name, values in measured.items()}


def main(names: Iterable[str], rounds: int, seconds: float) -> None:
    """Print milliseconds for each floor."""
    torch.set_num_threads(1)
    for name in names:
        floor = FLOORS[name]()
        runs = {"step": floor.step, "bare": floor.bare}
        taken = interleave(runs, rounds=rounds, seconds=seconds, period=floor.period)
        step, bare = 1e3 * taken["step"], 1e3 * taken["bare"]
        print(f"{name:15} {step:8.3f} ms   without noise {bare:8.3f} ms   {1e3 * floor.samples / step:10.0f}/s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Milliseconds of the hand-written loops, float32, one thread.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(FLOORS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each round")
    arguments = parser.parse_args()
    main(arguments.names or FLOORS, arguments.rounds, arguments.seconds)
