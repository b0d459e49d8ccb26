"""From a file, a text or data to a Spec: positions, layers, validation."""

from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from compose.diagnostics import SpecError
from compose.positions import Document, read_text, survey
from compose.spec.layers import extended, override
from compose.spec.parts import BlockDeclaration, DataSource, RunOptions, Weights
from compose.spec.records import Reading, Scalar, Table, given
from compose.spec.root import Spec
from compose.spec.stages import Fit, Gradients, Optimizer, OptimizerOverride, Stage, Term, Update
from compose.spec.writing import write_yaml

__all__ = ["SECTIONS", "load_spec", "parse_spec", "read_document", "spec_from_data"]

RECORDS: tuple[type[BaseModel], ...] = (
    Spec,
    DataSource,
    BlockDeclaration,
    Weights,
    RunOptions,
    Stage,
    Update,
    Term,
    Fit,
    Optimizer,
    OptimizerOverride,
    Gradients,
)
SECTIONS = frozenset(part.alias or name for record in RECORDS for name, part in record.model_fields.items())


def load_spec(path: str | FilePath, overrides: Sequence[str] = ()) -> Spec:
    """The spec in a file, YAML or JSON, with `overrides` such as "stages.0.steps=10" set.

    Raises SpecError with every independent finding, each placed; `error.sources` holds the texts for `render`.
    """
    return parse_spec(read_text(path), str(path), overrides)


def parse_spec(text: str, file: str = "<text>", overrides: Sequence[str] = ()) -> Spec:
    """The spec in a text; `extends` is looked for beside `file`.   Raises SpecError as `load_spec` does."""
    return read_document(survey(text, file), overrides)


def read_document(document: Document, overrides: Sequence[str] = ()) -> Spec:
    """The spec that a document says.   Raises SpecError as `load_spec` does."""
    document = extended(document)
    if overrides:
        document = override(document, overrides, SECTIONS)
    return _validated(document)


def spec_from_data(data: Mapping[str, Any], file: str = "<python>", overrides: Sequence[str] = ()) -> Spec:
    """The spec that plain data says; findings are placed in its YAML, as `dump_yaml` writes it."""
    return parse_spec(write_yaml(data), file, overrides)


def _validated(document: Document) -> Spec:
    reading = Reading(list(document.findings))
    data = given(document, document.root)
    if isinstance(data, Table) and "name" not in data and FilePath(document.file).suffix:
        data = Table({"name": Scalar(FilePath(document.file).stem, data.place), **data}, data.place)
    try:
        spec = Spec.model_validate(data, context=reading)
    except ValidationError:
        if not reading.findings:  # what pydantic refuses without a finding is our own mistake
            raise
        raise SpecError(reading.findings, document.sources) from None
    if reading.findings:
        raise SpecError(reading.findings, document.sources)
    spec._values = dict(reading.params)
    return spec
