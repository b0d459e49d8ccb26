"""The pages: every spec in them is clean and runs, every line of Python too, commands exist, and the whole builds."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from compose.cli import commands, main
from compose.spec import parse_spec
from docs.reference import pages
from runners.launch import examine
from tests.house.sources import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if not {"_build", "reference"} & set(path.relative_to(DOCS).parts))


def fenced(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


STEP = re.compile(r"^```yaml file=(\S+)\n(.*?)^```$|^\$ compose (.*?)(?:  # status (\d))?$", re.MULTILINE | re.DOTALL)


def named(page):
    return page.relative_to(DOCS).with_suffix("").as_posix()


SPECS = [(f"{named(page)}-{at}", text) for page in PAGES for at, text in enumerate(fenced(page, "yaml"))]
NEEDS_PLUGIN = {"extending-0"}


@pytest.mark.parametrize(
    ("name", "text"), [case for case in SPECS if case[0] not in NEEDS_PLUGIN], ids=lambda v: v[:40]
)
def test_a_spec_in_the_pages_is_clean_and_runs(name, text, tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    assert [found.message for found in examine(parse_spec(text, name))[1]] == []
    assert main(["run", str(path), "--smoke"]) == 0


@pytest.fixture
def plugin(tmp_path):
    """What the page on extending adds, as files: a plugin, and a spec that uses all of it."""
    page = DOCS / "extending.md"
    (tmp_path / "plugin.py").write_text("\n\n".join(fenced(page, "python")))
    (spec,) = fenced(page, "yaml")
    (tmp_path / "spec.yaml").write_text(spec)
    return tmp_path


def test_what_the_page_on_extending_adds_is_a_plugin_whose_spec_runs(plugin):
    words = ["-m", "compose", "run", "spec.yaml", "--plugin", "plugin.py", "--quiet", "--out", "run"]
    done = python(words, plugin)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^radius +\d", done.stdout, re.MULTILINE), done.stdout


PATIENCE = """
from plugin import check_patience
from compose.spec import load_spec
from runners.launch import examine

for steps in ("20", "100000000"):
    composition, _ = examine(load_spec("spec.yaml", [f"stages.0.steps={steps}"]))
    print([(found.code, found.message) for found in check_patience(composition, None)])
"""


def test_the_check_of_the_page_on_extending_tells_a_long_stage_from_a_short_one(plugin):
    done = python(["-c", PATIENCE], plugin)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "[('C901', '100,000,000 steps are more than anybody waits for')]"]


def test_the_page_on_python_runs(tmp_path, monkeypatch):
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    monkeypatch.chdir(tmp_path)
    names = {}
    for text in fenced(DOCS / "python.md", "python"):
        exec(text, names)
    assert names["images"].shape == (16, 1, 8, 8)
    assert names["run"].finished


def test_the_tutorial_can_be_followed_to_the_letter(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    steps = STEP.findall((DOCS / "tutorial.md").read_text(encoding="utf-8"))
    assert len(steps) > 15
    for file, text, words, status in steps:
        if file:
            Path(file).write_text(text)
        else:
            assert main(shlex.split(words)) == int(status or 0), (words, capsys.readouterr().err)
    assert Path("mine.svg").exists()
    assert "flow.realnvp" in Path("typo.yaml").read_text()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_that_a_page_names_exists(page):
    text = page.read_text(encoding="utf-8")
    called = set(re.findall(r"(?:`|^\$ )compose ([a-z]+)", text, re.MULTILINE))
    assert called <= set(commands.commands), called - set(commands.commands)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_spec_of_the_library_that_a_page_names_is_there(page):
    for name in re.findall(r"`((?:thesis|zoo|tutorial)/\w+)`", page.read_text(encoding="utf-8")):
        assert (ROOT / "specs" / f"{name}.yaml").exists(), name


def test_every_kind_of_a_block_is_in_the_reference_with_its_options():
    written = pages()
    assert "## `flow.realnvp`" in written["blocks"]
    assert "| `couplings` | `int` | `4` |" in written["blocks"]
    assert {"grammar", "operators", "forms", "data", "metrics", "optimizers"} <= set(written)


def test_the_pages_build_without_a_warning_and_every_link_leads_somewhere(tmp_path):
    done = python(["-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(DOCS), str(tmp_path)], tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "index.html").exists()


def test_no_page_is_left_out_of_the_index():
    listed = set(re.findall(r"^([\w/]+)$", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert {named(page) for page in PAGES} - {"index"} <= listed


def python(words, folder):
    """A Python process of its own, in `folder`."""
    path = os.pathsep.join([str(folder), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, env=environment, check=False
    )
