"""What differs between two compositions in what they are, not in how they are written.

difference(one, other) -> Difference       compared part by part, as `compose.portrait` tells each
Lines and blocks that are only called otherwise are told apart from those that differ: a name changes the random numbers
that a line draws, and no law.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compose.build import Composition
from compose.portrait import SECTIONS, Portrait, portrait

__all__ = ["Change", "Difference", "difference", "report"]

RENAMED = ("blocks", "models", "graph")  # sections whose names are the writer's choice
IMMATERIAL = (
    "run.out", "run.log_every", "run.checkpoint_every", "run.sample_every", "run.threads", "run.workers",
    "run.devices", "run.nodes", "run.strategy", "run.preemption", "run.on_nan", "run.rollbacks", "run.accumulate",
    "name",
)  # fmt: skip
SIGNS = {"added": "+", "removed": "-", "changed": "~"}


@dataclass(frozen=True)
class Change:
    """One part that differs: what is said of it before and after; None where it is not."""

    section: str
    part: str
    before: str | None
    after: str | None

    @property
    def kind(self) -> str:
        """Whether it was added, removed or changed."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


@dataclass(frozen=True)
class Difference:
    """Everything that differs: what matters, and what does not."""

    changes: tuple[Change, ...] = ()
    immaterial: tuple[Change, ...] = ()

    @property
    def matters(self) -> bool:
        """Whether anything differs that changes what is computed."""
        return bool(self.changes)

    def to_data(self) -> dict[str, Any]:
        """As plain data, version 1."""

        def told(change: Change) -> dict[str, Any]:
            return {"section": change.section, "part": change.part, "change": change.kind,
                    "before": change.before, "after": change.after}  # fmt: skip

        return {
            "version": 1,
            "same": not self.matters,
            "changes": [told(change) for change in self.changes],
            "immaterial": [told(change) for change in self.immaterial],
        }


def difference(one: Composition, other: Composition) -> Difference:
    """What changes from one composition to the other, section by section."""
    before, names = portrait(one), {}
    after = portrait(other)
    while found := next(_same_by_another_name(before, after), None):
        names[found[2]] = found
        after = portrait(other, {new: old for _, old, new in names.values()})
    renamed = [Change(section, old, old, new) for section, old, new in names.values()]
    changes = [change for section in SECTIONS for change in _changes(section, before, after)]
    apart = [change for change in changes if f"{change.section}.{change.part}" in IMMATERIAL]
    named = Change("name", "name", one.spec.name, other.spec.name)
    apart += [named] if one.spec.name != other.spec.name else []
    return Difference(tuple(change for change in changes if change not in apart), (*renamed, *apart))


def _same_by_another_name(before: Portrait, after: Portrait) -> Iterator[tuple[str, str, str]]:
    """(section, old name, new name) of parts that say the same and are called otherwise."""
    for section in RENAMED:
        old, new = before.heads(section), after.heads(section)
        for lost in (name for name in old if name not in new):
            for found in (name for name in new if name not in old):
                if old[lost] == new[found]:
                    yield section, lost, found


def _changes(section: str, before: Portrait, after: Portrait) -> Iterator[Change]:
    old, new = before.section(section), after.section(section)
    for part in dict.fromkeys((*old, *new)):
        if old.get(part) != new.get(part):
            yield Change(section, part, old.get(part), new.get(part))


def report(found: Difference, one: str, other: str, paint: Mapping[str, Any] | None = None) -> str:
    """The difference as lines: `+` added, `-` removed, `~` changed.   `paint`: kind of change -> a function of text."""
    lines = [f"--- {one}", f"+++ {other}"] if found.matters else ["no difference that matters"]
    section = None
    for change in found.changes:
        if change.section != section:
            section = change.section
            lines.append(f"{section}")
        said = [text for text in (change.before, change.after) if text is not None]
        line = f"  {SIGNS[change.kind]} {change.part}: {'  ->  '.join(said)}"
        lines.append(paint[change.kind](line) if paint else line)
    if found.immaterial:
        lines.append("without effect on what is computed")
        lines += [_aside(change) for change in found.immaterial]
    return "\n".join(lines)


def _aside(change: Change) -> str:
    if change.section in RENAMED:
        return (
            f"    {change.section}: `{change.before}` is called `{change.after}` (other random numbers, the same law)"
        )
    return f"    {change.part}: {change.before}  ->  {change.after}"
