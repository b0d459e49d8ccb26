"""Every broken spec beside this file is found broken where it says so: marks and findings are compared both ways.

A mark is a comment at the end of the line: `# error N101`, or `# error N101 at "encodr"` with the underlined text;
several are separated by commas. `warning` and `hint` are marks too.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import compose
from blocks.types import Field, SourceContract
from compose.catalogue import Catalogue
from compose.checks import check
from compose.diagnostics import CODES, Finding, SpecError
from compose.pages import Mark, marks
from compose.spec import load_spec
from runners import datasets
from runners.evaluate import check_evaluations
from runners.metrics import METRICS

SPECS = sorted(Path(__file__).parent.glob("*.yaml"))
INDEX = Field((), "int64", classes=10)
IMAGES = SourceContract({"x": Field((1, 8, 8), low=0.0, high=1.0), "y": Field((), "int64", classes=10), "index": INDEX})


def contract(source: str, options: Mapping[str, object]) -> SourceContract:
    """The contracts of the runner; the digits without their files."""
    if source != "digits":
        return datasets.contract(source, options)
    gaps = replace(IMAGES.fields["x"], levels=None if "dequantize" in options else 17)
    return replace(IMAGES, fields={**IMAGES.fields, "x": gaps})


CATALOGUE = Catalogue(
    contract, frozenset(METRICS.names()), {"adam": ("lr", "betas", "weight_decay"), "sgd": ("lr", "momentum")}
)


def findings(path: Path) -> list[Finding]:
    """Everything that is wrong with a spec, whether it can be read or not."""
    try:
        composition, found = check(load_spec(path), CATALOGUE)
        return [*found, *check_evaluations(composition)]
    except SpecError as error:
        return list(error.findings)


def underlined(found: Finding, lines: list[str]) -> str:
    """The text that a finding underlines; of several lines, the first."""
    assert found.span is not None, f"{found.code} has no place: {found.message}"
    span = found.span
    end = span.end_column - 1 if span.end_line == span.line else None
    return lines[span.line - 1][span.column - 1 : end]


@pytest.mark.parametrize("path", SPECS, ids=[path.stem for path in SPECS])
def test_the_findings_are_those_that_are_marked(path: Path):
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    wanted = sorted(marks(text))
    found = [Mark(f.span.line if f.span else 0, f.severity, f.code, underlined(f, lines)) for f in findings(path)]
    texts = {(mark.line, mark.severity, mark.code): mark.text for mark in wanted}
    found = sorted(mark if texts.get(mark[:3]) is not None else mark._replace(text=None) for mark in found)
    assert found == wanted


@pytest.mark.parametrize("path", SPECS, ids=[path.stem for path in SPECS])
def test_every_finding_says_what_to_do(path: Path):
    for found in findings(path):
        assert found.message, found.code
        assert found.help, found.code
        assert found.span is not None, found.code
        assert found.span.end_line - found.span.line < 3, f"{found.code} underlines half a file"


ELSEWHERE = {  # codes that no text with marks can have, and the tests that have them
    "Y101": "a file that is not there: tests/compose/test_positions.py",
    "Y102": "bytes that are no text: tests/compose/test_positions.py",
    "C101": "no flow here has a dear side: tests/compose/test_dear_sides.py",
    "Y119": "a file larger than any spec: tests/hostile/files.py",
    "Y325": "a chain of many files: tests/hostile/test_hostile.py",
    "Y372": "a file of Python: tests/compose/test_cli.py",
    "Y331": "a setting of the command line: tests/compose/test_spec_mistakes.py",
    "Y332": "a setting of the command line: tests/compose/test_spec_mistakes.py",
}


def test_every_code_has_a_spec():
    for module in pkgutil.walk_packages(compose.__path__, "compose."):
        if module.name not in ("compose.__main__", "compose.cli"):
            importlib.import_module(module.name)
    marked = {mark.code for path in SPECS for mark in marks(path.read_text(encoding="utf-8"))}
    ours = {code for code in CODES if code[0] in "YNDTSGC"}
    assert sorted(ours - marked - set(ELSEWHERE)) == []
    assert sorted(set(ELSEWHERE) & marked) == []
