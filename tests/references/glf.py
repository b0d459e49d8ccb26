"""Generative Latent Flow:  |D(E(x)) - x|^2 - log p_prior(sg[E(x)])   (thesis eq. 3.7, squared error summed)."""

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import mse_loss

from . import Tensors
from .networks import Flow

__all__ = ["GLF"]


class GLF:
    """An auto-encoder and a flow on its stopped codes, one Adam; weight decay (L2) on the flow alone.

    `step` reads batch "x" and no noise; `sample` wants "u" "b latent", the noise of the flow.
    Source: thesis eq. 3.7 and 3.4.3.
    """

    def __init__(
        self,
        encoder: nn.Module,  # b *event -> b latent
        decoder: nn.Module,  # b latent -> b *event
        prior: Flow,
        *,
        latent: int,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        prior_weight_decay: float = 2e-5,
    ) -> None:
        self.encoder, self.decoder, self.prior, self.latent = encoder, decoder, prior, latent
        groups = [
            {"params": [*encoder.parameters(), *decoder.parameters()]},
            {"params": [*prior.parameters()], "weight_decay": prior_weight_decay},
        ]
        self.optimizer = torch.optim.Adam(groups, lr=lr, betas=betas, fused=True)
        self.dtype = next(encoder.parameters()).dtype

    def terms(self, x: Tensor) -> Tensors:
        """The two terms of eq. 3.7, batch means that carry their graph."""
        z = self.encoder(x)
        return {
            "reconstruction": mse_loss(self.decoder(z), x, reduction="sum") / len(x),
            "prior_nll": -self.prior.log_prob(z.detach()).mean(),
        }

    def step(self, batch: Tensors, noise: Tensors) -> Tensors:
        """One step on all three networks; `noise` is empty."""
        terms = self.terms(batch["x"])
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(tuple(terms.values()))
        self.optimizer.step()
        return {name: term.detach() for name, term in terms.items()}

    @torch.inference_mode()
    def sample(self, noise: Tensors) -> Tensor:
        """decoder(flow(u)): "b latent -> b *event"."""
        return self.decoder(self.prior.at(noise["u"]))

    def draw_noise(self, batch_size: int, generator: Generator | None = None) -> Tensors:
        """Nothing: the loss of an auto-encoder is not random."""
        return {}

    def draw_sample_noise(self, count: int, generator: Generator | None = None) -> Tensors:
        """The flow's base noise "u"."""
        return {"u": torch.randn(count, self.latent, generator=generator, dtype=self.dtype)}
