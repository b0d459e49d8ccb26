"""Everything public says what it is and names its types; the examples in docstrings run."""

import ast
import doctest
import importlib
import re
from collections.abc import Iterator

import pytest

from tests.house.sources import FUNCTIONS, Source, offences, refuse, snippet, sources

FILLERS = {"a", "an", "the", "of", "for", "to", "this", "that", "is", "it", "its", "and", "class", "function", "method"}


def public(source: Source) -> Iterator[ast.AST]:
    """The module, its public classes and functions, and the public methods of those classes."""
    if not source.module.split(".")[-1].startswith("_"):
        yield source.tree
    for node in source.tree.body:
        if isinstance(node, (ast.ClassDef, *FUNCTIONS)) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (m for m in node.body if isinstance(m, FUNCTIONS) and not m.name.startswith("_"))


def again(node: ast.AST) -> bool:
    """A setter or an overload: the first definition has the docstring."""
    words = {ast.unparse(decorator) for decorator in getattr(node, "decorator_list", ())}
    return any(word.endswith((".setter", ".deleter")) or word in {"overload", "override"} for word in words)


def undocumented(source: Source):
    for node in public(source):
        if not again(node) and not (ast.get_docstring(node) or "").strip():
            yield getattr(node, "lineno", 1), f"`{getattr(node, 'name', source.module)}` has no docstring"


def says_only_its_name(source: Source):
    for node in public(source):
        name, doc = getattr(node, "name", source.module), ast.get_docstring(node) or ""
        spoken = {stem(word) for word in words_of(doc) if word not in FILLERS}
        if doc and spoken <= {stem(word) for word in words_of(name)}:
            yield getattr(node, "lineno", 1), f"the docstring of `{name}` only repeats its name"


def words_of(text: str) -> list[str]:
    return [
        word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[^\s\w]", text) if word not in ".,`"
    ]


def stem(word: str) -> str:
    return re.sub(r"(ing|es|s|e)$", "", word) if len(word) > 3 else word


def unannotated(source: Source):
    for node in ast.walk(source.tree):
        if isinstance(node, FUNCTIONS):
            arguments = [
                *node.args.posonlyargs,
                *node.args.args,
                *node.args.kwonlyargs,
                node.args.vararg,
                node.args.kwarg,
            ]
            for place, argument in enumerate(filter(None, arguments)):
                itself = place == 0 and argument.arg in {"self", "cls"}
                if argument.annotation is None and not itself:
                    yield argument.lineno, f"`{argument.arg}` of `{node.name}` has no annotation"
            if node.returns is None:
                yield node.lineno, f"`{node.name}` does not say what it returns"


def test_everything_public_has_a_docstring():
    refuse(offences(undocumented, sources()))


def test_no_docstring_only_repeats_a_name():
    refuse(offences(says_only_its_name, sources()))


def test_every_argument_is_annotated():
    refuse(offences(unannotated, sources()))


@pytest.mark.parametrize(
    "module", [source.module for source in sources() if re.search(r"^\s*>>> ", source.text, re.MULTILINE)] or [None]
)
def test_examples_run(module):
    if module is None:
        pytest.skip("no docstring has an example yet")
    assert doctest.testmod(importlib.import_module(module)).failed == 0


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        '"""A module."""\ndef bare(): ...',
        '"""A module."""\nclass Bare: ...',
        '"""A module."""\nclass Said:\n    """A thing."""\n    def bare(self): ...',
        '"""A module."""\nclass Said:\n    """A thing."""\n    async def bare(self): ...',
    ],
)
def test_a_missing_docstring_is_seen(text):
    assert len(offences(undocumented, [snippet(text)])) == 1


def test_private_names_and_setters_need_no_docstring():
    text = '''
    """A module."""
    def _hidden(): ...
    class Said:
        """A thing."""
        def __init__(self): ...
        def _hidden(self): ...
        @property
        def rate(self):
            """Steps per second."""
        @rate.setter
        def rate(self, value): ...
    '''
    assert not offences(undocumented, [snippet(text)])


def test_a_docstring_that_repeats_the_name_is_seen():
    head = '"""Normalizing flows, eq. 2.20."""\n'
    assert offences(says_only_its_name, [snippet(head + 'def infer_shapes():\n    """Infers the shapes."""')])
    assert offences(says_only_its_name, [snippet(head + 'class RealNVP:\n    """The Real NVP class."""')])
    assert not offences(says_only_its_name, [snippet(head + 'def mean():\n    """E[x], of shape "b d"."""')])


def test_a_missing_annotation_is_seen():
    assert len(offences(unannotated, [snippet("def f(x, *y, z=1, **w) -> None: ...")])) == 4
    assert len(offences(unannotated, [snippet("class A:\n    def f(self, x: int): ...")])) == 1
    assert not offences(unannotated, [snippet("class A:\n    def f(self, x: int) -> int: ...")])
