"""The networks that the references are tested and timed with, and what they expect of any others.

A Gaussian network returns an object with `mean` and `std`, an energy one number a sample ("b"), a flow has `at` and
`log_prob`; a denoiser is called as `generator(x_t, t, latent)`, a critic as `critic(x_prev, x_t, t)`, t int64 "b" in
1 .. levels. None of them has batch norm, dropout or another difference between train and eval mode.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

__all__ = ["MLP", "Critic", "Denoiser", "Energy", "Flow", "Gaussian", "GaussianMLP", "set_trainable"]


class Gaussian(NamedTuple):
    """N(mean, diag(std^2)); both "b *event"."""

    mean: Tensor
    std: Tensor


class Flow(Protocol):
    """A normalizing flow as the references use one: a module with these two methods."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """What there is to train."""
        ...

    def at(self, noise: Tensor) -> Tensor:
        """The value "b d" that the base noise "b d" is mapped to."""
        ...

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of each value: "b d -> b", in nats."""
        ...


class MLP(nn.Sequential):
    """Linear layers of the given sizes with an activation between them: "b sizes[0] -> b sizes[-1]"."""

    def __init__(self, *sizes: int, activation: type[nn.Module] = nn.SiLU) -> None:
        layers: list[nn.Module] = []
        for index, (taken, made) in enumerate(pairwise(sizes)):
            layers += [nn.Linear(taken, made)] if index == 0 else [activation(), nn.Linear(taken, made)]
        super().__init__(*layers)


class GaussianMLP(nn.Module):
    """An MLP that makes the mean and the log standard deviation of a Gaussian: "b sizes[0] -> 2 (b sizes[-1])"."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.net = MLP(*sizes[:-1], 2 * sizes[-1])

    def forward(self, value: Tensor) -> Gaussian:
        mean, log_std = self.net(value).chunk(2, dim=-1)
        return Gaussian(mean, log_std.exp())


class Energy(nn.Module):
    """An MLP with one output a sample: "b sizes[0] -> b"."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.net = MLP(*sizes, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).squeeze(-1)


class LeakyReLU(nn.LeakyReLU):
    """LeakyReLU of slope 0.2, as in thesis 6.4.7."""

    def __init__(self) -> None:
        super().__init__(0.2)


class Denoiser(nn.Module):
    """x0' = G(x_t, t, z): an MLP on the concatenation, t as one-hot: "b d, b, b latent -> b d"  (thesis 6.4.7)."""

    levels: Tensor

    def __init__(self, event: int, latent: int, levels: int, hidden: Iterable[int]) -> None:
        super().__init__()
        self.register_buffer("levels", torch.eye(levels + 1)[:, 1:].contiguous())  # row t is the one-hot of t
        self.net = MLP(event + latent + levels, *hidden, event, activation=LeakyReLU)

    def forward(self, x_t: Tensor, t: Tensor, latent: Tensor) -> Tensor:
        return self.net(torch.cat((x_t, latent, self.levels[t]), dim=-1))


class Critic(nn.Module):
    """The logit D(x_{t-1}, x_t, t): an MLP on the concatenation, t as one-hot: "b d, b d, b -> b"  (thesis 6.4.7)."""

    levels: Tensor

    def __init__(self, event: int, levels: int, hidden: Iterable[int]) -> None:
        super().__init__()
        self.register_buffer("levels", torch.eye(levels + 1)[:, 1:].contiguous())
        self.net = MLP(2 * event + levels, *hidden, 1, activation=LeakyReLU)

    def forward(self, x_prev: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        return self.net(torch.cat((x_prev, x_t, self.levels[t]), dim=-1)).squeeze(-1)


def set_trainable(parameters: Iterable[Tensor], trainable: bool) -> None:
    """Let autograd record what these parameters do, or not."""
    for parameter in parameters:
        parameter.requires_grad_(trainable)
