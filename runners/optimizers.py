"""Optimizers: one torch optimizer an update, its parameters grouped by the options of their blocks.

A new optimizer is a function with `@optimizer("name")`; its keyword arguments are what a spec may write.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from blocks.registry import Registry
from runners.adam import prepared_step
from runners.schedules import Number, Scheduled, scheduled
from runners.shards import Shards
from runners.state import Clock

__all__ = ["CLIPS", "OPTIMIZERS", "UpdateOptimizer", "adam", "adamax", "adamw", "contract", "optimizer", "rmsprop",
           "sgd"]  # fmt: skip

Groups = list[dict[str, Any]]

OPTIMIZERS = Registry("optimizer", "runners", "optimizer")
optimizer = OPTIMIZERS


def contract(kind: str) -> dict[str, Any]:
    """The options of an optimizer and their defaults, read from its signature.   Raises UnknownName."""
    signature = inspect.signature(OPTIMIZERS.find(kind))
    return {name: p.default for name, p in signature.parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}


@optimizer("adam")
def adam(
    groups: Groups,
    *,
    lr: float = 1e-3,
    betas: Sequence[float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
) -> Optimizer:
    """Adam, fused; `weight_decay` is added to the gradient.   Source: Kingma & Ba 2015."""
    return torch.optim.Adam(groups, lr, _pair(betas), eps, weight_decay, amsgrad, fused=True)


@optimizer("adamw")
def adamw(
    groups: Groups,
    *,
    lr: float = 1e-3,
    betas: Sequence[float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    amsgrad: bool = False,
) -> Optimizer:
    """Adam with decoupled weight decay, fused.   Source: Loshchilov & Hutter 2019."""
    return torch.optim.AdamW(groups, lr, _pair(betas), eps, weight_decay, amsgrad, fused=True)


@optimizer("adamax")
def adamax(
    groups: Groups,
    *,
    lr: float = 1e-3,
    betas: Sequence[float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> Optimizer:
    """Adam by the infinity norm.   Source: Kingma & Ba 2015, section 7.1."""
    return torch.optim.Adamax(groups, lr, _pair(betas), eps, weight_decay, foreach=True)


@optimizer("sgd")
def sgd(
    groups: Groups,
    *,
    lr: float = 1e-3,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> Optimizer:
    """Stochastic gradient descent, with momentum if asked, fused."""
    return torch.optim.SGD(groups, lr, momentum, dampening, weight_decay, nesterov, fused=True)


@optimizer("rmsprop")
def rmsprop(
    groups: Groups,
    *,
    lr: float = 1e-3,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
) -> Optimizer:
    """Gradients over a running root mean square.   Source: Tieleman & Hinton 2012, lecture 6.5."""
    return torch.optim.RMSprop(groups, lr, alpha, eps, weight_decay, momentum, centered, foreach=True)


class UpdateOptimizer:
    """The optimizer of one update: options of `kind`, overridden per block; any number may follow the clock.

    Blocks with the same options share a parameter group. By `shared_out` each process steps a part of the parameters,
    and keeps that part of the optimizer's state. `carrying` are the tensors whose gradients are read and clipped.
    Raises ValueError on an option the optimizer lacks.
    """

    def __init__(
        self,
        kind: str,
        options: Mapping[str, Number],
        overrides: Mapping[str, Mapping[str, Number]],
        blocks: Mapping[str, nn.Module],
        clock: Clock,
        names: Mapping[str, float] | None = None,
        shared_out: Callable[[Sequence[Tensor]], Shards | None] | None = None,
    ) -> None:
        self._clock, self._names = clock, names or {}
        self.blocks = {name: [p for p in block.parameters() if p.requires_grad] for name, block in blocks.items()}
        self._group_of: dict[str, int] = {}
        self._schedules: list[tuple[int, str, Scheduled]] = []
        placed: list[list[str]] = []
        resolved: list[dict[str, Number]] = []
        groups: Groups = []
        seen: set[int] = set()
        for name, block in blocks.items():
            wanted = {**contract(kind), **options, **overrides.get(name, {})}
            _known(kind, wanted)
            if wanted not in resolved:
                self._add_group(resolved, groups, wanted)
                placed.append([])
            place = self._group_of[name] = resolved.index(wanted)
            for part, parameter in block.named_parameters():
                if parameter.requires_grad and id(parameter) not in seen:
                    seen.add(id(parameter))
                    groups[place]["params"].append(parameter)
                    placed[place].append(f"{name}.{part}")
        self.names = [name for group in placed for name in group]
        self.parameters: list[nn.Parameter] = [p for group in groups for p in group["params"]]
        self.shards = shared_out(self.parameters) if shared_out else None
        if self.shards:
            owned = iter(self.shards.owned)
            for group in groups:
                group["params"] = [next(owned) for _ in group["params"]]
        self.carrying: Sequence[Tensor] = self.shards.carrying if self.shards else self.parameters
        self.torch: Optimizer = OPTIMIZERS.find(kind)(groups, **self._numbers(resolved[0]))
        self._step: Callable[[], object] | None = None  # what steps, once torch's first step has made the state

    def _add_group(self, resolved: list, groups: Groups, wanted: dict[str, Number]) -> None:
        place = len(groups)
        resolved.append(wanted)
        groups.append({"params": [], **self._numbers(wanted)})
        followed = {key: scheduled(value, self._names) for key, value in wanted.items()}
        self._schedules += [(place, key, value) for key, value in followed.items() if not value.constant]

    def _numbers(self, options: Mapping[str, Number]) -> dict[str, Any]:
        return {key: scheduled(value, self._names)(self._clock) for key, value in options.items()}

    def step(self, clock: Clock) -> None:
        """Set what follows the clock, step (where parts are owned, after `divide`), and drop the gradients."""
        for place, key, value in self._schedules:
            self.torch.param_groups[place][key] = value(clock)
        if self._step is None:
            self.torch.step()
            self._step = prepared_step(self.torch)
        else:
            self._step()
        if self.shards:
            self.shards.join()
            for owned in self.shards.owned:
                owned.grad = None
        for parameter in self.parameters:
            parameter.grad = None

    def divide(self) -> None:
        """Where each process owns a part of the parameters: give that part its part of the gradient."""
        if self.shards:
            self.shards.divide()

    def rates(self) -> dict[str, float]:
        """The learning rate of each block, as last set."""
        return {block: float(self.torch.param_groups[place]["lr"]) for block, place in self._group_of.items()}

    def gradient_norms(self) -> dict[str, Tensor]:
        """The 2-norm of each block's gradient, 0-d, before any clipping."""
        carrying = dict(zip(map(id, self.parameters), self.carrying, strict=True))
        found = {}
        for block, parameters in self.blocks.items():
            gradients = [gradient for p in parameters if (gradient := carrying[id(p)].grad) is not None]
            if gradients:
                found[block] = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        if not self.shards or not found:
            return found
        return dict(zip(found, self.shards.whole_norms(torch.stack(list(found.values()))), strict=True))

    def norm(self) -> Tensor:
        """The 2-norm of the whole gradient, 0-d."""
        total = nn.utils.get_total_norm([p.grad for p in self.carrying if p.grad is not None])
        return self.shards.whole_norms(total) if self.shards else total


def clip_norm(made: UpdateOptimizer, limit: float) -> None:
    """Scale the update's whole gradient down to the norm `limit`."""
    nn.utils.clip_grads_with_norm_(made.carrying, limit, made.norm())


def clip_value(made: UpdateOptimizer, limit: float) -> None:
    """Clamp every entry of the gradient to +-`limit`."""
    nn.utils.clip_grad_value_(made.carrying, limit)


def clip_sigma(made: UpdateOptimizer, sigmas: float) -> None:
    """Clamp each entry to +-(sigmas * sqrt(v / (1 - beta2^step)) + 0.1), v Adam's second moment; not on the first step.

    Raises ValueError if the optimizer keeps no second moment.   Source: Du & Mordatch 2019, the released code.
    """
    for group in made.torch.param_groups:
        seen = [p for p in group["params"] if p.grad is not None and made.torch.state.get(p)]
        if not seen:
            continue
        states = [made.torch.state[p] for p in seen]
        if "exp_avg_sq" not in states[0] or "betas" not in group:
            raise ValueError("`gradients: {sigma: ..}` reads Adam's second moment; use `kind: adam` or `norm`, `value`")
        corrections = [1.0 - group["betas"][1] ** state["step"].double() for state in states]
        bounds = torch._foreach_div([state["exp_avg_sq"] for state in states], corrections)
        torch._foreach_sqrt_(bounds)
        torch._foreach_mul_(bounds, sigmas)
        torch._foreach_add_(bounds, 0.1)
        gradients = [p.grad for p in seen]
        torch._foreach_minimum_(gradients, bounds)
        torch._foreach_maximum_(gradients, torch._foreach_neg(bounds))


Clip = Callable[[UpdateOptimizer, float], None]
CLIPS: dict[str, Clip] = {"norm": clip_norm, "value": clip_value, "sigma": clip_sigma}
"""The treatments of a gradient before the step, by the word of the spec."""


def _known(kind: str, wanted: Mapping[str, Number]) -> None:
    unknown = sorted(set(wanted) - set(contract(kind)))
    if unknown:
        raise ValueError(f"optimizer `{kind}` has no option `{unknown[0]}`; it has {', '.join(contract(kind))}")


def _pair(betas: Sequence[float]) -> tuple[float, float]:
    first, second = betas
    return first, second
