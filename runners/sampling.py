"""Sampling: runs a compiled sampler in chunks of rows, each leaf of noise named by sampler, chunk and path."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from compose.diagnostics import SpecError
from compose.graph import Tensor as TensorType
from compose.options import unknown_sampler_option
from compose.program import CompiledSampler
from runners.inputs import Inputs, moved
from runners.rows import IMAGES, rows_of_picture
from runners.state import Executable
from runners.tables import Column

__all__ = ["default_count", "draw_rows", "evaluating", "folds_of", "sample"]

CHUNK = 250
"""Rows at a time.   It is part of a sample's name: another chunk draws other noise."""


def sample(
    executable: Executable,
    name: str,
    count: int,
    seed: int = 0,
    *,
    averaged: frozenset[str] = frozenset(),
    batch: Mapping[str, Tensor] | None = None,
    options: Mapping[str, Any] | None = None,
    chunk: int = CHUNK,
) -> Tensor | dict[str, Tensor]:
    """`count` rows of sampler `name` (a conditional one: of the first `count` rows of `batch`, at most).

    The same arguments give the same bits. Raises SpecError on an unknown option, ValueError if a conditional sampler
    gets no data.
    """
    sampler = executable.sampler(name, averaged)
    if sampler.conditional and batch is None:
        raise ValueError(f"the sampler `{name}` reads data; hand it a batch")
    unknown = sorted(set(options or {}) - set(sampler.options))
    if unknown:
        raise SpecError([unknown_sampler_option(name, option, tuple(sampler.options)) for option in unknown])
    given = {part.name for part in sampler.program.inputs if part.kind == "option"}
    fixed = {option: value for option, value in (options or {}).items() if option not in given}
    if fixed:  # what an option decides may be the shape of the program
        sampler = executable.sampler_with(name, averaged, fixed)
    return draw_rows(executable, sampler, count, seed, batch=batch, options=options, chunk=chunk)


def default_count(executable: Executable, name: str, averaged: frozenset[str] = frozenset()) -> int:
    """How many rows of a sampler fill the picture of its values, the smallest of them; 64 if they have none."""
    gives = executable.sampler(name, averaged).gives.values()
    counts = [rows_of_picture(kind.event, kind.rows) for kind in gives if isinstance(kind, TensorType)]
    return min((count for count in counts if count is not None), default=IMAGES)


def folds_of(executable: Executable, name: str, averaged: frozenset[str] = frozenset()) -> dict[str, int]:
    """How many rows of each value ("value", if it is alone) stand for one of the count."""
    gives = executable.sampler(name, averaged).gives
    return {part: kind.rows for part, kind in gives.items() if isinstance(kind, TensorType)}


def draw_rows(
    executable: Executable,
    sampler: CompiledSampler,
    count: int,
    seed: int = 0,
    *,
    scope: str | None = None,
    batch: Mapping[str, Tensor | Column] | None = None,
    options: Mapping[str, Any] | None = None,
    chunk: int = CHUNK,
    repeat: int = 0,
) -> Tensor | dict[str, Tensor]:
    """As `sample`, for a compiled sampler; `scope` names its noise (its own name unless given), and so does `repeat`.

    Another `repeat` is another draw of the same rows.
    """
    dtype, device = place_of(executable.blocks)
    inputs = Inputs(sampler.program, seed, scope or sampler.name, dtype=dtype, device=device)
    absent = [name for name in inputs.data if name not in (batch or {})]
    if absent:
        held = ", ".join(f"`{name}`" for name in batch or {}) or "nothing"
        raise ValueError(f"`{sampler.name}` reads `{absent[0]}`, and the data handed to it hold {held}")
    given = batch or {} if sampler.conditional else {}
    if given:
        count = min(count, *(len(rows) for rows in given.values()))
    made = []
    with torch.no_grad(), evaluating(executable.blocks), evaluating(executable.averages):
        for index, start in enumerate(range(0, count, chunk)):
            rows = {field: value[start : min(start + chunk, count)] for field, value in given.items()}
            rows = moved(rows, dtype, device)
            values = inputs.values(min(chunk, count - start), rows, options=options, repeat=repeat, chunk=index)
            made.append(sampler.program(values)["value"])
    return _joined(made)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Eval mode inside, each part's own mode again after."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def place_of(module: nn.Module) -> tuple[torch.dtype, torch.device]:
    """The dtype and device of a module's first floating-point tensor (float32 on the CPU if it has none)."""
    for value in [*module.parameters(), *module.buffers()]:
        if value.is_floating_point():
            return value.dtype, value.device
    return torch.float32, torch.device("cpu")


def _joined(parts: list[Any]) -> Any:  # noqa: ANN401  a tensor or a dict of them
    if isinstance(parts[0], Mapping):
        return {name: _joined([part[name] for part in parts]) for name in parts[0]}
    return torch.cat(parts)
