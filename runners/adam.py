"""Adam's step with everything looked up beforehand: the fused kernel of torch.optim, on the state that it keeps.

torch's own `step` gathers its lists anew each time, which for a small network costs several times the kernel itself.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, AdamW, Optimizer

__all__ = ["prepared_step"]

KERNELS: dict[type[Optimizer], Callable[..., None]] = {Adam: torch._fused_adam_, AdamW: torch._fused_adamw_}


def prepared_step(optimizer: Optimizer) -> Callable[[], object]:
    """`optimizer.step`, or the same step with its lists made once, bit for bit: for a fused Adam that has stepped.

    The counts of steps become views of one vector, so that one addition moves them all. They are the optimizer's own
    state, and a step in which some parameter has no gradient is torch's.
    """
    kernel = KERNELS.get(type(optimizer))
    groups = [group for group in optimizer.param_groups if group["params"]]
    if kernel is None or not all(_is_plain(optimizer, group) for group in groups):
        return optimizer.step
    prepared = [(group, group["params"], _counts(optimizer, group), _moments(optimizer, group)) for group in groups]

    def step() -> None:
        gradients = [[parameter.grad for parameter in parameters] for _, parameters, _, _ in prepared]
        if any(gradient is None for held in gradients for gradient in held):
            optimizer.step()
            return
        with torch.no_grad():
            for (group, parameters, (count, counts), moments), held in zip(prepared, gradients, strict=True):
                count.add_(1)
                kernel(
                    parameters, held, *moments, counts, amsgrad=group["amsgrad"], lr=group["lr"],
                    beta1=group["betas"][0], beta2=group["betas"][1], weight_decay=group["weight_decay"],
                    eps=group["eps"], maximize=False, grad_scale=None, found_inf=None,
                )  # fmt: skip

    return step


def _is_plain(optimizer: Optimizer, group: dict[str, Any]) -> bool:
    """Whether one kernel call does all of a group."""
    parameters: list[Tensor] = group["params"]
    kinds = {(parameter.device, parameter.dtype) for parameter in parameters}
    seen = all("exp_avg" in optimizer.state.get(parameter, {}) for parameter in parameters)
    return bool(group["fused"]) and not group["maximize"] and len(kinds) == 1 and seen


def _counts(optimizer: Optimizer, group: dict[str, Any]) -> tuple[Tensor, list[Tensor]]:
    """The steps of a group's parameters as one vector, and its entries, which take their place in the state."""
    states = [optimizer.state[parameter] for parameter in group["params"]]
    count = torch.stack([state["step"] for state in states])
    counts = list(count.unbind())
    for state, entry in zip(states, counts, strict=True):
        state["step"] = entry
    return count, counts


def _moments(optimizer: Optimizer, group: dict[str, Any]) -> list[list[Tensor]]:
    """First moments, second moments, and the largest of those, if the group keeps them."""
    states = [optimizer.state[parameter] for parameter in group["params"]]
    largest = [state["max_exp_avg_sq"] for state in states] if group["amsgrad"] else []
    return [[state["exp_avg"] for state in states], [state["exp_avg_sq"] for state in states], largest]
