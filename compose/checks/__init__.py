"""Checks: what is proved of a composition before anything runs.   A check reads, changes nothing, and yields findings.

    check(spec, fields, metrics) -> Composition, findings (sorted; errors and warnings)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from blocks.types import Field
from compose.build import Composition, build
from compose.checks.training import resolve_training
from compose.diagnostics import Finding
from compose.spec import Spec

__all__ = ["CHECKS", "check"]

CHECKS: tuple[Callable[[Composition], Iterator[Finding]], ...] = ()


def check(spec: Spec, fields: Mapping[str, Field], metrics: frozenset[str] = frozenset()) -> tuple[Composition, list[Finding]]:
    """The composition that `spec` describes on data with these fields, and everything that is wrong with it."""
    composition, findings = build(spec, fields, metrics)
    resolve_training(composition)
    for one in CHECKS:
        findings += [found for found in one(composition) if found not in findings]
    return composition, findings
