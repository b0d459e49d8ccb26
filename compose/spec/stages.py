"""Training: stages, their updates, terms and optimizers."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo

from compose.expressions.structured import HEADS
from compose.spec import findings as say
from compose.spec.dashes import not_a_list
from compose.spec.fields import (
    Choice,
    Decay,
    Formula,
    FormulaOrNumber,
    Loose,
    Positive,
    Raw,
    Slug,
    Tabular,
    Whole,
    Word,
    Words,
)
from compose.spec.records import Items, Record, Scalar, Table, refuse

__all__ = [
    "Fit",
    "Gradients",
    "Optimizer",
    "OptimizerOverride",
    "Stage",
    "Term",
    "Update",
    "check_repeated",
]

LEARNING_RATE = 1e-3
OF_AN_UPDATE = ("train", "minimize", "maximize", "every", "times", "batch")  # keys that cannot stand beside `updates`
TERMS = ("minimize", "maximize")
EACH_STEP = (*TERMS, "write", "updates")  # what is done in steps; the rest of the work is done once
WORK = (*EACH_STEP, "fit", "copy")
OF_TERMS = ("train", "optimizer", "gradients")  # keys without a meaning where there are no terms


def _value_record(value: Any) -> Any:  # noqa: ANN401  placed data
    """`x` as `{value: x}`, unless it is a mapping with keys of its own."""
    structured = isinstance(value, Table) and any(head in value for head in HEADS if head != "value")
    if isinstance(value, Scalar | Items) or structured:
        return Table({"value": value}, value.place)
    return value


class Term(Record):
    """A term of the loss; a lazy one (`every` > 1) takes part in every k-th step only."""

    noun: ClassVar[str] = "a term"
    examples: ClassVar[Mapping[str, str]] = {"value": "value: energy(x)"}
    value: Formula
    every: Whole = 1

    @classmethod
    def normalise(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data
        """A bare expression is a term."""
        return _value_record(value)


class Fit(Record):
    """A block that is fitted in closed form or by EM, on this value; the options are the block's."""

    noun: ClassVar[str] = "a fit"
    examples: ClassVar[Mapping[str, str]] = {"value": "value: z"}
    value: Formula
    options: dict[str, Raw] = Field(default_factory=dict)

    @classmethod
    def normalise(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data
        """A bare expression is the value."""
        return _value_record(value)


class OptimizerOverride(Record):
    """What differs for one block: its learning rate and other options of the optimizer."""

    noun: ClassVar[str] = "an optimizer's block"
    lr: FormulaOrNumber | None = None
    options: dict[str, Loose] = Field(default_factory=dict)


class Optimizer(Record):
    """The optimizer of an update.   `lr` is a number, or an expression of the clock."""

    noun: ClassVar[str] = "an optimizer"
    examples: ClassVar[Mapping[str, str]] = {"kind": "kind: adam", "lr": "lr: 1e-3"}
    kind: Word = "adam"
    lr: FormulaOrNumber = LEARNING_RATE
    blocks: Annotated[dict[str, OptimizerOverride], Tabular("block", named=False)] = Field(default_factory=dict)
    options: dict[str, Loose] = Field(default_factory=dict)


class Gradients(Record):
    """How gradients are clipped: by their norm, by value, or at `sigma` of Adam's second moment."""

    noun: ClassVar[str] = "`gradients`"
    examples: ClassVar[Mapping[str, str]] = {"norm": "norm: 1.0"}
    norm: Positive | None = None
    value: Positive | None = None
    sigma: Positive | None = None


class Update(Record):
    """One optimizer step: the terms it minimizes and the blocks it trains (`train` None: all that are reached)."""

    noun: ClassVar[str] = "an update"
    examples: ClassVar[Mapping[str, str]] = {"train": "train: [generator]"}
    name: Slug = ""
    train: Words | None = None
    minimize: Annotated[dict[str, Term], Tabular("term")] = Field(default_factory=dict)
    maximize: Annotated[dict[str, Term], Tabular("term")] = Field(default_factory=dict)
    monitor: Annotated[dict[str, Formula], Tabular("value")] = Field(default_factory=dict)
    optimizer: Optimizer | None = None
    gradients: Gradients | None = None
    project: Annotated[dict[str, Loose], Tabular("block", named=False)] = Field(default_factory=dict)
    ema: Annotated[dict[str, Decay], Tabular("block", named=False)] = Field(default_factory=dict)
    every: Whole = 1
    times: Whole = 1
    batch: Annotated[Literal["same", "next"], Choice(("same", "next"))] = "same"
    write: Annotated[dict[str, Formula], Tabular("memory")] = Field(default_factory=dict)

    @classmethod
    def normalise(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data
        """An update without a name is called by its number."""
        return _numbered(value, "update")

    @classmethod
    def check(cls, table: Table, info: ValidationInfo) -> None:
        """An update has something to do, and no term twice."""
        if not any(table.get(key) for key in (*TERMS, "write")):
            refuse(info, say.idle_stage(table.place.head, "update"))
        _check_terms(table, info)
        _check_without_terms(table, "an update", info)


class Stage(Record):
    """A stretch of training.   Without `updates` it is a stage of one update, whose keys stand on the stage itself."""

    noun: ClassVar[str] = "a stage"
    examples: ClassVar[Mapping[str, str]] = {"epochs": "epochs: 10"}
    name: Slug = ""
    epochs: Whole | None = None
    steps: Whole | None = None
    updates: tuple[Update, ...] = ()
    train: Words | None = None
    minimize: Annotated[dict[str, Term], Tabular("term")] = Field(default_factory=dict)
    maximize: Annotated[dict[str, Term], Tabular("term")] = Field(default_factory=dict)
    monitor: Annotated[dict[str, Formula], Tabular("value")] = Field(default_factory=dict)
    optimizer: Optimizer | None = None
    gradients: Gradients | None = None
    project: Annotated[dict[str, Loose], Tabular("block", named=False)] = Field(default_factory=dict)
    ema: Annotated[dict[str, Decay], Tabular("block", named=False)] = Field(default_factory=dict)
    every: Whole = 1
    times: Whole = 1
    batch: Annotated[Literal["same", "next"], Choice(("same", "next"))] = "same"
    write: Annotated[dict[str, Formula], Tabular("memory")] = Field(default_factory=dict)
    copies: Annotated[dict[str, Word], Tabular("block", named=False)] = Field(default_factory=dict, alias="copy")
    fit: Annotated[dict[str, Fit], Tabular("block", named=False)] = Field(default_factory=dict)
    shared: Words = ()
    bound: Annotated[dict[str, Positive], Tabular("value")] = Field(default_factory=dict)
    mode: Annotated[
        dict[str, Annotated[Literal["train", "eval"], Choice(("train", "eval"))]], Tabular("block", named=False)
    ] = Field(default_factory=dict)

    def all_updates(self) -> tuple[Update, ...]:
        """The updates, in order, with what the stage says for all of them folded in.

        `optimizer` and `gradients` are defaults; `ema` and `project` go to the updates that train the block (to the
        last one if none says so); `monitor` and `write` belong to the last one.
        """
        if not self.updates:
            own = {key: getattr(self, key) for key in Update.model_fields if key != "name"}
            if not (own["minimize"] or own["maximize"] or own["write"]):
                return ()
            return (Update.model_construct(name="update1", **own).at(self.place),)
        return tuple(self._folded(update, at) for at, update in enumerate(self.updates))

    def _folded(self, update: Update, at: int) -> Update:
        last = at == len(self.updates) - 1
        changed = {
            "optimizer": update.optimizer or self.optimizer,
            "gradients": update.gradients or self.gradients,
            "ema": {**{k: v for k, v in self.ema.items() if self._owns(k, at)}, **update.ema},
            "project": {**{k: v for k, v in self.project.items() if self._owns(k, at)}, **update.project},
            "monitor": {**(self.monitor if last else {}), **update.monitor},
            "write": {**(self.write if last else {}), **update.write},
        }
        return update.model_copy(update=changed).at(update.place)

    def _owns(self, block: str, at: int) -> bool:
        """Whether update `at` is one to which the stage's `ema` or `project` of this block goes."""
        trainers = [i for i, update in enumerate(self.updates) if block in (update.train or ())]
        return at in (trainers or [len(self.updates) - 1])

    @classmethod
    def normalise(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  placed data
        """A stage without a name is called by its number."""
        value = _numbered(value, "stage")
        updates = value.get("updates") if isinstance(value, Table) else None
        if updates is not None and (not isinstance(updates, Items) or not updates):
            refuse(info, not_a_list(updates, "a list of updates", "train: [...]", Update.model_fields))
            if isinstance(updates, Table) and set(updates) <= set(Update.model_fields):
                return Table({**value, "updates": (updates,)}, value.place)  # type: ignore[dict-item]
            return Table({key: part for key, part in value.items() if key != "updates"}, value.place)
        if isinstance(updates, Items):
            return Table({**value, "updates": tuple(updates)}, value.place)  # type: ignore[dict-item]
        return value

    @classmethod
    def check(cls, table: Table, info: ValidationInfo) -> None:
        """One of epochs and steps; something to do; no key of an update beside `updates`."""
        place = table.place
        if "epochs" in table and "steps" in table:
            refuse(
                info,
                say.both_keys(
                    place.span(("steps",), True), "epochs", "steps", "a stage", place.span(("epochs",), True)
                ),
            )
        works = [key for key in WORK if table.get(key)]
        runs = any(key in EACH_STEP for key in works)
        if runs and "epochs" not in table and "steps" not in table:
            refuse(info, say.missing_key(place.head, "epochs` or `steps", "a stage", "epochs: 10"))
        if not works:
            refuse(info, say.idle_stage(place.head, "stage"))
        elif not runs:
            meant = set(cls.keys()) - {"name", *works}
            idle = [key for key in table if key in meant]
            _refuse_idle(table, idle, f"a stage that only has {' and '.join(f'`{key}`' for key in works)}", info)
        elif "updates" not in works:
            _check_without_terms(table, "a stage", info)
        for key in OF_AN_UPDATE:
            if "updates" in table and key in table:
                refuse(info, say.belongs_to_update(place.span((key,), True), key, place.span(("updates",), True)))
        _check_terms(table, info)
        check_repeated(table.get("updates"), "update", info)


def _check_terms(table: Table, info: ValidationInfo) -> None:
    """No term stands under both `minimize` and `maximize`, which would be logged as one."""
    down, up = table.get("minimize"), table.get("maximize")
    if isinstance(down, Table) and isinstance(up, Table):
        for name in up:
            if name in down:
                refuse(
                    info, say.repeated_name(up.place.span((name,), True), name, "term", down.place.span((name,), True))
                )


def _check_without_terms(table: Table, what: str, info: ValidationInfo) -> None:
    """What writes and trains nothing has no key that only training knows; what has terms trains something."""
    if any(table.get(key) for key in TERMS):
        if "train" in table and table["train"] == []:
            refuse(info, say.empty_value(table.place.span(("train",), True), "train"))
    elif table.get("write"):
        _refuse_idle(table, [key for key in OF_TERMS if table.get(key)], f"{what} without terms", info)


def _refuse_idle(table: Table, keys: list[str], what: str, info: ValidationInfo) -> None:
    if keys:
        refuse(info, say.idle_keys(table.place.span((keys[0],), True), keys, what))


def check_repeated(parts: Any, noun: str, info: ValidationInfo) -> None:  # noqa: ANN401  placed data
    """No two parts of a list have the same name."""
    seen: dict[str, Scalar] = {}
    for part in parts if isinstance(parts, Items | tuple) else ():
        name = part.get("name") if isinstance(part, Table) else None
        if isinstance(name, Scalar) and isinstance(name.value, str):
            if name.value in seen:
                first = seen[name.value].place.span()
                refuse(info, say.repeated_name(name.place.span(), name.value, noun, first))
            seen[name.value] = name


def _numbered(value: Any, noun: str) -> Any:  # noqa: ANN401  placed data
    """A table with a name: its own, or the noun and its number in the list."""
    if not isinstance(value, Table) or "name" in value:
        return value
    step = value.place.path[-1] if value.place.path else 0
    number = step + 1 if isinstance(step, int) else 1
    return Table({"name": Scalar(f"{noun}{number}", value.place), **value}, value.place)
