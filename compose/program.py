"""Programs: what the compiler makes of a spec, and all that the runner ever sees of one.

Program          one torch.fx module with named inputs, for one set of active terms of an update or for a sampler
CompiledUpdate   one optimizer step: its programs, the blocks it trains
CompiledStage    updates in order, and the program of the values they share
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, fx

from blocks.types import Size

__all__ = [
    "CompiledArgument",
    "CompiledEvaluation",
    "CompiledFit",
    "CompiledSampler",
    "CompiledStage",
    "CompiledUpdate",
    "Input",
    "Leaf",
    "Program",
]


@dataclass(frozen=True)
class Leaf:
    """One noise leaf: its path in the spec, its law, and the event shape of one draw.

    Laws: "normal", "uniform", "rademacher" (floats), "integers" (1 .. `high`, int64) and "seed" (the leaf's 64-bit
    seed itself: a loop draws its own noise from it). `copies` draws stand for each row of the batch.
    """

    path: str
    law: str
    event: Size = ()
    high: int = 0
    copies: int = 1


@dataclass(frozen=True)
class Input:
    """One named input of a program.

    data: a field of the batch. noise: a `leaf`. clock: `step`, `epoch`, `progress` or `run_step`, a number.
    shared: a value that the stage's shared program made; its graph comes with it if a `gradient` must pass it, else it
    is detached. option: a parameter of a sampler function.
    """

    name: str
    kind: Literal["data", "noise", "clock", "shared", "option"]
    leaf: Leaf | None = None
    default: Any = None
    gradient: bool = False


@dataclass(frozen=True)
class Program:
    """A compiled program: called with its inputs by name, it gives its outputs by name.

    `code` is the readable print of the same nodes; executed on its own with the same blocks it computes the same bits.
    """

    module: fx.GraphModule
    inputs: tuple[Input, ...]
    code: str

    def __call__(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Run on `values`, which must hold every input by its name.   Recording is afterwards as it was before."""
        recording = torch.is_grad_enabled()
        try:
            return self.module(*[values[given.name] for given in self.inputs])
        finally:
            torch._C._set_grad_enabled(recording)


@dataclass(frozen=True)
class CompiledUpdate:
    """One optimizer step.   `program(active)` is compiled once for each set of active terms.

    Outputs: "loss" (0-d, the sum of the active terms, those of `maximize` negated), "terms" and "monitor"
    (name -> 0-d, undifferentiated), "write" (memory block -> rows to store after the step).
    """

    name: str
    trains: tuple[str, ...]
    terms: tuple[str, ...]
    term_every: Mapping[str, int]
    spec: Any
    compile: Callable[[frozenset[str]], Program]
    cache: dict[frozenset[str], Program] = field(default_factory=dict)

    def program(self, active: frozenset[str]) -> Program:
        """The program in which exactly the terms of `active` are computed."""
        if active not in self.cache:
            self.cache[active] = self.compile(active)
        return self.cache[active]

    def active(self, step: int) -> frozenset[str]:
        """The terms that take part in step `step` of the stage (a lazy term on every k-th step, step 0 included)."""
        return frozenset(term for term in self.terms if step % self.term_every.get(term, 1) == 0)


@dataclass(frozen=True)
class CompiledFit:
    """A fit at a stage's start: the program whose output "value" the block is fitted to, and the fit's options."""

    program: Program
    options: Mapping[str, Any]


@dataclass(frozen=True)
class CompiledStage:
    """One stage: its fits and its updates in order, and the program of its `shared` values (None if there are none)."""

    name: str
    index: int
    spec: Any
    updates: tuple[CompiledUpdate, ...]
    shared: Program | None = None
    fits: Mapping[str, CompiledFit] = field(default_factory=dict)


@dataclass(frozen=True)
class CompiledSampler:
    """A named sampler.   Output "value": a tensor, or a dict of them.

    `conditional`: it reads data. `gives` are the types of its values, by name ("value" of a lone one): their `rows`
    stand for one of the count (8 for an interpolation of 8 points). `options` are its parameters and their defaults.
    """

    name: str
    program: Program
    conditional: bool
    options: Mapping[str, Any] = field(default_factory=dict)
    gives: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CompiledArgument:
    """One argument of a metric.

    samples: values that the program makes. function: the program, of one data field, which the metric calls itself.
    source: the data source of that name, without a program.
    """

    kind: Literal["samples", "function", "source"]
    name: str
    sampler: CompiledSampler | None = None


@dataclass(frozen=True)
class CompiledEvaluation:
    """A line of `evaluate`: a metric of its arguments, or without one the mean of its only argument."""

    name: str
    metric: str | None
    arguments: tuple[CompiledArgument, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


Value = Tensor | dict[str, Tensor]
