"""The spec itself."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PlainValidator, PrivateAttr, ValidationInfo

from compose.diagnostics import Span, SpecError
from compose.expressions import Call, Expression, Name, is_structured, parse
from compose.positions import Document, Path
from compose.spec import findings as say
from compose.spec.dashes import not_a_list
from compose.spec.fields import Formula, Slug, Tabular, Word, bad_names, is_name, read_formula, refuse_again
from compose.spec.measuring import Evaluation
from compose.spec.numbers import Constant, Param, as_param, partly_resolved, resolve_params
from compose.spec.parts import BlockDeclaration, DataSource, Function, Program, RunOptions
from compose.spec.records import Given, Items, Place, Reading, Record, Refused, Scalar, Table, describe, plain, refuse
from compose.spec.stages import Stage, check_repeated

__all__ = ["Definition", "Spec"]

Definition = Expression | Program | Function
"""What a name under `models` or `samplers` stands for."""


def _read_version(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data, or plain from Python
    if not isinstance(value, Given):
        return value
    if plain(value) != 1 or isinstance(plain(value), bool):
        raise refuse(info, say.wrong_version(value.place.span(), describe(value)))
    return 1


def _read_params(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data, or plain from Python
    if not isinstance(value, Table):
        return value
    wrong = bad_names(value, "param", info)
    read: dict[str, Param] = {}
    for name, part in value.items():
        if name in wrong:
            continue
        if not isinstance(part, Scalar) or part.value is None:
            refuse(
                info,
                say.wrong_type(
                    part.place.span((), part.value is None if isinstance(part, Scalar) else False),
                    part.place.name,
                    "a number, a text, true or false",
                    describe(part),
                ),
            )
        elif isinstance(part.value, str):
            place = part.place
            read[name] = as_param(part.value, value, lambda start, end, place=place: place.text_span((), start, end))
        else:
            read[name] = part.value
    return read


def _read_definitions(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data, or plain from Python
    """Models or samplers: expressions, programs, and functions whose keys have parameters."""
    if not isinstance(value, Table):
        return value
    read: dict[str, Any] = {}
    keys: dict[str, str] = {}
    for key, part in value.items():
        try:
            name, made = _definition(key, part, value, info)
        except Refused:
            continue
        if name in read:
            first = value.place.span((keys[name],), True)
            refuse(info, say.repeated_name(value.place.span((key,), True), name, "definition", first))
        read[name], keys[name] = made, key
    return read


def _definition(key: str, part: Any, table: Table, info: ValidationInfo) -> tuple[str, Definition]:  # noqa: ANN401  placed data
    if "(" not in key:
        if not is_name(key):
            refuse(info, say.bad_name(table.place.span((key,), True), key, "definition"))
        return key, _body(part, info)
    name, parameters, defaults, spans = _signature(key, table.place, info)
    made = Function(name=name, parameters=parameters, defaults=defaults, body=_body(part, info)).at(part.place)
    made._spans.update(spans)
    return name, made


def _signature(
    key: str, place: Place, info: ValidationInfo
) -> tuple[str, tuple[str, ...], dict[str, Expression], dict[str, Span]]:
    """The name, parameters, defaults and places of the parameters of a key such as `denoise(x_t, t)`."""
    bad = say.bad_function_key(place.span((key,), True), key, key.split("(")[0].strip() or "f")
    try:
        made = parse(key, lambda start, end: place.text_span((key,), start, end, key=True))
    except SpecError as problem:
        for found in problem.findings:
            refuse(info, found)
        raise refuse_again() from None
    if not isinstance(made, Call) or not isinstance(made.function, Name) or not is_name(made.function.name):
        raise refuse(info, bad)
    parameters: list[str] = []
    spans: dict[str, Span] = {}
    for argument in made.arguments:
        name = argument.name or (argument.value.name if isinstance(argument.value, Name) else "")
        if not is_name(name) or name in parameters:
            raise refuse(info, bad)
        parameters.append(name)
        spans[name] = argument.name_span or argument.value.span
    return made.function.name, tuple(parameters), made.named, spans


def _body(part: Any, info: ValidationInfo) -> Expression | Program:  # noqa: ANN401  placed data
    if not isinstance(part, Table) or is_structured(plain(part)):
        return read_formula(part, info)
    wrong = bad_names(part, "line", info)
    lines: dict[str, Expression] = {}
    for name, line in part.items():
        try:
            lines[name] = read_formula(line, info)
        except Refused:
            wrong.append(name)
    if wrong or not lines:
        if not lines and not wrong:
            refuse(info, say.empty_value(part.place.span((), True), str(part.place.path[-1])))
        raise refuse_again()
    return Program(lines=lines).at(part.place)


def _read_stages(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data, or plain from Python
    if isinstance(value, Scalar | Table):
        raise refuse(info, not_a_list(value, "a list of stages", "epochs: 10", Stage.model_fields))
    check_repeated(value, "stage", info)
    return tuple(value) if isinstance(value, Items) else value


class Spec(Record):
    """A whole spec.   Frozen; `span` and `sources` lead back to the files it came from."""

    noun: ClassVar[str] = "a spec"
    examples: ClassVar[Mapping[str, str]] = {"compose": "compose: 1"}
    compose: Annotated[Literal[1], BeforeValidator(_read_version)]
    name: Slug = "unnamed"
    extends: Word | None = None
    params: Annotated[dict[str, Any], BeforeValidator(_read_params), Tabular("param", named=False)] = Field(
        default_factory=dict
    )
    data: Annotated[dict[str, DataSource], Tabular("data source", named=False)] = Field(default_factory=dict)
    blocks: Annotated[dict[str, BlockDeclaration], Tabular("block")] = Field(default_factory=dict)
    models: Annotated[dict[str, Any], PlainValidator(_read_definitions), Tabular("model", named=False)] = Field(
        default_factory=dict
    )
    graph: Annotated[dict[str, Formula], Tabular("node")] = Field(default_factory=dict)
    stages: Annotated[tuple[Stage, ...], BeforeValidator(_read_stages)] = ()
    samplers: Annotated[dict[str, Any], PlainValidator(_read_definitions), Tabular("sampler", named=False)] = Field(
        default_factory=dict
    )
    evaluate: Evaluation = Evaluation()
    run: RunOptions = RunOptions()
    _values: dict[str, Constant] = PrivateAttr(default_factory=dict)

    @property
    def values(self) -> dict[str, Constant]:
        """The value of every param."""
        return self._values or resolve_params(self.params)

    @property
    def document(self) -> Document | None:
        """The document it was read from, with what it extends and what was set merged in."""
        return self._place.document

    @property
    def sources(self) -> dict[str, str]:
        """Every text that a part of the spec stands in, by the name of its file."""
        return self.document.sources if self.document else {}

    def span(self, *path: str | int, key: bool = False) -> Span:
        """Where the part at `path` stands, or its key; `models.denoise` finds the key `denoise(x_t, t)`."""
        return self._place.span(self._spelt(path), key)

    def _spelt(self, path: Path) -> Path:
        if len(path) < 2 or path[0] not in ("models", "samplers") or self.document is None:
            return path
        section = self.document.data.get(path[0], {})
        written = next((key for key in section if key.split("(")[0].strip() == path[1]), path[1])
        return (path[0], written, *path[2:])

    def to_data(self) -> dict[str, Any]:
        """The spec as plain data in its canonical form: expressions as text, nothing that equals its default."""
        from compose.spec.writing import to_data

        return to_data(self)

    def hash(self) -> str:
        """SHA-256 of what the spec says, whatever its format, comments, or the order of keys that has no meaning."""
        from compose.spec.writing import canonical

        return hashlib.sha256(json.dumps(canonical(self), sort_keys=True).encode()).hexdigest()

    def to_python(self) -> str:
        """The program that builds the spec (see `compose.builder`)."""
        from compose.builder import to_python

        return to_python(self)

    @classmethod
    def normalise(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data
        """One source of data is a mapping of sources with the name "" ; params are resolved before all else."""
        if not isinstance(value, Table):
            return value
        _resolve(value.get("params"), info)
        data = value.get("data")
        if not isinstance(data, Table):
            return value
        if not data or not all(isinstance(part, Table) for part in data.values()):
            return Table({**value, "data": Table({"": data}, data.place)}, value.place)
        bad_names(data, "data source", info)
        return value


def _resolve(params: Any, info: ValidationInfo) -> None:  # noqa: ANN401  placed data
    """Give the reading its params; those that have no value are remembered, their cause is reported."""
    if not isinstance(params, Table) or not isinstance(info.context, Reading):
        return
    quiet = Reading()
    read = _read_params(params, _Quiet(quiet))  # type: ignore[arg-type]
    values, found = partly_resolved(read, lambda name: params.place.span((name,)))
    info.context.params.update(values)
    info.context.findings += found
    info.context.unresolved.update(set(params) - set(info.context.params))


class _Quiet:
    """A place for findings that will be reported again when the params are validated."""

    def __init__(self, context: Reading) -> None:
        self.context = context
