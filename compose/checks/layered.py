"""Findings in a file that a spec only extends: what the spec adds there by a slip is their cause."""

from collections.abc import Sequence
from pathlib import Path

from compose.diagnostics import Edit, Finding, Note, Span, finding
from compose.spec import Spec

__all__ = ["blamed_on_layer"]

IDLE = "N130"  # what is unused is so by the same slip
SHOWN = 3


def blamed_on_layer(findings: Sequence[Finding], spec: Spec) -> list[Finding]:
    """The findings; errors in extended files are one, at the key of the spec that looks like one of theirs.

    Without errors such a key is warned of, if nothing is said of it already.
    """
    doubtful = spec.document.doubtful if spec.document is not None else ()
    below = [found for found in findings if found.severity == "error" and _elsewhere(found, spec)]
    told = {found.span for found in findings}
    if not any(found.severity == "error" for found in findings):
        return [*findings, *(doubtful_key(*one) for one in doubtful if one[0] not in told)]
    if not doubtful or not below:
        return list(findings)
    blamed = [spans for spans in doubtful if not any(found.span == spans[0] for found in findings)] or doubtful
    span, key, near = blamed[0]
    rest = [found for found in findings if found not in below and found.span != span and found.code != IDLE]
    return [*rest, stray_key(span, key, near, below)]


def _elsewhere(found: Finding, spec: Spec) -> bool:
    """Whether it stands in a file other than the spec's own."""
    return found.span is not None and spec.document is not None and found.span.file != spec.document.file


@finding("N131", "error")
def stray_key(span: Span, key: str, near: str, below: Sequence[Finding]) -> Finding:
    """A key looks like one of the extended spec, which it does not change, and then the extended spec does not fit.

    Wrong: `params: {t: 8}` over a spec with `params: {T: 4}` and a line `t`.   Right: `params: {T: 8}`.
    """
    notes = [Note(found.span, found.message) for found in below if found.span is not None]
    file = Path(notes[0].span.file).name
    return Finding(
        span=span,
        message=f"`{key}` is new beside `{near}`, and with it {file} is wrong",
        help=f"did you mean `{near}`?",
        notes=tuple(notes[:SHOWN]),
        fix=(Edit(span, near, key),),
    )


@finding("N132", "warning")
def doubtful_key(span: Span, key: str, near: str) -> Finding:
    """A key that is new beside those of the extended spec looks like one of them, which it does not change.

    Wrong: `samplers: {defualt: ~prior}` over a spec with the sampler `default`.   Right: `samplers: {default: ~prior}`.
    """
    return Finding(
        span=span,
        message=f"`{key}` is new here, and changes nothing of `{near}` in the spec that is extended",
        help=f"did you mean `{near}`?",
    )
