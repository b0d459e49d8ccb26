"""Denoising diffusion GAN: a conditional GAN for each step of a short VP chain   (thesis algorithms 1 and 2).

critic:     softplus(-D(x_{t-1}, x_t, t)) + softplus(D(fake, x_t, t)) + lazily gamma / 2 |dD/dx_{t-1}|^2
generator:  softplus(-D(fake, x_t, t)),     fake ~ q(x_{t-1} | x_t, x_0 = G(x_t, t, latent))
"""

import copy
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import softplus

from . import Tensors
from .networks import set_trainable

__all__ = ["DDGAN", "Coefficients", "vp_coefficients"]

LEAVES = ("t", "x_prev", "x_t", "latent", "posterior")


class Coefficients(NamedTuple):
    """One float64 number a level t = 0 .. T; row 0 is the data's own (signal 1, no step, no posterior)."""

    signal: Tensor  # alpha_bar_t, cumulative from 1 at t = 0
    beta: Tensor  # of the step from t - 1 to t
    posterior_x0: Tensor  # factor of x_0 in the mean of q(x_{t-1} | x_t, x_0)
    posterior_x_t: Tensor  # factor of x_t
    posterior_variance: Tensor


def vp_coefficients(levels: int, beta_min: float = 0.1, beta_max: float = 20.0, time_min: float = 1e-3) -> Coefficients:
    """The VP SDE discretised on t_i = time_min + (i / T)(1 - time_min), level 0 taken as exactly clean.

    With var(t) = 1 - exp(-t^2 (beta_max - beta_min) / 2 - t beta_min), beta_i = 1 - abar(t_i) / abar(t_{i-1}).
    Source: thesis 6.3.3; posterior eq. 2.51, the factor of x_0 being sqrt(alpha_bar_{t-1}) beta_t / (1 - alpha_bar_t).
    """
    time = time_min + torch.arange(levels + 1, dtype=torch.float64) / levels * (1 - time_min)
    log_signal = -(0.5 * (beta_max - beta_min) * time.square() + beta_min * time)
    log_signal = log_signal - log_signal[0]
    signal, log_alpha = log_signal.exp(), log_signal.diff()  # T + 1, T
    beta, noise = -log_alpha.expm1(), -log_signal.expm1()
    before, after = noise[:-1], noise[1:]
    zero = torch.zeros(1, dtype=torch.float64)
    from_x0 = signal[:-1].sqrt() * beta / after
    from_x0[0] = 1.0  # beta_1 is 1 - alpha_bar_1, so the last step returns x_0 itself
    return Coefficients(
        signal,
        torch.cat((zero, beta)),
        torch.cat((zero, from_x0)),
        torch.cat((zero, before * (0.5 * log_alpha).exp() / after)),
        torch.cat((zero, beta * before / after)),
    )


class DDGAN:
    """Two updates a step, each with its own level, pair and latent; the average of the generator is what samples.

    `step` reads batch "x" and, for each update in ("critic", "generator"), noise "UPDATE.t" (int64 "b", 1 .. T),
    "UPDATE.x_prev", "UPDATE.x_t", "UPDATE.posterior" (normal, "b *event") and "UPDATE.latent" ("b latent"). The term
    `r1` is there when step % every == 0, first on step 0, and is not rescaled; its gradient is the logit's, with
    respect to x_{t-1} alone, x_t held fixed. `sample` wants "x_T" "b *event", "latent" "T b latent" and "posterior"
    "T b *event" in the order in which they are used, t = T first (the last "posterior" is not read).
    Source: Xiao et al. 2022; thesis 6.3, 6.4.7 with eq. 6.16 on the logit.
    """

    def __init__(
        self,
        generator: nn.Module,  # b *event, b, b latent -> b *event
        critic: nn.Module,  # b *event, b *event, b -> b
        *,
        latent: int,
        event: tuple[int, ...],
        levels: int = 4,
        beta_min: float = 0.1,
        beta_max: float = 20.0,
        time_min: float = 1e-3,
        gamma: float = 0.05,
        every: int = 15,
        ema: float = 0.9999,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.5, 0.9),
    ) -> None:
        self.generator, self.critic, self.latent, self.event = generator, critic, latent, event
        self.levels, self.gamma, self.every, self.count = levels, gamma, every, 0
        self.generator_parameters: list[Tensor] = list(generator.parameters())
        self.critic_parameters: list[Tensor] = list(critic.parameters())
        self.generator_optimizer = torch.optim.Adam(self.generator_parameters, lr=lr, betas=betas, fused=True)
        self.critic_optimizer = torch.optim.Adam(self.critic_parameters, lr=lr, betas=betas, fused=True)
        self.average = copy.deepcopy(generator).requires_grad_(False)
        self.average_parameters: list[Tensor] = list(self.average.parameters())
        self.ema = ema
        self.dtype = self.critic_parameters[0].dtype
        self._tabulate(vp_coefficients(levels, beta_min, beta_max, time_min))

    def _tabulate(self, of: Coefficients) -> None:
        """Rows by t for training, cast once and gathered at once; plain numbers for sampling."""
        before = of.signal.roll(1)  # row t: signal at t - 1; row 0 is never read
        pair = (before.sqrt(), (1 - before).sqrt(), (1 - of.beta).sqrt(), of.beta.sqrt())
        posterior = (of.posterior_x0, of.posterior_x_t, of.posterior_variance.sqrt())
        rank = [1] * len(self.event)
        self.pair_table = torch.stack(pair, dim=1).to(self.dtype).view(-1, 4, *rank)  # t, coefficient, 1 ..
        self.posterior_table = torch.stack(posterior, dim=1).to(self.dtype).view(-1, 3, *rank)
        self.posterior_numbers = torch.stack(posterior, dim=1).tolist()
        self.level_tensors = list(torch.arange(self.levels + 1))

    def pair(self, x: Tensor, t: Tensor, x_prev: Tensor, x_t: Tensor) -> tuple[Tensor, Tensor]:
        """x_{t-1} ~ q(. | x_0) and x_t ~ q(. | x_{t-1}) from their noise: "b *event" each, int64 "b"."""
        signal, spread, keep, add = self.pair_table.index_select(0, t).unbind(1)
        before = torch.addcmul(signal * x, spread, x_prev)
        return before, torch.addcmul(keep * before, add, x_t)

    def fake(self, x_t: Tensor, t: Tensor, latent: Tensor, posterior: Tensor) -> Tensor:
        """x_{t-1} from the posterior at the x_0 that the generator makes."""
        from_x0, from_x_t, spread = self.posterior_table.index_select(0, t).unbind(1)
        mean = torch.addcmul(from_x0 * self.generator(x_t, t, latent), from_x_t, x_t)
        return torch.addcmul(mean, spread, posterior)

    def critic_terms(
        self, x: Tensor, t: Tensor, x_prev: Tensor, x_t: Tensor, latent: Tensor, posterior: Tensor
    ) -> Tensors:
        """The critic's terms, batch means that carry their graph; no graph is recorded for the generator."""
        x_prev, x_t = self.pair(x, t, x_prev, x_t)
        penalised = self.count % self.every == 0
        logit = self.critic(x_prev.requires_grad_(penalised), x_t, t)
        with torch.no_grad():
            fake = self.fake(x_t, t, latent, posterior)
        terms = {"real": softplus(-logit).mean(), "fake": softplus(self.critic(fake, x_t, t)).mean()}
        if penalised:
            (gradient,) = torch.autograd.grad(logit.sum(), x_prev, create_graph=True)
            terms["r1"] = gradient.square().sum() * (0.5 * self.gamma / len(x))
        return terms

    def generator_terms(
        self, x: Tensor, t: Tensor, x_prev: Tensor, x_t: Tensor, latent: Tensor, posterior: Tensor
    ) -> Tensors:
        """The generator's term, a batch mean that carries its graph."""
        _, x_t = self.pair(x, t, x_prev, x_t)
        logit = self.critic(self.fake(x_t, t, latent, posterior), x_t, t)
        return {"adversarial": softplus(-logit).mean()}

    def step(self, batch: Tensors, noise: Tensors) -> Tensors:
        """The critic's update, then the generator's, then the average."""
        x = batch["x"]
        set_trainable(self.critic_parameters, True)
        terms = self.critic_terms(x, *[noise["critic." + leaf] for leaf in LEAVES])
        self.critic_optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(tuple(terms.values()))
        self.critic_optimizer.step()

        set_trainable(self.critic_parameters, False)
        terms |= self.generator_terms(x, *[noise["generator." + leaf] for leaf in LEAVES])
        self.generator_optimizer.zero_grad(set_to_none=True)
        terms["adversarial"].backward()
        self.generator_optimizer.step()
        self._update_average()
        self.count += 1
        return {name: term.detach() for name, term in terms.items()}

    @torch.no_grad()
    def _update_average(self) -> None:
        if self.count == 0:
            torch._foreach_copy_(self.average_parameters, self.generator_parameters)
        else:
            torch._foreach_lerp_(self.average_parameters, self.generator_parameters, 1 - self.ema)

    @torch.inference_mode()
    def sample(self, noise: Tensors) -> Tensor:
        """The chain run backwards from x_T with the averaged generator: T network evaluations."""
        x = noise["x_T"]
        for t, latent, posterior in zip(range(self.levels, 0, -1), noise["latent"], noise["posterior"], strict=True):
            x0 = self.average(x, self.level_tensors[t].expand(len(x)), latent)
            if t == 1:
                return x0
            from_x0, from_x_t, spread = self.posterior_numbers[t]
            x = torch.add(from_x0 * x0, x, alpha=from_x_t).add_(posterior, alpha=spread)
        raise AssertionError("a chain has at least one level")

    def draw_noise(self, batch_size: int, generator: Generator | None = None) -> Tensors:
        """The five leaves of each update."""
        noise = {}
        for update in ("critic", "generator"):
            noise[f"{update}.t"] = torch.randint(1, self.levels + 1, (batch_size,), generator=generator)
            for leaf in ("x_prev", "x_t", "posterior"):
                noise[f"{update}.{leaf}"] = self._normal((batch_size, *self.event), generator)
            noise[f"{update}.latent"] = self._normal((batch_size, self.latent), generator)
        return noise

    def draw_sample_noise(self, count: int, generator: Generator | None = None) -> Tensors:
        """A terminal state, and a latent and posterior noise for every level."""
        return {
            "x_T": self._normal((count, *self.event), generator),
            "latent": self._normal((self.levels, count, self.latent), generator),
            "posterior": self._normal((self.levels, count, *self.event), generator),
        }

    def _normal(self, shape: tuple[int, ...], generator: Generator | None) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=self.dtype)
