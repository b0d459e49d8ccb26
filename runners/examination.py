"""What is wrong with a spec, all things of the runner known: its data, its metrics, its optimizers.

Apart from `launch`, so that to check a spec nothing is imported that only a run needs.
"""

from collections.abc import Mapping

from blocks.types import Field
from compose.build import Composition
from compose.checks import check
from compose.diagnostics import Finding
from compose.spec import Spec
from runners.catalogue import catalogue_of
from runners.evaluate import check_evaluations

__all__ = ["examine"]


def examine(spec: Spec, fields: Mapping[str, Field] | None = None) -> tuple[Composition, list[Finding]]:
    """The composition of `spec` and all that is wrong with it.   `fields`: of data that the user hands over."""
    composition, findings = check(spec, catalogue_of(spec, fields))
    return composition, [*findings, *check_evaluations(composition)]
