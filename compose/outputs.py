"""A block whose calls are values where distributions are wanted: its option `output` is missing.   Told once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from compose.build import Composition
from compose.diagnostics import Finding, Note, told_as_one
from compose.fixes import text_at
from compose.graph import Node

__all__ = ["without_output"]

NO_MODEL, NO_FIELD = "T201", "N102"
OF_LAWS = ("log_prob", "mean", "std")  # what stands behind the dot of a distribution


def without_output(findings: Sequence[Finding], composition: Composition) -> list[Finding]:
    """The findings, those that refuse the values of one such block made one that names the option."""
    groups: dict[str, list[Finding]] = {}
    for found in findings:
        block = _block(found, composition)
        if block is not None:
            groups.setdefault(block, []).append(found)
    told = list(findings)
    for block, group in groups.items():
        first = min(group, key=lambda found: found.code != NO_MODEL)
        places = [found.span for found in group if found is not first and found.span is not None]
        notes = [Note(place, "a distribution is wanted here too") for place in places]
        cause = replace(
            first,
            help=f"write `{block}: {{.., output: normal}}`; as it is, its calls are values, which take no `~`",
            notes=(Note(composition.blocks[block].span, "declared here, without `output`"), *notes),
        )
        told = told_as_one(told, group, first, cause)
    return told


def _block(found: Finding, composition: Composition) -> str | None:
    """The block whose call is refused since it is no distribution, if it could be one."""
    value = found.about
    if not isinstance(value, Node) or value.use is None or value.operation.target != "forward":
        return None
    field = text_at(found.span, composition.spec.sources) if found.code == NO_FIELD and found.span is not None else ""
    declared = composition.blocks[value.use.block]
    wanted = found.code == NO_MODEL or field in OF_LAWS
    return declared.name if wanted and declared.options.get("output") == "tensor" else None
