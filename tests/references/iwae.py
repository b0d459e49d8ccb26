"""Importance weighted auto-encoder:  -log 1/k sum_k p(x, z_k) / q(z_k|x)   (Burda et al. 2016, eq. 8)."""

import math

import torch
from torch import Generator, Tensor, nn

from . import Tensors
from .networks import Gaussian

__all__ = ["IWAE"]

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


class IWAE:
    """The bound of `draws` draws z = mean + std * eps_z, whose encoder is evaluated once; Adam on both networks.

    `step` reads batch "x" and noise "eps_z", "(b draws) latent" with the draws of a row beside each other; `sample`
    wants "eps_z" and "eps_x". The encoder and the decoder return objects with `mean` and `std`.
    """

    def __init__(
        self,
        encoder: nn.Module,  # b *event -> mean, std: b latent
        decoder: nn.Module,  # (b draws) latent -> mean, std: (b draws) *event
        *,
        latent: int,
        event: tuple[int, ...],
        draws: int,
        lr: float = 1e-3,
    ) -> None:
        self.encoder, self.decoder, self.latent, self.event, self.draws = encoder, decoder, latent, event, draws
        self.constant = math.prod(event) * HALF_LOG_TWO_PI + math.log(draws)
        parameters = [*encoder.parameters(), *decoder.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=lr, fused=True)
        self.dtype = parameters[0].dtype

    def terms(self, x: Tensor, eps_z: Tensor) -> Tensors:
        """The bound, a batch mean that carries its graph.

        log N(z) - log q(z|x) is -|z|^2 / 2 + |eps|^2 / 2 + sum log std: the constants go, as both are of one size.
        """
        q: Gaussian = self.encoder(x)
        eps = eps_z.view(len(x), self.draws, self.latent)
        z = torch.addcmul(q.mean.unsqueeze(1), q.std.unsqueeze(1), eps)
        px: Gaussian = self.decoder(z.flatten(0, 1))
        shape = (len(x), self.draws, *self.event)
        deviation = (x.unsqueeze(1) - px.mean.view(shape)) / px.std.view(shape)
        misfit = torch.add(px.std.log().view(shape), deviation.square(), alpha=0.5).flatten(2).sum(2)
        of_codes = 0.5 * (eps.square() - z.square()).sum(2) + q.std.log().sum(1, keepdim=True)
        return {"bound": self.constant - (of_codes - misfit).logsumexp(1).mean()}

    def step(self, batch: Tensors, noise: Tensors) -> Tensors:
        """One step on the encoder and the decoder."""
        bound = self.terms(batch["x"], noise["eps_z"])["bound"]
        self.optimizer.zero_grad(set_to_none=True)
        bound.backward()
        self.optimizer.step()
        return {"bound": bound.detach()}

    @torch.inference_mode()
    def sample(self, noise: Tensors) -> Tensor:
        """z = eps_z, x = mean(z) + std(z) eps_x: "b latent, b *event -> b *event"."""
        px: Gaussian = self.decoder(noise["eps_z"])
        return torch.addcmul(px.mean, px.std, noise["eps_x"])

    def draw_noise(self, batch_size: int, generator: Generator | None = None) -> Tensors:
        """The noise of all draws of the posterior, "eps_z"."""
        return {"eps_z": torch.randn(batch_size * self.draws, self.latent, generator=generator, dtype=self.dtype)}

    def draw_sample_noise(self, count: int, generator: Generator | None = None) -> Tensors:
        """The noise of the prior, "eps_z", and of the decoder, "eps_x"."""
        eps_z = torch.randn(count, self.latent, generator=generator, dtype=self.dtype)
        return {"eps_z": eps_z, "eps_x": torch.randn(count, *self.event, generator=generator, dtype=self.dtype)}
