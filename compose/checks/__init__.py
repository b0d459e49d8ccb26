"""Checks: what is proved of a composition before anything runs.   A check reads, changes nothing, and yields findings.

check(spec, catalogue) -> Composition, findings (sorted; errors, warnings and hints)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from compose.build import Composition, build
from compose.catalogue import Catalogue, read_fields
from compose.checks.accumulation import check_accumulation
from compose.checks.contrasts import check_contrasts
from compose.checks.cost import check_sides, cost
from compose.checks.densities import check_discrete
from compose.checks.directions import check_directions
from compose.checks.equal_rows import check_equal_rows
from compose.checks.formulas import check_formulas
from compose.checks.gradients import check_gradients, gradient_matrix
from compose.checks.layered import blamed_on_layer
from compose.checks.levels import check_levels
from compose.checks.memories import check_memories
from compose.checks.names import check_blocks, check_clashes
from compose.checks.noising import check_noising
from compose.checks.optimizers import check_optimizers
from compose.checks.signs import check_signs
from compose.checks.supports import check_supports
from compose.checks.training import resolve_training
from compose.checks.traps import check_batch_norm, check_collapse, check_ranges, check_scales, check_weights
from compose.checks.unused import check_unused, lines_of_programs, unused_names, uses
from compose.checks.widths import check_widths
from compose.diagnostics import NOWHERE, Finding, Note, Span
from compose.fitting import check_fits
from compose.misnamed import misnamed
from compose.outputs import without_output
from compose.spec import Spec
from compose.undrawn import undrawn

__all__ = ["CHECKS", "Catalogue", "check", "cost", "gradient_matrix"]

CHECKS: tuple[Callable[[Composition, Catalogue], Iterator[Finding]], ...] = (
    check_clashes, check_blocks, check_optimizers, check_unused, check_gradients, check_collapse,
    check_scales, check_batch_norm, check_ranges, check_weights, check_sides, check_signs,
    check_formulas, check_directions, check_contrasts, check_levels, check_noising, check_memories, check_widths,
    check_discrete, check_supports, check_fits, check_equal_rows, check_accumulation,
)  # fmt: skip
TOLD_ONCE = ("N101", "N103")  # of these, further places with the same words are notes of the first


def check(spec: Spec, catalogue: Catalogue) -> tuple[Composition, list[Finding]]:
    """The composition that `spec` describes, and everything that is wrong with it."""
    fields, findings, unread = read_fields(spec, catalogue)
    composition, found = build(spec, fields, catalogue.metrics, unread=unread)
    findings += found
    resolve_training(composition)
    for one in CHECKS:
        findings = list(dict.fromkeys([*findings, *one(composition, catalogue)]))
    named = uses(spec)
    unused = {name: span for _, name, span in unused_names(spec)}
    unused |= {name: span for name, span, _ in lines_of_programs(spec) if name not in fields}
    unused |= {name: spec.span("samplers", name, key=True) for name in spec.samplers if name not in named}
    findings = misnamed(sorted(findings, key=_order), named, unused, spec.sources, _own(spec))
    findings = undrawn(without_output(findings, composition), composition, named)
    return composition, _told_once(sorted(blamed_on_layer(findings, spec), key=_order))


def _own(spec: Spec) -> str:
    return spec.document.file if spec.document is not None else NOWHERE.file


def _order(found: Finding) -> tuple[bool, Span, str, str]:
    return found.span is None, found.span or NOWHERE, found.code, found.message


def _told_once(findings: list[Finding]) -> list[Finding]:
    """The findings, sorted, in which a name that is wrong in many places is one cause."""
    kept: dict[tuple, Finding] = {}
    further: dict[tuple, list[Note]] = {}
    for found in findings:
        key = (found.code, found.message) if found.code in TOLD_ONCE else (found.code, found.message, found.span)
        first = kept.get(key)
        if first is None:
            kept[key] = found
        elif found.span is not None and found.span != first.span:
            further.setdefault(key, []).append(Note(found.span, "and here"))
    return [replace(one, notes=(*one.notes, *further[key])) if key in further else one for key, one in kept.items()]
