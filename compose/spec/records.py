"""Records: pydantic models whose every part knows its place, and whose mistakes are findings in the user's words.

The tree of a document is handed to pydantic as `Table`, `Items` and `Scalar`, each with its `Place`. Validators report
what is wrong to the `Reading` in pydantic's context and refuse; so all independent findings come out of one run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, PrivateAttr, ValidationInfo, model_validator

from compose.diagnostics import NOWHERE, Finding, Span, nearest
from compose.positions import Document, Node, Path
from compose.spec import findings as say
from compose.spelling import sole

__all__ = [
    "Given",
    "Items",
    "Place",
    "Reading",
    "Record",
    "Refused",
    "Scalar",
    "Table",
    "describe",
    "given",
    "plain",
    "refuse",
]


class Refused(ValueError):
    """A value was refused; the finding lies with the Reading, this only tells pydantic."""


@dataclass(eq=False)
class Reading:
    """One run over a document: what was found wrong, and the params that numbers may refer to."""

    findings: list[Finding] = field(default_factory=list)
    params: dict[str, int | float | bool | str] = field(default_factory=dict)
    unresolved: set[str] = field(default_factory=set)


@dataclass(frozen=True, eq=False)
class Place:
    """A path in a document; `document` is None for what was made in Python."""

    document: Document | None = None
    path: Path = ()

    def span(self, path: Path = (), key: bool = False) -> Span:
        """The place of what lies at `path` below, or of its key."""
        return self.document.span((*self.path, *path), key) if self.document else NOWHERE

    def text_span(self, path: Path, start: int, end: int, key: bool = False) -> Span:
        """The place of characters start .. end of the text at `path` below."""
        return self.document.text_span((*self.path, *path), start, end, key) if self.document else NOWHERE

    @property
    def head(self) -> Span:
        """Where a message about the whole of it points: its key, or the first key of an item of a list."""
        if self.document and self.path and isinstance(self.path[-1], int):
            item = self.document.node(self.path)
            if isinstance(item.value, Mapping) and item.value:
                keys = list(item.value)  # of a stage that is changed by name, the first key of the file that does it
                own = next((key for key in keys if item.value[key].key.source is item.source), keys[0])
                return self.span((own,), key=True)
            return self.span()
        return self.span((), key=True)

    @property
    def name(self) -> str:
        """The key this stands at, in words for a message."""
        step = self.path[-1] if self.path else "the spec"
        return f"item {step + 1}" if isinstance(step, int) else f"`{step}`"


@dataclass(frozen=True, eq=False)
class Scalar:
    """A text, number, truth value or nothing, and its place."""

    value: str | int | float | bool | None
    place: Place


class Table(dict[str, "Given"]):
    """A mapping and its place."""

    def __init__(self, parts: Mapping[str, "Given"], place: Place) -> None:
        super().__init__(parts)
        self.place = place


class Items(list["Given"]):
    """A list and its place."""

    def __init__(self, parts: list["Given"], place: Place) -> None:
        super().__init__(parts)
        self.place = place


Given = Scalar | Table | Items


def given(document: Document, node: Node, path: Path = ()) -> Given:
    """The part of a document at `path`, ready to be validated."""
    place = Place(document, path)
    if isinstance(node.value, Mapping):
        return Table({key: given(document, entry.value, (*path, key)) for key, entry in node.value.items()}, place)
    if isinstance(node.value, tuple):
        return Items([given(document, item, (*path, at)) for at, item in enumerate(node.value)], place)
    return Scalar(node.value, place)


def plain(value: Any) -> Any:  # noqa: ANN401  placed or plain data
    """The data without its places."""
    if isinstance(value, Scalar):
        return value.value
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


def describe(value: Any) -> str:  # noqa: ANN401  placed or plain data
    """A value in the words of a message: `the text 'ten'`, `the number 2.5`, `a list`."""
    value = value.value if isinstance(value, Scalar) else value
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text `{value if len(value) < 60 else value[:57] + '...'}`"
    if isinstance(value, int | float):
        return f"the number {value}"
    return "a mapping" if isinstance(value, Mapping) else "a list"


def refuse(info: ValidationInfo, found: Finding) -> Refused:
    """Report a finding; `raise refuse(...)`. Outside a reading (records made in Python) the message is the error."""
    if isinstance(info.context, Reading):
        info.context.findings.append(found)
    return Refused(f"{found.message}; {found.help}")


class Record(BaseModel):
    """A part of a spec: frozen, strict, with a place.

    `noun` is what a message calls it. A record with a field `options` takes every key it does not know into it.
    """

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, populate_by_name=True, arbitrary_types_allowed=True
    )
    noun: ClassVar[str] = "the spec"
    examples: ClassVar[Mapping[str, str]] = {}
    _place: Place = PrivateAttr(default=Place())

    def __eq__(self, other: object) -> bool:
        """Equal by what they say, wherever they stand."""
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]  records hold dicts

    @property
    def place(self) -> Place:
        """Where the record stands."""
        return self._place

    def span(self, *path: str | int, key: bool = False) -> Span:
        """Where the part at `path` below this record stands, or its key."""
        return self._place.span(path, key)

    def at(self, place: Place) -> Self:
        """This record, which stands at `place`."""
        self._place = place
        return self

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """The keys that a file may write here (free options aside)."""
        return tuple(part.alias or name for name, part in cls.model_fields.items() if name != "options")

    @classmethod
    def normalise(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data
        """The one shape of what may be written in several; a record overrides it to allow a shorthand."""
        return value

    @classmethod
    def check(cls, table: Table, info: ValidationInfo) -> None:
        """Report what is wrong between keys; a record overrides it."""

    @model_validator(mode="wrap")
    @classmethod
    def _placed(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:  # noqa: ANN401
        if not isinstance(value, Given):
            return handler(value)
        value = cls.normalise(value, info)
        if not isinstance(value, Table):
            span = value.place.span()
            raise refuse(
                info,
                say.wrong_type(
                    span,
                    value.place.name,
                    f"{cls.noun}, keys with values",
                    describe(value),
                    f"write `{cls._example()}`",
                ),
            )
        known = cls.keys()
        if not any(sole(key, known) for key in value if key not in known):  # else it is not what it seems
            cls.check(value, info)
        return handler(cls._known(value, info)).at(value.place)

    @classmethod
    def _known(cls, table: Table, info: ValidationInfo) -> dict[str, Any]:
        """The table without unknown keys, which are reported or become options; missing ones are reported."""
        known = cls.keys()
        rest = {key: part for key, part in table.items() if key not in known}
        kept: dict[str, Any] = {key: part for key, part in table.items() if key in known}
        free = "options" in cls.model_fields
        if free:
            kept["options"] = Table(rest, table.place)
        required = [part.alias or name for name, part in cls.model_fields.items() if part.is_required()]
        missing = [key for key in required if key not in table]
        misspelt = {key: near for key in rest if (near := nearest(key, missing))}
        for key in misspelt if free else rest:
            refuse(info, say.unknown_key(table.place.span((key,), key=True), key, cls.noun, known))
        for key in missing:
            if key not in misspelt.values():
                refuse(info, say.missing_key(table.place.head, key, cls.noun, cls.examples.get(key, f"{key}: ...")))
        return kept

    @classmethod
    def _example(cls) -> str:
        return "{" + (next(iter(cls.examples.values()), f"{cls.keys()[0]}: ...") if cls.keys() else "") + "}"
