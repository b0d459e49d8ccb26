"""Batches that several processes share, and parts of a batch that are computed one by one: of equal rows."""

from __future__ import annotations

from collections.abc import Iterator

from compose.build import Composition
from compose.catalogue import Catalogue
from compose.diagnostics import Finding, Note, Span, finding
from compose.spec import Spec

__all__ = ["check_equal_rows", "uneven"]


def check_equal_rows(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Batches that cannot be divided as the spec asks; of its own rows a loader says nothing."""
    asked = composition.spec.run
    for found, declared in uneven(composition.spec, asked.devices * asked.nodes):
        if declared:
            yield found


def uneven(spec: Spec, processes: int) -> Iterator[tuple[Finding, bool]]:
    """The batches that so many processes cannot share in equal parts, and whether the spec says how many rows."""
    parts = spec.run.accumulate
    for source in spec.data.values():
        rows, place, declared = source.batch_size, source.span("batch_size"), "batch_size" in source.model_fields_set
        if rows % processes:
            yield uneven_rows(place, rows, processes), declared
        elif rows % (processes * parts):
            yield uneven_parts(place, rows, processes, parts, spec.run.span("accumulate")), declared


@finding("R242", "error")
def uneven_rows(span: Span, rows: int, processes: int) -> Finding:
    """A batch is shared by the processes, each computing as many rows; it cannot be divided by their number.

    Wrong: `batch_size: 100` with `devices: 8`.   Right: `batch_size: 96`.
    """
    near = max(rows // processes, 1) * processes
    return Finding(
        span=span, message=f"{processes} processes cannot share a batch of {rows} rows evenly",
        help=f"write `batch_size: {near}`: it counts the rows of all processes",
    )  # fmt: skip


@finding("R355", "error")
def uneven_parts(span: Span, rows: int, processes: int, parts: int, asked: Span) -> Finding:
    """The rows of a batch, or of each process's part of it, cannot be divided by `accumulate`.

    Wrong: `batch_size: 100` with `run: {accumulate: 8}`.   Right: `batch_size: 96`.
    """
    near = max(rows // (processes * parts), 1) * processes * parts
    each = "" if processes == 1 else f" on each of {processes} processes"
    return Finding(
        span=span, message=f"a batch of {rows} rows cannot be computed in {parts} parts of equal rows{each}",
        help=f"write `batch_size: {near}`", notes=(Note(asked, "asked for here"),),
    )  # fmt: skip
