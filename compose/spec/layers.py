"""Layers: what a spec extends below it, what `--set` says above it, merged into one document that keeps its places."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath

from compose.diagnostics import Finding, SpecError
from compose.positions import Document, Entry, Node, Path, Source, loads, read_node, read_text
from compose.spec import findings as say
from compose.spec.items import LISTS, item_names, item_of
from compose.spec.slips import doubtful_keys, known_key, without_idle_removals

__all__ = ["extended", "library", "merge", "override"]

LIBRARY = FilePath(__file__).resolve().parents[2] / "specs"
LONGEST_CHAIN = 32  # specs that extend each other
SETTINGS = "--set"  # the name of the file that a command line is


def extended(document: Document, chain: tuple[str, ...] = ()) -> Document:
    """The document merged over what it extends; stages that the base has not are among its findings.

    Raises SpecError: a base that is not there or is wrong itself, a circle.
    """
    written = document.root.value.get("extends") if isinstance(document.root.value, Mapping) else None
    if written is None or not isinstance(written.value.value, str):
        return document
    span, here = written.value.span, (*chain, str(FilePath(document.file).resolve()))
    path = _find(written.value.value, FilePath(document.file).parent)
    if path is None:
        beside = [each.stem for each in FilePath(document.file).parent.glob("*.yaml")]
        raise SpecError([say.base_not_found(span, written.value.value, [*beside, *library()])], document.sources)
    if str(path.resolve()) in here:
        files = (*here[here.index(str(path.resolve())) :], str(path.resolve()))
        raise SpecError([say.base_cycle(span, tuple(FilePath(file).name for file in files))], document.sources)
    if len(here) > LONGEST_CHAIN:
        raise SpecError([say.long_chain(span, LONGEST_CHAIN)], document.sources)
    base = extended(loads(read_text(path), str(path)), here)
    if base.findings:
        raise SpecError(base.findings, base.sources)
    over, found = without_idle_removals(base.root, document.root)
    root = merge(base.root, over, found)
    doubtful = (*base.doubtful, *doubtful_keys(base.root, over))
    return replace(document, root=root, findings=(*document.findings, *found), doubtful=doubtful)


def library() -> list[str]:
    """The names of the specs that come with the program, such as `thesis/glf`."""
    found = [path.relative_to(LIBRARY).with_suffix("").as_posix() for path in LIBRARY.rglob("*.yaml")]
    return sorted(found)


def merge(base: Node, over: Node, found: list[Finding], path: Path = ()) -> Node:
    """`over` on `base`: mappings key by key, everything else replaced; nothing (`key:`) takes the base's key away.

    A function's key replaces the one of the same name, whatever its parameters. A mapping on the list of stages, or on
    the updates of a stage, changes the items that its keys name; what it cannot name is `found`.
    """
    if isinstance(base.value, tuple) and isinstance(over.value, Mapping) and _has_named_items(path):
        return _merge_items(base, over, found, path)
    if not isinstance(base.value, Mapping) or not isinstance(over.value, Mapping):
        return over
    merged = dict(base.value)
    for key, entry in over.value.items():
        known = known_key(merged, key)
        if known is None:
            merged[key] = entry
        elif entry.value.value is None:
            del merged[known]
        else:
            made = Entry(entry.key, merge(merged[known].value, entry.value, found, (*path, key)))
            if key != known:  # in the place of the old one
                merged = {key if each == known else each: old for each, old in merged.items()}
            merged[key] = made
    return replace(over, value=merged)


def _has_named_items(path: Path) -> bool:
    """Whether `stages` or `stages.NAME.updates` stands at `path`."""
    return path == ("stages",) or (len(path) == 3 and path[::2] == ("stages", "updates"))


def _merge_items(base: Node, over: Node, found: list[Finding], path: Path) -> Node:
    """The list `base`, each item that a key of `over` names merged with what stands there."""
    assert isinstance(base.value, tuple)
    assert isinstance(over.value, Mapping)
    noun = LISTS[str(path[-1])]
    items: list[Node | None] = list(base.value)
    for key, entry in over.value.items():
        at = item_of(base.value, key, noun)
        item = None if at is None else items[at]
        if at is None or item is None:
            found.append(say.unknown_item(entry.key.span, key, noun, item_names(base.value, noun)))
        else:
            items[at] = None if entry.value.value is None else merge(item, entry.value, found, (*path, key))
    return replace(over, value=tuple(item for item in items if item is not None))


def override(document: Document, settings: Sequence[str], sections: Collection[str]) -> Document:
    """The document with every `path=value` set, in order; `sections` are keys that may be created on the way.

    Raises SpecError with all findings; their file is "--set", their line the number of the setting.
    """
    source = Source(SETTINGS, "\n".join(setting.replace("\n", " ") for setting in settings))
    root, found, at = document.root, [], 0
    for setting in settings:
        try:
            root = _Setting(source, at, at + len(setting), sections).apply(root)
        except SpecError as problem:
            found += problem.findings
        at += len(setting) + 1
    if found:
        raise SpecError(found, {**document.sources, SETTINGS: source.text})
    return replace(document, root=root)


def _find(name: str, folder: FilePath) -> FilePath | None:
    tried = [root / f"{name}{ending}" for root in (folder, LIBRARY) for ending in ("", ".yaml", ".yml", ".json")]
    return next((path for path in tried if _is_file(path)), None)


def _is_file(path: FilePath) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for any file
        return False


class _Setting:
    """One `path=value`, which stands at start .. end of the source."""

    def __init__(self, source: Source, start: int, end: int, sections: Collection[str]) -> None:
        self.source, self.start, self.end, self.sections = source, start, end, sections

    def apply(self, root: Node) -> Node:
        """The tree with the value in its place."""
        text = self.source.text[self.start : self.end]
        path, equals, written = text.partition("=")
        if not equals or not path.strip():
            raise self.refuse(say.bad_setting(self.source.span(self.start, self.end), text))
        value_at = self.start + len(path) + 1
        piece = Source(SETTINGS, self.source.text[: self.end])
        value = Node(piece, value_at, value_at, None) if not written.strip() else read_node(piece, value_at)
        steps, at = [], self.start
        for step in path.split("."):
            lead = len(step) - len(step.lstrip())
            steps.append(Node(self.source, at + lead, at + len(step.rstrip()), step.strip(), step.strip()))
            at += len(step) + 1
        return self.set(root, steps, value, "the spec")

    def set(self, node: Node, steps: list[Node], value: Node, where: str) -> Node:
        """`node` with `value` at the path `steps` below it."""
        step, rest = steps[0], steps[1:]
        if isinstance(node.value, Mapping):
            entries = self.entries(node.value, step, rest, value, where)
            return replace(node, value=entries)
        if isinstance(node.value, tuple):
            at = self.index(node.value, step, where)
            made = self.set(node.value[at], rest, value, f"`{step.text}`") if rest else value
            return replace(node, value=(*node.value[:at], made, *node.value[at + 1 :]))
        raise self.refuse(say.bad_path(step.span, step.text, where, ()))

    def entries(
        self, entries: Mapping[str, Entry], step: Node, rest: list[Node], value: Node, where: str
    ) -> dict[str, Entry]:
        known = known_key(entries, step.text)
        if not rest and value.value is None:
            if known is None:
                raise self.refuse(say.bad_path(step.span, step.text, where, _spelt(entries)))
            return {key: entry for key, entry in entries.items() if key != known}
        if known is None and ((rest and step.text not in self.sections) or where == "`params`"):
            raise self.refuse(say.bad_path(step.span, step.text, where, _spelt(entries)))
        below = entries[known].value if known else Node(self.source, step.start, step.end, {})
        made = self.set(below, rest, value, f"`{step.text}`") if rest else value
        key = entries[known].key if known and (rest or "(" in known) else step
        return {**entries, known or step.text: Entry(key, made)}

    def index(self, items: tuple[Node, ...], step: Node, where: str) -> int:
        """The place in a list that a step means: the name of the item, or its number."""
        noun = LISTS.get(where.strip("`"), "item")
        at = item_of(items, step.text, noun)
        if at is None:
            raise self.refuse(say.bad_path(step.span, step.text, where, item_names(items, noun)))
        return at

    def refuse(self, found: Finding) -> SpecError:
        return SpecError([found])


def _spelt(entries: Mapping[str, Entry]) -> list[str]:
    return [key.split("(")[0] for key in entries]
