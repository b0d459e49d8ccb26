"""Names to code: one registry for each kind of thing that a spec may name.

A registry knows its names by *reading* the sources of its folder (`ast`), so listing them imports nothing, and finding
one imports the single file that declares it.
"""

import ast
import difflib
import importlib
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["BLOCKS", "OPERATORS", "Registry", "UnknownName", "block", "operator"]

Registered = TypeVar("Registered", bound=Callable[..., Any])


class UnknownName(LookupError):
    """A name that a registry does not hold; carries those that it does, and the nearest."""

    def __init__(self, noun: str, name: str, nearest: str | None, known: tuple[str, ...] = ()) -> None:
        super().__init__(f"no {noun} is called `{name}`" + (f"; the nearest is `{nearest}`" if nearest else ""))
        self.name, self.nearest, self.known = name, nearest, known


class Registry:
    """The things of one noun, by dotted name.   `@registry("name")` declares one; duplicates are refused.

    `package` is the folder (an importable package) whose files may declare; `decorator` the word they do it with.
    """

    def __init__(self, noun: str, package: str, decorator: str) -> None:
        self.noun, self.package, self.decorator = noun, package, decorator
        self._declared: dict[str, Any] = {}

    def __call__(self, name: str) -> Callable[[Registered], Registered]:
        """Declare the class or function below under `name`.   Raises ValueError if the name is taken."""

        def declare(thing: Registered) -> Registered:
            known = self._declared.get(name)
            if known is not None and (known.__module__, known.__qualname__) != (thing.__module__, thing.__qualname__):
                raise ValueError(f"two {self.noun}s are called `{name}`: {known.__module__} and {thing.__module__}")
            self._declared[name] = thing
            return thing

        return declare

    def replace(self, name: str, thing: Any) -> None:  # noqa: ANN401  what is registered is the caller's business
        """Declare `thing` under `name`, whatever had the name before: for what a user hands over from Python."""
        self._declared[name] = thing

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """What is declared within, by a plugin or by hand, is forgotten afterwards."""
        before = set(self._declared)
        try:
            yield
        finally:
            self._declared = {n: thing for n, thing in self._declared.items() if n in before or n in self._index}

    def find(self, name: str) -> Any:  # noqa: ANN401  what is registered is the caller's business
        """The thing called `name`, importing its file if need be.   Raises UnknownName."""
        if name not in self._declared:
            if name not in self._index:
                raise UnknownName(self.noun, name, self.nearest(name), tuple(self.names()))
            importlib.import_module(self._index[name][0])
        return self._declared[name]

    def names(self) -> list[str]:
        """Every name, declared in the folder or by a plugin, in alphabetical order."""
        return sorted({*self._index, *self._declared})

    def summary(self, name: str) -> str:
        """The first line of the docstring of `name`, without importing its file."""
        if name in self._index:
            return self._index[name][1]
        return (self._declared[name].__doc__ or "").strip().split("\n")[0]

    def nearest(self, name: str) -> str | None:
        """The known name that `name` most resembles: `realnvp` finds `flow.realnvp`."""
        names = self.names()
        ends = [known for known in names if known.split(".")[-1] == name]
        close = ends or difflib.get_close_matches(name, names, n=1, cutoff=0.6)
        return close[0] if close else None

    @cached_property
    def _index(self) -> dict[str, tuple[str, str]]:  # name -> (module, summary)
        spec = importlib.util.find_spec(self.package)
        assert spec is not None and spec.submodule_search_locations
        root = Path(next(iter(spec.submodule_search_locations)))
        index: dict[str, tuple[str, str]] = {}
        for path in sorted(root.rglob("*.py")):
            source = path.read_text(encoding="utf-8")
            if f"@{self.decorator}(" in source:
                parts = path.relative_to(root).with_suffix("").parts
                module = ".".join((self.package, *parts)).removesuffix(".__init__")
                index.update({name: (module, doc) for name, doc in _declarations(source, self.decorator)})
        return index


def _declarations(source: str, decorator: str) -> list[tuple[str, str]]:
    """(name, first docstring line) of each top-level `@decorator("name")` in a source text."""
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            doc = (ast.get_docstring(node) or "").split("\n")[0]
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == decorator:
                    found += [(word.value, doc) for word in call.args if isinstance(word, ast.Constant)]
    return found


BLOCKS = Registry("block", "blocks", "block")
OPERATORS = Registry("operator", "blocks.operators", "operator")
block = BLOCKS
operator = OPERATORS
