"""From a file, a text or data to a Spec: positions, layers, validation."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from compose.diagnostics import Edit, Finding, Span, SpecError, text_lines
from compose.misnamed import misnamed
from compose.positions import Document, read_text, survey
from compose.spec.layers import extended, override
from compose.spec.measuring import Evaluation
from compose.spec.parts import BlockDeclaration, DataSource, RunOptions, Weights
from compose.spec.records import Reading, Scalar, Table, given
from compose.spec.root import Spec
from compose.spec.stages import Fit, Gradients, Optimizer, OptimizerOverride, Stage, Term, Update
from compose.spec.writing import write_yaml
from compose.suggestions import meant

__all__ = ["SECTIONS", "load_spec", "parse_spec", "read_document", "spec_from_data"]

RECORDS: tuple[type[BaseModel], ...] = (
    Spec,
    DataSource,
    BlockDeclaration,
    Weights,
    RunOptions,
    Evaluation,
    Stage,
    Update,
    Term,
    Fit,
    Optimizer,
    OptimizerOverride,
    Gradients,
)
WORD = re.compile(r"[A-Za-z_]\w*")
COMMENT = re.compile(r"(^|\s)#.*")
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


def _mistakes(reading: Reading, document: Document) -> SpecError:
    """What was found, a param that was declared with a slip told once."""
    data = document.data if isinstance(document.data, Mapping) else {}
    params = data.get("params")
    declared = params if isinstance(params, Mapping) else {}
    parts = [*(part for key, part in data.items() if key != "params"), *declared.values()]
    used = {word for part in parts for word in WORD.findall(str(part))}
    unused = {name: document.span(("params", name), True) for name in declared if name not in used}
    keys = {edit.new: found for found in reading.findings if found.code == "Y301" for edit in found.fix}
    lost = [keys["extends"]] if "extends" in keys else reading.findings  # without it nothing else is as it was meant
    told = [found for found in lost if not ("params" in keys and found.code == "Y312")]
    told = misnamed(told, _words(document), unused, document.sources, document.file)
    return SpecError([_doubted(found, document) for found in told], document.sources)


def _words(document: Document) -> dict[str, list[Span]]:
    """Every word of the text outside of comments and keys, and where it stands."""
    found: dict[str, list[Span]] = {}
    for number, line in enumerate(text_lines(document.source), 1):
        for word in WORD.finditer(COMMENT.sub("", line)):
            if not line[word.end() :].startswith(":"):
                place = Span(document.file, number, word.start() + 1, number, word.end() + 1)
                found.setdefault(word[0], []).append(place)
    return found


def _doubted(found: Finding, document: Document) -> Finding:
    """The finding; at a key that was perhaps meant to change one of the extended spec, that is the way out."""
    for span, key, near in document.doubtful:
        if span == found.span:
            return replace(found, help=meant(key, [near], ""), fix=(Edit(span, near, key),))
    return found


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
        raise _mistakes(reading, document) from None
    if reading.findings:
        raise _mistakes(reading, document)
    spec._values = dict(reading.params)
    return spec
