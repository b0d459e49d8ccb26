"""A probe: one value of a spec, computed on one batch, as numbers that say what it is like, and as a picture.

The value is a node of the graph, a term of a stage, or any expression; it is compiled as a sampler is, so that blocks
are in eval mode and averages are read where they exist.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from blocks.types import Field
from compose.diagnostics import Finding, Span, SpecError
from compose.expressions import unparse
from compose.spec import Spec
from compose.spec.layers import SETTINGS
from runners.files import save_values
from runners.sampling import draw_rows, folds_of
from runners.state import Executable

__all__ = ["PROBE", "Probed", "asked_for", "placed_at_node", "probe"]

PROBE = "probed_value"
"""The name of the sampler that a probed spec has beside its own."""

ASKED, NODE = f"samplers.{PROBE}=", "NODE"


@dataclass(frozen=True)
class Probed:
    """What a value is like: the share of entries that are not finite, figures of the others if there are any.

    `shape`: rows first.
    """

    shape: tuple[int, ...]
    dtype: str
    lost: float
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    std: float | None = None
    picture: str | None = None


def asked_for(spec: Spec, node: str) -> str:
    """The setting that makes a sampler of a node, of a term by its name, or of an expression."""
    terms = {
        name: unparse(term.value)
        for stage in spec.stages
        for update in stage.all_updates()
        for name, term in {**update.minimize, **update.maximize}.items()
    }
    return f"{ASKED}{node if node in spec.graph else terms.get(node, node)}"


@contextmanager
def placed_at_node() -> Iterator[None]:
    """Within, what is wrong with the setting of `asked_for` is wrong with NODE, which is what the user wrote."""
    try:
        yield
    except SpecError as error:
        settings = error.sources.get(SETTINGS, "").splitlines()
        asked = next((number for number, line in enumerate(settings, 1) if line.startswith(ASKED)), 0)
        found = [_moved(each, asked) for each in error.findings]
        sources = {**error.sources, NODE: settings[asked - 1].removeprefix(ASKED)} if asked else error.sources
        raise SpecError(found, sources) from None


def _moved(found: Finding, setting: int) -> Finding:
    """The finding and its notes with the columns of NODE, where they stand in the setting."""

    def moved(span: Span | None) -> Span | None:
        if span is None or (span.file, span.line) != (SETTINGS, setting):
            return span
        return Span(NODE, 1, max(span.column - len(ASKED), 1), 1, max(span.end_column - len(ASKED), 1))

    notes = tuple(replace(note, span=moved(note.span)) for note in found.notes)
    fix = found.fix if moved(found.span) == found.span else ()
    return replace(found, span=moved(found.span), notes=notes, fix=fix)


def probe(
    executable: Executable,
    averaged: frozenset[str],
    rows: Mapping[str, Tensor],
    fields: Mapping[str, Field],
    seed: int,
    picture: Path | None,
    origin: Mapping[str, Any] | None = None,
) -> dict[str, Probed]:
    """The value on these rows, and its parts by name if it is a record ("" of a lone one); pictures at `picture`."""
    sampler = executable.sampler(PROBE, averaged)
    count = min(map(len, rows.values()))
    made = draw_rows(executable, sampler, count, seed, scope="probe", batch=rows, chunk=count)
    folds = folds_of(executable, PROBE, averaged)
    parts = made if isinstance(made, Mapping) else {"": made}
    found = {}
    for part, value in parts.items():
        path = picture and (picture.with_name(f"{picture.stem}.{part}.png") if part else picture)
        found[part] = _described(value, _drawn(path, value, fields, rows, folds.get(part or "value", 1), origin))
    return found


def _drawn(
    path: Path | None,
    value: Tensor,
    fields: Mapping[str, Field],
    rows: Mapping[str, Tensor],
    fold: int,
    origin: Mapping[str, Any] | None,
) -> str | None:
    """Save the picture of a value; None for one that has none."""
    try:
        return str(save_values(path, value, fields, rows, fold, origin)) if path is not None else None
    except ValueError:
        return None


def _described(value: Tensor, picture: str | None) -> Probed:
    numbers = value.detach().double().flatten()
    kept = numbers[numbers.isfinite()]
    lost = 1 - len(kept) / max(len(numbers), 1)
    dtype = str(value.dtype).removeprefix("torch.")
    shape = tuple(value.shape)
    if not len(kept):
        return Probed(shape, dtype, lost, picture=picture)
    std = kept.std(correction=0).item()
    return Probed(shape, dtype, lost, kept.min().item(), kept.max().item(), kept.mean().item(), std, picture)
