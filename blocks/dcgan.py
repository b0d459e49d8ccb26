"""The convolutional pair of DCGAN, for images of any size   (Radford et al. 2015; thesis 4.2, `encoder.dcgan`).

    encoder   (conv 4 x 4 / 2, [norm], LeakyReLU 0.2) for each of `channels` | linear
    decoder   linear, [norm], ReLU | (deconv 4 x 4 / 2, [norm], ReLU) | deconv 4 x 4 / 2

Each convolution halves and each deconvolution doubles: three take 28 pixels to 3, 32 to 4, 64 to 8. As there, the first
convolution has no norm. Weights start as PyTorch's layers do, not from N(0, 0.02).
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from blocks.distributions import Bernoulli, Normal
from blocks.heads import COMPONENTS, LEVELS, DataOutput, Distribution, Output, OutputActivation, Std, head, known_range
from blocks.images import IMAGE_NORMS, ImageNorm, halves, image_of
from blocks.nets import LEAKY_SLOPE, Concatenation, Time, check_latent, check_widths, choose
from blocks.registry import block
from blocks.types import Size, Takes

__all__ = ["DCGANDecoder", "DCGANEncoder"]

KERNEL, STRIDE, PADDING = 4, 2, 1


@block("encoder.dcgan")
class DCGANEncoder(nn.Module):
    """Strided convolutions and a linear layer from an image to a code of `latent` numbers.

    Further arguments are conditions, set beside the last map: q(z | x, y).
    Shapes: x "b c h w", .. -> "b latent", or a Normal or Bernoulli of it.
    Raises ValueError for anything but an image, a width below 1, or so many `channels` that no pixel is left.
    """

    role: ClassVar[str] = "encoder"
    like: ClassVar[str | None] = None

    def __init__(
        self,
        takes: Takes,
        *,
        latent: int,
        channels: Sequence[int] = (64, 128, 256),
        norm: ImageNorm = "batch",
        output: Output = "tensor",
        output_activation: OutputActivation = "none",
        std: Std = "learned",
        time: Time = "one_hot",
        time_features: int = 32,
    ) -> None:
        super().__init__()
        check_widths("latent", [latent])
        check_widths("channels", channels)
        make_norm = choose(IMAGE_NORMS, "norm", norm)
        image, height, width = image_of("takes", takes[0] if takes else ())
        layers: list[nn.Module] = []
        for level, (fan_in, fan_out) in enumerate(pairwise((image, *channels))):
            normed = level > 0
            layers += [nn.Conv2d(fan_in, fan_out, KERNEL, STRIDE, PADDING, bias=not normed or norm != "batch")]
            layers += [make_norm(fan_out) if normed else nn.Identity(), nn.LeakyReLU(LEAKY_SLOPE)]
        rows, columns = (halves(pixels, len(channels))[-1] for pixels in (height, width))
        self.net = nn.Sequential(*layers, nn.Flatten())
        flat = (channels[-1] if channels else image) * rows * columns
        self.conditions = Concatenation(takes[1:], time=time, time_features=time_features) if takes[1:] else None
        self.head = head((latent,), output=output, std=std, output_activation=output_activation)
        beside = self.conditions.features if self.conditions is not None else 0
        self.last = nn.Linear(flat + beside, self.head.parts * latent)

    def forward(self, x: Tensor, *conditions: Tensor) -> Tensor | Normal | Bernoulli:  # b c h w, .. -> b latent
        """The code, or its distribution."""
        flat = self.net(x)
        if self.conditions is not None:
            flat = torch.cat([flat, self.conditions(*conditions)], 1)
        return self.head(self.last(flat))


@block("decoder.dcgan")
class DCGANDecoder(nn.Module):
    """A linear layer and strided deconvolutions from a code to an image.

    Further arguments are conditions, set beside the code. `channels` are those between, from the smallest map up. An
    output over levels (`logistic`, `logistic_mixture`, `categorical`) has `levels` of them, a mixture `components`.
    Shapes: z "b *code", .. -> "b c h w", or a distribution of it.
    Raises ValueError if it must make anything but an image, a width below 1, or a `latent` that the calls contradict.
    """

    role: ClassVar[str] = "decoder"
    like: ClassVar[str | None] = "data"

    def __init__(
        self,
        takes: Takes,
        makes: Size,
        *,
        latent: int | None = None,
        channels: Sequence[int] = (256, 128, 64),
        norm: ImageNorm = "batch",
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
        if not channels:
            raise ValueError("`channels` is empty, so nothing is deconvolved: write a width for each doubling")
        make_norm = choose(IMAGE_NORMS, "norm", norm)
        image, height, width = image_of("makes", makes)
        rows, columns = halves(height, len(channels)), halves(width, len(channels))
        self.inputs = Concatenation(takes, time=time, time_features=time_features)
        self.head = head(
            makes, output=output, std=std, output_activation=output_activation, levels=levels, components=components
        )
        smallest = (channels[0], rows[-1], columns[-1])
        layers: list[nn.Module] = [
            nn.Linear(self.inputs.features, smallest[0] * smallest[1] * smallest[2]),
            nn.Unflatten(1, smallest), make_norm(channels[0]), nn.ReLU(),
        ]  # fmt: skip
        for level, (fan_in, fan_out) in enumerate(pairwise((*channels, self.head.parts * image))):
            last = level == len(channels) - 1
            odd = (rows[-2 - level] % 2, columns[-2 - level] % 2)
            bias = last or norm != "batch"
            layers.append(nn.ConvTranspose2d(fan_in, fan_out, KERNEL, STRIDE, PADDING, output_padding=odd, bias=bias))
            layers += [] if last else [make_norm(fan_out), nn.ReLU()]
        self.net = nn.Sequential(*layers)

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
