"""The card of a run: what is known of it before its first step, for the terminal and for TensorBoard."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from blocks.types import Size
from compose.build import Composition
from compose.checks import cost, gradient_matrix
from compose.equations import equations_of, to_unicode
from compose.program import Program
from compose.settings import parts_of
from compose.spec import Spec, dump_yaml
from runners.footprint import goes_back_through_a_chain, kept_by, kept_in, size_of
from runners.holding import parts_held
from runners.state import Executable

__all__ = ["Card", "card_of"]

ENERGY = "energy"
MOMENTS = 2  # tensors like its parameters that Adam keeps of a block
LONGEST = 80  # characters of a text that is a hyper-parameter

Setting = float | int | bool | str


@dataclass(frozen=True)
class Card:
    """`lines` for the terminal; `texts` (Markdown) and `settings` (hyper-parameters) for TensorBoard.

    energies: the blocks whose values on data and on samples are worth a histogram, and the event that each takes.
    """

    lines: Sequence[str] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)
    energies: Mapping[str, Size] = field(default_factory=dict)


def card_of(composition: Composition, executable: Executable, batch_size: int, processes: int = 1) -> Card:
    """The card of a composition whose blocks are made, and whose batches so many processes share."""
    return Card(
        list(_lines(composition, executable, batch_size, processes)),
        {"equations": _equations(composition), "gradients": _gradients(composition), "spec": _spec(composition.spec)},
        _settings(composition.spec),
        dict(_energies(composition)),
    )


def _energies(composition: Composition) -> Iterator[tuple[str, Size]]:
    for name, declared in composition.blocks.items():
        takes = composition.sizes.slots[name].takes or ()
        if declared.role == ENERGY and len(takes) == 1 and isinstance(takes[0], tuple):
            yield name, takes[0]


def _lines(composition: Composition, executable: Executable, batch_size: int, processes: int) -> Iterator[str]:
    """Parameters of every block; of every update the evaluations, and about what memory it takes in each process."""
    found = cost(composition)
    counts = {name: count for name, count in found["parameters"].items() if count}
    yield f"{sum(counts.values()):,} parameters: {', '.join(f'{name} {count:,}' for name, count in counts.items())}"
    if parts := parts_of(composition.spec):
        yield f"an update accumulates the {parts}"
    batch_size //= composition.spec.run.accumulate * processes
    blocks, averages = executable.blocks, executable.averages
    weights, states = parts_held(composition.spec.run.strategy, processes)
    held = weights * sum(size_of(p) for modules in (blocks, averages) for p in modules.parameters())
    where = f" in each of {processes} processes" if processes > 1 else ""
    for at, stage in enumerate(composition.stages):
        compiled = {update.name: update for update in executable.stage(at, frozenset()).updates}
        moments = MOMENTS * sum(_weights_of(blocks, update.trains) for update in stage.updates)
        for update in stage.updates:
            evaluated = found["updates"][stage.name][update.name]
            place = stage.name if len(stage.updates) == 1 else f"{stage.name}, {update.name}"
            used = ", ".join(f"{name} {count}" for name, count in evaluated.items() if count) or "nothing"
            program = compiled[update.name].program(compiled[update.name].active(0))
            gathered = (1 - weights) * _weights_in(program)
            kept = _kept_through_chains(composition, program, batch_size)
            if kept is None:
                kept = sum(_kept(composition, blocks[name], name, batch_size) for name in evaluated)
            total = held + gathered + _weights_of(blocks, update.trains) + states * moments + kept
            yield f"a step of {place} evaluates for each sample: {used}; memory about {_megabytes(total)}{where}"


def _weights_of(blocks: nn.ModuleDict, names: Iterable[str]) -> int:
    return sum(size_of(parameter) for name in names for parameter in blocks[name].parameters())


def _weights_in(program: Program) -> int:
    """The weights that a program reads, each once: views of a block share them."""
    read = {p.untyped_storage()._cdata: size_of(p) for p in program.module.parameters()}
    return sum(read.values())


def _kept_through_chains(composition: Composition, program: Program, batch_size: int) -> int | None:
    """What a program keeps that goes back through a chain: all of its steps; None for one that does not."""
    return kept_in(program, composition.fields, batch_size) if goes_back_through_a_chain(program) else None


def _kept(composition: Composition, block: nn.Module, name: str, batch_size: int) -> int:
    """What one evaluation of a block keeps; a chain without gradient holds one at a time, whatever its steps."""
    takes = composition.sizes.slots[name].takes
    known = [size for size in takes or () if size is not None]
    return kept_by(block, known, batch_size) if known else 0


def _megabytes(count: float) -> str:
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{max(count / 1e6, 0.1):.2g} MB"


def _equations(composition: Composition) -> str:
    """Every model and term as a paper has it, but as plain characters: TensorBoard sets no LaTeX."""
    paper = equations_of(composition)
    lines = [f"- {name}: `{to_unicode(line)}`" for name, line in paper.samplers.items()]
    for stage, updates in paper.updates.items():
        for update, equations in updates.items():
            lines += [f"- {stage}, {update}, {term}: `{to_unicode(line)}`" for term, line in equations.terms.items()]
    return "\n".join(lines)


def _gradients(composition: Composition) -> str:
    """A table for every update: which term reaches which block."""
    tables = []
    for stage, updates in gradient_matrix(composition).items():
        for update, terms in updates.items():
            blocks = list(dict.fromkeys(block for verdicts in terms.values() for block in verdicts))
            lines = [["term", *blocks], ["---"] * (len(blocks) + 1)]
            lines += [[term, *(verdicts.get(block, "") for block in blocks)] for term, verdicts in terms.items()]
            head, rows = f"**{stage}, {update}**\n", [f"| {' | '.join(line)} |" for line in lines]
            tables.append("\n".join([head, *rows]))
    return "\n\n".join(tables)


def _spec(spec: Spec) -> str:
    return "\n".join(f"    {line}" for line in dump_yaml(spec).splitlines())


def _settings(spec: Spec) -> dict[str, Setting]:
    """The numbers, words and truth values of a spec by path; expressions are no hyper-parameters."""
    data = spec.to_data()
    parts = {key: data[key] for key in ("params", "data", "blocks", "stages", "run") if key in data}
    words = ("minimize", "maximize", "monitor", "write", "shared")
    return {"run.seed": spec.run.seed, **dict(_leaves(parts, "", words))}


def _leaves(value: Any, path: str, without: Sequence[str]) -> Iterator[tuple[str, Setting]]:  # noqa: ANN401  plain data
    if isinstance(value, Mapping):
        for key, part in value.items():
            if key not in without:
                yield from _leaves(part, f"{path}.{key}" if path else key, without)
    elif isinstance(value, list) and any(isinstance(part, Mapping) for part in value):
        for at, part in enumerate(value):
            yield from _leaves(part, f"{path}.{at}", without)
    elif isinstance(value, bool | int | float):
        yield path, value
    elif value is not None and len(str(value)) <= LONGEST:
        yield path, str(value)
