"""What differs between two specs, as plain data: `stages.0.minimize.kl: 'kl(q, normal)' -> '0.1 * kl(q, normal)'`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

__all__ = ["Absent", "Change", "changes"]

LONGEST = 60  # characters of a value that are shown


class Absent(Enum):
    """The value of what is not there."""

    ABSENT = "nothing"


class Change(NamedTuple):
    """One path of a spec, and what stands there in the old and in the new one; its text is a line for a reader."""

    path: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.path}: {_shown(self.old)} -> {_shown(self.new)}"


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Every difference of two specs as `to_data` writes them, in the order of the old one, then of the new.

    Of what is on one side only, the whole is one change, and the other side is `Absent.ABSENT`. Lists of mappings
    (stages, updates) are compared item by item, other lists as wholes. Where mappings have the same keys in another
    order, which in `graph` has a meaning, the change is that of their keys.
    """
    return list(_differences("", old, new))


def _differences(path: str, old: Any, new: Any) -> Iterator[Change]:  # noqa: ANN401  plain data
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        kept = [key for key in old if key in new]
        for key in dict.fromkeys([*old, *new]):
            yield from _differences(
                f"{path}.{key}" if path else str(key), old.get(key, Absent.ABSENT), new.get(key, Absent.ABSENT)
            )
        if (moved := [key for key in new if key in old]) != kept:
            yield Change(f"{path} (order)" if path else "(order)", kept, moved)
    elif _is_list_of_parts(old) and _is_list_of_parts(new):
        for at in range(max(len(old), len(new))):
            sides = (side[at] if at < len(side) else Absent.ABSENT for side in (old, new))
            yield from _differences(f"{path}.{at}", *sides)
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield Change(path, old, new)


def _is_list_of_parts(value: Any) -> bool:  # noqa: ANN401  plain data
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(one, Mapping) for one in value)


def _shown(value: Any) -> str:  # noqa: ANN401  plain data
    if isinstance(value, Absent):
        return value.value
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."
