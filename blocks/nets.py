"""Plain networks: activations by name, perceptrons, and many arguments made one vector.

    mlp(d0, .., dn)    linear, [norm], activation, .., linear
    Concatenation      values, time steps and classes -> one vector a sample

Conditioning is by concatenation with the input, as in thesis 6.4.7.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from blocks.types import Classes, Levels, Size, Taken, Takes, elements

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Concatenation",
    "Norm",
    "Time",
    "check_latent",
    "check_widths",
    "choose",
    "in_between",
    "mlp",
    "one_hot_table",
    "sinusoidal",
    "sinusoidal_table",
]

Activation = Literal["silu", "swish", "relu", "leaky_relu", "tanh", "softplus", "elu", "gelu"]
Norm = Literal["none", "batch", "layer"]
Time = Literal["one_hot", "sinusoidal"]
Choice = TypeVar("Choice")

LEAKY_SLOPE = 0.2  # thesis Table 6.7 and section 6.4.7; Radford et al. 2015
LONGEST_PERIOD = 10000.0  # Vaswani et al. 2017, section 3.5
TIME_SCALE = 1000.0  # a continuous time in [0, 1] is read as 0 .. 1000 (Song et al. 2021, VP: the network sees 999 t)


ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "silu": nn.SiLU,
    "swish": nn.SiLU,  # the thesis' word for it
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(LEAKY_SLOPE),
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "elu": nn.ELU,
    "gelu": nn.GELU,
}
"""Activations by the name a spec writes."""

NORMS: Mapping[str, Callable[[int], list[nn.Module]]] = {
    "none": lambda width: [],
    "batch": lambda width: [nn.BatchNorm1d(width)],
    "layer": lambda width: [nn.LayerNorm(width)],
}


def mlp(*widths: int, activation: Activation = "silu", norm: Norm = "none") -> nn.Sequential:
    """A perceptron "b widths[0]" -> "b widths[-1]", plain linear at its end; two widths make one linear layer.

    A linear layer before a batch norm has no bias: the norm would take it away again.
    Raises ValueError for a width below 1 or an unknown name.

    >>> [tuple(p.shape) for p in mlp(2, 8, 1).parameters()]
    [(8, 2), (8,), (1, 8), (1,)]
    """
    check_widths("hidden", widths)
    make_activation = in_between(activation)
    make_norm = choose(NORMS, "norm", norm)
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths[:-1]):
        layers += [nn.Linear(fan_in, fan_out, bias=norm != "batch"), *make_norm(fan_out), make_activation()]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def in_between(activation: Activation) -> Callable[[], nn.Module]:
    """Makes the activation between two layers, whose input nobody else reads: it is written over where that is allowed.

    Raises ValueError for an unknown name.
    """
    make = choose(ACTIVATIONS, "activation", activation)

    def made() -> nn.Module:
        layer = make()
        if isinstance(layer, nn.ReLU | nn.LeakyReLU):  # whose gradient is that of their result
            layer.inplace = True
        return layer

    return made


def choose(table: Mapping[str, Choice], option: str, name: str) -> Choice:
    """The entry of `table` called `name`.   Raises ValueError with the names that there are."""
    if name not in table:
        raise ValueError(f"`{option}` cannot be `{name}`: write one of {', '.join(table)}")
    return table[name]


def check_widths(option: str, widths: Sequence[int]) -> None:
    """Raises ValueError if a layer that `option` sizes would have no units."""
    if any(width < 1 for width in widths):
        raise ValueError(f"`{option}` gives a layer of {min(widths)} units: every width must be 1 or more")


def check_latent(latent: int | None, takes: Takes, position: int = 0) -> None:
    """Raises ValueError if a `latent` is written and the argument at `position` is missing or of another size."""
    if latent is None:
        return
    check_widths("latent", [latent])
    if len(takes) <= position:
        raise ValueError(
            f"`latent: {latent}` sizes argument {position + 1}, but the call has {len(takes)}: pass it, or drop it"
        )
    if takes[position] != (latent,):
        raise ValueError(
            f"`latent: {latent}` sizes argument {position + 1}, but the call passes one of size {takes[position]}: "
            "make the two equal, or drop `latent`"
        )


class Concatenation(nn.Module):
    """(v1, .., vk) -> [v1 .. vk], every argument made a vector and set side by side; `features` is how long that is.

    Values "b *event" are flattened. Time steps "b" become rows of a table: `one_hot` (level 0, the data, is the zero
    row: T levels take T features) or `sinusoidal` with `time_features` entries. Classes "b" are one-hot. With
    `sinusoidal`, a number a sample after the first argument is read as a continuous time in [0, 1].
    Raises ValueError if there are no arguments, or for an odd or too small number of time features.
    """

    def __init__(self, takes: Takes, *, time: Time = "one_hot", time_features: int = 32) -> None:
        super().__init__()
        if not takes:
            raise ValueError("it needs an argument: call it on the value that it should map")
        make_time = choose(TIMES, "time", time)
        parts: list[Part] = [
            ContinuousTime(time_features)
            if taken == () and index > 0 and time == "sinusoidal"
            else _part(taken, make_time, time_features)
            for index, taken in enumerate(takes)
        ]
        self.parts = nn.ModuleList(parts)
        self.features = sum(part.features for part in parts)

    def forward(self, *values: Tensor) -> Tensor:  # b *event, .. -> b features
        """The arguments as one vector a sample."""
        vectors = [v if part.flat else part(v) for part, v in zip(self.parts, values, strict=True)]
        return vectors[0] if len(vectors) == 1 else torch.cat(vectors, dim=1)


class Flatten(nn.Module):
    """A value "b *event" as a vector "b n"."""

    def __init__(self, event: Size) -> None:
        super().__init__()
        self.features = elements(event)
        self.flat = len(event) == 1  # nothing to do: `Concatenation` then spares the call

    def forward(self, value: Tensor) -> Tensor:  # b *event -> b n
        """The value as a vector."""
        return value.reshape(-1, self.features)


class Lookup(nn.Module):
    """Row `index` of a fixed table.   Not saved: the options say what it holds."""

    flat = False
    table: Tensor

    def __init__(self, table: Tensor) -> None:  # rows features
        super().__init__()
        self.features = table.shape[1]
        self.register_buffer("table", table, persistent=False)

    def forward(self, index: Tensor) -> Tensor:  # b (int64) -> b features
        """The rows."""
        return self.table.index_select(0, index)


class ContinuousTime(nn.Module):
    """Sinusoidal features of a time in [0, 1], read as 0 .. 1000.   Source: Song et al. 2021."""

    flat = False
    frequencies: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        frequencies = _frequencies(features) * TIME_SCALE
        self.register_buffer("frequencies", frequencies.to(torch.get_default_dtype()), persistent=False)

    def forward(self, time: Tensor) -> Tensor:  # b -> b features
        """Sines, then cosines."""
        angles = time.reshape(-1, 1) * self.frequencies
        return torch.cat([angles.sin(), angles.cos()], dim=1)


Part = Flatten | Lookup | ContinuousTime


def _part(taken: Taken, make_time: Callable[[int, int], Tensor], time_features: int) -> Part:
    """What makes one argument a vector."""
    if isinstance(taken, Levels):
        return Lookup(make_time(taken.count, time_features))
    if isinstance(taken, Classes):
        return Lookup(torch.eye(taken.count))
    return Flatten(taken)


def one_hot_table(count: int, features: int) -> Tensor:  # count + 1, count
    """Level t -> the t-th unit vector, level 0 -> zeros; `features` is not needed, T levels take T features."""
    return torch.cat([torch.zeros(1, count), torch.eye(count)])


def sinusoidal_table(count: int, features: int) -> Tensor:  # count + 1, features
    """The sinusoidal features of the whole numbers 0 .. count."""
    return sinusoidal(torch.arange(count + 1, dtype=torch.float64), features).to(torch.get_default_dtype())


def sinusoidal(time: Tensor, features: int) -> Tensor:  # b -> b features
    """[sin(t w_k) .., cos(t w_k) ..] with w_k = 10000^(-k / (features/2 - 1)); t is not scaled.

    Raises ValueError unless `features` is even and at least 4.   Source: Vaswani et al. 2017, as used in NCSN++.
    """
    angles = time.reshape(-1, 1) * _frequencies(features).to(time)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _frequencies(features: int) -> Tensor:  # -> features/2, float64
    if features < 4 or features % 2:
        raise ValueError(f"`time_features` cannot be {features}: sines and cosines need an even number, 4 or more")
    half = features // 2
    exponents = torch.arange(half, dtype=torch.float64) / (half - 1)
    return torch.exp(-math.log(LONGEST_PERIOD) * exponents)


TIMES: Mapping[str, Callable[[int, int], Tensor]] = {"one_hot": one_hot_table, "sinusoidal": sinusoidal_table}
