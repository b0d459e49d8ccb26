"""What a run is made of: the compiled system it trains, the batches it reads, and the state that a checkpoint holds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from compose.diagnostics import SpecError
from compose.program import CompiledEvaluation, CompiledSampler, CompiledStage
from compose.spec import Spec
from runners.holding import Holding
from runners.shards import ALIKE, Cut

__all__ = ["Batches", "Clock", "Diverged", "Executable", "Interrupted", "Leading", "Measured", "Mismatch",
           "NoCheckpoint", "RunFailed", "RunState"]  # fmt: skip


class Executable(Protocol):
    """The compiled system.   In an update's program every block that it does not train is a constant.

    `averages` holds a module like the block for every block that may be averaged.

    `needs_data` names the blocks that initialise themselves on their first call in train mode.
    """

    blocks: nn.ModuleDict
    averages: nn.ModuleDict
    needs_data: frozenset[str]

    @property
    def spec(self) -> Spec:
        """What it was compiled from."""
        ...

    def forget(self) -> None:
        """Compile anew what is asked for next: tensors of the blocks were replaced."""
        ...

    def stage(self, index: int, averaged: frozenset[str]) -> CompiledStage:
        """Stage `index`, its frozen blocks read from their averages where `averaged` names them."""
        ...

    def sampler(self, name: str, averaged: frozenset[str]) -> CompiledSampler:
        """The sampler `name`, its blocks read from their averages where `averaged` names them."""
        ...

    def sampler_with(self, name: str, averaged: frozenset[str], options: Mapping[str, Any]) -> CompiledSampler:
        """The sampler `name` with other values of its options."""
        ...

    def path(self, name: str, averaged: frozenset[str]) -> list[CompiledSampler]:
        """Samplers whose values, side by side, are the way of the chain that `name` runs; none if it runs none."""
        ...

    def evaluation(self, name: str, averaged: frozenset[str]) -> CompiledEvaluation:
        """The line `name` of `evaluate`, its blocks read from their averages where `averaged` names them."""
        ...


class Batches(Protocol):
    """The data, by number: `batch(n)` is the n-th batch of the run, whatever was read before."""

    @property
    def steps_per_epoch(self) -> int | None:
        """Batches in one pass over the data; None if nobody knows."""
        ...

    def batch(self, step: int) -> dict[str, Tensor]:
        """Fields by name, each "b *event"."""
        ...


class Clock(NamedTuple):
    """Where a run stands: steps done in the stage, passes over the data, the part of the stage done, steps in all."""

    step: float
    epoch: float
    progress: float
    run_step: float


class Measured(NamedTuple):
    """What metrics gave, by name, and why others gave nothing."""

    values: Mapping[str, float] = {}
    refused: Mapping[str, str] = {}


class Leading(NamedTuple):
    """The best figure of the run and its step, the best of the stage, and the evaluations since that one."""

    best: float | None = None
    step: int = 0
    of_stage: float | None = None
    waited: int = 0

    def next_stage(self) -> "Leading":
        """What leads where another stage begins."""
        return self._replace(of_stage=None, waited=0)


class RunFailed(Exception):
    """The run cannot go on: a value that is not finite, a folder in use, a checkpoint that does not fit."""


class Diverged(RunFailed, SpecError):
    """A loss or a weight is not finite: a run that failed, and a finding that says where and what to do."""

    status = 1


class NoCheckpoint(RunFailed):
    """The folder of a run does not hold the checkpoint that was asked for."""


class Mismatch(RunFailed):
    """Saved names or shapes are not those of this system."""


class Interrupted(Exception):
    """A signal stopped the run.   `status` is the exit status of the process (`stops`); `saved` if all was saved."""

    def __init__(self, status: int, saved: bool = False) -> None:
        super().__init__("stopped, and saved" if saved else "stopped; what followed the last checkpoint is lost")
        self.status, self.saved = status, saved


@dataclass
class RunState:
    """Everything that the next step depends on.   Noise is not here: it follows from names and the step.

    stage: index of the current stage; step: steps done in it; run_step: steps done in all. averaged: blocks whose
    averages exist. initialised: blocks that saw their first batch. window: sum and count of each logged value since
    the last logged step. metrics: the last value of each metric. refused: why metrics had none when they were last
    asked, which is said in `run.json` and no checkpoint needs. leading: what validation has found. rollbacks: how often
    the run went back to a good state; noise is named by it.
    """

    blocks: nn.ModuleDict
    averages: nn.ModuleDict
    optimizers: dict[str, Optimizer] = field(default_factory=dict)
    weights: Holding = field(default_factory=Holding)
    cuts: dict[str, Cut] = field(default_factory=dict)  # of parameters whose optimizers' state is shared out, by name
    names: dict[str, list[str]] = field(default_factory=dict)  # update -> names of its optimizer's parameters, in order
    stage: int = 0
    step: int = 0
    run_step: int = 0
    averaged: set[str] = field(default_factory=set)
    initialised: set[str] = field(default_factory=set)
    window: dict[str, list[float]] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    leading: Leading = field(default_factory=Leading)
    awaited: list[str] = field(default_factory=list)  # optimizers' entries of a checkpoint that no stage has taken yet
    rollbacks: int = 0

    def numbers(self) -> dict[str, Any]:
        """The part that is written as JSON."""
        plain = {name: getattr(self, name) for name in ("stage", "step", "run_step", "window", "metrics")}
        sets = {"averaged": sorted(self.averaged), "initialised": sorted(self.initialised)}
        held = sorted(self._optimizer_tensors()) or self.awaited
        return plain | sets | {"leading": list(self.leading), "rollbacks": self.rollbacks, "optimizers": held}

    def tensors(self, wanted: bool = True) -> dict[str, dict[str, Tensor]]:
        """The part that is written as tensors, by file: `blocks`, `averages`, `optimizers`.

        Where some of it is shared out, all processes must ask at once, and it is gathered piece by piece; where it is
        not `wanted`, what was gathered is dropped again.
        """
        return self.joined(self.pieces(), wanted)

    def pieces(self) -> dict[str, dict[str, Tensor]]:
        """Of `tensors` what this process holds: all of it, or flat parts of what is shared out."""
        averages = {name: self.averages[name] for name in sorted(self.averaged)}
        return {
            "blocks": self._module_tensors(self.blocks.items()),
            "averages": self._module_tensors(averages.items()),
            "optimizers": self._optimizer_tensors(),
        }

    def joined(self, pieces: Mapping[str, Mapping[str, Tensor]], wanted: bool = True) -> dict[str, dict[str, Tensor]]:
        """`tensors` of every process's pieces.   All must ask at once."""
        whole: dict[str, dict[str, Tensor]] = {}
        for part, held in pieces.items():
            whole[part] = {}
            for name, value in held.items():
                cut = self._cut_of_entry(name) if part == "optimizers" else self.weights.cuts.get(name)
                whole[part][name] = value if cut is None else self.weights.joined(cut, value, wanted)
        return whole

    def parameters(self) -> dict[str, Tensor]:
        """The saved tensors that must be finite: parameters, their averages, and what the optimizers know of them.

        Where they are shared out, this process's parts.
        """
        found = dict(self.blocks.named_parameters())
        for block in self.averaged:
            found |= {f"ema({block}).{name}": value for name, value in self.averages[block].named_parameters()}
        held = {name: self.weights.held(value) for name, value in found.items()}
        return held | {f"optimizer.{name}": value for name, value in self._optimizer_tensors().items()}

    def restore_numbers(self, numbers: Mapping[str, Any]) -> None:
        """Take the JSON part back.   Raises Mismatch on a piece that is not there."""
        if missing := [name for name in self.numbers() if name not in numbers]:
            raise Mismatch(f"the checkpoint lacks {_some(missing)}")
        for name in ("stage", "step", "run_step"):
            setattr(self, name, int(numbers[name]))
        self.window = {name: list(pair) for name, pair in numbers["window"].items()}
        self.metrics = dict(numbers["metrics"])
        self.leading, self.awaited = Leading(*numbers["leading"]), list(numbers["optimizers"])
        self.rollbacks = int(numbers["rollbacks"])
        self.averaged, self.initialised = set(numbers["averaged"]), set(numbers["initialised"])

    def restore_blocks(self, tensors: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Fill blocks and averages in place; `restore_numbers` comes first.   Raises Mismatch, changing nothing.

        `tensors` are whole, or what `pieces` gave.
        """
        mine = self._whole_modules()
        if missing := [part for part in mine if part not in tensors]:
            raise Mismatch(f"the checkpoint lacks its {_some(missing)}")
        for part in ("blocks", "averages"):
            _same_names(part, mine[part], tensors[part], self.weights.cuts)
        with torch.no_grad():
            for part in ("blocks", "averages"):
                for name, value in mine[part].items():
                    given, cut = tensors[part][name], self.weights.cuts.get(name)
                    self.weights.held(value).copy_(given if cut is None else cut.own(given))
                self.weights.changed(value for name, value in mine[part].items() if name in self.weights.cuts)

    def restore_optimizers(self, tensors: Mapping[str, Tensor]) -> None:
        """Fill the optimizers, built anew for the current stage.

        `tensors` are whole, or what `pieces` gave. Raises Mismatch on a name that none of them has, and on one that the
        checkpoint says it holds and does not.
        """
        if missing := set(self.awaited) - set(tensors):
            raise Mismatch(f"the checkpoint lacks {_some(missing)} of its optimizers")
        left, self.awaited = dict(tensors), []
        for update, made in self.optimizers.items():
            parameters = [p for group in made.param_groups for p in group["params"]]
            for name, parameter in zip(self.names[update], parameters, strict=True):
                prefix = f"{update}/{name}/"
                for key in [key for key in left if key.startswith(prefix)]:
                    saved, cut = left.pop(key), self._cut_of_entry(key)
                    made.state[parameter][key.removeprefix(prefix)] = _laid_out_as(
                        parameter, saved if cut is None else cut.own(saved)
                    )
        if left:
            raise Mismatch(f"the checkpoint holds optimizer state that no update has: {_some(left)}")

    def let_optimizers_go(self) -> None:
        """The optimizers of a stage that ends, or is begun again, and what a checkpoint says of them."""
        self.optimizers, self.names, self.cuts, self.awaited = {}, {}, {}, []

    def _optimizer_tensors(self) -> dict[str, Tensor]:
        """What the optimizers know, by name: where it is shared out, this process's part."""
        found = {}
        for update, made in self.optimizers.items():
            parameters = [p for group in made.param_groups for p in group["params"]]
            for name, parameter in zip(self.names[update], parameters, strict=True):
                for key, value in made.state.get(parameter, {}).items():
                    if isinstance(value, Tensor):
                        found[f"{update}/{name}/{key}"] = value
        return found

    def _cut_of_entry(self, name: str) -> Cut | None:
        """How an entry "update/block.parameter/key" of the optimizers is shared out; None if it is not."""
        parameter, _, key = name.partition("/")[2].rpartition("/")
        return None if key in ALIKE else self.cuts.get(parameter)

    def _module_tensors(self, modules: Iterable[tuple[str, nn.Module]]) -> dict[str, Tensor]:
        return {name: self.weights.held(value) for name, value in _by_name(modules).items()}

    def _whole_modules(self) -> dict[str, dict[str, Tensor]]:
        """What `restore_blocks` fills, as it is named and shaped."""
        averages = [(name, self.averages[name]) for name in sorted(self.averaged)]
        return {"blocks": _by_name(self.blocks.items()), "averages": _by_name(averages), "optimizers": {}}


def _by_name(modules: Iterable[tuple[str, nn.Module]]) -> dict[str, Tensor]:
    return {f"{block}.{name}": value for block, module in modules for name, value in module.state_dict().items()}


def _laid_out_as(parameter: Tensor, saved: Tensor) -> Tensor:
    """The saved values in the parameter's layout, apart from what was saved: the optimizer changes them in place."""
    if saved.shape != parameter.shape:
        return saved.to(parameter.device, copy=True)
    return torch.empty_like(parameter, dtype=saved.dtype, requires_grad=False).copy_(saved)


def _same_names(part: str, mine: Mapping[str, Tensor], saved: Mapping[str, Tensor], cuts: Mapping[str, Cut]) -> None:
    missing, unknown = sorted(set(mine) - set(saved)), sorted(set(saved) - set(mine))
    if missing or unknown:
        said = [f"lacks {_some(missing)}"] * bool(missing) + [f"has unknown {_some(unknown)}"] * bool(unknown)
        raise Mismatch(f"the checkpoint's {part} do not fit this system: it {' and '.join(said)}")
    for name, value in mine.items():
        if value.shape != saved[name].shape and not (name in cuts and cuts[name].is_part(saved[name])):
            was, needed = tuple(saved[name].shape), tuple(value.shape)
            raise Mismatch(f"the checkpoint's `{name}` has shape {was}, this system's has {needed}")


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(f"`{name}`" for name in listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")
