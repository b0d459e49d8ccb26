"""Glow: levels of norm, invertible 1x1 convolution and coupling."""

from typing import Any, ClassVar

from torch import nn

from blocks.flows.model import check_count, context_of
from blocks.flows.multiscale import LearnedSplit, LearnedTop, MultiScale, Prior, StandardPrior, level_names, picture_of
from blocks.nets import check_widths
from blocks.registry import block
from blocks.spatial import ChannelCoupling, Coupling, Mixing, Squeeze
from blocks.transforms import Chain, Scale, Transform
from blocks.types import Size, Takes

__all__ = ["Glow"]


@block("flow.glow")
class Glow(MultiScale):
    """Glow: each level squeezes the picture and takes `steps` of actnorm, 1x1 convolution and coupling.

    The actnorms start from the first batch. After each level but the last, half of the channels leave: the noise is a
    record {level1, .., levelL}. prior "learned": what leaves is normal given what stays, the last level has a learned
    mean and scale per channel; "standard": all are N(0, 1). coupling "affine" or "additive"; scale as in
    `flow.realnvp`. Raises ValueError for what is no picture, or cannot be squeezed `levels` times.
    Source: Kingma & Dhariwal 2018, Table 1 and section 3; the nets as in its code, without their inner norms.
    """

    largest: ClassVar[dict[str, int]] = {"levels": 12, "steps": 256}

    def __init__(
        self,
        takes: Takes,
        *,
        levels: int = 2,
        steps: int = 8,
        width: int = 64,
        coupling: Coupling = "affine",
        scale: Scale = "sigmoid",
        prior: Prior = "learned",
    ) -> None:
        check_count("levels", levels)
        check_count("steps", steps)
        check_widths("width", [width])
        channels, height, wide = picture_of(takes, "flow.glow", levels)
        context = context_of(takes)

        def step(channels: int) -> list[Transform]:
            made = ChannelCoupling(channels, width=width, coupling=coupling, scale=scale, context=context)
            return [made, Mixing(channels)]

        made: list[Transform] = []
        priors: list[nn.Module] = []
        sizes: list[Size] = []
        for level in range(1, levels + 1):
            channels, height, wide = 4 * channels, height // 2, wide // 2
            leaving = channels if level == levels else channels - channels // 2
            made.append(Chain([part for _ in range(steps) for part in step(channels)] + [Squeeze()]))
            priors.append(_prior(prior, channels - leaving, leaving))
            sizes.append((leaving, height, wide))
            channels -= leaving
        super().__init__(takes, made, priors, sizes)

    @staticmethod
    def leaves(*, levels: int, **_: Any) -> tuple[str, ...]:  # noqa: ANN401
        """The names of the noise, a leaf a level."""
        return level_names(levels)


def _prior(prior: Prior, kept: int, leaving: int) -> nn.Module:
    if prior == "standard":
        return StandardPrior()
    return LearnedSplit(kept, leaving) if kept else LearnedTop(leaving)
