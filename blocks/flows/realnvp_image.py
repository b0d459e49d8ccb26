"""RealNVP on pictures: couplings by chess board and by channels, at several scales."""

from typing import Any, ClassVar

from blocks.flows.model import check_count, context_of
from blocks.flows.multiscale import MultiScale, StandardPrior, level_names, picture_of
from blocks.nets import check_widths
from blocks.registry import block
from blocks.spatial import ActNorm, ChannelCoupling, CheckerboardCoupling, Squeeze
from blocks.transforms import Chain, Scale, Transform
from blocks.types import Size, Takes

__all__ = ["RealNVPImage"]

BOARDS, LAST_BOARDS, CHANNELS = 3, 4, 3  # couplings of a level, of the last level: Dinh et al. 2017, section 3.6


@block("flow.realnvp_image")
class RealNVPImage(MultiScale):
    """RealNVP on pictures: 3 chess-board couplings, a squeeze, 3 channel couplings, then half of the channels leave.

    The last level has 4 chess-board couplings and leaves whole; noise is a record {level1, .., levelL} of N(0, 1). An
    actnorm, which starts from the first batch, stands where the paper has a batch norm, the nets are those of
    `flow.glow` instead of residual ones. scale as in `flow.realnvp`.
    Raises ValueError for what is no picture, cannot be squeezed, or ends as one pixel, of which no board leaves a part.
    Source: Dinh et al. 2017, sections 3.4 to 3.7.
    """

    largest: ClassVar[dict[str, int]] = {"levels": 12}

    def __init__(self, takes: Takes, *, levels: int = 2, width: int = 64, scale: Scale = "tanh") -> None:
        check_count("levels", levels)
        check_widths("width", [width])
        channels, height, wide = picture_of(takes, "flow.realnvp_image", levels - 1)
        if height * wide == 4 ** (levels - 1):
            raise ValueError(
                f"after {levels - 1} squeezes the pictures are one pixel, of which the chess board leaves nothing to "
                "transform" + (f": write `levels: {levels - 1}`" if levels > 1 else "")
            )
        context = context_of(takes)

        def boards(count: int) -> list[Transform]:
            size = (channels, height, wide)
            return [
                part
                for k in range(count)
                for part in (
                    CheckerboardCoupling(size, width=width, scale=scale, odd=k % 2 == 1, context=context),
                    ActNorm(channels),
                )
            ]

        def by_channels(count: int) -> list[Transform]:
            return [
                part
                for k in range(count)
                for part in (
                    ChannelCoupling(channels, width=width, scale=scale, swapped=k % 2 == 1, context=context),
                    ActNorm(channels),
                )
            ]

        made: list[Transform] = []
        sizes: list[Size] = []
        for _ in range(levels - 1):
            near = boards(BOARDS)
            channels, height, wide = 4 * channels, height // 2, wide // 2
            made.append(Chain([*by_channels(CHANNELS), Squeeze(), *near]))
            channels //= 2
            sizes.append((channels, height, wide))
        super().__init__(
            takes,
            [*made, Chain(boards(LAST_BOARDS))],
            [StandardPrior() for _ in range(levels)],
            [*sizes, (channels, height, wide)],
        )

    @staticmethod
    def leaves(*, levels: int, **_: Any) -> tuple[str, ...]:  # noqa: ANN401
        """The names of the noise, a leaf a level."""
        return level_names(levels)
