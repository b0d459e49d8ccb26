"""VAEBM's second stage: an energy on a frozen VAE, negatives by Langevin in its noise space (thesis 4.11 to 4.19).

    U(eps_z, eps_x) = E(x) + |eps_z|^2 / 2 + |eps_x|^2 / 2,     x = mean(eps_z) + std(eps_z) eps_x
    eps <- eps - (s / 2) dU/deps + sqrt(s) n

There is no sum of log std in U: it is the density of the noise that is tilted (eq. 4.19; derived in 4.23 to 4.29).
"""

import math

import torch
from torch import Generator, Tensor, nn

from . import Tensors
from .networks import Gaussian, set_trainable

__all__ = ["VAEBM"]


class VAEBM:
    """Contrast E(x) - E(neg) and 0.1 (E(x)^2 + E(neg)^2), Adam on the energy; the decoder is frozen for good.

    `step` reads batch "x" and noise "eps_z" "b latent", "eps_x" "b *event" (where the chain starts), "step_z" "steps b
    latent" and "step_x" "steps b *event" (what each step injects); `sample` wants the same four, and makes as many
    steps as there are.   Source: Xiao et al. 2021; thesis 4.3.2, 4.3.3.
    """

    def __init__(
        self,
        decoder: nn.Module,  # b latent -> mean, std: b *event
        energy: nn.Module,  # b *event -> b
        *,
        latent: int,
        event: tuple[int, ...],
        steps: int = 60,
        step_size: float = 0.01,
        size: float = 0.1,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        self.decoder, self.energy = decoder.eval(), energy
        self.latent, self.event, self.steps, self.size = latent, event, steps, size
        self.drift, self.noise_scale = 0.5 * step_size, math.sqrt(step_size)
        set_trainable(decoder.parameters(), False)
        self.parameters = list(energy.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr=lr, betas=betas, fused=True)
        self.dtype = self.parameters[0].dtype

    def terms(self, x: Tensor, negative: Tensor) -> Tensors:
        """Contrast and size, batch means that carry their graph."""
        energy_x, energy_negative = self.energy(x), self.energy(negative)
        return {
            "contrast": (energy_x - energy_negative).mean(),
            "size": self.size * (energy_x.square() + energy_negative.square()).mean(),
        }

    def step(self, batch: Tensors, noise: Tensors) -> Tensors:
        """A chain, then one step on the energy."""
        terms = self.terms(batch["x"], self.sample(noise))
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(tuple(terms.values()))
        self.optimizer.step()
        return {name: term.detach() for name, term in terms.items()}

    def sample(self, noise: Tensors) -> Tensor:
        """Where the chain ends, as x "b *event"."""
        eps_z, eps_x = self.chain(noise)
        with torch.no_grad():
            return self.decode(eps_z, eps_x)

    def decode(self, eps_z: Tensor, eps_x: Tensor) -> Tensor:
        """The VAE's map from its noise to x."""
        px: Gaussian = self.decoder(eps_z)
        return torch.addcmul(px.mean, px.std, eps_x)

    def chain(self, noise: Tensors) -> tuple[Tensor, Tensor]:
        """Where the chain ends in noise space; the gradient of |eps|^2 / 2 is eps and is never traced."""
        set_trainable(self.parameters, False)
        eps_z, eps_x = noise["eps_z"].clone(), noise["eps_x"].clone()
        leaf_z, leaf_x = eps_z.detach().requires_grad_(), eps_x.detach().requires_grad_()  # they share the storage
        ones = torch.ones(len(eps_z), dtype=eps_z.dtype)
        keep, drift, noise_scale = 1 - self.drift, -self.drift, self.noise_scale
        for step_z, step_x in zip(noise["step_z"], noise["step_x"], strict=True):
            energy = self.energy(self.decode(leaf_z, leaf_x))
            grad_z, grad_x = torch.autograd.grad(energy, (leaf_z, leaf_x), ones)
            eps_z.mul_(keep).add_(grad_z, alpha=drift).add_(step_z, alpha=noise_scale)
            eps_x.mul_(keep).add_(grad_x, alpha=drift).add_(step_x, alpha=noise_scale)
        set_trainable(self.parameters, True)
        return eps_z, eps_x

    def draw_noise(self, batch_size: int, generator: Generator | None = None) -> Tensors:
        """A start and `steps` steps."""
        return self.draw_sample_noise(batch_size, generator)

    def draw_sample_noise(self, count: int, generator: Generator | None = None, steps: int | None = None) -> Tensors:
        """A start and `steps` steps (by default as many as in training)."""
        steps = self.steps if steps is None else steps
        shapes = {
            "eps_z": (count, self.latent),
            "eps_x": (count, *self.event),
            "step_z": (steps, count, self.latent),
            "step_x": (steps, count, *self.event),
        }
        return {name: torch.randn(shape, generator=generator, dtype=self.dtype) for name, shape in shapes.items()}
