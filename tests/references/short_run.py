"""Noise-free short-run dynamics with the generator term   (thesis eqs. 5.8, 5.14):

E_theta(x) - E_theta(G_sg(theta)(x0)) + E_sg(theta)(G_theta(x0)),     G = (I - (eta / 2) grad E)^K
"""

import copy

import torch
from torch import Generator, Tensor, nn

from . import Tensors
from .networks import set_trainable

__all__ = ["NaiveShortRun", "ShortRun"]


class ShortRun:
    """One chain, and one energy of its end for both terms, Adam on the energy.

    The end enters as a leaf y. Backward of E(x) - E(y) gives theta its gradient of the first two terms and y the
    gradient -dE/dy, which with its sign turned is what the third term sends back through the chain.

    `step` and `sample` want noise "x0" "b *event". Terms: `data`, `samples`, `generator`; the last two are opposite
    numbers.   Source: thesis eq. 5.14, settings 5.5.3.
    """

    def __init__(
        self,
        energy: nn.Module,  # b *event -> b
        *,
        event: tuple[int, ...],
        steps: int = 40,
        step_size: float = 0.1,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        self.energy, self.event, self.steps, self.drift = energy, event, steps, -0.5 * step_size
        self.parameters = list(energy.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr=lr, betas=betas, fused=True)
        self.dtype = self.parameters[0].dtype

    def backward(self, x: Tensor, x0: Tensor) -> Tensors:
        """Leave the gradient of eq. 5.14 in the parameters; returns the three terms, detached."""
        generated = self.generate(x0)
        leaf = generated.detach().requires_grad_()
        data, energy = self.energy(x).mean(), self.energy(leaf).mean()
        (data - energy).backward(inputs=[*self.parameters, leaf])
        assert leaf.grad is not None
        generated.backward(leaf.grad.neg_(), inputs=self.parameters)
        energy = energy.detach()
        return {"data": data.detach(), "samples": -energy, "generator": energy}

    def generate(self, x0: Tensor) -> Tensor:
        """G_theta(x0), recorded so that theta and the steps before are reached from every step."""
        x = x0.detach().requires_grad_()
        ones = torch.ones(len(x), dtype=x.dtype)
        for _ in range(self.steps):
            (gradient,) = torch.autograd.grad(self.energy(x), x, ones, create_graph=True)
            x = torch.add(x, gradient, alpha=self.drift)
        return x

    def step(self, batch: Tensors, noise: Tensors) -> Tensors:
        """One step on the energy."""
        self.optimizer.zero_grad(set_to_none=True)
        terms = self.backward(batch["x"], noise["x0"])
        self.optimizer.step()
        return terms

    def sample(self, noise: Tensors) -> Tensor:
        """G(x0), nothing recorded."""
        set_trainable(self.parameters, False)
        x = noise["x0"].clone()
        leaf = x.detach().requires_grad_()  # shares the storage of x
        ones = torch.ones(len(x), dtype=x.dtype)
        for _ in range(self.steps):
            (gradient,) = torch.autograd.grad(self.energy(leaf), leaf, ones)
            x.add_(gradient, alpha=self.drift)
        set_trainable(self.parameters, True)
        return x

    def draw_noise(self, batch_size: int, generator: Generator | None = None) -> Tensors:
        """A standard normal start "x0"."""
        return {"x0": torch.randn(batch_size, *self.event, generator=generator, dtype=self.dtype)}

    def draw_sample_noise(self, count: int, generator: Generator | None = None) -> Tensors:
        """A standard normal start "x0"."""
        return self.draw_noise(count, generator)


class NaiveShortRun(ShortRun):
    """The same step, written as the thesis says it: a chain for each theta, and a copy for the energy that is stopped.

    Slow, and only there to hold the gradients of `ShortRun` (and of a compiled spec) against.
    """

    def backward(self, x: Tensor, x0: Tensor) -> Tensors:
        """Leave the gradient of eq. 5.14 in the parameters; returns the three terms, detached."""
        stopped = copy.deepcopy(self.energy)
        set_trainable(stopped.parameters(), False)
        negative = x0  # G_sg(theta)
        for _ in range(self.steps):
            negative = negative.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(stopped(negative).sum(), negative)
            negative = negative.detach() + self.drift * gradient
        generated = x0.detach().requires_grad_()  # G_theta
        for _ in range(self.steps):
            (gradient,) = torch.autograd.grad(self.energy(generated).sum(), generated, create_graph=True)
            generated = generated + self.drift * gradient
        terms = {
            "data": self.energy(x).mean(),
            "samples": -self.energy(negative).mean(),
            "generator": stopped(generated).mean(),
        }
        torch.autograd.backward(tuple(terms.values()))
        return {name: term.detach() for name, term in terms.items()}
