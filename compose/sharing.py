"""What the updates of a stage share: values that are made once a step, and what stands behind a dot of a shared draw.

A shared line `s: ~vae` is there as `s`, and the lines of its draw as `s.z`; those that no update reads are not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from compose.diagnostics import Span
from compose.graph import Node
from compose.tracer import Tracer
from compose.values import Record, Value, is_seed

__all__ = ["fields_of", "fields_to_share", "is_shareable", "shared_value"]


def is_shareable(value: Value) -> bool:
    """Whether it is a tensor: a distribution or a seed cannot be kept."""
    return isinstance(value, Node) and value.family is None and not is_seed(value)


def fields_to_share(name: str, fields: Mapping[str, Value]) -> Iterator[tuple[str, Node]]:
    """The tensors among the fields of a draw, as `s.z`, and of records among them, as `s.state.z`."""
    for key, value in fields.items():
        if isinstance(value, Record):
            yield from fields_to_share(f"{name}.{key}", value.fields)
        elif isinstance(value, Node) and is_shareable(value):
            yield f"{name}.{key}", value


def shared_value(shared: Mapping[str, Node], tracer: Tracer, name: str, span: Span | None) -> Value | None:
    """The shared value of that name as an input of a program, or a record of those below it; None if there is none."""
    if name in shared:
        held = shared[name]
        return tracer.given("shared", name, span, held.chain, origin=held)
    parts = {key: shared_value(shared, tracer, f"{name}.{key}", span) for key in fields_of(shared, name)}
    return Record({key: value for key, value in parts.items() if value is not None}) if parts else None


def fields_of(shared: Mapping[str, Node], name: str) -> list[str]:
    """What may be read behind the dot of a shared value."""
    found = [key.removeprefix(f"{name}.").split(".")[0] for key in shared if key.startswith(f"{name}.")]
    return list(dict.fromkeys(found))
