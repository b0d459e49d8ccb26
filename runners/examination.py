"""What is wrong with a spec, all things of the runner known: its data, its metrics, its optimizers.

Apart from `launch`, so that to check a spec nothing is imported that only a run needs.
"""

from collections.abc import Mapping
from pathlib import Path

from blocks.types import Field
from compose.build import Composition
from compose.checks import check
from compose.diagnostics import Finding
from compose.spec import Spec
from runners.catalogue import catalogue_of, check_sources
from runners.evaluate import check_evaluations

__all__ = ["examine", "shortened"]

OF_SOURCES = ("N113", "N114")  # there is no such source, or it is not to be had with these options


def examine(
    spec: Spec, fields: Mapping[str, Field] | None = None, *, to_run: bool = False
) -> tuple[Composition, list[Finding]]:
    """The composition of `spec` and all that is wrong with it.   `fields`: of data that the user hands over.

    Files of data that are not there are a warning, and an error if the spec is `to_run`.
    """
    composition, findings = check(spec, catalogue_of(spec, fields))
    if fields is None and any(found.code in OF_SOURCES for found in findings):
        composition, findings = _of_a_run(spec) or (composition, findings)
    absent = [] if fields is not None else check_sources(spec, needed=to_run)
    return composition, [*findings, *absent, *check_evaluations(composition)]


def shortened(spec: Spec) -> Spec:
    """The same spec with stages of one step: enough to see every update, once.   What only fits or copies has none."""
    stages = tuple(
        stage.model_copy(update={"steps": 1, "epochs": None}).at(stage.place) if stage.all_updates() else stage
        for stage in spec.stages
    )
    return spec.model_copy(update={"stages": stages}).at(spec.place)


def _of_a_run(spec: Spec) -> tuple[Composition, list[Finding]] | None:
    """What is wrong with the spec of a run whose data came from Python, and that they did; None for other specs."""
    from runners.folder import RunFolder  # what only a run needs
    from runners.given import data_from_python, handed_fields

    place = next(iter(spec.data.values())).span("source")
    folder = Path(place.file).parent
    fields = handed_fields(RunFolder(folder).about()) if place.file == str(folder / "spec.yaml") else None
    if fields is None:
        return None
    composition, findings = check(spec, catalogue_of(spec, fields))
    return composition, [data_from_python(place, folder, fields), *findings]
