"""What a stage and its updates say besides their terms, as lines for a reader: a label and a text.

optimizer   adam, lr cosine(lr, 1e-05) with lr = 0.002, betas [0.5, 0.9]
- prior     weight_decay 0.001
gradients   norm at most 1
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from compose.build import UpdateGraph
from compose.expressions import Expression, Name, unparse, walk
from compose.spec import Gradients, Optimizer, Spec, Stage

__all__ = ["length_of", "options_of", "parts_of", "settings_of_stage", "settings_of_update", "turns_of"]

Lines = Iterator[tuple[str, str]]


def length_of(stage: Stage) -> str:
    """How long a stage is."""
    count, noun = (stage.epochs, "epoch") if stage.epochs else (stage.steps or 0, "step")
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def turns_of(update: UpdateGraph) -> str:
    """How often an update takes place, if not once in every step, and on which batch."""
    spec = update.spec
    every = [f"every {spec.every} steps"] if spec.every > 1 else []
    times = [f"{spec.times} times"] if spec.times > 1 else []
    batch = ["on the next batch" if spec.times == 1 else "each on the next batch"] if spec.batch == "next" else []
    return ", ".join(every + times + batch)


def parts_of(spec: Spec) -> str:
    """How a batch is computed, if not at once."""
    parts = spec.run.accumulate
    rows = dict.fromkeys(source.batch_size // parts for source in spec.data.values())
    of = f" of {' or '.join(f'{each:,}' for each in rows)} rows" if rows else ""
    return f"gradients of {parts} parts{of}, one after the other" if parts > 1 else ""


def settings_of_stage(stage: Stage) -> Lines:
    """Label and text of what holds for the whole stage."""
    if stage.shared:
        yield "shared", ", ".join(stage.shared)
    if stage.copies:
        yield "copy", ", ".join(f"{source} into {target}" for target, source in stage.copies.items())
    for block, fit in stage.fit.items():
        yield "fit", f"{block} to {unparse(fit.value)}{_more(fit.options)}"
    if stage.mode:
        yield "mode", ", ".join(f"{block} {mode}" for block, mode in stage.mode.items())
    if stage.bound:
        yield "bound", ", ".join(f"|{value}| <= {limit:g}" for value, limit in stage.bound.items())


def settings_of_update(update: UpdateGraph, spec: Spec) -> Lines:
    """Label and text of how an update steps: optimizer, by block too, gradients, projections, averages, memories."""
    asked = update.spec
    if update.trains:
        yield from _optimizer(asked.optimizer or Optimizer(), update.trains, spec)
    if parts := parts_of(spec):
        yield "accumulate", parts
    if asked.gradients is not None:
        yield "gradients", ", ".join(_clipping(asked.gradients))
    for block, projection in asked.project.items():
        yield "project", f"{block}: {options_of(projection) if isinstance(projection, Mapping) else projection}"
    if asked.ema:
        yield "ema", ", ".join(f"{block} {decay:g}" for block, decay in asked.ema.items())
    for memory, value in asked.write.items():
        yield "write", f"{unparse(value)} into {memory}"
    for name, value in asked.monitor.items():
        yield "monitor", f"{name}: {unparse(value)}"


def options_of(options: Mapping[str, Any]) -> str:
    """Options in a line: `couplings 6, hidden [128, 128]`."""
    return ", ".join(f"{name} {_plain(value)}" for name, value in options.items())


def _optimizer(chosen: Optimizer, trains: Iterable[str], spec: Spec) -> Lines:
    yield "optimizer", f"{chosen.kind}, lr {_rate(chosen.lr, spec)}{_more(chosen.options)}"
    for block in trains:
        if block not in chosen.blocks:
            continue
        held = chosen.blocks[block]
        rate = [] if held.lr is None else [f"lr {_rate(held.lr, spec)}"]
        yield f"  {block}", ", ".join([*rate, *([options_of(held.options)] if held.options else [])])


def _rate(rate: Expression | float, spec: Spec) -> str:
    """A learning rate; of an expression, with the values of the params in it."""
    if isinstance(rate, int | float):
        return f"{rate:g}"
    named = dict.fromkeys(part.name for part in walk(rate) if isinstance(part, Name) and part.name in spec.values)
    given = ", ".join(f"{name} = {_plain(spec.values[name])}" for name in named)
    return unparse(rate) + (f" with {given}" if given else "")


def _clipping(gradients: Gradients) -> Iterator[str]:
    if gradients.norm is not None:
        yield f"norm at most {gradients.norm:g}"
    if gradients.value is not None:
        yield f"entries at most {gradients.value:g}"
    if gradients.sigma is not None:
        yield f"entries at most {gradients.sigma:g} of Adam's sigma"


def _more(options: Mapping[str, Any]) -> str:
    return f", {options_of(options)}" if options else ""


def _plain(value: Any) -> str:  # noqa: ANN401  plain data, or an expression
    if isinstance(value, Expression):
        return unparse(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_plain(part)}' for name, part in value.items())}}}"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
