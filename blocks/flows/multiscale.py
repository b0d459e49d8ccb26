"""Flows of several scales: after each level, half of the channels leave as noise, and the rest go on, smaller.

    level l     z_l, h_{l-1} = levels[l]^-1(h_{l-2}),  eps_l = (z_l - mean_l) exp(-s_l),  (mean_l, s_l) of h_{l-1}
    noise       {level1: eps_1, .., levelL: eps_L}: all of them are needed to make the value again

The last level leaves whole. Its noise is a record; as a bijection, between tensors of the event's shape, the flow reads
and writes the leaves one after another, flattened.   Source: Dinh et al. 2017, section 3.6; Kingma & Dhariwal 2018.
"""

from collections.abc import Iterable
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from blocks.distributions import standard_normal_log_prob
from blocks.flows.model import event_of
from blocks.nets import Concatenation
from blocks.spatial import ZeroConvolution
from blocks.transforms import LOG_SCALES, Context, Parts, Transform, contract, expand, total
from blocks.types import Size, Takes, elements

__all__ = ["LearnedSplit", "LearnedTop", "MultiScale", "Prior", "StandardPrior", "level_names", "picture_of"]

Prior = Literal["learned", "standard"]


class StandardPrior(nn.Module):
    """What leaves is standard normal, whatever stays: mean 0, no scale."""

    def forward(self, kept: Tensor | None, like: Tensor) -> tuple[Tensor, Tensor] | None:
        """None: nothing to shift or scale."""
        return None


class LearnedSplit(nn.Module):
    """(mean, log-scale) of the half that leaves, by a zero convolution of the half that stays."""

    def __init__(self, kept: int, leaving: int) -> None:
        super().__init__()
        self.net = ZeroConvolution(kept, 2 * leaving)

    def forward(self, kept: Tensor | None, like: Tensor) -> tuple[Tensor, Tensor] | None:  # b c h w -> b c h w, b c h w
        """The mean and the log-scale."""
        assert kept is not None
        mean, raw = self.net(kept).chunk(2, dim=1)
        return mean, LOG_SCALES["soft"](raw)


class LearnedTop(nn.Module):
    """(mean, log-scale) of the last level, one learned number of each per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.numbers = nn.Parameter(torch.zeros(2, channels, 1, 1))

    def forward(self, kept: Tensor | None, like: Tensor) -> tuple[Tensor, Tensor] | None:  # -> b c h w, b c h w
        """The mean and the log-scale, the same for every sample and pixel."""
        mean, raw = self.numbers.unbind()
        return mean.expand_as(like), LOG_SCALES["soft"](raw).expand_as(like)


class MultiScale(nn.Module):
    """A model of pictures "b c h w" by levels, each a bijection after which half of the channels leave as noise.

    levels, priors: one each a level, the first the one next to the data; sizes: of what leaves. `at`, `log_prob_at`
    take the leaves in order, then what the flow is conditioned on.
    """

    is_model: ClassVar[bool] = True
    role: ClassVar[str] = "flow"
    returns: ClassVar[str] = "tensor"
    needs_data: ClassVar[bool] = True
    cheap: ClassVar[Literal["both", "forward", "inverse"]] = "both"

    def __init__(
        self, takes: Takes, levels: Iterable[Transform], priors: Iterable[nn.Module], sizes: Iterable[Size]
    ) -> None:
        super().__init__()
        self.event, self.sizes = event_of(takes), list(sizes)
        self.levels, self.priors = nn.ModuleList(levels), nn.ModuleList(priors)
        self.condition = Concatenation(takes[1:]) if len(takes) > 1 else None

    def noise_laws(self) -> dict[str, tuple[str, Size]]:
        """A standard normal leaf for each level."""
        return {name: ("normal", size) for name, size in zip(level_names(len(self.sizes)), self.sizes, strict=True)}

    def at(self, *given: Tensor) -> Tensor:  # b c h w a level, .. -> b c h w
        """The draw that these leaves make, of what the flow is conditioned on."""
        return self._pushed(given)[0]

    def log_prob_at(self, *given: Tensor) -> tuple[Tensor, Tensor]:  # b c h w a level, .. -> b c h w, b
        """The draw and its log density, without inverting."""
        x, parts = self._pushed(given)
        return x, self._density(given[: len(self.sizes)]) - total(parts, x)

    def log_prob(self, x: Tensor, *context: Tensor) -> Tensor:  # b c h w -> b
        """log p(x), in nats."""
        leaves, parts = self._pulled(x, context)
        return self._density(leaves) - total(parts, x)

    def noise_of(self, x: Tensor, *context: Tensor) -> tuple[Tensor, ...]:  # b c h w -> b c h w a level
        """The leaves whose draw is x."""
        return tuple(self._pulled(x, context)[0])

    def forward(self, noise: Tensor, *context: Tensor) -> Tensor:  # b c h w -> b c h w
        """The flow as a bijection: what leaves that lie one after another in `noise` make."""
        return self.at(*self._cut(noise), *context)

    def inverse(self, x: Tensor, *context: Tensor) -> Tensor:  # b c h w -> b c h w
        """The leaves of x, one after another."""
        return self._joined(self.noise_of(x, *context))

    def forward_and_ladj(self, noise: Tensor, *context: Tensor) -> tuple[Tensor, Tensor]:  # b c h w -> b c h w, b
        """`forward`, and log |det| of it."""
        x, parts = self._pushed((*self._cut(noise), *context))
        return x, total(parts, x)

    def inverse_and_ladj(self, x: Tensor, *context: Tensor) -> tuple[Tensor, Tensor]:  # b c h w -> b c h w, b
        """`inverse`, and log |det| of it."""
        leaves, parts = self._pulled(x, context)
        return self._joined(leaves), -total(parts, x)

    def _pushed(self, given: tuple[Tensor, ...]) -> tuple[Tensor, Parts]:
        leaves, context = given[: len(self.sizes)], self._told(given[len(self.sizes) :])
        value: Tensor | None = None
        parts: Parts = []
        for level, prior, noise in reversed(list(zip(self.levels, self.priors, leaves, strict=True))):
            affine, leaving = prior(value, noise), noise
            if affine is not None:
                leaving = expand(noise, affine[1], affine[0])
                parts.append(affine[1].flatten(1))
            whole = leaving if value is None else torch.cat([value, leaving], dim=1)
            assert isinstance(level, Transform)
            value, more = level.push(whole, context)
            parts += more
        assert value is not None
        return value, parts

    def _pulled(self, x: Tensor, context: tuple[Tensor, ...]) -> tuple[list[Tensor], Parts]:
        told, leaves = self._told(context), []
        parts: Parts = []
        for level, prior, size in zip(self.levels, self.priors, self.sizes, strict=True):
            assert isinstance(level, Transform)
            x, more = level.pull(x, told)
            parts += more
            stays = x.shape[1] - size[0]
            x, leaving = x.split([stays, size[0]], dim=1)
            affine = prior(x if stays else None, leaving)
            if affine is not None:
                leaving = contract(leaving, affine[1], affine[0])
                parts.append(affine[1].flatten(1))
            leaves.append(leaving)
        return leaves, parts

    def _density(self, leaves: Iterable[Tensor]) -> Tensor:
        return standard_normal_log_prob(self._joined(leaves))

    def _told(self, context: tuple[Tensor, ...]) -> Context:  # b .., .. -> b k
        return None if self.condition is None else self.condition(*context)

    def _cut(self, noise: Tensor) -> list[Tensor]:
        cut = noise.flatten(1).split([elements(size) for size in self.sizes], dim=1)
        return [part.unflatten(1, size) for part, size in zip(cut, self.sizes, strict=True)]

    def _joined(self, leaves: Iterable[Tensor]) -> Tensor:
        return torch.cat([leaf.flatten(1) for leaf in leaves], dim=1).unflatten(1, self.event)


def level_names(levels: int) -> tuple[str, ...]:
    """The names of the noise leaves: level1 is next to the data."""
    return tuple(f"level{number}" for number in range(1, levels + 1))


def picture_of(takes: Takes, kind: str, squeezes: int) -> tuple[int, int, int]:
    """The (channels, height, width) that a flow can squeeze so often.   Raises ValueError for any other event."""
    event = event_of(takes)
    if len(event) != 3:
        raise ValueError(f"`{kind}` is for pictures, channels x height x width, and its value is {list(event)}")
    channels, height, width = event
    fits = min(_halvings(height), _halvings(width))
    if fits < squeezes:
        odd = height if _halvings(height) <= _halvings(width) else width
        way = f"`levels: {fits}` fits" if fits else "pad or crop the pictures to an even size"
        raise ValueError(
            f"`{kind}` makes 2 x 2 pixels one {squeezes} times, and {height} x {width} pixels allow it {fits} times: "
            f"{odd} is {'odd' if odd % 2 else f'not a multiple of {2**squeezes}'}; {way}"
        )
    return channels, height, width


def _halvings(length: int) -> int:
    return (length & -length).bit_length() - 1
