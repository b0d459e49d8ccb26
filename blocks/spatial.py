"""Bijections of pictures "b c h w": a norm that starts from data, an invertible 1x1 convolution, couplings.

What is said of one pixel counts for all: log-determinants are multiplied by height and width where they must.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from blocks.initialisation import StartsFromData
from blocks.transforms import LOG_SCALES, Context, Parts, Scale, Transform, contract, expand

__all__ = [
    "ActNorm",
    "ChannelCoupling",
    "CheckerboardCoupling",
    "ConvolutionNet",
    "Coupling",
    "InvertibleConvolution",
    "Mixing",
    "Squeeze",
]

Coupling = Literal["affine", "additive"]
STD_FLOOR = 1e-6  # added to a channel's deviation before its logarithm: Kingma & Dhariwal 2018, code
LOG_FACTOR = 3.0  # a zero convolution's outputs are times exp(3 a): the same


class Squeeze(Transform):
    """From data to noise, 2 x 2 pixels become one of 4 times as many channels.   Source: Dinh et al. 2017, 3.6."""

    def push(self, z: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b 4c h w -> b c 2h 2w, parts
        """The pixels side by side."""
        return nn.functional.pixel_shuffle(z, 2), []

    def pull(self, x: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b c 2h 2w -> b 4c h w, parts
        """The pixels as channels, those of one channel together."""
        return nn.functional.pixel_unshuffle(x, 2), []


class ActNorm(StartsFromData, Transform):
    """x = z exp(log_std) + mean, per channel; on the first batch, so set that its noise has mean 0 and deviation 1.

    log |det| = h w sum log_std.   Source: Kingma & Dhariwal 2018, section 3.1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(channels, 1, 1))
        self.log_std = nn.Parameter(torch.zeros(channels, 1, 1))

    def push(self, z: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b c h w -> b c h w, parts
        """z * exp(log_std) + mean; it never starts from noise."""
        return torch.addcmul(self.mean, z, self.log_std.exp()), [self.log_std.sum() * z[0, 0].numel()]

    def pull(self, x: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b c h w -> b c h w, parts
        """(x - mean) * exp(-log_std)."""
        if self.waiting:
            self._start(x)
        return (x - self.mean) * (-self.log_std).exp(), [self.log_std.sum() * x[0, 0].numel()]

    @torch.no_grad()
    def _start(self, x: Tensor) -> None:
        self.mean.copy_(x.mean((0, 2, 3))[:, None, None])
        spread = (x - self.mean).square().mean((0, 2, 3)).sqrt()
        self.log_std.copy_((spread + STD_FLOOR).log()[:, None, None])
        self.waiting = False


class InvertibleConvolution(Transform):
    """From data to noise z = W x at every pixel, W = P L (U + diag(sign exp(log_scale))); W starts as a rotation.

    P, a permutation, and the signs are drawn once and saved; L has ones on its diagonal, U zeros.
    log |det| from noise to data = -h w sum log_scale.   Source: Kingma & Dhariwal 2018, eqs. 10, 11.
    """

    order: Tensor
    sign: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(channels, channels))[0]
        permutation, lower, upper = torch.linalg.lu(rotation)
        self.register_buffer("order", permutation)
        self.register_buffer("sign", upper.diagonal().sign())
        self.lower = nn.Parameter(lower.tril(-1))
        self.upper = nn.Parameter(upper.triu(1))
        self.log_scale = nn.Parameter(upper.diagonal().abs().log())

    def push(self, z: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b c h w -> b c h w, parts
        """W^-1 z."""
        return conv2d(z, self.back()[:, :, None, None]), [-self.log_scale.sum() * z[0, 0].numel()]

    def pull(self, x: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b c h w -> b c h w, parts
        """W x."""
        return conv2d(x, self.matrix()[:, :, None, None]), [-self.log_scale.sum() * x[0, 0].numel()]

    def matrix(self) -> Tensor:  # -> c c
        """W."""
        lower, upper = self.triangles()
        return self.order @ lower @ upper

    def back(self) -> Tensor:  # -> c c
        """W^-1, by two triangular solves of the identity."""
        lower, upper = self.triangles()
        solve = torch.linalg.solve_triangular
        return solve(upper, solve(lower, self.order.T, upper=False, unitriangular=True), upper=True)

    def triangles(self) -> tuple[Tensor, Tensor]:  # -> c c, c c
        """L and U + diag(sign exp(log_scale))."""
        ones = torch.eye(len(self.sign), dtype=self.sign.dtype, device=self.sign.device)
        return self.lower.tril(-1) + ones, self.upper.triu(1) + (self.sign * self.log_scale.exp()).diag()


class Mixing(Transform):
    """From data to noise a norm, then an invertible convolution, as the one affine map of a pixel that they are.

    z = W diag(exp(-log_std)) (x - mean).   The same maps as `Chain([InvertibleConvolution, ActNorm])`, in fewer passes.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ActNorm(channels)
        self.convolution = InvertibleConvolution(channels)

    def push(self, z: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b c h w -> b c h w, parts
        """diag(exp(log_std)) W^-1 z + mean."""
        weight = self.norm.log_std[:, 0].exp() * self.convolution.back()
        return conv2d(z, weight[:, :, None, None], self.norm.mean[:, 0, 0]), [self._grown(z)]

    def pull(self, x: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b c h w -> b c h w, parts
        """W diag(exp(-log_std)) (x - mean)."""
        if self.norm.waiting:
            self.norm.pull(x)
        weight = self.convolution.matrix() * (-self.norm.log_std[:, 0, 0]).exp()
        return conv2d(x, weight[:, :, None, None], -(weight @ self.norm.mean[:, 0, 0])), [self._grown(x)]

    def _grown(self, value: Tensor) -> Tensor:
        return (self.norm.log_std.sum() - self.convolution.log_scale.sum()) * value[0, 0].numel()


class ZeroConvolution(nn.Conv2d):
    """A 3x3 convolution of zeros, times exp(3 a) per channel, a = 0.   Source: Kingma & Dhariwal 2018, code."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out, 3, padding=1)
        nn.init.zeros_(self.weight)
        assert self.bias is not None
        nn.init.zeros_(self.bias)
        self.log_factor = nn.Parameter(torch.zeros(out))

    def forward(self, input: Tensor) -> Tensor:  # b c h w -> b out h w
        """The numbers, all 0 at first."""
        factor = (LOG_FACTOR * self.log_factor).exp()
        assert self.bias is not None
        return conv2d(input, self.weight * factor[:, None, None, None], self.bias * factor, padding=1)


class ConvolutionNet(nn.Module):
    """3x3, ReLU, 1x1, ReLU, 3x3 convolutions: "b c h w" -> "b out h w", zeros at first; a context shifts the first."""

    def __init__(self, channels: int, out: int, *, width: int, context: int = 0) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 1)
        self.last = ZeroConvolution(width, out)
        self.of_context = nn.Linear(context, width, bias=False) if context else None

    def forward(self, value: Tensor, context: Context = None) -> Tensor:  # b c h w, b k -> b out h w
        """The numbers at every pixel."""
        inner = self.first(value)
        if self.of_context is not None and context is not None:
            inner = inner + self.of_context(context)[:, :, None, None]
        return self.last(self.second(inner.relu_()).relu_())


class ChannelCoupling(Transform):
    """The first half of the channels passes (the second, if `swapped`); the others become z exp(s) + t, or z + t.

    (t, r) = net(kept, context), s = -log sigmoid(r + 2) unless `scale` says otherwise.
    Source: Kingma & Dhariwal 2018, Table 1; Dinh et al. 2014 (additive), 2017 (channel masks).
    """

    def __init__(
        self,
        channels: int,
        *,
        width: int,
        coupling: Coupling = "affine",
        scale: Scale = "sigmoid",
        swapped: bool = False,
        context: int = 0,
    ) -> None:
        super().__init__()
        half = channels // 2
        self.sizes, self.swapped = [half, channels - half], swapped
        kept, changed = (self.sizes[1], half) if swapped else (half, self.sizes[1])
        self.scale: Scale | None = scale if coupling == "affine" else None
        self.net = ConvolutionNet(kept, changed * (1 + (coupling == "affine")), width=width, context=context)

    def push(self, z: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b c h w -> b c h w, parts
        """[kept, changed * exp(s) + t]."""
        return self._changed(z, context, expand, torch.add)

    def pull(self, x: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b c h w -> b c h w, parts
        """[kept, (changed - t) * exp(-s)]."""
        return self._changed(x, context, contract, torch.sub)

    def _changed(
        self, value: Tensor, context: Context, affine: Callable[..., Tensor], shifted: Callable[..., Tensor]
    ) -> tuple[Tensor, Parts]:
        first, second = value.split(self.sizes, dim=1)
        kept, changed = (second, first) if self.swapped else (first, second)
        raw = self.net(kept, context)
        if self.scale is None:
            made, parts = shifted(changed, raw), []
        else:
            shift, raw = raw.chunk(2, dim=1)
            log_scale = LOG_SCALES[self.scale](raw)
            made, parts = affine(changed, log_scale, shift), [log_scale.flatten(1)]
        return torch.cat([made, kept] if self.swapped else [kept, made], dim=1), parts


class CheckerboardCoupling(Transform):
    """The pixels of one colour of a chess board pass; those of the other become z exp(s) + t.

    (t, r) = net(the pixels that pass, the others 0; context).   Source: Dinh et al. 2017, section 3.4.
    """

    changed: Tensor

    def __init__(
        self, size: tuple[int, int, int], *, width: int, scale: Scale = "tanh", odd: bool = False, context: int = 0
    ) -> None:
        super().__init__()
        channels, height, wide = size
        colour = (torch.arange(height)[:, None] + torch.arange(wide) + odd) % 2
        self.register_buffer("changed", colour.to(torch.get_default_dtype()), persistent=False)
        self.scale: Scale = scale
        self.net = ConvolutionNet(channels, 2 * channels, width=width, context=context)

    def push(self, z: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b c h w -> b c h w, parts
        """z * exp(s) + t, s and t 0 where the pixel passes."""
        log_scale, shift = self.affine(z, context)
        return expand(z, log_scale, shift), [log_scale.flatten(1)]

    def pull(self, x: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b c h w -> b c h w, parts
        """(x - t) * exp(-s)."""
        log_scale, shift = self.affine(x, context)
        return contract(x, log_scale, shift), [log_scale.flatten(1)]

    def affine(self, value: Tensor, context: Context) -> tuple[Tensor, Tensor]:  # b c h w -> b c h w, b c h w
        """The log-scale and the shift of every pixel."""
        shift, raw = self.net(value * (1 - self.changed), context).chunk(2, dim=1)
        return LOG_SCALES[self.scale](raw) * self.changed, shift * self.changed
