"""The same flow by each library: one likelihood each, at the same sizes, trained by the same loop.

Where a library builds its own networks the sizes are the nearest that it has; the report gives the parameters of each.
"""

from collections.abc import Callable, Mapping

import normflows
import torch
import zuko
from nflows.transforms import (
    AffineCouplingTransform,
    MaskedAffineAutoregressiveTransform,
    PiecewiseRationalQuadraticCouplingTransform,
)
from torch import Tensor, nn

from blocks.distributions import standard_normal_log_prob
from blocks.flows.glow import Glow
from blocks.flows.maf import MAF
from blocks.flows.realnvp import RealNVP
from blocks.flows.spline import SplineFlow
from blocks.nets import mlp

__all__ = ["SYSTEMS", "Side", "step_of"]

FEATURES, ROWS, HIDDEN = 16, 256, (64, 64)
COUPLINGS, LAYERS, BINS, BOUND = 4, 5, 8, 5.0
PICTURE, PICTURES, STEPS, WIDTH = (3, 16, 16), 32, 8, 64

LogProb = Callable[[Tensor], Tensor]
Side = tuple[nn.Module, LogProb]


class Net(nn.Module):
    """A perceptron where nflows hands over a context that is None."""

    def __init__(self, kept: int, out: int) -> None:
        super().__init__()
        self.net = mlp(kept, *HIDDEN, out, activation="relu")

    def forward(self, value: Tensor, context: None = None) -> Tensor:
        """The numbers."""
        return self.net(value)


def halves(k: int) -> Tensor:
    """A mask of nflows: the half that changes."""
    return (torch.arange(FEATURES) < FEATURES // 2).int() if k % 2 else (torch.arange(FEATURES) >= FEATURES // 2).int()


def block(flow: nn.Module) -> Side:
    """One of ours."""
    return flow, flow.log_prob  # type: ignore[return-value]


def of_zuko(flow: nn.Module) -> Side:
    """A flow of zuko."""
    return flow, lambda x: flow.forward().log_prob(x)


def of_nflows(transforms: list[nn.Module]) -> Side:
    """Transforms of nflows, from data to noise."""
    held = nn.ModuleList(transforms)

    def log_prob(x: Tensor) -> Tensor:
        ladj = x.new_zeros(len(x))
        for transform in held:
            x, more = transform(x)
            ladj = ladj + more
        return standard_normal_log_prob(x) + ladj

    return held, log_prob


def of_normflows(flows: list[nn.Module]) -> Side:
    """Flows of normflows, from noise to data."""
    held = nn.ModuleList(flows)

    def log_prob(x: Tensor) -> Tensor:
        ladj = x.new_zeros(len(x))
        for flow in reversed(held):
            x, more = flow.inverse(x)  # pyright: ignore[reportCallIssue]
            ladj = ladj + more
        return standard_normal_log_prob(x.flatten(1)) + ladj

    return held, log_prob


def masks_of_normflows() -> list[nn.Module]:
    """Affine couplings on halves, swapped between."""
    made: list[nn.Module] = []
    for _ in range(COUPLINGS):
        net = normflows.nets.MLP([FEATURES // 2, *HIDDEN, FEATURES], init_zeros=False)
        made += [normflows.flows.AffineCouplingBlock(net), normflows.flows.Permute(FEATURES, mode="swap")]
    return made


def splines_of_zuko() -> nn.Module:
    """Spline couplings of zuko."""
    return zuko.flows.NICE(
        FEATURES,
        transforms=COUPLINGS,
        hidden_features=HIDDEN,
        univariate=zuko.transforms.MonotonicRQSTransform,
        shapes=[(BINS,), (BINS,), (BINS - 1,)],
    )


def glow_of_normflows() -> list[nn.Module]:
    """One level of Glow."""
    channels = 4 * PICTURE[0]
    made: list[nn.Module] = [normflows.flows.GlowBlock(channels, WIDTH, init_zeros=False) for _ in range(STEPS)]
    for flow in made:
        flow.flows[-1].data_dep_init_done.fill_(1)  # type: ignore[union-attr]
    return [*made, normflows.flows.Squeeze()]


def points() -> Tensor:
    """A batch of vectors."""
    return torch.randn(ROWS, FEATURES)


def pictures() -> Tensor:
    """A batch of pictures."""
    return torch.randn(PICTURES, *PICTURE)


EVENT = ((FEATURES,),)
SYSTEMS: Mapping[str, tuple[Callable[[], Tensor], Mapping[str, Callable[[], Side]]]] = {
    "realnvp": (
        points,
        {
            "ours": lambda: block(RealNVP(EVENT, couplings=COUPLINGS, hidden=HIDDEN)),
            "zuko": lambda: of_zuko(zuko.flows.NICE(FEATURES, transforms=COUPLINGS, hidden_features=HIDDEN)),
            "nflows": lambda: of_nflows([AffineCouplingTransform(halves(k), Net) for k in range(COUPLINGS)]),
            "normflows": lambda: of_normflows(masks_of_normflows()),
        },
    ),
    "maf, soft scale": (
        points,
        {
            "ours": lambda: block(MAF(EVENT, layers=LAYERS, hidden=HIDDEN)),
            "zuko": lambda: of_zuko(zuko.flows.MAF(FEATURES, transforms=LAYERS, hidden_features=HIDDEN)),
        },
    ),
    "maf, sigmoid scale": (
        points,
        {
            "ours": lambda: block(MAF(EVENT, layers=LAYERS, hidden=HIDDEN, scale="sigmoid")),
            "nflows": lambda: of_nflows(
                [
                    MaskedAffineAutoregressiveTransform(FEATURES, HIDDEN[0], num_blocks=1, use_residual_blocks=False)
                    for _ in range(LAYERS)
                ]
            ),
            "normflows": lambda: of_nflows(  # its one pass is its `forward`: read from data to noise, as one would
                [
                    normflows.flows.MaskedAffineAutoregressive(
                        FEATURES, HIDDEN[0], num_blocks=1, use_residual_blocks=False
                    )
                    for _ in range(LAYERS)
                ]
            ),
        },
    ),
    "spline": (
        points,
        {
            "ours": lambda: block(SplineFlow(EVENT, couplings=COUPLINGS, hidden=HIDDEN, bins=BINS, bound=BOUND)),
            "zuko": lambda: of_zuko(splines_of_zuko()),
            "nflows": lambda: of_nflows(
                [
                    PiecewiseRationalQuadraticCouplingTransform(
                        halves(k), Net, num_bins=BINS, tails="linear", tail_bound=BOUND
                    )
                    for k in range(COUPLINGS)
                ]
            ),
            "normflows": lambda: of_normflows(
                [
                    normflows.flows.CoupledRationalQuadraticSpline(
                        FEATURES, 1, HIDDEN[0], num_bins=BINS, tail_bound=BOUND, reverse_mask=k % 2 == 1
                    )
                    for k in range(COUPLINGS)
                ]
            ),
        },
    ),
    "glow": (
        pictures,
        {
            "ours": lambda: block(Glow((PICTURE,), levels=1, steps=STEPS, width=WIDTH, prior="standard")),
            "normflows": lambda: of_normflows(glow_of_normflows()),
        },
    ),
}
"""What is compared: a batch, and each library's flow."""


def step_of(side: Side, x: Tensor) -> Callable[[], object]:
    """A step of likelihood training by fused Adam."""
    module, log_prob = side
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], lr=1e-4, fused=True)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        (-log_prob(x).mean()).backward()
        optimizer.step()

    return step
