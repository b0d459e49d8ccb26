"""`evaluate`: what is measured, how often while training, which checkpoint is kept, and when to stop early.

evaluate:
  every: 5 epochs          or `500 steps`; without it, where stages end
  keep: best fid           or `lowest NAME`, `highest NAME`: the checkpoint of the best figure
  patience: 4              a stage ends after so many evaluations in a row that are no better
  fid: frechet(default, x)
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import BeforeValidator, Field, ValidationInfo

from compose.diagnostics import Finding, Span, finding
from compose.expressions import Expression
from compose.spec import findings as say
from compose.spec.fields import Formula, Tabular, Whole
from compose.spec.records import Given, Record, Scalar, Table, describe, refuse
from compose.spelling import nearest
from compose.suggestions import meant, respelt

__all__ = ["BETTER", "Evaluation", "Goal", "Interval"]

INTERVAL = re.compile(r"([1-9]\d{0,8}) +(steps?|epochs?)")
GOAL = re.compile(r"(best|lowest|highest) +([A-Za-z_][A-Za-z0-9_]*)")
BETTER = ("best", "lowest", "highest")


class Interval(NamedTuple):
    """How often: every `length` steps or epochs of a stage."""

    length: int
    epochs: bool


class Goal(NamedTuple):
    """Which figure is looked at, and which of its values is better: `best` follows from its metric."""

    better: str
    line: str


def _read(pattern: re.Pattern[str], wrong: Any) -> BeforeValidator:  # noqa: ANN401  a finding's function
    """A reader of a text of this form, its blanks made single."""

    def read(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data, or plain from Python
        text = value.value if isinstance(value, Scalar) else value
        if isinstance(text, str) and pattern.fullmatch(text.strip()):
            return " ".join(text.split())
        span = value.place.span() if isinstance(value, Given) else None
        raise refuse(info, wrong(span, describe(value)))

    return BeforeValidator(read)


@finding("Y452", "error")
def no_interval(span: Span | None, got: str) -> Finding:
    """`every` under `evaluate` says how often to measure, in steps or in epochs; no line there can have that name.

    Wrong: `every: 5`.   Right: `every: 5 epochs`.
    """
    return Finding(
        span=span,
        message=f"`every` is no interval, it is {got}",
        help="write `5 epochs` or `500 steps`; a line of that name is to be renamed",
    )


@finding("Y453", "error")
def no_goal(span: Span | None, got: str) -> Finding:
    """`keep` under `evaluate` says which checkpoint to keep, by a figure; no line there can have that name.

    Wrong: `keep: fid`.   Right: `keep: best fid`.
    """
    return Finding(
        span=span,
        message=f"`keep` names no figure, it is {got}",
        help="write `best NAME`, `lowest NAME` or `highest NAME`; a line of that name is to be renamed",
    )


@finding("Y454", "error")
def unmeasured_goal(span: Span, name: str, known: tuple[str, ...]) -> Finding:
    """`keep` names a figure that `evaluate` does not have.

    Wrong: `keep: best fdi` over the line `fid`.   Right: `keep: best fid`.
    """
    listed = f"it has {', '.join(known)}" if known else f"add the line `{name}: ...`"
    return Finding(
        span=span,
        message=f"`evaluate` has no line `{name}` to keep the best of",
        help=meant(name, known, listed),
        fix=respelt(span, name, known),
    )


@finding("Y455", "error")
def lacks_companion(span: Span, key: str, needed: str, example: str) -> Finding:
    """A key of `evaluate` means nothing without another: what is kept is looked for `every` so often, by a figure.

    Wrong: `patience: 3` without `keep`.   Right: `keep: best fid` beside it.
    """
    return Finding(span=span, message=f"`{key}` means nothing without `{needed}`", help=f"add `{example}`")


class Evaluation(Record):
    """What is measured, by name; `every`, `keep` and `patience` are the words of the section itself."""

    noun: ClassVar[str] = "`evaluate`"
    examples: ClassVar[Mapping[str, str]] = {"every": "every: 5 epochs"}
    every: Annotated[str | None, _read(INTERVAL, no_interval)] = None
    keep: Annotated[str | None, _read(GOAL, no_goal)] = None
    patience: Whole | None = None
    options: Annotated[dict[str, Formula], Tabular("value")] = Field(default_factory=dict)

    @property
    def lines(self) -> dict[str, Expression]:
        """What is measured: metrics, and values per sample."""
        return self.options

    @property
    def settings(self) -> dict[str, str | int]:
        """The words of the section that are given, by name."""
        given = {"every": self.every, "keep": self.keep, "patience": self.patience}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def interval(self) -> Interval | None:
        """How often to measure while training."""
        found = INTERVAL.fullmatch(self.every or "")
        return Interval(int(found[1]), found[2].startswith("epoch")) if found else None

    @property
    def goal(self) -> Goal | None:
        """By which figure the best checkpoint is found."""
        found = GOAL.fullmatch(self.keep or "")
        return Goal(found[1], found[2]) if found else None

    @classmethod
    def normalise(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data
        """A word of the section that is misspelt is told as that, and not as an expression."""
        if isinstance(value, Scalar) and value.value is None:
            raise refuse(info, say.empty_value(value.place.span((), key=True), "evaluate"))
        if not isinstance(value, Table):
            return value
        words = cls.keys()
        slips = {key for key, part in value.items() if key not in words and _is_setting(part) and nearest(key, words)}
        for key in slips:
            refuse(info, say.unknown_key(value.place.span((key,), key=True), key, cls.noun, words))
        return Table({key: part for key, part in value.items() if key not in slips}, value.place)

    @classmethod
    def check(cls, table: Table, info: ValidationInfo) -> None:
        """What is kept is measured; `keep` has its interval, `patience` its figure."""
        words = cls.keys()
        place, lines = table.place, tuple(key for key in table if key not in words)
        keep = table.get("keep")
        found = GOAL.fullmatch(str(keep.value).strip()) if isinstance(keep, Scalar) else None
        if found and found[2] not in lines:
            span = place.text_span(("keep",), *_within(str(keep.value), found[2]))  # type: ignore[union-attr]
            refuse(info, unmeasured_goal(span, found[2], lines))
        if "keep" in table and "every" not in table:
            refuse(info, lacks_companion(place.span(("keep",), True), "keep", "every", "every: 5 epochs"))
        if "patience" in table and "keep" not in table:
            example = f"keep: best {lines[0] if lines else 'NAME'}"
            refuse(info, lacks_companion(place.span(("patience",), True), "patience", "keep", example))


def _is_setting(part: Any) -> bool:  # noqa: ANN401  placed data
    text = str(part.value).strip() if isinstance(part, Scalar) else ""
    return bool(INTERVAL.fullmatch(text) or GOAL.fullmatch(text))


def _within(text: str, name: str) -> tuple[int, int]:
    """Where the name ends a text."""
    start = text.rindex(name)
    return start, start + len(name)
