"""The pages of the codes: a wrong spec is wrong in this way alone, where it says; a right one checks and runs."""

import json
import shlex

import pytest
import torch

from blocks.registry import BLOCKS
from compose.cli import main
from compose.cli.checking import check
from compose.cli.explaining import said_of, typed
from compose.cli.plugins import load_plugins
from compose.diagnostics import text_lines
from compose.pages import FOLDER, Mark, page, summaries
from compose.spec import load_spec
from runners.launch import Order, examine, shortened, train
from tests.thinning import thinned

CODES = summaries()
PAGES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
RAN = set()  # right specs that many pages share are run once


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def placed(found, sources):
    """What a finding underlines, as a mark in a file."""
    span = found.span
    if span is None or span.file not in sources:
        return None, Mark(0, found.severity, found.code, None)
    line = text_lines(sources[span.file])[span.line - 1]
    end = span.end_column - 1 if span.end_line == span.line else None
    return span.file, Mark(span.line, found.severity, found.code, line[span.column - 1 : end])


def loose(places, like):
    """Places without the text where the mark at the same place says none."""
    texts = {(file, mark[:3]): mark.text for file, mark in like}
    return [(f, m if texts.get((f, m[:3])) is not None else m._replace(text=None)) for f, m in places]


@pytest.mark.parametrize("code", PAGES)
def test_the_prose_says_more_than_the_headline_in_a_few_lines(code):
    prose = page(code).prose
    lines = prose.split("\n")
    assert 2 <= len(lines) <= 6
    assert max(map(len, lines)) <= 120
    assert prose.endswith(".")
    assert CODES[code].rstrip(".") not in prose


@pytest.mark.parametrize("code", PAGES)
def test_the_wrong_case_is_told_this_alone_and_where_it_is_marked(code):
    wrong = page(code).wrong
    findings, sources = said_of(wrong)
    assert [found.code for found in findings] == [code]
    assert findings[0].message
    assert findings[0].help
    found = [placed(each, sources) for each in findings]
    if wrong.marks or found[0][0] in wrong.files:
        assert loose(found, wrong.marks) == list(wrong.marks)


@pytest.mark.parametrize("code", thinned(PAGES, every=3))
def test_the_right_case_is_told_nothing_and_runs(code, tmp_path, monkeypatch, capsys):
    right = page(code).right
    if (key := (right.command, right.before, tuple(right.files.items()))) in RAN:
        return
    monkeypatch.chdir(tmp_path)
    right.write(tmp_path)
    if right.before:
        assert typed(right.before) == 0
    _, command, *words = shlex.split(right.command)
    if command != "check":
        assert typed(right.command) == 0
        assert "[" not in capsys.readouterr().err
    else:
        asked = check.make_context("check", words).params
        with BLOCKS.forgetting():
            load_plugins(asked["plugins"])
            composition, findings = examine(shortened(load_spec(asked["specs"][0], asked["settings"])), to_run=True)
            assert findings == []
            train(composition.spec, composition, Order(out=tmp_path / "run", quiet=True))
    RAN.add(key)


def test_explain_shows_the_prose_both_specs_and_what_is_said_now(capsys):
    assert main(["explain", "g101"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"error[G101]: {CODES['G101'].rstrip('.')}\n")
    assert " ".join(page("G101").prose.split()) in " ".join(shown.split())
    assert "--> spec.yaml:" in shown
    assert "^^^" in shown
    assert "# error" not in shown
    assert "\x1b" not in shown
    assert shown.index("\nwrong\n") < shown.index("-->") < shown.index("\nright\n")


def test_explain_as_json_holds_the_page(capsys):
    assert main(["explain", "G101", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["code"] == "G101"
    assert told["findings"][0]["code"] == "G101"
    assert told["wrong"]["files"]["spec.yaml"] != told["right"]["files"]["spec.yaml"]


def test_a_misspelt_code_is_answered_with_the_nearest(capsys):
    for wrong, right in {"G110": "G101", "t2o2": "T202", "Y12": "Y121"}.items():
        assert main(["explain", wrong]) == 2
        assert f"`compose explain {right}`" in capsys.readouterr().err


def test_codes_are_listed_with_what_they_say(capsys):
    assert main(["list", "codes", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert list(listed) == sorted(listed)
    assert listed["T202"].startswith("A tilted or conditioned model is drawn")
