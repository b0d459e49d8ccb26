"""Classifiers:  p(y | x) = softmax(f(x))   (a classifier is an energy too: Grathwohl et al. 2020)."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from blocks.nets import Activation, Concatenation, Norm, Time, check_widths, mlp
from blocks.registry import block
from blocks.types import Size, Takes

__all__ = ["MLPClassifier"]


@block("classifier.mlp")
class MLPClassifier(nn.Module):
    """A perceptron from values of any shape to one logit for each class.

    The number of classes is `classes`, or the size that it must make.
    Shapes: x "b *event", .. -> "b classes".
    Raises ValueError if nothing says how many classes there are, or two sayings differ.
    """

    role: ClassVar[str] = "classifier"
    like: ClassVar[str | None] = None
    returns: ClassVar[str] = "tensor"

    def __init__(
        self,
        takes: Takes,
        makes: Size | None = None,
        *,
        classes: int | None = None,
        hidden: Sequence[int] = (256, 256),
        activation: Activation = "silu",
        norm: Norm = "none",
        time: Time = "one_hot",
        time_features: int = 32,
    ) -> None:
        super().__init__()
        self.inputs = Concatenation(takes, time=time, time_features=time_features)
        widths = (self.inputs.features, *hidden, _count(makes, classes))
        self.net = mlp(*widths, activation=activation, norm=norm)

    def forward(self, *values: Tensor) -> Tensor:  # x: b *event, .. -> b classes
        """The logits."""
        return self.net(self.inputs(*values))


def _count(makes: Size | None, classes: int | None) -> int:
    """The number of classes that the option and the size agree on."""
    if classes is None:
        if not makes:
            raise ValueError("nothing says how many classes there are: write `classes: 10`")
        if len(makes) != 1:
            raise ValueError(f"it makes one logit a class, not a value of size {makes}: write `classes: 10`")
        return makes[0]
    check_widths("classes", [classes])
    if makes and makes != (classes,):
        raise ValueError(f"`classes: {classes}` makes ({classes},), but {makes} is asked for: make the two equal")
    return classes
