"""The way out of a misspelling, in the same words everywhere, and as an edit where there is no doubt."""

from collections.abc import Iterable

from compose.diagnostics import Edit, Span
from compose.spelling import likely, sole

__all__ = ["MANY", "meant", "respelt"]

SHORTEST = 2  # letters of a name in which a wrong letter leaves nothing to recognise
MANY = 40  # names that are wrong; more need no suggestion, and looking takes the square of their number
MOST = 6  # names that are shown instead


def meant(name: str, known: Iterable[str], otherwise: str, others: Iterable[str] = ()) -> str:
    """The help for a name that is none of the `known`: the one that was meant, else the short ones, else `otherwise`.

    `others` are names that exist and would not fit here; they are proposed if nothing better is.
    """
    names = list(dict.fromkeys(known))
    near = likely(name, names, others)
    if near:
        return f"did you mean {_listed(near[:MOST])}?"
    short = [each for each in names if len(each) <= SHORTEST]
    if len(name) <= SHORTEST and short:
        return f"did you mean {_listed(short[:MOST])}?"
    return otherwise


def respelt(span: Span | None, name: str, known: Iterable[str], others: Iterable[str] = ()) -> tuple[Edit, ...]:
    """The edit that writes what was meant, if one name alone is a slip of the finger or two away, and fits there."""
    fit = list(known)
    near = sole(name, [*fit, *others])
    return (Edit(span, near, name),) if span is not None and near in fit else ()


def _listed(names: list[str]) -> str:
    shown = [f"`{name}`" for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"
