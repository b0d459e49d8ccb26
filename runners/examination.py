"""What is wrong with a spec, all things of the runner known: its data, its metrics, its optimizers.

Apart from `launch`, so that to check a spec nothing is imported that only a run needs.
"""

from collections.abc import Mapping

from blocks.types import Field
from compose.build import Composition
from compose.checks import check
from compose.diagnostics import Finding
from compose.spec import Spec
from runners.catalogue import catalogue_of, check_files, check_rows
from runners.evaluate import check_evaluations

__all__ = ["examine"]


def examine(
    spec: Spec, fields: Mapping[str, Field] | None = None, *, to_run: bool = False
) -> tuple[Composition, list[Finding]]:
    """The composition of `spec` and all that is wrong with it.   `fields`: of data that the user hands over.

    Files of data that are not there are a warning, and an error if the spec is `to_run`.
    """
    composition, findings = check(spec, catalogue_of(spec, fields))
    absent = [] if fields is not None else [*check_files(spec, needed=to_run), *check_rows(spec)]
    return composition, [*findings, *absent, *check_evaluations(composition)]
