"""Hand-written training loops that compiled programs are held to: same losses, same parameters, no slower.

Each file is one system as a careful person would write it in plain PyTorch, and nothing of the project is imported
here. A reference is a class with

    step(batch, noise) -> terms     one full training step; every random number in it is an entry of `noise`
    sample(noise) -> values         draws from the trained networks
    draw_noise(batch_size, generator), draw_sample_noise(count, generator)     the noise that the two want

Terms carry the names of the spec's terms and are detached 0-d tensors. Networks are arguments, so a compiled program
and a reference can be started from copies of the same weights, in float64 as well.
"""

from typing import Protocol

from torch import Generator, Tensor

__all__ = ["Reference", "Tensors"]

Tensors = dict[str, Tensor]
"""Named tensors: a batch, the noise of a step, or the terms that it minimized."""


class Reference(Protocol):
    """What the tests and the benchmarks ask of a hand-written system."""

    def step(self, batch: Tensors, noise: Tensors) -> Tensors:
        """One training step on `batch` with the given noise; returns its terms, detached."""
        ...

    def sample(self, noise: Tensors) -> Tensor:
        """Samples "b *event" from the given noise, without gradient."""
        ...

    def draw_noise(self, batch_size: int, generator: Generator | None = None) -> Tensors:
        """The noise of one `step`."""
        ...

    def draw_sample_noise(self, count: int, generator: Generator | None = None) -> Tensors:
        """The noise of one `sample`."""
        ...
