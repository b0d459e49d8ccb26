"""VAE with Gaussian encoder and decoder:  -log p(x|z) + KL(q(z|x) || N(0, I))   (thesis eq. 2.8)."""

import math

import torch
from torch import Generator, Tensor, nn

from . import Tensors
from .networks import Gaussian

__all__ = ["VAE"]

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


class VAE:
    """The evidence bound with one draw of z = mean + std * eps_z, Adam on both networks.

    `step` reads batch "x" and noise "eps_z"; `sample` wants "eps_z" and "eps_x". The encoder and the decoder return
    objects with `mean` and `std`. Both terms sum over the event.   Source: Kingma and Welling 2014; thesis eq. 2.8.
    """

    def __init__(
        self,
        encoder: nn.Module,  # b *event -> mean, std: b latent
        decoder: nn.Module,  # b latent -> mean, std: b *event
        *,
        latent: int,
        event: tuple[int, ...],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        self.encoder, self.decoder, self.latent, self.event = encoder, decoder, latent, event
        self.log_normaliser = math.prod(event) * HALF_LOG_TWO_PI
        parameters = [*encoder.parameters(), *decoder.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=lr, betas=betas, fused=True)
        self.dtype = parameters[0].dtype

    def terms(self, x: Tensor, eps_z: Tensor) -> Tensors:
        """Reconstruction and KL, batch means that carry their graph."""
        q: Gaussian = self.encoder(x)
        px: Gaussian = self.decoder(torch.addcmul(q.mean, q.std, eps_z))
        deviation = (x - px.mean) / px.std
        misfit = torch.add(px.std.log(), deviation.square(), alpha=0.5).sum() / len(x)
        spread = torch.addcmul(q.mean.square(), q.std, q.std).sub(1.0)
        return {
            "reconstruction": misfit + self.log_normaliser,
            "kl": torch.sub(0.5 * spread, q.std.log()).sum() / len(x),
        }

    def step(self, batch: Tensors, noise: Tensors) -> Tensors:
        """One step on the encoder and the decoder."""
        terms = self.terms(batch["x"], noise["eps_z"])
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(tuple(terms.values()))
        self.optimizer.step()
        return {name: term.detach() for name, term in terms.items()}

    @torch.inference_mode()
    def sample(self, noise: Tensors) -> Tensor:
        """z = eps_z, x = mean(z) + std(z) eps_x: "b latent, b *event -> b *event"."""
        px: Gaussian = self.decoder(noise["eps_z"])
        return torch.addcmul(px.mean, px.std, noise["eps_x"])

    def draw_noise(self, batch_size: int, generator: Generator | None = None) -> Tensors:
        """The posterior's noise "eps_z"."""
        return {"eps_z": torch.randn(batch_size, self.latent, generator=generator, dtype=self.dtype)}

    def draw_sample_noise(self, count: int, generator: Generator | None = None) -> Tensors:
        """The noise of the prior, "eps_z", and of the decoder, "eps_x"."""
        eps_z = torch.randn(count, self.latent, generator=generator, dtype=self.dtype)
        return {"eps_z": eps_z, "eps_x": torch.randn(count, *self.event, generator=generator, dtype=self.dtype)}
