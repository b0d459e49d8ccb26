"""`compose new` and `compose schema`: what is written is the spec of the library, can be read, and is never lost."""

import json
import re
import runpy

import pytest

from compose.cli import main
from compose.cli.creating import _kinds
from compose.creation import copied, with_defaults
from compose.spec import load_spec, parse_spec
from compose.spec.layers import LIBRARY, library


@pytest.mark.parametrize("full", [False, True], ids=["plain", "full"])
@pytest.mark.parametrize("name", library())
def test_a_copy_says_what_the_spec_of_the_library_says(name, full):
    text = copied(name, "mine")
    made = with_defaults(text, *_kinds()) if full else text
    spec = parse_spec(made)
    assert spec.name == "mine"
    base = load_spec(LIBRARY / f"{name}.yaml")
    assert spec.model_copy(update={"name": base.name}).hash() == base.hash()
    written = (LIBRARY / f"{name}.yaml").read_text().split("\n")
    lost = [line for line in written if line not in made.split("\n") and not line.startswith(("name:", "extends:"))]
    assert lost == []


def test_every_default_is_shown_where_it_could_be_written():
    shown = with_defaults(copied("thesis/glf", "mine"), *_kinds()).split("\n")
    below = shown.index("  # encoder.infogan also takes:")
    assert "latent: latent" in shown[below - 1]
    assert "  #   output: tensor   # tensor | normal | bernoulli" in shown[below : below + 4]
    assert not any("#   latent: " in line for line in shown[below : below + 4])
    assert {"# digits also takes:", "    # adam also takes:", "    # a stage also takes:", "# run:"} <= set(shown)


def test_a_default_that_is_shown_may_be_written():
    shown = with_defaults(copied("thesis/glf", "mine"), *_kinds())
    start = shown.index("# run:")
    told = shown[start:].replace("# run:", "run:").replace("\n#   ", "\n  ")
    kept = [line for line in told.split("\n") if not line.rstrip().partition(" #")[0].rstrip().endswith(":")]
    assert parse_spec(shown[:start] + "run:\n" + "\n".join(kept)).hash() == parse_spec(shown).hash()


def test_a_new_spec_is_written_once_and_passes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "mine", "--from", "thesis/glf", "--full"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "mine.yaml\n"
    assert shown.err == "compose.schema.json: the language, for the editor\n"
    first, text = (tmp_path / "mine.yaml").read_text().split("\n", 1)
    assert (tmp_path / first.partition("$schema=")[2]).is_file()
    assert main(["check", "mine.yaml"]) == 0
    assert "no errors, no warnings" in capsys.readouterr().err
    assert main(["new", "mine"]) == 2
    assert "there already" in capsys.readouterr().err
    assert (tmp_path / "mine.yaml").read_text() == f"{first}\n{text}"


def test_a_new_spec_in_python_builds_the_spec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "folder/mine.py", "--from", "zoo/gan_tilted", "--python"]) == 0
    names = {}
    exec((tmp_path / "folder" / "mine.py").read_text(), names)
    base = load_spec(LIBRARY / "zoo/gan_tilted.yaml")
    assert names["draft"].spec().hash() == base.model_copy(update={"name": "mine"}).hash()


def test_a_new_program_checks_and_trains_when_it_is_executed_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "mine", "--python"]) == 0
    path = tmp_path / "mine.py"
    path.write_text(re.sub(r"epochs=\d+,", "steps=1,", path.read_text()))
    runpy.run_path("mine.py", run_name="__main__")
    assert "<run mine in runs/mine/seed-0: finished" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "check", "explain", "show"])
def test_a_program_given_for_a_spec_is_told_as_one(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "mine", "--python"]) == 0
    assert main([command, "mine.py"]) == 2
    shown = capsys.readouterr().err
    assert shown.count("error[") == 1
    assert "error[Y372]" in shown
    assert "`python mine.py`" in shown


MISTAKES = {
    "a name without its folder": (["mine", "--from", "glf"], "thesis/glf"),
    "no such spec": (["mine", "--from", "thesis/gfl"], "thesis/glf"),
    "no name": ([], "compose new mine"),
    "a name with blanks": (["my spec"], "my spec"),
    "a folder that is a file": (["file/mine"], "file"),
}


@pytest.mark.parametrize(("words", "named"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_writes_nothing_and_is_status_2(words, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert main(["new", *words]) == 2
    assert named in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_library_is_listed(capsys):
    assert main(["new", "--list"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in library())


def test_the_schema_is_json_on_stdout(capsys):
    assert main(["schema"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert set(made["properties"]) >= {"blocks", "stages", "graph"}


def test_a_plugins_blocks_are_in_the_schema(tmp_path, capsys):
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from compose import block\nfrom blocks.flows import RealNVP\n\n"
        "@block('test_schema.flow')\nclass Mine(RealNVP):\n    '''Mine.'''\n"
    )
    assert main(["schema", "--plugin", str(plugin)]) == 0
    assert "test_schema.flow" in json.loads(capsys.readouterr().out)["definitions"]["BlockDeclaration"]["properties"]["kind"]["enum"]  # fmt: skip # noqa: E501
