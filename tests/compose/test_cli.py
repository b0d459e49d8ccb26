"""The command line: help, findings, exit statuses, and never a traceback for a mistake of the user."""

import json
import re
import subprocess
import sys
import time

import pytest

from compose.cli import main
from compose.cli.plugins import load_plugins
from compose.diagnostics import SpecError, to_json
from tests.house.sources import ROOT

GOOD = """
compose: 1
name: little
data: {source: toy.moons, batch_size: 32, size: 200}
blocks: {flow: {kind: flow.realnvp, couplings: 2, hidden: [8]}}
stages:
  - steps: 2
    minimize: {nll: -flow.log_prob(x)}
samplers: {default: ~flow}
"""
FAULTY = GOOD.replace("flow.log_prob(x)}", "flo.log_prob(x)}")
COMMANDS = (
    "new", "run", "check", "explain", "show", "diff", "sample", "eval", "probe", "export", "runs", "whence", "list",
    "schema", "completion", "version",
)  # fmt: skip


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def faulty(tmp_path):
    path = tmp_path / "faulty.yaml"
    path.write_text(FAULTY)
    return path


def test_help_begins_with_examples_and_names_every_command(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.split("\n")[0].strip().startswith("compose run ")
    assert all(f"  {command} " in shown for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_begins_with_an_example_of_it(command, capsys):
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.split("\n")[0].strip().startswith(f"compose {command}")
    assert shown.index("Usage:") > shown.index(f"compose {command}")


@pytest.mark.parametrize("noun", ["blocks", "operators", "specs", "data", "metrics", "optimizers", "codes"])
def test_what_a_spec_may_name_is_listed(noun, capsys):
    assert main(["list", noun, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found
    assert all(summary for name, summary in found.items()), [n for n, s in found.items() if not s]


def test_words_of_the_language_are_listed_with_the_operators(capsys):
    main(["list", "operators", "--json"])
    assert {"kl", "langevin", "tilt", "softplus"} <= set(json.loads(capsys.readouterr().out))


def registered(noun):
    """Name and signature of everything that a noun holds, by importing it."""
    import inspect

    from blocks.registry import BLOCKS, OPERATORS
    from runners.datasets import DATASETS
    from runners.metrics import METRICS
    from runners.optimizers import OPTIMIZERS

    registries = {
        "blocks": BLOCKS, "operators": OPERATORS, "data": DATASETS, "metrics": METRICS, "optimizers": OPTIMIZERS
    }  # fmt: skip
    registry = registries[noun]
    return {name: inspect.signature(registry.find(name)) for name in registry._index}


@pytest.mark.parametrize("noun", ["blocks", "operators", "data", "metrics", "optimizers"])
def test_the_page_of_a_thing_has_every_option_with_its_default(noun, capsys):
    from inspect import signature as signature_of

    from runners.datasets.treatment import treated

    for name, signature in registered(noun).items():
        assert main(["list", noun, name, "--json"]) == 0
        (page,) = json.loads(capsys.readouterr().out).values()
        own = {"operators": "fields"}.get(noun)  # of `record(z=.., x=..)`: names that a spec chooses
        common = signature_of(treated).parameters if noun == "data" else {}
        given = {**signature.parameters, **common}
        expected = {n: p.default for n, p in given.items() if p.kind is p.KEYWORD_ONLY and n != own}
        assert [option["name"] for option in page["options"]] == list(expected)
        for option in page["options"]:
            default = expected[option["name"]]
            assert (option["default"] is None) == (default is signature.empty), name
            if isinstance(default, int | float) and not isinstance(default, bool):
                assert eval(option["default"]) == default, name  # may be written as 1 / 7.5
        assert page["text"].startswith(page["summary"])
        assert all(option["type"][0].islower() or option["type"][0] in "[123" for option in page["options"]), page


CALLS = {
    ("blocks", "denoiser.mlp"): "(x_t, t, z, ..)   b *event, b, b latent, .. -> b *makes",
    ("blocks", "energy.mlp"): "(x, ..)   b *event, .. -> b",
    ("operators", "concatenate"): "(a, b, ..)   b *event, b *event, .. -> b *event",
    ("operators", "langevin"): "(target, init=null, steps=.., step_size=..)",
    ("operators", "condition"): "(model, NAME=.., ..)",
}


@pytest.mark.parametrize(("noun", "name"), CALLS)
def test_a_page_names_the_arguments_in_the_order_in_which_a_spec_writes_them(noun, name, capsys):
    assert main(["list", noun, name]) == 0
    assert f"called with   {CALLS[noun, name]}\n" in capsys.readouterr().out


@pytest.mark.parametrize("noun", ["blocks", "operators", "metrics"])
def test_no_page_speaks_of_what_only_the_source_has(noun, capsys):
    assert main(["list", noun, "--json"]) == 0
    for name in json.loads(capsys.readouterr().out):
        main(["list", noun, name])
        shown = capsys.readouterr().out
        assert re.findall(r"`[A-Z][a-z]+[A-Z]\w*`|\*values", shown) == [], name


def test_without_a_noun_it_says_what_can_be_listed_and_how_much_there_is_of_it(capsys):
    assert main(["list", "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [[noun, str(count)] for noun, count in counts.items()]
    for noun, count in counts.items():
        main(["list", noun, "--json"])
        assert len(json.loads(capsys.readouterr().out)) == count


@pytest.mark.parametrize(
    ("noun", "way"), [("forms", "`operators`"), ("block", "`blocks`"), ("qqqqq", "optimizers and codes")]
)
def test_a_sort_that_there_is_none_of_is_a_finding(noun, way, capsys):
    assert main(["list", noun]) == 2
    shown = capsys.readouterr().err
    assert "error[L162]" in shown
    assert way in shown
    assert "Usage" not in shown


def test_a_page_shows_words_defaults_and_what_may_be_called(capsys):
    assert main(["list", "blocks", "flow.realnvp"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("flow.realnvp\n  Affine couplings")
    assert re.search(r"^hidden +list of whole numbers +\[64, 64\]$", shown, re.MULTILINE)
    assert re.search(r"^permutation +alternate \| random \| reverse +alternate$", shown, re.MULTILINE)
    assert re.search(r"^\.log_prob\(x, \.\.\) +log p\(x\), in nats", shown, re.MULTILINE)
    main(["list", "blocks", "diffusion.vp"])
    shown = capsys.readouterr().out
    assert re.search(r"^steps +whole number +required$", shown, re.MULTILINE)
    assert {".timestep", ".diffuse(x,", ".posterior(x0,"} <= set(shown.split())
    main(["list", "data", "digits"])
    assert '"signed" is [-1, 1]' in capsys.readouterr().out
    main(["list", "operators", "langevin"])
    assert re.search(r"^space +noise \| values +noise$", capsys.readouterr().out, re.MULTILINE)


def test_a_family_is_shown_as_all_its_pages(capsys):
    assert main(["list", "data", "toy", "--json"]) == 0
    pages = json.loads(capsys.readouterr().out)
    assert {"toy.moons", "toy.gaussians25"} <= set(pages)
    assert all(name.startswith("toy.") for name in pages)
    assert main(["list", "specs", "zoo", "--json"]) == 0
    assert all(name.startswith("zoo/") for name in json.loads(capsys.readouterr().out))


@pytest.mark.parametrize(
    ("noun", "name", "near"),
    [("blocks", "realnpv", "flow.realnvp"), ("data", "toy.moon", "toy.moons"), ("optimizers", "adamm", "adam"),
     ("operators", "langevn", "langevin"), ("metrics", "qqqqq", "compose list metrics")],
)  # fmt: skip
def test_a_thing_that_there_is_none_of_gives_the_nearest(noun, name, near, capsys):
    assert main(["list", noun, name]) == 2
    shown = capsys.readouterr().err
    assert "error[L120]" in shown
    assert near in shown


@pytest.mark.parametrize(
    "words", [["--help"], ["list", "blocks"], ["list", "blocks", "flow"], ["list", "codes"]], ids=" ".join
)
def test_help_and_lists_are_quick_and_import_neither_torch_nor_pydantic(words):
    heavy = "{'torch', 'pydantic'} & set(sys.modules)"
    code = f"import sys; from compose.cli import main; main({words!r}); print({heavy}, file=sys.stderr)"
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
        times.append(time.perf_counter() - start)
    assert done.stderr.split("\n")[-2] == "set()"
    assert min(times) < 1.0  # 0.15 s on an idle machine; the bound leaves room for a busy one


def test_a_good_spec_passes(good, capsys):
    assert main(["check", str(good)]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "no errors" in shown.err


def test_a_faulty_spec_is_refused_with_its_place(faulty, capsys):
    assert main(["check", str(faulty)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "faulty.yaml:8:" in shown.err
    assert "`flow`" in shown.err


def test_findings_as_json_have_the_shape_of_the_diagnostics(faulty, capsys):
    assert main(["check", str(faulty), "--json"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert said.keys() == to_json([]).keys()
    assert said["findings"][0].keys() == {
        "code",
        "severity",
        "file",
        "line",
        "column",
        "end_line",
        "end_column",
        "message",
        "help",
        "fix",
        "related",
    }


def test_a_folder_is_checked_file_by_file(good, faulty, capsys):
    assert main(["check", str(good.parent)]) == 2
    shown = capsys.readouterr().err
    assert "good.yaml: no errors" in shown
    assert "faulty.yaml: 1 error" in shown


@pytest.mark.parametrize("command", ["check", "run", "explain"])
def test_set_is_checked_like_the_file(command, good, capsys):
    assert main([command, str(good), "--set", "stages.0.steps=many"]) == 2
    assert "--set:1" in capsys.readouterr().err


def test_running_a_faulty_spec_runs_nothing(faulty, capsys, tmp_path):
    out = tmp_path / "run"
    assert main(["run", str(faulty), "--out", str(out)]) == 2
    assert not out.exists()


MISTAKES = {
    "no such command": (["rnu", "x.yaml"], "compose run"),
    "no such file": (["run", "nowhere.yaml"], "nowhere.yaml"),
    "no such folder to check": (["check", "nowhere/"], "nowhere"),
    "a folder without specs": (["check", "EMPTY"], "no spec lies"),
    "a folder that is no run": (["sample", "EMPTY"], "run"),
    "no folder": (["eval", "nowhere"], "nowhere"),
    "an option that there is none of": (["run", "GOOD", "--epochs", "3"], "--epochs"),
    "a setting without a value": (["run", "GOOD", "--set", "stages.0.steps"], "stages.0.steps"),
    "a setting of what is not there": (["run", "GOOD", "--set", "stage.0.steps=1"], "stage"),
    "a plugin that is not there": (["run", "GOOD", "--plugin", "nowhere.py"], "nowhere.py"),
    "a noun that is not listed": (["list", "block"], "blocks"),
    "a code that there is none of": (["explain", "Q999"], "Q999"),
    "neither file nor code": (["explain", "nothing"], "nothing"),
    "a seed that is no number": (["run", "GOOD", "--seed", "one"], "--seed"),
    "a batch that no data fill": (["run", "GOOD", "--set", "data.batch_size=5000"], "5000"),
    "a device that is not here": (["run", "GOOD", "--set", "run.device=cuda"], "cuda"),
}


@pytest.mark.parametrize(("words", "named"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_on_the_command_line_is_status_2_and_names_what_is_wrong(
    words, named, good, tmp_path, capsys, monkeypatch
):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    given = [{"GOOD": str(good), "EMPTY": str(tmp_path / "empty")}.get(word, word) for word in words]
    assert main(given) == 2
    shown = capsys.readouterr()
    assert named in shown.err
    assert "Traceback" not in shown.err


def test_a_file_that_is_no_text_is_a_finding(tmp_path, capsys):
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"\xff\xfe\x00compose")
    assert main(["check", str(path)]) == 2
    assert "error[" in capsys.readouterr().err


def test_explain_shows_terms_and_what_they_reach(good, capsys):
    assert main(["explain", str(good)]) == 0
    shown = capsys.readouterr().out
    assert "-flow.log_prob(x)" in shown
    assert "reaches" in shown


def test_explain_as_json_holds_the_matrix_and_the_cost(good, capsys):
    assert main(["explain", str(good), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["gradients"] == {"stage1": {"update1": {"nll": {"flow": "reaches"}}}}
    assert said["cost"]["parameters"]["flow"] > 0


def test_the_code_that_explain_prints_is_python(good, capsys):
    assert main(["explain", str(good), "--code"]) == 0
    shown = capsys.readouterr().out
    compile(shown, "explained", "exec")
    assert "def stage1_update1(" in shown
    assert "def sample_default(" in shown


def test_explain_gives_the_page_of_a_code(capsys):
    assert main(["explain", "t202"]) == 0
    assert capsys.readouterr().out.startswith("error[T202]")


def test_no_colour_where_no_color_is_set_or_nobody_looks(faulty):
    words = [sys.executable, "-m", "compose", "check", str(faulty)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "\x1b" not in done.stderr


def test_a_plugin_declares_a_block(good, tmp_path, capsys):
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from compose import block\nfrom blocks.flows import RealNVP\n\n"
        "@block('test_plugin.flow')\nclass Mine(RealNVP):\n    '''Mine.'''\n"
    )
    words = ["check", str(good), "--set", "blocks.flow.kind=test_plugin.flow"]
    assert main(words) == 2
    assert main([*words, "--plugin", str(plugin)]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "line"),
    [("import nowhere_at_all", 1), ("x = 1\nx / 0\n", 2), ("def f(:\n", 1), ("import sys\nsys.exit(3)", None)],
)
def test_a_plugin_that_fails_is_told_at_its_line(text, line, tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text(text)
    with pytest.raises(SpecError) as caught:
        load_plugins([plugin])
    (found,) = caught.value.findings
    assert (found.span.line if found.span else None) == line


def test_importing_compose_imports_no_torch():
    code = "import sys, compose; print('torch' in sys.modules, sorted(compose.__all__))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("False")


IMAGES = GOOD.replace(
    "{source: toy.moons, batch_size: 32, size: 200}", "{source: idx, batch_size: 32, root: nowhere, dequantize: 256}"
)


def test_a_spec_is_checked_without_its_files_and_run_with_them_only(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "images.yaml"
    path.write_text(IMAGES)
    assert main(["check", str(path)]) == 0
    shown = capsys.readouterr().err
    assert "warning[R140]" in shown
    assert "no errors, 1 warning" in shown
    assert main(["explain", str(path)]) == 0
    assert "1 x 28 x 28" in capsys.readouterr().out
    assert main(["run", str(path)]) == 2
    shown = capsys.readouterr().err
    assert "error[R141]" in shown
    assert "R140" not in shown
    assert "images.yaml:4:" in shown
    assert "train-images-idx3-ubyte" in shown
    assert "--set data.root=FOLDER" in shown
    assert [one.name for one in tmp_path.iterdir()] == ["images.yaml"]


def test_what_is_wrong_with_a_spec_is_told_without_its_files_too(tmp_path, capsys):
    path = tmp_path / "images.yaml"
    path.write_text(IMAGES.replace("flow.log_prob(x)", "flo.log_prob(x)"))
    assert main(["check", str(path)]) == 2
    assert "`flow`" in capsys.readouterr().err


@pytest.mark.parametrize(("batch", "status"), [(100, 0), (101, 2)])
def test_a_batch_larger_than_the_data_is_told_without_loading_them(batch, status, tmp_path, capsys):
    path = tmp_path / "spec.yaml"
    path.write_text(
        f"compose: 1\ndata: {{source: toy.moons, size: 100, batch_size: {batch}}}\n"
        "blocks:\n  energy: {kind: energy.mlp}\nstages:\n  - steps: 1\n    minimize:\n      e: energy(x) ** 2\n"
    )
    assert main(["check", str(path)]) == status
    shown = capsys.readouterr().err
    assert ("error[R101]" in shown and "at most 100" in shown) == bool(status)
