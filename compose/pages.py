"""The pages of the codes: prose, the smallest specs that are wrong in this way, and the right ones.

compose/checks/pages/CODE.yaml has these keys:

prose     why it matters and what to do, below the first line of the finding's docstring, which says what is wrong
wrong     a spec, its line marked as in tests/findings (`# error G101 at "encoder"`); or a mapping of file names to
          texts, with `command` if that differs
right     likewise, without a mark
command   what is typed for both; `compose check spec.yaml` unless written
before    a command that was given before both
files     further files, beside both
encoding  of the wrong file, UTF-8 unless written
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["FOLDER", "Case", "Mark", "Page", "marks", "page", "summaries"]

FOLDER = Path(__file__).with_name("checks") / "pages"
MARK = re.compile(r'(error|warning|hint) ([A-Z]\d{3})(?: at "([^"]*)")?')
COMMENT = re.compile(r"\s*# (?:error|warning|hint) [A-Z]\d{3}.*")
DECLARES = ("finding", "fault")


class Mark(NamedTuple):
    """What a line says is wrong with it; `text` is what is underlined, None if the mark does not say."""

    line: int
    severity: str
    code: str
    text: str | None


@dataclass(frozen=True)
class Case:
    """What a user has and types: files by name, a command, the one that was given before, where the marks stand."""

    files: Mapping[str, str]
    command: str
    before: str = ""
    encoding: str = "utf-8"
    marks: tuple[tuple[str, Mark], ...] = ()

    def write(self, folder: Path) -> None:
        """Put the files into a folder."""
        for name, text in self.files.items():
            (folder / name).write_text(text, encoding=self.encoding, newline="")


@dataclass(frozen=True)
class Page:
    """The page of a code."""

    prose: str
    wrong: Case
    right: Case

    @property
    def cases(self) -> Mapping[str, Case]:
        """Both, by name."""
        return {"wrong": self.wrong, "right": self.right}


def page(code: str) -> Page:
    """The page of a code.   Raises FileNotFoundError if it has none."""
    from compose.positions import load

    told: Mapping[str, Any] = load(FOLDER / f"{code}.yaml").data
    return Page(told["prose"].strip(), _case(told, "wrong", told.get("encoding", "utf-8")), _case(told, "right"))


def marks(text: str) -> Iterator[Mark]:
    """The marks of a spec: comments at the ends of its lines."""
    for number, line in enumerate(text.split("\n"), 1):
        _, hash_, comment = line.rpartition("# ")
        for severity, code, underlined in MARK.findall(comment if hash_ else ""):
            yield Mark(number, severity, code, underlined or None)


def summaries() -> dict[str, str]:
    """Every code with the first line of its docstring, read from the sources: nothing is imported."""
    found = {}
    for layer in ("compose", "runners"):
        for path in (Path(__file__).parents[1] / layer).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if any(f"\n@{name}(" in text for name in DECLARES):
                found |= dict(_declared(ast.parse(text)))
    return dict(sorted(found.items()))


def _case(told: Mapping[str, Any], key: str, encoding: str = "utf-8") -> Case:
    given = told.get(key, {})
    own = {"spec.yaml": given} if isinstance(given, str) else dict(given)
    command = own.pop("command", told.get("command", "compose check spec.yaml"))
    files = {**told.get("files", {}), **own}
    marked = tuple((name, mark) for name, text in files.items() for mark in marks(text))
    plain = {name: "\n".join(COMMENT.sub("", line) for line in text.split("\n")) for name, text in files.items()}
    return Case(plain, command, told.get("before", ""), encoding, marked)


def _declared(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        for call in getattr(node, "decorator_list", ()):
            if isinstance(node, ast.FunctionDef) and isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                first = call.args[0] if call.args else None
                if call.func.id in DECLARES and isinstance(first, ast.Constant):
                    yield str(first.value), (ast.get_docstring(node) or "").split("\n")[0]
