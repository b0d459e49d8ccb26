"""The layers: blocks <- compose <- runners <- compose.cli, and a command line that starts without torch."""

import importlib.util
import subprocess
import sys

import pytest

from tests.house.sources import ROOT, Source, imports, offences, refuse, snippet, sources

FORBIDDEN = {  # a package may not import these, at the top of a file or inside a function
    "blocks": {"compose", "runners", "specs", "tests"},
    "compose": {"runners", "tests"},
    "runners": {"tests"},
}
DOORS = ("compose/cli.py", "compose/cli/", "compose/api.py", "compose/__main__.py")  # the only places above runners


def upward_imports(source: Source):
    forbidden = {"tests"} if source.path.startswith(DOORS) else FORBIDDEN[source.layer]
    for line, module in imports(source):
        if module.split(".")[0] in forbidden:
            yield line, f"`{source.layer}` imports `{module}`, which lies above it"


def the_command_line(source: Source):
    if not source.path.startswith(DOORS) and source.layer != "runners":
        for line, module in imports(source):
            if module.startswith("compose.cli"):
                yield line, "imports the command line: only the console script does"


def test_no_layer_imports_one_above_it():
    refuse(offences(upward_imports, sources()))


def test_nothing_imports_the_command_line():
    refuse(offences(the_command_line, sources()))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("blocks/a.py", "import compose"),
        ("blocks/a.py", "from runners.loop import train"),
        ("compose/a.py", "def late():\n    from runners import loop"),
        ("compose/checks/a.py", "from importlib import import_module\nimport_module('runners.loop')"),
        ("compose/a.py", "from tests.house import sources"),
        ("runners/a.py", "from tests import house"),
    ],
)
def test_an_import_from_above_is_seen(path, text):
    assert offences(upward_imports, [snippet(text, path)])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("blocks/flows/a.py", "from ..registry import block\nfrom . import compose_two"),
        ("compose/cli.py", "def run():\n    from runners import loop"),
        ("compose/cli/run.py", "def run():\n    from runners import loop"),
        ("runners/loop.py", "from compose.program import Program"),
        ("compose/a.py", "from compose import runners_words"),
    ],
)
def test_an_import_from_below_is_allowed(path, text):
    assert not offences(upward_imports, [snippet(text, path)])


MODULES_AFTER = """
import sys
sys.argv = ["compose", *{words!r}]
from compose.cli import main
try:
    status = main() or 0
except SystemExit as stop:
    status = stop.code or 0
print("status", status, "torch", "torch" in sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize("words", [["--help"], ["list", "blocks"]], ids=" ".join)
def test_the_command_line_answers_without_torch(words):
    if importlib.util.find_spec("compose.cli") is None:
        pytest.skip("compose/cli is not written yet")
    code = MODULES_AFTER.format(words=words)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stderr.strip().split("\n")[-1] == "status 0 torch False", done.stderr
    assert done.stdout.strip()
