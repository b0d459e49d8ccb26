"""What is installed: every import is a dependency, every dependency is pinned, every file is in the wheel."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import PurePosixPath

import pytest

from tests.house.smells import ONE_MACHINE
from tests.house.sources import ROOT, Source, imports, offences, refuse, snippet, sources

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = ("blocks", "compose", "runners", "specs")


def plain(requirement: str) -> str:
    """The name of a requirement, as the index compares it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~\[;]", requirement.strip())[0]).lower()


REQUIRED = {plain(word) for word in PROJECT["project"]["dependencies"]}
DEVELOPING = {plain(word) for word in PROJECT["project"]["optional-dependencies"]["dev"]}
PINS = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
ONE = ONE_MACHINE.pattern
PROVIDERS = packages_distributions()


def undeclared(source: Source):
    for line, module in imports(source):
        root = module.split(".")[0]
        if root not in sys.stdlib_module_names and root not in PACKAGES:
            named = {plain(name) for name in PROVIDERS.get(root, [root])}
            if not named & REQUIRED:
                yield line, f"`{root}` is imported, but is no dependency in pyproject.toml"


def left_out(paths, patterns) -> list[str]:
    """The data files (paths from the root) that no package-data pattern names."""
    return [
        path
        for path in paths
        if not any(matches(PurePosixPath(*PurePosixPath(path).parts[1:]), p) for p in patterns[path.split("/")[0]])
    ]


def matches(path: PurePosixPath, pattern: str) -> bool:
    return path.match(pattern) or path.match(pattern.removeprefix("**/"))


def one_machine_paths(name: str, text: str) -> list[str]:
    """The places of a text that name a folder of one machine."""
    lines = enumerate(text.splitlines(), start=1)
    return [f"{name}:{number}: {line.strip()}" for number, line in lines if re.search(rf"(?<![\w.])({ONE})", line)]


def texts():
    """The files of the tree that people read and tools run, but Python ones, which `smells` reads."""
    named = [path for path in ROOT.iterdir() if path.is_file()] + [*ROOT.glob(".ci/*")]
    deep = [p for folder in (*PACKAGES, "docs", "tests", "benchmarks") for p in (ROOT / folder).rglob("*")]
    for path in (*named, *deep):
        if path.is_file() and path.suffix in {"", ".md", ".yaml", ".yml", ".toml", ".txt", ".cfg", ".sh"}:
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def test_no_text_names_a_folder_of_one_machine():
    refuse([place for name, text in texts() for place in one_machine_paths(name, text)])


def test_a_folder_of_one_machine_is_seen():
    assert one_machine_paths("a.md", "see `/home/me/data`, or\nopt/in")
    assert not one_machine_paths("a.md", "runs/tmp/x, https://a.b/data/x, ./data/x and /usr/bin/env")


def test_every_import_is_a_dependency():
    refuse(offences(undeclared, sources(*PACKAGES)))


def test_every_dependency_is_pinned():
    assert {plain(pin) for pin in PINS} >= REQUIRED | DEVELOPING


def test_every_pin_is_one_plain_version():
    assert [pin for pin in PINS if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)] == []


def test_every_folder_of_code_is_a_package():
    assert [
        source.path for source in sources(*PACKAGES) if not (ROOT / source.path).with_name("__init__.py").exists()
    ] == []


def test_every_data_file_is_in_the_wheel():
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    data = [p.relative_to(ROOT).as_posix() for p in files if p.suffix != ".py" and "__pycache__" not in p.parts]
    assert left_out(data, PROJECT["tool"]["setuptools"]["package-data"]) == []


@pytest.mark.parametrize("text", ["import nowhere", "def f():\n    from nowhere.at_all import x"])
def test_an_undeclared_import_is_seen(text):
    assert offences(undeclared, [snippet(text)])
    assert not offences(undeclared, [snippet("import json\nimport torch.nn\nfrom ruamel.yaml import YAML")])


def test_a_data_file_left_out_is_seen():
    patterns = {"specs": ["**/*.yaml"]}
    assert left_out(["specs/a.csv", "specs/a.yaml", "specs/thesis/a.yaml"], patterns) == ["specs/a.csv"]
