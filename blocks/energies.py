"""Energies:  p(x) proportional to exp(-E(x))   (thesis eqs. 2.31, 2.32)."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from blocks.nets import Activation, Concatenation, Norm, Time, mlp
from blocks.registry import block
from blocks.types import Takes

__all__ = ["MLPEnergy"]


@block("energy.mlp")
class MLPEnergy(nn.Module):
    """A perceptron from values of any shape to one energy a sample, unbounded.

    Several arguments make a joint or conditional energy: E(x, z), E(x, t). Without a batch norm (the default) the
    energy of a sample does not depend on its neighbours, and Langevin dynamics need that. A smooth activation gives a
    smooth force.
    Shapes: x "b *event", .. -> "b".   Raises ValueError for a width below 1 or an unknown option word.
    Source: thesis section 5.5.3 (toy data: a perceptron of 5 layers of 256, swish).
    """

    role: ClassVar[str] = "energy"
    like: ClassVar[str | None] = None
    returns: ClassVar[str] = "scalar"

    def __init__(
        self,
        takes: Takes,
        *,
        hidden: Sequence[int] = (256, 256),
        activation: Activation = "silu",
        norm: Norm = "none",
        time: Time = "one_hot",
        time_features: int = 32,
    ) -> None:
        super().__init__()
        self.inputs = Concatenation(takes, time=time, time_features=time_features)
        self.net = mlp(self.inputs.features, *hidden, 1, activation=activation, norm=norm)

    def forward(self, *values: Tensor) -> Tensor:  # x: b *event, .. -> b
        """The energies."""
        return self.net(self.inputs(*values)).squeeze(1)
