"""Langevin dynamics on values:  x <- x - (s / 2) dE/dx + noise_scale n   (thesis 1.2.3)."""

import math

import torch
from torch import Generator, Tensor, nn

from . import Tensors
from .networks import set_trainable

__all__ = ["Langevin"]


class Langevin:
    """A chain on an energy, which is frozen for good. `sample` wants "x0" "b *event" and "step" "steps b *event".

    `noise_scale` is sqrt(step_size) unless given, which makes exp(-E) the stationary law up to the step's bias.
    """

    def __init__(
        self,
        energy: nn.Module,  # b *event -> b
        *,
        event: tuple[int, ...],
        steps: int = 60,
        step_size: float = 0.01,
        noise_scale: float | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.energy, self.event, self.steps, self.dtype = energy, event, steps, dtype
        self.drift = -0.5 * step_size
        self.noise_scale = math.sqrt(step_size) if noise_scale is None else noise_scale
        set_trainable(energy.parameters(), False)

    def sample(self, noise: Tensors) -> Tensor:
        """Where the chain ends, "b *event"; `noise` is left as it was."""
        x = noise["x0"].clone()
        leaf = x.detach().requires_grad_()  # shares the storage of x
        ones = torch.ones(len(x), dtype=x.dtype)
        for step in noise["step"]:
            (gradient,) = torch.autograd.grad(self.energy(leaf), leaf, ones)
            x.add_(gradient, alpha=self.drift).add_(step, alpha=self.noise_scale)
        return x

    def draw_sample_noise(self, count: int, generator: Generator | None = None) -> Tensors:
        """A standard normal start and the noise of every step."""
        x0 = torch.randn(count, *self.event, generator=generator, dtype=self.dtype)
        return {"x0": x0, "step": torch.randn(self.steps, *x0.shape, generator=generator, dtype=self.dtype)}
