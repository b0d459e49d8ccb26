"""Mixtures of normals as a block:  p(z) = sum_k w_k N(z; mean_k, L_k L_k'), learned by gradient or fitted by EM.

E step    r_nk = w_k N(z_n; k) / sum_j w_j N(z_n; j)
M step    w_k = sum_n r_nk / N,  mean_k = sum_n r_nk z_n / sum_n r_nk,  the covariance likewise
"""

import math
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from blocks.nets import check_widths
from blocks.registry import block
from blocks.types import Size, Takes

__all__ = ["Mixture", "MixturePrior", "expectation_maximisation", "seeded_mixture"]

Covariance = Literal["full", "diagonal"]
HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
RIDGE = 1e-6  # added to every variance by EM: as scikit-learn's `reg_covar`
LLOYD = 10  # rounds of k-means after its seeding


class Mixture(NamedTuple):
    """Shapes: logits "k", means "k d", factors "k d d", lower triangular with a positive diagonal."""

    logits: Tensor
    means: Tensor
    factors: Tensor

    def log_parts(self, value: Tensor) -> Tensor:  # b d -> b k
        """log w_k + log N(value; mean_k, L_k L_k')."""
        away = (value[:, None] - self.means).movedim(0, 2)  # k d b
        standard = torch.linalg.solve_triangular(self.factors, away, upper=False)
        log_det = self.factors.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        quadratic = -0.5 * standard.square().sum(1) - log_det[:, None] - self.means.shape[1] * HALF_LOG_TWO_PI
        return self.logits.log_softmax(0) + quadratic.T


def expectation_maximisation(
    values: Tensor, start: Mixture, steps: int, tolerance: float = 0.0, diagonal: bool = False
) -> tuple[Mixture, int]:
    """`start` after `steps` of EM on `values` "n d", or fewer: until the mean log density gains less than `tolerance`.

    Also gives the number of steps. A component that loses all its values keeps its covariance at the ridge.
    Source: Dempster, Laird and Rubin 1977; scikit-learn's GaussianMixture, which the tests compare.
    """
    state, before = start, -math.inf
    for step in range(steps):
        parts = state.log_parts(values)
        log_density = parts.logsumexp(1)
        now = float(log_density.mean())
        if step and now - before < tolerance:
            return state, step
        state, before = _maximised(values, (parts - log_density[:, None]).exp(), diagonal), now
    return state, steps


def seeded_mixture(values: Tensor, components: int, generator: torch.Generator, diagonal: bool = False) -> Mixture:
    """A start for EM: the clusters of k-means, seeded by k-means++ (Arthur and Vassilvitskii 2007)."""
    first = torch.randint(len(values), (1,), generator=generator)
    centers = values[first]
    for _ in range(components - 1):
        nearest = torch.cdist(values, centers).square().amin(1)
        weights = nearest if float(nearest.sum()) > 0 else torch.ones_like(nearest)
        centers = torch.cat([centers, values[torch.multinomial(weights, 1, generator=generator)]])
    for _ in range(LLOYD):
        belongs = nn.functional.one_hot(torch.cdist(values, centers).argmin(1), components).to(values.dtype)
        sizes = belongs.sum(0)[:, None]
        centers = torch.where(sizes > 0, belongs.T @ values / sizes.clamp(min=1), centers)
    belongs = nn.functional.one_hot(torch.cdist(values, centers).argmin(1), components).to(values.dtype)
    return _maximised(values, belongs, diagonal)


def _maximised(values: Tensor, shares: Tensor, diagonal: bool) -> Mixture:  # n d, n k
    counts = shares.sum(0) + 10 * torch.finfo(values.dtype).eps
    means = shares.T @ values / counts[:, None]
    ridge = RIDGE * torch.eye(values.shape[1], dtype=values.dtype)
    if diagonal:
        squares = shares.T @ values.square() / counts[:, None] - means.square()
        covariances = torch.diag_embed(squares.clamp(min=0)) + ridge
    else:
        away = values - means[:, None]  # k n d
        covariances = torch.einsum("nk,kni,knj->kij", shares, away, away) / counts[:, None, None] + ridge
    return Mixture(counts.log(), means, torch.linalg.cholesky(covariances))


@block("prior.mixture")
class MixturePrior(nn.Module):
    """A mixture of normals over vectors, trained by its log_prob or fitted by EM: `fit: {prior: z}`.

    covariance: "full" or "diagonal". It starts with unit covariances round means drawn from a standard normal. Its
    noise is a record: `choice`, uniform, says which component, `component`, normal, where in it.
    Shapes: z "b d" -> log_prob "b".   Raises ValueError for a value that is no vector, or no components.
    Source: Ghosh et al. 2020 (RAE + GMM; thesis 3.4.4, 10 components).
    """

    role: ClassVar[str] = "prior"
    is_model: ClassVar[bool] = True
    returns: ClassVar[str] = "tensor"
    like: ClassVar[str | None] = None
    chosen: ClassVar[bool] = True  # its noise has a choice beside it
    slots: ClassVar[dict[str, tuple[int | None, ...]]] = {"at": (None, 0), "log_prob_at": (None, 0)}
    largest: ClassVar[dict[str, int]] = {"components": 10_000}

    def __init__(self, takes: Takes, *, components: int = 10, covariance: Covariance = "full") -> None:
        super().__init__()
        event = takes[0]
        if not isinstance(event, tuple) or len(event) != 1:
            raise ValueError(f"a mixture of normals is over vectors, not {event}: flatten the value")
        check_widths("components", [components])
        self.diagonal = covariance == "diagonal"
        self.logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.randn(components, *event))
        self.log_scales = nn.Parameter(torch.zeros(components, *event))
        self.below = None if self.diagonal else nn.Parameter(torch.zeros(components, *event, *event))

    @classmethod
    def least_rows(cls, event: Size, *, components: int = 10, covariance: Covariance = "full") -> tuple[int, str]:
        """The fewest values that a fit takes, and what asks for them."""
        return max(components, 2), f"`components: {components}`"

    def at(self, choice: Tensor, component: Tensor) -> Tensor:  # b, b d -> b d
        """mean_k + L_k component, of the component k in whose share of [0, 1) the choice lies."""
        index = self._chosen(choice)
        state = self._mixture()
        return state.means[index] + torch.einsum("bij,bj->bi", state.factors[index], component)

    def log_prob(self, value: Tensor) -> Tensor:  # b d -> b
        """log sum_k w_k N(value; mean_k, L_k L_k'), in nats."""
        return self._mixture().log_parts(value).logsumexp(1)

    def log_prob_at(self, choice: Tensor, component: Tensor) -> tuple[Tensor, Tensor]:  # b, b d -> b d, b
        """The draw and its log density."""
        value = self.at(choice, component)
        return value, self.log_prob(value)

    @torch.no_grad()
    def fit(self, values: Tensor, seed: int, *, steps: int = 100, tolerance: float = 1e-3) -> None:
        """EM on `values` "n d" from the clusters of k-means, in float64; `tolerance` in nats, as scikit-learn's.

        Raises ValueError for fewer values than components.
        """
        if len(values) < len(self.logits):
            raise ValueError(
                f"{len(self.logits)} components are fitted to {len(values)} values: write fewer components"
            )
        held = values.double()
        generator = torch.Generator().manual_seed(seed)
        start = seeded_mixture(held, len(self.logits), generator, self.diagonal)
        made, _ = expectation_maximisation(held, start, steps, tolerance, self.diagonal)
        self.set(made)

    @torch.no_grad()
    def set(self, state: Mixture) -> None:
        """Take these weights, means and factors."""
        self.logits.copy_(state.logits.log_softmax(0))
        self.means.copy_(state.means)
        self.log_scales.copy_(state.factors.diagonal(dim1=-2, dim2=-1).log())
        if self.below is not None:
            self.below.copy_(state.factors.tril(-1))

    def _mixture(self) -> Mixture:
        factors = torch.diag_embed(self.log_scales.exp())
        return Mixture(self.logits, self.means, factors if self.below is None else factors + self.below.tril(-1))

    def _chosen(self, choice: Tensor) -> Tensor:  # b -> b, int64
        above = self.logits.softmax(0).cumsum(0)
        return (choice[:, None] >= above[:-1]).sum(1)
