"""Which word was meant: the distance of spellings, and what a typing mistake, a family or a habit makes of a name.

distance(a, b)     insertions, deletions, replacements and swaps of neighbours that make one word of the other
closest(name, c)   the candidates that may be meant, best first        nearest: the best of them, or None
sole(name, c)      the one candidate within a slip of the finger or two, if there is just one
"""

from collections.abc import Iterable, Iterator

from rapidfuzz.distance import OSA

from compose.habits import HABITS

__all__ = ["closest", "distance", "likely", "nearest", "sole"]

SEPARATORS = "./"  # of a family and its member: `flow.realnvp`, `thesis/glf`
CASE, HABIT, MEMBER, PART, SECOND = 0.2, 0.3, 0.4, 1.5, 0.8  # what a difference of that sort counts, in letters
START = 0.1  # mistakes in the first letter are rare


def distance(first: str, second: str, most: int | None = None) -> int:
    """The least number of edits of one letter, or of two neighbours exchanged, from `first` to `second`.

    Above `most` it is not counted further, and `most` + 1 is returned.
    Source: Damerau 1964, in the form that edits no part twice (optimal string alignment).
    """
    return OSA.distance(first, second, score_cutoff=most)


def closest(name: str, candidates: Iterable[str], others: Iterable[str] = ()) -> list[str]:
    """What `name` may mean, best first; the order of the candidates decides between equals.

    In turn: the same but for case; the field's habits (`detach` finds `sg`); a member without its family (`realnvp`
    finds `flow.realnvp`); the closest spelling. `others` are names that would not fit where `name` stands.
    """
    costs = _costed(name, candidates, others)
    return sorted(costs, key=costs.__getitem__)


def likely(name: str, candidates: Iterable[str], others: Iterable[str] = ()) -> list[str]:
    """The best of `closest`, with those that are as good but for their first letter or the order of the candidates."""
    costs = _costed(name, candidates, others)
    most = min(costs.values(), default=0.0) + START
    return [each for each in sorted(costs, key=costs.__getitem__) if costs[each] <= most]


def nearest(name: str, candidates: Iterable[str], others: Iterable[str] = ()) -> str | None:
    """The candidate that `name` most resembles, or None."""
    return next(iter(closest(name, candidates, others)), None)


def sole(name: str, candidates: Iterable[str]) -> str | None:
    """The only candidate that one edit makes of `name`, or else (of five letters or more) two; None if several are."""
    by_edits: dict[int, list[str]] = {}
    for each in dict.fromkeys(candidates):
        by_edits.setdefault(1 if each.lower() == name.lower() else distance(name, each, 2), []).append(each)
    for edits in (1, 2) if len(name) > 4 else (1,):
        if edits in by_edits:
            first, *others = by_edits[edits]
            return first if not others and (edits < len(name) or first.lower() == name.lower()) else None
    return None


def _costed(name: str, candidates: Iterable[str], others: Iterable[str]) -> dict[str, float]:
    costs = {each: cost for each in candidates if (cost := _cost(name, each)) is not None}
    for each in others:
        if each not in costs and (cost := _cost(name, each)) is not None:
            costs[each] = cost + SECOND
    return costs


def _cost(name: str, candidate: str) -> float | None:
    """How far `candidate` is from being what `name` means, in letters; None if it is too far."""
    return min((cost for cost in _costs(name, candidate) if cost is not None), default=None)


def _costs(name: str, candidate: str) -> Iterator[float | None]:
    lower, known = name.lower(), candidate.lower()
    if name == candidate:
        yield 0
    if lower == known:
        yield CASE
    member = _member(known)
    habit = HABITS.get(lower)
    if habit is not None and habit in (known, member):
        yield HABIT
    if member != known:
        yield MEMBER if lower == member else _spelt(lower, member, MEMBER)
        if _member(lower) == member and lower != member:
            yield 1 + _spelt_or(lower[: -len(member)], known[: -len(member)], 1.0)
    yield _spelt(lower, known, 0.0)
    parts = set(known.split("_")), set(lower.split("_"))
    if (lower in parts[0] or known in parts[1]) and min(len(lower), len(known)) > 2:
        yield PART


def _spelt(name: str, known: str, more: float) -> float | None:
    """The distance of two spellings, if a typing mistake could be behind it."""
    most = min(max((len(name) + 1) // 3, 1), 4)
    if abs(len(name) - len(known)) > most or len(name) == 1:
        return None
    edits = distance(name, known, most)
    if edits > most or edits >= max(len(name), len(known)):
        return None
    return edits + more + START * (name[:1] != known[:1])


def _spelt_or(name: str, known: str, otherwise: float) -> float:
    cost = _spelt(name, known, 0.0)
    return otherwise if cost is None else min(cost, otherwise)


def _member(name: str) -> str:
    for sign in SEPARATORS:
        name = name.rpartition(sign)[2]
    return name
