"""Codes of findings for a reader: every one that the language has, and the page of each."""

from __future__ import annotations

import importlib
import pkgutil
import re
import textwrap
from collections.abc import Iterable, Mapping

from compose.diagnostics import CODES, Code, Finding, render
from compose.pages import Case, Page

__all__ = ["every_code", "headline", "page_of"]

WIDTH = 110
LONGEST = 400  # characters of a line of a page that are shown
KEY = re.compile(r"\w+(?:\([^)\n]*\))?(?=:(?:\s|$))", re.MULTILINE)  # in YAML
PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"}  # control characters, made visible


def every_code() -> Mapping[str, Code]:
    """Every code of the language, sorted.   Imports what words the findings."""
    import compose

    for found in pkgutil.walk_packages(compose.__path__, "compose."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    return dict(sorted(CODES.items()))


def page_of(
    code: Code, page: Page, findings: Iterable[Finding], sources: Mapping[str, str], *,
    color: bool = False, width: int = WIDTH,
) -> str:  # fmt: skip
    """The page of a code: what is wrong, why it matters, a spec that is wrong and what is said of it, the right one.

    `findings`, in `sources`, are what a user is told who does what is wrong; prose is `width` columns wide.
    """
    head = render([Finding(code.code, code.severity, message=headline(code))], {}, color=color)
    told = render(findings, sources, color=color) or "(on this machine nothing is said of it)"
    changed = {name: text for name, text in page.right.files.items() if page.wrong.files.get(name) != text}
    wrong = _case("wrong", "1;31", page.wrong, page.wrong.files, color)
    right = _case("right", "1;32", page.right, changed, color)
    return "\n\n".join([head, textwrap.fill(page.prose, width, break_on_hyphens=False), wrong, told, right])


def headline(code: Code) -> str:
    """What is wrong: the first line of the docstring that words it."""
    return code.page.split("\n")[0].rstrip(".")


def _case(title: str, style: str, case: Case, files: Mapping[str, str], color: bool) -> str:
    """Of a case `files`, and what is typed."""

    def ink(style: str, text: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if color else text

    shown = [ink(style, title)]
    for name, text in files.items():
        lines = text.translate(PICTURES).split("\n")
        seen = "\n".join(line if len(line) <= LONGEST else f"{line[:LONGEST]} ..." for line in lines)
        painted = KEY.sub(lambda key: ink("34", key[0]), seen) if name.endswith(".yaml") else seen
        shown += [f"  {ink('1', name)}"] if set(case.files) != {"spec.yaml"} else []
        shown.append(textwrap.indent(painted.rstrip("\n"), "    "))
    shown.append("\n".join(f"  $ {ink('1', command)}" for command in (case.before, case.command) if command))
    return "\n\n".join(shown)
