"""A spec of the library as the beginning of one's own: its text and comments, another name, every default shown."""

from collections.abc import Iterator, Mapping
from typing import Any

from compose.diagnostics import Finding, SpecError, finding, nearest
from compose.positions import Entry, Node, loads, read_text
from compose.schema.hints import Schema, options_of
from compose.schema.prose import MEANING
from compose.spec import Record, RunOptions, Stage, edit
from compose.spec.layers import LIBRARY, library
from compose.spec.writing import write_value

__all__ = ["copied", "with_defaults"]

LISTED = (
    "monitor",
    "gradients",
    "project",
    "ema",
    "shared",
    "mode",
    "bound",
    "copy",
    "every",
    "times",
    "batch",
)  # of a stage
Kinds = Mapping[str, Any]


def copied(base: str, name: str) -> str:
    """The text of a spec of the library, called `name`; what it extends is named so that it is found from anywhere.

    Raises SpecError: there is no such spec.
    """
    path = LIBRARY / f"{base.removesuffix('.yaml')}.yaml"
    if not path.is_file():
        same = [known for known in library() if known.split("/")[-1] == base]
        raise SpecError([unknown_base(base, next(iter(same), nearest(base, library())))])
    text = edit(read_text(path), "name", name, str(path))
    extends = loads(text).data.get("extends")
    if extends is None:
        return text
    beside = path.parent / f"{extends.removesuffix('.yaml')}.yaml"
    found = beside.relative_to(LIBRARY).with_suffix("").as_posix() if beside.is_file() else extends
    return edit(text, "extends", found, str(path))


def with_defaults(text: str, blocks: Kinds, sources: Kinds, optimizers: Kinds) -> str:
    """The text with all that could be written besides, at its default, in comments below what is written."""
    root = loads(text).root
    lines = text.split("\n")
    added = [*_of_data(root, sources), *_of_blocks(root, blocks), *_of_stages(root, optimizers)]
    for below, indent, head, options in sorted(added, key=lambda one: one[0].end, reverse=True):
        at = below.source.span(below.end, below.end).line
        lines[at:at] = _comment(indent, head, options)
    if "run" not in (root.value if isinstance(root.value, Mapping) else ()):
        known = _defaults(RunOptions)
        lines[-1:] = [*_comment("", "run:", {name: known[name] for name in known}), ""]
    return "\n".join(lines)


Addition = tuple[Node, str, str, Mapping[str, Schema]]  # below this node, so deep, under this head: options


def _of_data(root: Node, sources: Kinds) -> Iterator[Addition]:
    data = _at(root, "data")
    if data is not None and isinstance(data.value.data, dict):
        yield from _unwritten(data, "source", sources)


def _of_blocks(root: Node, blocks: Kinds) -> Iterator[Addition]:
    declared = _at(root, "blocks")
    if declared is not None and isinstance(declared.value.value, Mapping):
        for entry in declared.value.value.values():
            if isinstance(entry.value.data, dict):
                yield from _unwritten(entry, "kind", blocks)


def _of_stages(root: Node, optimizers: Kinds) -> Iterator[Addition]:
    stages = _at(root, "stages")
    for stage in stages.value.value if stages is not None and isinstance(stages.value.value, tuple) else ():
        known, written = _defaults(Stage), stage.data
        rest = {key: known[key] for key in LISTED if key not in written and not ("updates" in written and key in ALONE)}
        yield stage, " " * (stage.span.column - 1), "a stage also takes:", rest
        optimizer = _at(stage, "optimizer")
        if optimizer is not None and isinstance(optimizer.value.data, dict) and _has_lines(stage):
            yield from _unwritten(optimizer, "kind", optimizers)


ALONE = ("every", "times", "batch")  # keys that belong to an update


def _unwritten(entry: Entry, key: str, kinds: Kinds) -> Iterator[Addition]:
    """The options of a kind that are not written where it is named."""
    written = entry.value.data
    kind = written.get(key)
    if kind in kinds:
        rest = {name: held for name, held in options_of(kinds[kind]).items() if name not in written}
        if rest:
            yield entry.value, " " * (entry.key.span.column - 1), f"{kind} also takes:", rest


def _defaults(record: type[Record]) -> dict[str, Schema]:
    """The keys of a record, with what they mean and what they are when nothing is written."""
    found = {}
    for name, part in record.model_fields.items():
        key = part.alias or name
        default = part.get_default(call_default_factory=True)
        found[key] = {
            **({"default": default} if isinstance(default, int | float | str) else {}),
            "description": MEANING[record].get(key, ""),
        }
    return found


def _comment(indent: str, head: str, options: Mapping[str, Schema]) -> list[str]:
    """A comment: a head, and a line for each option."""
    rows = []
    for name, held in options.items():
        written = f"{name}: {write_value(held['default']) if 'default' in held else ''}".rstrip()
        choices = " | ".join(map(str, held.get("enum", ())))
        said = held.get("description", "")
        rows.append((written, choices or ("" if said.startswith("An option of this kind") else said)))
    width = max((len(written) for written, _ in rows), default=0)
    return [
        f"{indent}# {head}",
        *(f"{indent}#   {written:<{width}}{f'   # {said}' if said else ''}".rstrip() for written, said in rows),
    ]


def _has_lines(node: Node) -> bool:
    """Whether a mapping is written in lines of its own, between which comments may stand."""
    return node.source.text[node.start] != "{"


def _at(node: Node, key: str) -> Entry | None:
    return node.value.get(key) if isinstance(node.value, Mapping) else None


@finding("L121", "error")
def unknown_base(name: str, near: str | None) -> Finding:
    """A new spec is to start from one that is not in the library.   `compose new --list` shows them all.

    Wrong: `compose new mine --from glf`.   Right: `compose new mine --from thesis/glf`.
    """
    way = f"write `--from {near}`" if near else "`compose new --list` shows every spec"
    return Finding(message=f"the library has no spec `{name}`", help=way)
