"""Batched values: the first axis is the sample, the axes after it are the event.

    sum_event     sum over every axis but the first          b *event -> b
    mean_event    mean over every axis but the first         b *event -> b
    align         one value a sample meets an event          b -> b 1 .. 1

Two batched values of different rank broadcast from the left: `align` the shorter one first.
"""

from torch import Tensor

__all__ = ["align", "align_rank", "event_axes", "mean_event", "sum_event"]


def event_axes(value: Tensor) -> tuple[int, ...]:  # b *event
    """Every axis of `value` but the first; empty where the event is a single number."""
    return tuple(range(1, value.dim()))


def sum_event(value: Tensor) -> Tensor:  # b *event -> b
    """The sum over the event of each sample; a value of one number a sample is itself."""
    return value.sum(event_axes(value)) if value.dim() > 1 else value


def mean_event(value: Tensor) -> Tensor:  # b *event -> b
    """The mean over the event of each sample; a value of one number a sample is itself."""
    return value.mean(event_axes(value)) if value.dim() > 1 else value


def align(value: Tensor, like: Tensor) -> Tensor:  # b *head, b *event -> b *head 1 .. 1
    """`value` with axes of length 1 appended until it has as many as `like`: it then broadcasts from the left."""
    return value.reshape(value.shape + (1,) * (like.dim() - value.dim())) if value.dim() < like.dim() else value


def align_rank(value: Tensor, axes: int) -> Tensor:  # b *head -> b *head 1 .. 1
    """`value` with `axes` axes of length 1 appended."""
    return value.reshape(value.shape + (1,) * axes)
