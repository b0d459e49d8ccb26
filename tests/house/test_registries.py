"""Whatever a spec may name can be found by its name, is named once, is documented, and has a signature to read."""

import ast
import importlib
import inspect
import re
import typing
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from blocks.registry import Registry, UnknownName
from tests.house.sources import Source, called, refuse, snippet, sources


@dataclass(frozen=True)
class Shelf:
    """A `NAME = Registry(noun, package, decorator)` of the tree, as its source says: nothing is imported to know it."""

    noun: str
    package: str
    decorator: str
    module: str
    name: str

    def registry(self) -> Registry:
        """The registry itself."""
        return getattr(importlib.import_module(self.module), self.name)


def shelves(files: tuple[Source, ...]) -> Iterator[Shelf]:
    """Every registry that these files make."""
    for source in files:
        for node in source.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and called(node.value) == "Registry":
                yield Shelf(*map(ast.literal_eval, node.value.args), source.module, node.targets[0].id)


def declarations(files: tuple[Source, ...], shelf: Shelf) -> list[tuple[str, str, int]]:
    """(name, path, line) of every declaration below the shelf's package."""
    return [
        (call.args[0].value, source.path, call.lineno)
        for source in files
        if f"{source.module}.".startswith(f"{shelf.package}.")
        for node in ast.walk(source.tree)
        for call in getattr(node, "decorator_list", ())
        if isinstance(call, ast.Call) and called(call) == shelf.decorator and isinstance(call.args[0], ast.Constant)
    ]


def twice(files: tuple[Source, ...], shelf: Shelf) -> list[str]:
    """The names that two declarations claim."""
    first: dict[str, str] = {}
    found = []
    for name, path, line in declarations(files, shelf):
        if name in first:
            found.append(f"{path}:{line}: `{name}` is already declared at {first[name]}")
        first.setdefault(name, f"{path}:{line}")
    return found


def out_of_sight(files: tuple[Source, ...], shelf: Shelf) -> list[str]:
    """The declarations that the registry's reading of the sources misses, nested ones for instance."""
    names = set(shelf.registry().names())
    return [
        f"{path}:{line}: `{name}` is not listed" for name, path, line in declarations(files, shelf) if name not in names
    ]


SHELVES = {shelf.noun: shelf for shelf in shelves(sources())}
NAMES = sorted({(noun, name) for noun, shelf in SHELVES.items() for name, _, _ in declarations(sources(), shelf)})

each_shelf = pytest.mark.parametrize("shelf", SHELVES.values(), ids=SHELVES)
each_name = pytest.mark.parametrize(("noun", "name"), NAMES, ids=[" ".join(pair) for pair in NAMES])


def test_blocks_and_operators_have_registries():
    assert {"block", "operator"} <= set(SHELVES)


@each_shelf
def test_a_name_is_declared_once(shelf):
    refuse(twice(sources(), shelf))


@each_shelf
def test_every_declaration_is_listed(shelf):
    refuse(out_of_sight(sources(), shelf))


@each_shelf
def test_an_unknown_name_is_answered_with_the_nearest(shelf):
    registry = shelf.registry()
    if not registry.names():
        pytest.skip(f"no {shelf.noun} is written yet")
    known = registry.names()[0]
    with pytest.raises(UnknownName) as unknown:
        registry.find(f"{known}x")
    assert unknown.value.nearest in registry.names()


@each_name
def test_a_name_is_found_and_documented(noun, name):
    registry = SHELVES[noun].registry()
    thing = registry.find(name)
    assert re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*", name)
    assert thing.__doc__
    assert registry.summary(name) == inspect.cleandoc(thing.__doc__).split("\n")[0]
    assert registry.summary(name).strip(". ").lower() not in {"", name, name.split(".")[-1]}


@each_name
def test_a_signature_can_be_read(noun, name):
    thing = SHELVES[noun].registry().find(name)
    function = thing.__init__ if inspect.isclass(thing) else thing
    hints = typing.get_type_hints(function)
    for parameter in list(inspect.signature(function).parameters.values())[inspect.isclass(thing) :]:
        assert parameter.name in hints, f"`{parameter.name}` has no annotation that can be read"
        assert parameter.kind is not parameter.VAR_KEYWORD, "a spec cannot write `**`"


def test_a_name_declared_twice_is_seen():
    one = snippet("@block('flow.a')\nclass A: ...", "blocks/one.py")
    two = snippet("@block('flow.a')\nclass B: ...", "blocks/two.py")
    assert twice((one, two), SHELVES["block"])
    assert not twice((one,), SHELVES["block"])


def test_a_nested_declaration_is_seen():
    nested = snippet("def f():\n    @block('flow.hidden_from_all')\n    class A: ...", "blocks/one.py")
    assert out_of_sight((nested,), SHELVES["block"])
