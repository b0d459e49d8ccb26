"""Slips between layers: a key of a spec that was meant to change a key of the one it extends, and missed it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from compose.diagnostics import Finding, Span
from compose.positions import Entry, Node
from compose.spec import findings as say
from compose.spec.items import LISTS, item_of
from compose.spelling import sole

__all__ = ["doubtful_keys", "known_key", "without_idle_removals"]

DIGITS = re.compile(r"\d+")


def known_key(entries: Mapping[str, Entry], key: str) -> str | None:
    """The key of `entries` that `key` stands for: itself, or the function of the same name."""
    if key in entries:
        return key
    head = _name(key)
    return next((each for each in entries if ("(" in each or "(" in key) and _name(each) == head), None)


def without_idle_removals(base: Node, over: Node, name: str = "") -> tuple[Node, list[Finding]]:
    """`over` without keys that take away what `base` has only under a similar name, and the findings for them.

    `name` is the key that both stand at.
    """
    if not isinstance(over.value, Mapping):
        return over, []
    kept, found = {}, []
    for key, entry in over.value.items():
        known = _same(base, key, name)
        names = base.value if isinstance(base.value, Mapping) else {}
        if known is None and _removes(entry.value) and _meant(key, names, over.value):
            found.append(say.idle_removal(_place(entry.key, key), _name(key), map(_name, names)))
            continue
        below, more = without_idle_removals(known, entry.value, key) if known else (entry.value, [])
        kept[key] = replace(entry, value=below)
        found += more
    return replace(over, value=kept), found


def doubtful_keys(base: Node, over: Node, name: str = "") -> Iterator[tuple[Span, str, str]]:
    """(place, key, the key of `base` that it looks like) of what `over` adds.   `name` is the key both stand at."""
    if not isinstance(over.value, Mapping):
        return
    for key, entry in over.value.items():
        known = _same(base, key, name)
        if known is not None:
            yield from doubtful_keys(known, entry.value, key)
        elif isinstance(base.value, Mapping) and (near := _meant(key, base.value, over.value)):
            yield _place(entry.key, key), _name(key), near


def _same(base: Node, key: str, name: str) -> Node | None:
    """What `base`, at the key `name`, has under `key`: a value, or an item that goes by a name."""
    if isinstance(base.value, Mapping):
        known = known_key(base.value, key)
        return base.value[known].value if known is not None else None
    at = item_of(base.value, key, LISTS[name]) if isinstance(base.value, tuple) and name in LISTS else None
    return base.value[at] if isinstance(base.value, tuple) and at is not None else None


def _removes(node: Node) -> bool:
    """Whether it is nothing, or a mapping in which something is nothing."""
    below = node.value.values() if isinstance(node.value, Mapping) else ()
    return node.value is None or any(_removes(entry.value) for entry in below)


def _meant(key: str, base: Mapping[str, Entry], over: Mapping[str, Entry]) -> str | None:
    """The key of the base, not changed elsewhere, that `key` is a slip away from; numbered names are no slips."""
    free = [_name(each) for each in base if known_key(over, each) is None]
    near = sole(_name(key), free)
    if near is None or not DIGITS.search(near) or not DIGITS.search(key):
        return near
    return near if DIGITS.sub("", near) != DIGITS.sub("", _name(key)) else None


def _name(key: str) -> str:
    return key.split("(")[0].strip()


def _place(node: Node, key: str) -> Span:
    return node.text_span(0, len(_name(key))) if node.text == key else node.span
