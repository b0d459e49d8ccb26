"""Shell completion: what the shell is offered, and that it is offered at once."""

import os
import shutil
import subprocess
import sys

import pytest

from compose.cli import main
from compose.spec.layers import library
from tests.house.sources import ROOT


def offered(*words, folder=ROOT):
    """What bash is offered for the last word."""
    told = {
        "COMP_WORDS": " ".join(("compose", *words)),
        "COMP_CWORD": str(len(words)),
        "_COMPOSE_COMPLETE": "bash_complete",
    }
    code = (
        "import atexit, sys; atexit.register(lambda: print({'torch', 'pydantic'} & set(sys.modules), file=sys.stderr));"
    )
    code += "from compose.cli import main; sys.exit(main([]))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env={**os.environ, **told, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == "set()\n"  # neither torch nor pydantic is imported while a word is completed
    return [line.partition(",")[2] for line in done.stdout.split("\n") if line]


@pytest.fixture
def runs(tmp_path):
    for seed in (0, 1):
        folder = tmp_path / "runs" / "glf" / f"seed-{seed}"
        (folder / "checkpoints").mkdir(parents=True)
        (folder / "run.json").write_text("{}")
        (folder / "spec.yaml").write_text(
            "compose: 1\nsamplers:\n  default: ~glf\n  pairs:\n    a: ~x\n  wide(scale=2): scale * ~glf\n"
            "evaluate:\n  e: x\n"
        )
    return tmp_path


def test_commands_and_options_are_completed():
    assert {"check", "completion"} <= set(offered("c"))
    assert "--from" in offered("new", "--f")
    assert offered("list", "bl") == ["blocks"]


def test_names_are_completed_for_list():
    assert offered("list", "blocks", "flow.real") == ["flow.realnvp", "flow.realnvp_image"]
    assert "toy.moons" in offered("list", "data", "toy.")


def test_specs_of_the_library_are_completed():
    assert offered("new", "--from", "thesis/glf") == [name for name in library() if name.startswith("thesis/glf")]
    assert "thesis/vae" in offered("diff", "thesis/va")


def test_run_folders_and_their_samplers_are_completed(runs):
    assert offered("sample", "ru", folder=runs) == ["runs/glf/seed-0", "runs/glf/seed-1"]
    assert offered("eval", "runs/glf/seed-1", folder=runs) == ["runs/glf/seed-1"]
    assert offered("sample", "runs/glf/seed-0", "", folder=runs) == ["default", "pairs", "wide"]
    assert offered("sample", "nowhere", "", folder=runs) == []
    assert "runs/glf/seed-0" in offered("diff", "runs", folder=runs)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_read_by_it(shell, capsys, tmp_path):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_COMPOSE_COMPLETE" in script
    program = shutil.which(shell)
    if program is not None:
        (tmp_path / "script").write_text(script)
        subprocess.run([program, "-n", str(tmp_path / "script")], check=True, timeout=60)


def test_another_shell_is_refused(capsys):
    assert main(["completion", "tcsh"]) == 2
    assert "bash" in capsys.readouterr().err
