"""A residual convolutional pair, for images of any size   (He et al. 2016, pre-activation; thesis 3.3 and 4.2).

    block     v + conv(act(norm(conv(act(norm(v))))), the skip a 1 x 1 convolution where the channels change
    encoder   conv | (block, halve) for each of `channels` | norm, act | linear, or conv to a map
    decoder   linear, or conv of a map | (block, double) for each of `channels` | norm, act, conv

Halving is a mean over 2 x 2, doubling repeats pixels; the second convolution of a block starts at a tenth of its usual
weights, so that the pair starts near its skips.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from blocks.distributions import Bernoulli, Normal
from blocks.heads import COMPONENTS, LEVELS, DataOutput, Distribution, Output, OutputActivation, Std, head, known_range
from blocks.images import IMAGE_NORMS, ImageNorm, halves, image_of, map_of
from blocks.nets import ACTIVATIONS, Activation, Concatenation, Time, check_latent, check_widths, choose
from blocks.registry import block
from blocks.types import Size, Takes

__all__ = ["ResidualDecoder", "ResidualEncoder"]

START = 0.1  # of a branch beside its skip: Vahdat and Kautz 2020 (NVAE)

Code = Literal["vector", "map"]


class Residual(nn.Module):
    """v + conv(act(norm(conv(act(norm(v)))))).   Shapes: "b c h w" -> "b c' h w"."""

    def __init__(self, fan_in: int, fan_out: int, norm: ImageNorm, activation: Activation) -> None:
        super().__init__()
        make_norm, act = choose(IMAGE_NORMS, "norm", norm), choose(ACTIVATIONS, "activation", activation)
        last = nn.Conv2d(fan_out, fan_out, 3, padding=1)
        self.branch = nn.Sequential(
            make_norm(fan_in), act(), nn.Conv2d(fan_in, fan_out, 3, padding=1),
            make_norm(fan_out), act(), last,
        )  # fmt: skip
        with torch.no_grad():
            last.weight.mul_(START)
        self.skip = nn.Conv2d(fan_in, fan_out, 1, bias=False) if fan_in != fan_out else nn.Identity()

    def forward(self, v: Tensor) -> Tensor:  # b c h w -> b c' h w
        """The sum of skip and branch."""
        return self.skip(v) + self.branch(v)


class Doubled(nn.Module):
    """Each pixel four times, and of an odd size the last row and column once more.   "b c h w" -> "b c h' w'"."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.size = (rows, columns)

    def forward(self, v: Tensor) -> Tensor:  # b c h w -> b c rows columns
        """The larger map."""
        doubled = v.repeat_interleave(2, 2).repeat_interleave(2, 3)
        more = (0, self.size[1] - doubled.shape[3], 0, self.size[0] - doubled.shape[2])
        return F.pad(doubled, more, mode="replicate") if any(more) else doubled


@block("encoder.resnet")
class ResidualEncoder(nn.Module):
    """Residual blocks, each followed by a halving, from an image to a code.

    code: "vector" of `latent` numbers, or a "map" with `latent` channels at the smallest size, as vector quantisation
    wants it. Further arguments are conditions of a vector, set beside the last map.
    Shapes: x "b c h w", .. -> "b latent" or "b latent h' w'", or a Normal or Bernoulli of it.
    Raises ValueError for anything but an image, a width below 1, conditions of a map, or so many `channels` that no
    pixel is left.
    """

    role: ClassVar[str] = "encoder"
    like: ClassVar[str | None] = None

    def __init__(
        self,
        takes: Takes,
        *,
        latent: int,
        channels: Sequence[int] = (32, 64, 128),
        code: Code = "vector",
        norm: ImageNorm = "group",
        activation: Activation = "silu",
        output: Output = "tensor",
        std: Std = "learned",
        time: Time = "one_hot",
        time_features: int = 32,
    ) -> None:
        super().__init__()
        check_widths("latent", [latent])
        check_widths("channels", channels)
        image, height, width = image_of("takes", takes[0] if takes else ())
        rows, columns = (halves(pixels, len(channels))[-1] for pixels in (height, width))
        if not channels:
            raise ValueError("`channels` is empty, so nothing is convolved: write a width for each halving")
        if code == "map" and takes[1:]:
            raise ValueError(f"`code: map` has no conditions, but the call passes {len(takes)} values: pass the image")
        layers: list[nn.Module] = [nn.Conv2d(image, channels[0], 3, padding=1)]
        for fan_in, fan_out in pairwise((channels[0], *channels)):
            layers += [Residual(fan_in, fan_out, norm, activation), nn.AvgPool2d(2)]
        layers += [choose(IMAGE_NORMS, "norm", norm)(channels[-1]), choose(ACTIVATIONS, "activation", activation)()]
        self.conditions = Concatenation(takes[1:], time=time, time_features=time_features) if takes[1:] else None
        self.head = head((latent, rows, columns) if code == "map" else (latent,), output=output, std=std)
        made = self.head.parts * latent
        flat = channels[-1] * rows * columns + (self.conditions.features if self.conditions is not None else 0)
        self.net = nn.Sequential(*layers) if code == "map" else nn.Sequential(*layers, nn.Flatten())
        self.last = nn.Conv2d(channels[-1], made, 1) if code == "map" else nn.Linear(flat, made)

    def forward(self, x: Tensor, *conditions: Tensor) -> Tensor | Normal | Bernoulli:  # b c h w, .. -> b *code
        """The code, or its distribution."""
        found = self.net(x)
        if self.conditions is not None:
            found = torch.cat([found, self.conditions(*conditions)], 1)
        return self.head(self.last(found))


@block("decoder.resnet")
class ResidualDecoder(nn.Module):
    """Residual blocks, each followed by a doubling, from a code to an image.

    A code that is a map must have the size that `channels` doublings lead from to the image; a vector, with any
    conditions beside it, goes through a linear layer first. Outputs over levels as in `decoder.dcgan`.
    Shapes: z "b *code", .. -> "b c h w", or a distribution of it.
    Raises ValueError if it must make anything but an image, for a width below 1, a map of another size or with
    conditions, or a `latent` that the calls contradict.
    """

    role: ClassVar[str] = "decoder"
    like: ClassVar[str | None] = "data"

    def __init__(
        self,
        takes: Takes,
        makes: Size,
        *,
        latent: int | None = None,
        channels: Sequence[int] = (128, 64, 32),
        norm: ImageNorm = "group",
        activation: Activation = "silu",
        output: DataOutput = "tensor",
        output_activation: OutputActivation = "none",
        std: Std = "learned",
        levels: int = LEVELS,
        components: int = COMPONENTS,
        time: Time = "one_hot",
        time_features: int = 32,
    ) -> None:
        super().__init__()
        check_latent(latent, takes)
        check_widths("channels", channels)
        image, height, width = image_of("makes", makes)
        if not channels:
            raise ValueError("`channels` is empty, so nothing is convolved: write a width for each doubling")
        rows, columns = halves(height, len(channels)), halves(width, len(channels))
        self.head = head(
            makes, output=output, std=std, output_activation=output_activation, levels=levels, components=components
        )
        mapped = map_of(takes[0], rows[-1], columns[-1], len(channels)) if takes else None
        if mapped is not None and takes[1:]:
            raise ValueError(
                f"a code that is a map has no conditions, but the call passes {len(takes)} values: drop them"
            )
        self.inputs = Concatenation(takes, time=time, time_features=time_features) if mapped is None else nn.Identity()
        smallest = (channels[0], rows[-1], columns[-1])
        first: list[nn.Module] = [nn.Conv2d(mapped, channels[0], 3, padding=1)] if mapped is not None else []
        if isinstance(self.inputs, Concatenation):
            first = [
                nn.Linear(self.inputs.features, smallest[0] * smallest[1] * smallest[2]),
                nn.Unflatten(1, smallest),
            ]
        for level, (fan_in, fan_out) in enumerate(pairwise((channels[0], *channels))):
            first += [Residual(fan_in, fan_out, norm, activation), Doubled(rows[-2 - level], columns[-2 - level])]
        first += [choose(IMAGE_NORMS, "norm", norm)(channels[-1]), choose(ACTIVATIONS, "activation", activation)()]
        self.net = nn.Sequential(*first, nn.Conv2d(channels[-1], self.head.parts * image, 3, padding=1))

    @classmethod
    def argument_sizes(cls, *, latent: int | None = None, **_others: object) -> tuple[Size | None, ...]:
        """The code's size, where `latent` is written."""
        return (None if latent is None else (latent,),)

    @classmethod
    def output_range(cls, options: Mapping[str, Any]) -> tuple[float, float] | None:
        """The range of the value or the mean, where the options bound it."""
        return known_range(cls, options)

    def forward(self, *values: Tensor) -> Tensor | Distribution:  # z: b *code, .. -> b c h w
        """The image, or its distribution."""
        return self.head(self.net(self.inputs(*values)))
