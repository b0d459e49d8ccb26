"""The references at toy size, the data that they learn, and what the tests of several of them ask."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from . import Reference, Tensors
from .ddgan import DDGAN
from .glf import GLF
from .iwae import IWAE
from .networks import MLP, Critic, Denoiser, Energy, Flow, GaussianMLP
from .realnvp import FlowLikelihood, RealNVP
from .short_run import NaiveShortRun, ShortRun
from .vae import VAE
from .vaebm import VAEBM

__all__ = ["BATCH", "REFERENCES", "data", "ddgan", "glf", "iwae", "reached", "short_run", "train", "vae", "vaebm"]


BATCH = 128  # a power of two: opposite terms cancel exactly in a batch mean


def glf() -> GLF:
    return GLF(MLP(2, 32, 2), MLP(2, 32, 2), RealNVP(2, hidden=(32,)), latent=2, lr=3e-3)


def vae() -> VAE:
    return VAE(GaussianMLP(2, 32, 2), GaussianMLP(2, 32, 2), latent=2, event=(2,), lr=3e-3)


def iwae() -> IWAE:
    return IWAE(GaussianMLP(2, 32, 2), GaussianMLP(2, 32, 2), latent=2, event=(2,), draws=5, lr=3e-3)


def vaebm() -> VAEBM:
    return VAEBM(GaussianMLP(2, 32, 2), Energy(2, 32, 32), latent=2, event=(2,), steps=20, step_size=0.1)


def short_run() -> ShortRun:
    return ShortRun(Energy(2, 32, 32), event=(2,), steps=5, step_size=0.4)


def naive_short_run() -> NaiveShortRun:
    return NaiveShortRun(Energy(2, 32, 32), event=(2,), steps=5, step_size=0.4)


def ddgan(**settings: float) -> DDGAN:
    networks = Denoiser(2, 4, 4, hidden=(64, 64)), Critic(2, 4, hidden=(64, 64))
    return DDGAN(*networks, latent=4, event=(2,), lr=1e-3, **{"every": 4, "ema": 0.99} | settings)  # type: ignore[arg-type]


def flow_likelihood() -> FlowLikelihood:
    return FlowLikelihood(RealNVP(2, hidden=(32, 32)), dim=2, lr=3e-3)


REFERENCES: dict[str, Callable[[], Reference]] = {  # a new reference adds one row
    "glf": glf,
    "vae": vae,
    "iwae": iwae,
    "vaebm": vaebm,
    "short_run": short_run,
    "naive_short_run": naive_short_run,
    "ddgan": ddgan,
    "flow_likelihood": flow_likelihood,
}


def data(count: int = BATCH) -> Tensor:
    """A tilted Gaussian away from the origin: mean (1.5, -1), standard deviations near 0.4."""
    return torch.randn(count, 2) @ torch.tensor([[0.4, 0.2], [0.0, 0.3]]) + torch.tensor([1.5, -1.0])


def train(reference: Reference, steps: int) -> list[Tensors]:
    return [reference.step({"x": data()}, reference.draw_noise(BATCH)) for _ in range(steps)]


def reached(term: Tensor, *networks: nn.Module | Flow) -> list[bool]:
    """Which of the networks get a gradient from the term."""
    reaches = []
    for network in networks:
        gradients = torch.autograd.grad(term, list(network.parameters()), allow_unused=True, retain_graph=True)
        reaches.append(any(gradient is not None and bool(gradient.any()) for gradient in gradients))
    return reaches
