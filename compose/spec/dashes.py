"""A list of mappings that is written without its dashes: `stages:` and the keys of a stage right below it."""

from collections.abc import Collection

from compose.diagnostics import Edit, Finding, Span
from compose.spec import findings as say
from compose.spec.records import Items, Scalar, Table, describe

__all__ = ["not_a_list"]

BY_NAME = "; names in place of `-` only change a list that the spec under `extends` has"


def not_a_list(value: Scalar | Table | Items, wanted: str, example: str, keys: Collection[str]) -> Finding:
    """The finding for what stands where a list of mappings is needed, each with some of these `keys`."""
    key, what = value.place.span((), key=True), value.place.name
    first = next(iter(value), None) if isinstance(value, Table) else None
    if isinstance(value, Table) and first is not None and all(each in keys for each in value):
        start, whole = value.place.span((first,), key=True), value.place.span()
        block = start.line > key.line and whole.column == start.column
        way = f"write `- {first}: ..`, and indent what belongs to it as far as `{first}`"
        way = way if block else f"write `[{{{first}: ..}}]`, with brackets around it"
        fix = _indented(start, whole) if block else ()
        return say.wrong_type(start if block else key, what, wanted, "one item without its dash", way, fix)
    got = "an empty list" if isinstance(value, Items) else describe(value)
    way = f"write `- {example}` below it{BY_NAME if isinstance(value, Table) else ''}"
    return say.wrong_type(key, what, wanted, got, way)


def _indented(start: Span, whole: Span) -> tuple[Edit, ...]:
    """The edits that put a dash before the first key, and what follows below it."""
    lines = range(start.line + 1, whole.end_line + 1)
    dash = Edit(Span(start.file, start.line, start.column, start.line, start.column), "- ")
    return (dash, *(Edit(Span(start.file, line, 1, line, 1), "  ") for line in lines))
