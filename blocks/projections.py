"""Linear maps that are fitted, not trained: principal components, and the data's mean and scale.

z = W' (x - mean), W the first eigenvectors of the covariance          x_hat = mean + W z
z = (x - mean) / std                                                   x_hat = mean + std z
"""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from blocks.nets import check_widths
from blocks.registry import block
from blocks.types import Size, Takes, elements

__all__ = ["PrincipalComponents", "Standardise"]

Over = Literal["entries", "channels", "all"]
SMALLEST = 1e-6  # of a standard deviation: a pixel that never changes is only shifted


@block("projection.pca")
class PrincipalComponents(nn.Module):
    """The first `latent` principal components of a value of any shape, fitted in closed form: `fit: {pca: x}`.

    `pca(x)` projects, `pca.restore(z)` maps back. `whiten`: each component has variance 1. An eigenvector's largest
    entry is positive, so that a fit is one and the same. Before a fit it projects on the first entries.
    Shapes: x "b *event" -> "b latent".   Raises ValueError for more components than entries.
    """

    role: ClassVar[str] = "encoder"
    like: ClassVar[str | None] = None
    returns: ClassVar[str] = "tensor"
    methods: ClassVar[dict[str, str]] = {"restore": "tensor"}
    slots: ClassVar[dict[str, tuple[int | None, ...]]] = {"restore": (None,)}
    mean: Tensor
    directions: Tensor
    scales: Tensor

    def __init__(self, takes: Takes, *, latent: int, whiten: bool = False) -> None:
        super().__init__()
        event = _event(takes)
        check_widths("latent", [latent])
        if latent > elements(event):
            raise ValueError(
                f"`latent: {latent}` components of {elements(event)} entries: write {elements(event)} at most"
            )
        self.event, self.whiten = event, whiten
        self.register_buffer("mean", torch.zeros(elements(event)))
        self.register_buffer("directions", torch.eye(elements(event))[:, :latent].clone())
        self.register_buffer("scales", torch.ones(latent))

    @classmethod
    def least_rows(cls, event: Size, *, latent: int, whiten: bool = False) -> tuple[int, str]:
        """The fewest values that a fit takes, and what asks for them."""
        return latent + 1, f"`latent: {latent}`"

    def forward(self, x: Tensor) -> Tensor:  # b *event -> b latent
        """The components."""
        return (x.flatten(1) - self.mean) @ self.directions / self.scales

    def restore(self, z: Tensor) -> Tensor:  # b latent -> b *event
        """The point of the plane that has these components."""
        return (self.mean + (z * self.scales) @ self.directions.T).reshape(-1, *self.event)

    @torch.no_grad()
    def fit(self, values: Tensor, seed: int) -> None:
        """Mean and eigenvectors of `values` "n *event", in float64; there is nothing random in it.

        Raises ValueError for too few values to have so many components.
        """
        if len(values) <= len(self.scales):
            raise ValueError(
                f"{len(self.scales)} components are fitted to {len(values)} values: write a smaller `latent`"
            )
        flat = values.flatten(1).double()
        mean = flat.mean(0)
        _, spread, directions = torch.linalg.svd(flat - mean, full_matrices=False)
        kept = directions[: len(self.scales)]
        largest = kept.gather(1, kept.abs().argmax(1, keepdim=True))
        self.mean.copy_(mean)
        self.directions.copy_((kept * largest.sign()).T)
        if self.whiten:
            self.scales.copy_((spread[: len(self.scales)] / (len(flat) - 1) ** 0.5).clamp(min=SMALLEST))


@block("projection.standardise")
class Standardise(nn.Module):
    """(x - mean) / std of the data, fitted in one pass: `fit: {standard: x}`; `standard.restore(z)` is its inverse.

    over: every entry has its own mean and std ("entries"), every channel (axis 1), or all share them ("all").
    Shapes: "b *event" -> "b *event".
    """

    role: ClassVar[str] = "encoder"
    like: ClassVar[str | None] = None
    returns: ClassVar[str] = "tensor"
    methods: ClassVar[dict[str, str]] = {"restore": "tensor"}
    mean: Tensor
    std: Tensor

    def __init__(self, takes: Takes, *, over: Over = "entries") -> None:
        super().__init__()
        event = _event(takes)
        self.axes = {"entries": (0,), "channels": (0, *range(2, len(event) + 1)), "all": tuple(range(len(event) + 1))}[
            over
        ]
        shape = [1 if axis + 1 in self.axes else length for axis, length in enumerate(event)]
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("std", torch.ones(shape))

    @classmethod
    def least_rows(cls, event: Size, *, over: Over = "entries") -> tuple[int, str]:
        """The fewest values that a fit takes, and what asks for them."""
        return 2, "a standard deviation"

    def forward(self, x: Tensor) -> Tensor:  # b *event -> b *event
        """The standardised value."""
        return (x - self.mean) / self.std

    def restore(self, z: Tensor) -> Tensor:  # b *event -> b *event
        """The value that is standardised to z."""
        return self.mean + self.std * z

    @torch.no_grad()
    def fit(self, values: Tensor, seed: int) -> None:
        """Mean and standard deviation of `values` "n *event", in float64; there is nothing random in it."""
        held = values.double()
        self.mean.copy_(held.mean(self.axes, keepdim=True)[0])
        self.std.copy_(held.std(self.axes, correction=0, keepdim=True)[0].clamp(min=SMALLEST))


def _event(takes: Takes) -> Size:
    if not takes or not isinstance(takes[0], tuple) or len(takes) != 1:
        raise ValueError("it takes one tensor: neither a time step nor a class, and nothing beside it")
    return takes[0]
