"""The sources of the house as parsed files, and the finder that every test here is made of.

A rule is a generator `rule(source) -> "what is wrong at line n"`. `offences` runs it over files; `snippet` makes a file
out of a string, so that each rule is also shown something that it must refuse.
"""

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("blocks", "compose", "runners")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Source:
    """A Python file: its path from the root, its text and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def layer(self) -> str:
        """The package it lies in."""
        return self.path.split("/")[0]

    @property
    def module(self) -> str:
        """Its dotted name."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


Rule = Callable[[Source], Iterable[tuple[int, str]]]


def snippet(text: str, path: str = "blocks/example.py") -> Source:
    """A file that is not there, of this text, as if it lay at `path`."""
    text = dedent(text)
    return Source(path, text, ast.parse(text))


@cache
def sources(*layers: str) -> tuple[Source, ...]:
    """Every Python file of these packages (of all of them if none is named)."""
    paths = sorted(path for layer in layers or LAYERS for path in (ROOT / layer).rglob("*.py"))
    return tuple(snippet(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()) for path in paths)


def offences(rule: Rule, files: Iterable[Source]) -> list[str]:
    """What `rule` has to say about `files`, one `path:line: sentence` each."""
    return [f"{file.path}:{line}: {sentence}" for file in files for line, sentence in rule(file)]


def refuse(found: list[str]) -> None:
    """Fail with every offence on a line of its own."""
    assert not found, f"{len(found)} offences\n" + "\n".join(found)


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """(line, dotted module) of every import, at the top or inside a function, by statement or by `import_module`."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(source, node)
            yield from ((node.lineno, f"{base}.{alias.name}" if base else alias.name) for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) in {"import_module", "__import__", "find_spec"}:
            given = node.args[0] if node.args else None
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                yield node.lineno, given.value


def absolute(source: Source, node: ast.ImportFrom) -> str:
    """The module that `from ... import` reads, relative ones resolved."""
    if not node.level:
        return node.module or ""
    package = source.path.split("/")[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def called(node: ast.Call) -> str:
    """The last word of what is called: `c` of `a.b.c(...)`."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def dotted(node: ast.AST) -> str:
    """`a.b.c` of the expression a.b.c, else ""."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""
