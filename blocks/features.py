"""Feature nets for perceptual losses   (Johnson et al. 2016; Simonyan and Zisserman 2015; thesis 3.4.3, GLF).

features      (conv 3 x 3, ReLU) for each width of a scale, max pool 2, the next scale, ..
distance      sum over scales of mean |phi_l(a) - phi_l(b)|, phi_l the last map of scale l before its pooling
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from blocks.events import mean_event
from blocks.images import halves, image_of
from blocks.nets import check_widths
from blocks.registry import block
from blocks.types import Takes

__all__ = ["VGGFeatures"]


@block("features.vgg")
class VGGFeatures(nn.Module):
    """A VGG-like net: `features(x)` are its last maps, `features.distance(a, b)` compares those of every scale.

    `channels` gives each scale its width and `depth` its number of convolutions. Its weights come from a run that
    trained it (`weights: {run: .., block: features}`, below a classifier's head) or a file; with `trainable: false` a
    loss moves what it looks at, and not the net.
    Shapes: x "b c h w" -> "b c' h' w'"; a, b "b c h w" -> distance "b".
    Raises ValueError for anything but an image, a width below 1, or so many scales that no pixel is left.
    """

    role: ClassVar[str] = "features"
    like: ClassVar[str | None] = None
    returns: ClassVar[str] = "tensor"
    methods: ClassVar[dict[str, str]] = {"distance": "tensor"}
    slots: ClassVar[dict[str, tuple[int | None, ...]]] = {"distance": (0, 0)}

    def __init__(self, takes: Takes, *, channels: Sequence[int] = (32, 64, 128), depth: int = 2) -> None:
        super().__init__()
        image, height, width = image_of("takes", takes[0] if takes else ())
        check_widths("channels", channels)
        check_widths("depth", [depth])
        if not channels:
            raise ValueError("`channels` is empty, so there are no features: write a width for each scale")
        halves(min(height, width), len(channels) - 1)
        self.pool = nn.MaxPool2d(2)
        scales = []
        for fan_in, fan_out in zip((image, *channels), channels, strict=False):
            widths = [fan_in, *[fan_out] * depth]
            layers = [nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.ReLU()) for a, b in pairwise(widths)]
            scales.append(nn.Sequential(*layers))
        self.scales = nn.ModuleList(scales)

    def forward(self, x: Tensor) -> Tensor:  # b c h w -> b c' h' w'
        """The maps of the last scale."""
        return self._maps(x)[-1]

    def distance(self, a: Tensor, b: Tensor) -> Tensor:  # b c h w, b c h w -> b
        """sum over scales of mean |phi_l(a) - phi_l(b)|."""
        both = zip(self._maps(a), self._maps(b), strict=True)
        return torch.stack([mean_event((one - other).abs()) for one, other in both]).sum(0)

    def _maps(self, x: Tensor) -> list[Tensor]:
        maps: list[Tensor] = []
        for scale in self.scales:
            maps.append(scale(self.pool(maps[-1]) if maps else x))
        return maps
