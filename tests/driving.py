"""Compiles specs and drives what comes out, as a runner would but with nothing around it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from blocks.noise import draw, leaf_seed
from blocks.types import Field
from compose.build import Composition, build
from compose.catalogue import Catalogue
from compose.checks import check
from compose.checks.training import resolve_training
from compose.compiler import Executable, compile_composition
from compose.diagnostics import Finding, SpecError
from compose.program import CompiledUpdate, Program
from compose.spec import parse_spec

__all__ = ["POINTS", "Trainer", "compiled", "composed", "fill", "findings_of", "program_of", "sampled"]

POINTS = {"x": Field((2,), low=-3.0, high=3.0)}


def findings_of(text: str, fields: Mapping[str, Field] = POINTS) -> Sequence[Finding]:
    """All that is wrong with a spec, whether it can be read or not."""
    try:
        return check(parse_spec(text), Catalogue.of_fields(fields))[1]
    except SpecError as error:
        return error.findings


def composed(text: str, fields: Mapping[str, Field] = POINTS) -> Composition:
    """The composition of a spec that has nothing wrong with it."""
    spec = parse_spec(text if text.lstrip().startswith("compose") else f"compose: 1\n{text}")
    composition, findings = build(spec, fields)
    assert not findings, findings
    resolve_training(composition)
    return composition


def compiled(
    text: str, fields: Mapping[str, Field] = POINTS, *, seed: int = 0, dtype: torch.dtype = torch.float64
) -> Executable:
    """A spec, compiled with weights from `seed` in `dtype`."""
    composition = composed(text, fields)
    torch.manual_seed(seed)
    executable = compile_composition(composition)
    executable.blocks.to(dtype)
    executable.averages.to(dtype)
    return executable


def program_of(executable: Executable, stage: int = 0, update: int = 0, active: Iterable[str] | None = None) -> Program:
    """The program of one update: of all its terms, or of some."""
    made = executable.stage(stage).updates[update]
    return made.program(frozenset(made.terms if active is None else active))


def fill(
    program: Program, rows: int, given: Mapping[str, Any], *, seed: int = 0, dtype: torch.dtype = torch.float64
) -> dict[str, Any]:
    """Every input of a program: `given` by name, noise from its own path, options by default."""
    values: dict[str, Any] = {}
    for one in program.inputs:
        leaf = one.leaf
        if one.name in given:
            values[one.name] = given[one.name]
        elif leaf is None:
            values[one.name] = one.default
        else:
            own = leaf_seed(seed, leaf.path)
            shape = (rows * leaf.copies, *leaf.event)
            values[one.name] = own if leaf.law == "seed" else draw(leaf.law, shape, own, dtype, high=leaf.high)
    return values


def sampled(executable: Executable, rows: int, name: str = "default", *, seed: int = 0, **given: Any) -> Any:
    """What a sampler gives."""
    program = executable.sampler(name).program
    return program(fill(program, rows, given, seed=seed))["value"]


class Trainer:
    """Adam on the blocks of one update."""

    def __init__(
        self,
        executable: Executable,
        update: CompiledUpdate,
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        decay: Mapping[str, float] | None = None,
    ) -> None:
        self.update, self.count = update, 0
        self.blocks: dict[str, nn.Module] = {name: executable.blocks[name] for name in update.trains}
        groups = [
            {"params": [*block.parameters()], "weight_decay": (decay or {}).get(name, 0.0)}
            for name, block in self.blocks.items()
        ]
        self.optimizer = torch.optim.Adam(groups, lr=lr, betas=betas, fused=True)

    def step(self, rows: int, given: Mapping[str, Any], *, seed: int = 0) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """One step: the terms, and the values that the program was given."""
        program = self.update.program(self.update.active(self.count))
        values = fill(program, rows, given, seed=seed)
        self.optimizer.zero_grad(set_to_none=True)
        made = program(values)
        made["loss"].backward()
        self.optimizer.step()
        self.count += 1
        return made["terms"], values
