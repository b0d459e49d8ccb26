"""Operators that move entries or rows about, and those between classes and vectors."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from blocks.events import align, sum_event
from blocks.mapping import mapped, tensors_of
from blocks.operators.rules import rule
from blocks.registry import operator
from blocks.types import Count

__all__ = ["argmax", "concatenate", "flatten", "group", "interpolate", "one_hot", "repeat", "reshape"]

PARALLEL = 1e-6  # a cosine this close to +-1: the ends count as parallel, and their arc as a straight line


@operator("concatenate")
@rule()
def concatenate(*values: Tensor, axis: int = 0) -> Tensor:  # a: b *event, b: b *event, .. -> b *event
    """The values set side by side along an axis of the event (0: entries of a vector, channels of an image).

    A number a sample counts as a vector of one entry.
    """
    columns = [value.unsqueeze(1) if value.dim() == 1 else value for value in values]
    return torch.cat(columns, dim=axis + 1 if axis >= 0 else axis)


@operator("reshape")
@rule()
def reshape(v: Tensor, size: Sequence[int]) -> Tensor:  # b *event -> b *size
    """The same entries in the same order, as an event of another size; one length may be -1."""
    return v.reshape(len(v), *size)


@operator("flatten")
@rule()
def flatten(v: Tensor) -> Tensor:  # b *event -> b n
    """The event as a vector; a number a sample becomes a vector of one entry."""
    return v.flatten(1) if v.dim() > 1 else v.unsqueeze(1)


@operator("repeat")
@rule(rows="repeat", laws=True)
def repeat(v: Tensor, k: Count) -> Tensor:  # b *event -> (b k) *event
    """k copies of each row, folded into the batch: r0 r0 .. r1 r1 ..   Of a distribution: k times that of each row."""
    if not isinstance(v, Tensor):
        axes = max(part.dim() for part in tensors_of(v))  # those of fewer are one for all rows
        return mapped(v, lambda part: repeat(part, k) if part.dim() == axes else part)
    return v.unsqueeze(1).expand(-1, k, *v.shape[1:]).flatten(0, 1)


@operator("group")
@rule(rows="group")
def group(v: Tensor, k: Count) -> Tensor:  # (b k) *event -> b k *event
    """Undoes the folding of `repeat`: neighbouring rows become an axis of k.   k must divide the number of rows."""
    return v.unflatten(0, (-1, k))


@operator("interpolate")
@rule(rows="interpolate")
def interpolate(a: Tensor, b: Tensor, n: Count, *, kind: Literal["linear", "spherical"] = "linear") -> Tensor:
    """n points from each row of a to that of b, ends included (n = 1: a), folded into the batch.

    linear: (1 - w) a + w b. spherical: (sin((1 - w) o) a + sin(w o) b) / sin(o), with o the angle between the flattened
    rows: it keeps the norm of noise.   Shapes: "b *event", "b *event" -> "(b n) *event".
    Source: Shoemake 1985 (slerp); White 2016 for latents.
    """
    w = torch.linspace(0, 1, n, dtype=a.dtype, device=a.device).reshape(1, n, *[1] * (a.dim() - 1))
    of_a, of_b = 1 - w, w  # 1 n 1 .. 1
    if kind == "spherical":
        of_a, of_b = _arc(a, b, w)  # b n 1 .. 1
    return (of_a * a.unsqueeze(1) + of_b * b.unsqueeze(1)).flatten(0, 1)


@operator("one_hot")
@rule(gradient=(False,))
def one_hot(y: Tensor, classes: Count) -> Tensor:  # b (int64) -> b classes
    """Row y of the identity, in the default float dtype; zeros for a class outside 0 .. `classes` - 1."""
    return (y.unsqueeze(-1) == torch.arange(classes, device=y.device)).to(torch.get_default_dtype())


@operator("argmax")
@rule(gradient=(False,), scalar=True)
def argmax(v: Tensor) -> Tensor:  # b *event -> b (int64)
    """The place of the largest entry of the flattened event, the first of equals."""
    return flatten(v).argmax(1)


def _arc(a: Tensor, b: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:  # b *event, b *event, 1 n 1 .. 1 -> b n 1 .. 1
    """The weights of a and b along the great arc between them; straight where they are (anti)parallel."""
    cosine = sum_event(a * b) / (sum_event(a.square()) * sum_event(b.square())).sqrt()
    cosine = align(cosine.unsqueeze(1), w)  # b 1 1 .. 1
    curved = cosine.abs() < 1 - PARALLEL
    angle = torch.where(curved, cosine, 0).acos()  # elsewhere any angle will do, if its gradient is finite
    of_a, of_b = ((1 - w) * angle).sin() / angle.sin(), (w * angle).sin() / angle.sin()
    return torch.where(curved, of_a, 1 - w), torch.where(curved, of_b, w)
