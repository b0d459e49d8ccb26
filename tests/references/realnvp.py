"""RealNVP by names instead of masks, and its training by likelihood:  -log p(x)   (thesis eqs. 2.20, 2.29)."""

import math

import torch
from torch import Generator, Tensor, nn

from . import Tensors
from .networks import MLP, Flow

__all__ = ["FlowLikelihood", "RealNVP"]


class RealNVP(nn.Module):
    """Affine couplings between two halves that take turns: changed = changed * exp(tanh s) + t, (t, s) = net(kept).

    The halves are two tensors throughout: no mask, no permutation, no `cat` in the density. `dim` must be even.
    Shapes: "b dim".   Source: Dinh et al. 2017.
    """

    def __init__(self, dim: int, *, couplings: int = 4, hidden: tuple[int, ...] = (64, 64)) -> None:
        super().__init__()
        if dim % 2:
            raise ValueError(f"the two halves take turns, so `dim` must be even; it is {dim}")
        half = dim // 2
        self.nets = nn.ModuleList(MLP(half, *hidden, 2 * half, activation=nn.ReLU) for _ in range(couplings))
        self.log_normaliser = 0.5 * dim * math.log(2 * math.pi)

    def at(self, noise: Tensor) -> Tensor:
        """Base noise to value: "b dim -> b dim"."""
        kept, changed = noise.chunk(2, dim=-1)
        for net in self.nets:
            shift, log_scale = net(kept).chunk(2, dim=-1)
            kept, changed = torch.addcmul(shift, changed, log_scale.tanh().exp()), kept
        halves = (kept, changed) if len(self.nets) % 2 == 0 else (changed, kept)
        return torch.cat(halves, dim=-1)

    def inverse(self, value: Tensor) -> Tensor:
        """Value to base noise: "b dim -> b dim"."""
        return torch.cat(self._invert(value)[0], dim=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log N(inverse(x); 0, I) - sum of log-scales: "b dim -> b"."""
        (first, second), log_scales = self._invert(value)
        square = torch.addcmul(first.square(), second, second)
        return torch.add(log_scales, square, alpha=0.5).sum(-1).neg() - self.log_normaliser

    def _invert(self, value: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:  # b dim -> (b half, b half), b half
        halves = value.chunk(2, dim=-1)
        kept, changed = halves if len(self.nets) % 2 == 0 else halves[::-1]
        log_scales = None
        for net in reversed(self.nets):
            shift, log_scale = net(changed).chunk(2, dim=-1)
            log_scale = log_scale.tanh()
            kept, changed = changed, (kept - shift) * log_scale.neg().exp()
            log_scales = log_scale if log_scales is None else log_scales + log_scale
        assert log_scales is not None
        return (kept, changed), log_scales


class FlowLikelihood:
    """A flow trained by maximum likelihood with Adam. `step` reads "x" and no noise; `sample` wants "u" "b dim"."""

    def __init__(self, flow: Flow, *, dim: int, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self.flow, self.dim = flow, dim
        self.optimizer = torch.optim.Adam(flow.parameters(), lr=lr, betas=betas, fused=True)
        self.dtype = next(flow.parameters()).dtype

    def step(self, batch: Tensors, noise: Tensors) -> Tensors:
        """One step on -mean log p(x); the term is `nll`."""
        nll = -self.flow.log_prob(batch["x"]).mean()
        self.optimizer.zero_grad(set_to_none=True)
        nll.backward()
        self.optimizer.step()
        return {"nll": nll.detach()}

    @torch.inference_mode()
    def sample(self, noise: Tensors) -> Tensor:
        """The flow's map at the noise "u"."""
        return self.flow.at(noise["u"])

    def draw_noise(self, batch_size: int, generator: Generator | None = None) -> Tensors:
        """Nothing: a likelihood is not random."""
        return {}

    def draw_sample_noise(self, count: int, generator: Generator | None = None) -> Tensors:
        """The flow's base noise "u"."""
        return {"u": torch.randn(count, self.dim, generator=generator, dtype=self.dtype)}
