"""Checks: what is proved of a composition before anything runs.   A check reads, changes nothing, and yields findings.

    check(spec, catalogue) -> Composition, findings (sorted; errors, warnings and hints)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from compose.build import Composition, build
from compose.catalogue import Catalogue, read_fields
from compose.checks.training import resolve_training
from compose.diagnostics import Finding
from compose.spec import Spec

__all__ = ["CHECKS", "Catalogue", "check"]

CHECKS: tuple[Callable[[Composition, Catalogue], Iterator[Finding]], ...] = ()


def check(spec: Spec, catalogue: Catalogue) -> tuple[Composition, list[Finding]]:
    """The composition that `spec` describes, and everything that is wrong with it."""
    fields, findings, unread = read_fields(spec, catalogue)
    composition, found = build(spec, fields, catalogue.metrics, unread=unread)
    findings += found
    resolve_training(composition)
    for one in CHECKS:
        findings += [found for found in one(composition, catalogue) if found not in findings]
    return composition, findings
