"""Gradient accumulation: a batch of B rows computed in K parts, one after the other, as it would be at once.

    1/B sum_b l_b = 1/K sum_k (K/B sum_(b in part k) l_b)

so that the mean of the parts' gradients is the gradient of the batch. Inputs are made once, for all rows, and noise is
that of the whole batch; what a program holds for its way back is that of a part.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from blocks.shares import Share, sharing
from runners.inputs import Inputs
from runners.processes import Processes
from runners.state import RunFailed

__all__ = ["in_parts"]


def in_parts(
    differentiate: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    inputs: Inputs,
    values: Mapping[str, Any],
    rows: int,
    parts: int,
    processes: Processes | None = None,
) -> dict[str, Any]:
    """What `differentiate` makes of every part of `values`: the means of `terms` and `monitor`, all rows of `write`.

    `rows`: those of this process.   Raises RunFailed if they cannot be divided, as those of a loader may not.
    """
    if rows % parts:
        raise RunFailed(f"a batch of {rows} rows cannot be computed in {parts} parts of equal rows (`accumulate`)")
    share = Share(0, 1) if processes is None else processes.share
    made = []
    for part, given in enumerate(_divided(inputs, values, parts)):
        with sharing(share._replace(part=part, parts=parts)):
            done = differentiate(given)
        made.append({name: done[name] for name in ("terms", "monitor", "write")})  # the loss keeps its graph
    means = {
        kind: {name: sum(one[kind][name] for one in made) / parts for name in made[0][kind]}
        for kind in ("terms", "monitor")
    }
    write = {name: torch.cat([one["write"][name].detach() for one in made]) for name in made[0]["write"]}
    return {**means, "write": write}


def _divided(inputs: Inputs, values: Mapping[str, Any], parts: int) -> Iterator[dict[str, Any]]:
    """The inputs of every part: of data and noise its rows, all else as it is."""
    by_row = [*inputs.data, *(name for name, leaf in inputs.leaves if leaf.law != "seed")]
    for part in range(parts):
        given = dict(values)
        for name in by_row:
            each = len(values[name]) // parts
            given[name] = values[name][part * each : (part + 1) * each]
        yield given
