"""The InfoGAN auto-encoder of Generative Latent Flow   (thesis Table 3.6; Chen et al. 2016).

    encoder   conv 64, ReLU | conv 128, BN, ReLU | linear 1024, BN, ReLU | linear
    decoder   linear 1024, BN, ReLU | linear 128 M M, BN, ReLU | deconv 64, BN, ReLU | deconv, sigmoid

All convolutions are 4 x 4 with stride 2 and padding 1; M is the image size over 4 (7 for 28 pixels, 2 for 8).
Two readings of the table: its last deconvolution is said to have 128 filters, but it makes the image, so it has the
image's channels; and a layer before a batch norm has no bias here, since the norm would take it away again.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from blocks.distributions import Bernoulli, Normal
from blocks.heads import Output, OutputActivation, Std, head, known_range
from blocks.nets import Concatenation, Time, check_latent, check_widths
from blocks.registry import block
from blocks.types import Size, Taken, Takes

__all__ = ["InfoGANDecoder", "InfoGANEncoder"]

KERNEL, STRIDE, PADDING = 4, 2, 1  # thesis 3.4.3: each convolution halves, each deconvolution doubles


@block("encoder.infogan")
class InfoGANEncoder(nn.Module):
    """Two convolutions and two linear layers from an image to a code of `latent` numbers (thesis Table 3.6).

    Ends in a plain linear layer. `output: normal` doubles it: means and stds, as the thesis' VAEs do.
    Shapes: x "b c h w", h and w divisible by 4 -> "b latent", or a Normal or Bernoulli of it.
    Raises ValueError for anything but one such image, or for other than two `channels`.
    """

    role: ClassVar[str] = "encoder"
    like: ClassVar[str | None] = None

    def __init__(
        self,
        takes: Takes,
        *,
        latent: int,
        channels: Sequence[int] = (64, 128),
        hidden: int = 1024,
        output: Output = "tensor",
        std: Std = "learned",
    ) -> None:
        super().__init__()
        if len(takes) != 1:
            raise ValueError(f"it takes one image, not {len(takes)} arguments: `encoder.mlp` takes any number")
        check_widths("latent", [latent])
        image, rows, columns = _image("takes", takes[0])
        first, second = _two(channels)
        check_widths("hidden", [hidden])
        self.head = head((latent,), output=output, std=std)
        self.net = nn.Sequential(
            nn.Conv2d(image, first, KERNEL, STRIDE, PADDING),
            nn.ReLU(),
            nn.Conv2d(first, second, KERNEL, STRIDE, PADDING, bias=False),
            nn.BatchNorm2d(second),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(second * rows * columns, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, self.head.parts * latent),
        )

    def forward(self, x: Tensor) -> Tensor | Normal | Bernoulli:  # b c h w -> b latent
        """The code, or its distribution."""
        return self.head(self.net(x))


@block("decoder.infogan")
class InfoGANDecoder(nn.Module):
    """Two linear layers and two deconvolutions from a code to an image (thesis Table 3.6).

    Further arguments are conditions, set beside the code. `output: normal` has its mean through the sigmoid and a `std`
    as in `decoder.mlp`; `output: bernoulli` gives logits, whose sigmoid is the mean.
    Shapes: z "b *code", .. -> "b c h w", h and w divisible by 4, or a Normal or Bernoulli of it.
    Raises ValueError if it must make anything else, for other than two `channels`, or a `latent` the calls contradict.
    """

    role: ClassVar[str] = "decoder"
    like: ClassVar[str | None] = "data"

    def __init__(
        self,
        takes: Takes,
        makes: Size,
        *,
        latent: int | None = None,
        channels: Sequence[int] = (128, 64),
        hidden: int = 1024,
        output: Output = "tensor",
        output_activation: OutputActivation = "sigmoid",
        std: Std = "learned",
        time: Time = "one_hot",
        time_features: int = 32,
    ) -> None:
        super().__init__()
        check_latent(latent, takes)
        image, rows, columns = _image("makes", makes)
        first, second = _two(channels)
        check_widths("hidden", [hidden])
        self.inputs = Concatenation(takes, time=time, time_features=time_features)
        self.head = head(makes, output=output, std=std, output_activation=output_activation)
        self.net = nn.Sequential(
            nn.Linear(self.inputs.features, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, first * rows * columns, bias=False),
            nn.BatchNorm1d(first * rows * columns),
            nn.ReLU(),
            nn.Unflatten(1, (first, rows, columns)),
            nn.ConvTranspose2d(first, second, KERNEL, STRIDE, PADDING, bias=False),
            nn.BatchNorm2d(second),
            nn.ReLU(),
            nn.ConvTranspose2d(second, self.head.parts * image, KERNEL, STRIDE, PADDING),
        )

    @classmethod
    def argument_sizes(cls, *, latent: int | None = None, **_others: object) -> tuple[Size | None, ...]:
        """The code's size, where `latent` is written."""
        return (None if latent is None else (latent,),)

    @classmethod
    def output_range(cls, options: Mapping[str, Any]) -> tuple[float, float] | None:
        """The range of the value or the mean, where the options bound it."""
        return known_range(cls, options)

    def forward(self, *values: Tensor) -> Tensor | Normal | Bernoulli:  # z: b *code, .. -> b c h w
        """The image, or its distribution."""
        return self.head(self.net(self.inputs(*values)))


def _image(verb: str, size: Taken) -> tuple[int, int, int]:
    """Channels, rows / 4 and columns / 4 of an image's size."""
    if not isinstance(size, tuple) or len(size) != 3:
        raise ValueError(f"it {verb} an image (channels, height, width), not {size}: `.mlp` blocks do any shape")
    channels, height, width = size
    if min(size) < 1 or height % 4 or width % 4:
        raise ValueError(f"it {verb} images whose height and width divide by 4, not {height} x {width}: pad or resize")
    return channels, height // 4, width // 4


def _two(channels: Sequence[int]) -> tuple[int, int]:
    """The widths of the two (de)convolutions."""
    if len(channels) != 2:
        raise ValueError(f"`channels` sizes two convolutions, but {len(channels)} are written: write two widths")
    check_widths("channels", channels)
    return channels[0], channels[1]
