"""Figures: the lines of `evaluate` with all that makes them comparable: formula, better side, and the nets they read.

A net that a figure is measured in is a block through which every set of features goes (`frechet(net(~glf), net(x))`),
or one that the run does not train and that gives what is measured (`entropy_score(net(default))`). Its name, and the
start of the SHA-256 of its tensors, belong to the figure.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

import torch
from torch import Tensor, nn

from compose.expressions import Attribute, Call, Expression, Name
from compose.program import CompiledEvaluation
from compose.views import Kind
from runners.evaluate import Refusal
from runners.goals import better_of
from runners.metrics import Estimate, Side, better_side
from runners.metrics.measure import annotated
from runners.state import Executable

__all__ = ["Figure", "Net", "digest", "figures_of", "nets_of"]

DIGITS = 12  # of a digest that are told


class Net(NamedTuple):
    """A block in which a figure is measured, its kind, where its weights are from, and the digest of its tensors."""

    name: str
    kind: str
    source: str
    digest: str

    def __str__(self) -> str:
        return f"{self.name} {self.digest}"


@dataclass(frozen=True)
class Figure:
    """A line of `evaluate`.   `value` is None where it has none, and `cause` says why; `side` is the better one."""

    name: str
    formula: str
    metric: str | None
    options: Mapping[str, Any]
    side: Side | None
    nets: tuple[Net, ...] = ()
    value: float | None = None
    error: float | None = None
    cause: str = ""

    def plain(self) -> dict[str, Any]:
        """The figure as JSON has it: value and error, and `measured_in` if there are nets."""
        nets = {"measured_in": {net.name: net.digest for net in self.nets}} if self.nets else {}
        return {"value": self.value, "error": self.error, **nets}


def figures_of(
    executable: Executable,
    averaged: frozenset[str],
    estimates: Mapping[str, Estimate],
    refused: Collection[Refusal] = (),
    only: Collection[str] = (),
) -> list[Figure]:
    """The lines of a run's `evaluate`, in order, all or `only` some, whether they have a value or were refused."""
    causes = {refusal.line: refusal.cause for refusal in refused}
    formulas = executable.spec.to_data().get("evaluate", {})
    asked, found = executable.spec.evaluate, []
    for name in (name for name in asked.lines if not only or name in only):
        line = executable.evaluation(name, averaged)
        side = better_of(asked) if asked.goal is not None and asked.goal.line == name else None
        if side is None and line.metric is not None:
            side = better_side(line.metric)
        value, error = estimates.get(name, (None, None))
        nets = tuple(nets_of(executable, line, averaged))
        cause = causes.get(name, "")
        formula, options = str(formulas.get(name, "")), dict(line.options)
        found.append(Figure(name, formula, line.metric, options, side, nets, value, error, cause))
    return found


def nets_of(executable: Executable, line: CompiledEvaluation, averaged: frozenset[str]) -> Iterator[Net]:
    """The blocks that a line is measured in."""
    trained = _trained(executable, averaged)
    names = set(_called(executable.spec.evaluate.lines[line.name])) - trained
    read = [_blocks(executable, given.sampler.program.module) for given in line.arguments if given.sampler]
    if line.metric is not None and len(read) > 1:
        axes = annotated(line.metric).values()
        if all(isinstance(one, str) and len(one.split()) > 1 for one in axes):  # sets of events: features
            names |= set.intersection(*read)
    for name, declared in executable.spec.blocks.items():
        block = (executable.averages if name in averaged else executable.blocks)[name]
        if name in names and any(True for _ in block.parameters()):
            yield Net(name, declared.kind, _source(declared.weights, name, name in trained), digest(block))


def _called(expression: Expression) -> Iterator[str]:
    """The names that are called outermost in the arguments of a line: `net` of `kid(net(~glf), net(x))`."""
    for argument in expression.arguments if isinstance(expression, Call) else ():
        value = argument.value.function if isinstance(argument.value, Call) else None
        if isinstance(value, Attribute):
            value = value.value
        if isinstance(value, Name):
            yield value.name


def digest(block: nn.Module) -> str:
    """The first digits of the SHA-256 of a block's tensors: names, dtypes, shapes and bytes, in the order of names."""
    found = hashlib.sha256()
    for name, value in sorted(block.state_dict().items()):
        if isinstance(value, Tensor):
            held = value.detach().cpu().contiguous()
            found.update(f"{name} {held.dtype} {list(held.shape)}\n".encode())
            found.update(held.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:DIGITS]


def _blocks(executable: Executable, program: nn.Module) -> set[str]:
    """The blocks that a program reads, in whatever view."""
    children = dict(program.named_children())
    return {name for name in executable.blocks if any(f"{name}_{kind}" in children for kind in get_args(Kind))}


def _trained(executable: Executable, averaged: frozenset[str]) -> set[str]:
    """The blocks that an update trains or a fit makes."""
    stages = [executable.stage(index, averaged) for index in range(len(executable.spec.stages))]
    fitted = {name for stage in stages for name in stage.fits}
    return fitted | {name for stage in stages for update in stage.updates for name in update.trains}


def _source(weights: Any, name: str, trained: bool) -> str:  # noqa: ANN401  compose's Weights
    if weights is not None:
        return f"weights of {weights.file}" if weights.file else f"weights of {weights.block or name} in {weights.run}"
    return "trained in this run" if trained else "never trained: its first weights"
