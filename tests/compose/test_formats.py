"""Findings for other programs: what SARIF requires, what GitHub's runner decodes, and text for every kind of stream."""

import io
import json
import re
import sys

import pytest

from compose.cli.messages import complain, in_colour
from compose.diagnostics import Edit, Finding, Note, Span, render
from compose.formats import as_github, as_sarif
from compose.spec import findings as say

SPAN = Span("a b/spec.yaml", 2, 3, 2, 8)
FOUND = say.unknown_key(SPAN, "stges", "a spec", ("stages", "graph"))
NOWHERE = Finding("Y301", "hint", None, "50% of this,\nor: that", "help")


def sarif(*found: Finding) -> dict:
    return json.loads(as_sarif(found))


def test_sarif_has_every_property_that_its_schema_requires():
    log = sarif(FOUND, NOWHERE)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "compose"
    for result in run["results"]:
        assert result["message"]["text"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert run["columnKind"] == "unicodeCodePoints"  # columns count characters


def test_a_rule_of_sarif_is_the_page_of_the_code():
    (rule,) = sarif(FOUND)["runs"][0]["tool"]["driver"]["rules"]
    assert rule["id"] == "Y301"
    assert rule["name"] == "UnknownKey"
    assert rule["shortDescription"]["text"] == "A key has no meaning where it stands."
    assert "Right: `stages:`." in rule["help"]["text"]


def test_a_result_of_sarif_has_its_place_its_notes_and_its_fix():
    found = Finding("Y301", "warning", SPAN, "m", "h", (Note(SPAN, "there"),), (Edit(SPAN, "new", "old"),))
    (result,) = sarif(found)["runs"][0]["results"]
    region = {"startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 8}
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "a%20b/spec.yaml"}, "region": region,
    }  # fmt: skip
    assert result["relatedLocations"][0]["message"] == {"text": "there"}
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["replacements"] == [{"deletedRegion": region, "insertedContent": {"text": "new"}}]


def decoded(text: str) -> str:
    """As the runner does it: `%` last."""
    for code, sign in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, sign)
    return text


def test_a_workflow_command_is_decoded_to_what_was_said():
    found = Finding("Y301", "error", Span("odd, name: 100%.yaml", 2, 3, 2, 8), "50% of this,\nor: that", "help")
    line = as_github([found])
    assert "\n" not in line
    command, properties, message = re.fullmatch(r"::(\w+) (.*?)::(.*)", line).groups()
    assert command == "error"
    assert decoded(message) == "50% of this,\nor: that; help"
    values = dict(part.split("=", 1) for part in properties.split(","))
    assert {key: decoded(value) for key, value in values.items()} == {
        "file": "odd, name: 100%.yaml", "line": "2", "endLine": "2", "col": "3", "endColumn": "8",
        "title": "compose Y301",
    }  # fmt: skip


def test_a_workflow_command_for_several_lines_has_no_columns():
    line = as_github([Finding("Y301", "hint", Span("f", 1, 5, 3, 2), "m")])
    assert line.startswith("::notice file=f,line=1,endLine=3,title=")
    assert as_github([Finding("Y301", "hint", Span("f", 1, 5, 3, 2), "m")]).startswith(
        "::notice file=f,line=1,endLine=3"
    )


LONG = Finding("N101", "error", Span("f", 1, 150, 1, 156), "word " * 30, "word " * 40)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_text_keeps_to_the_width_of_the_terminal(width):
    drawn = render([LONG], {"f": "x" * 300}, width=width)
    assert max(len(line) for line in drawn.split("\n")) <= width
    assert "^^^^^^" in drawn
    assert " ".join(drawn.split()).count("word") == 70  # wrapped, not cut


def test_text_for_a_stream_without_the_characters_keeps_its_columns():
    found = Finding("N1", "error", Span("f", 1, 4, 1, 5), "m", "h")
    drawn = render([found], {"f": "αβ z"}, encoding="ascii").split("\n")
    assert drawn[3].endswith("?? z")
    assert drawn[3].index("z") == drawn[4].index("^")


class Terminal(io.StringIO):
    def __init__(self, tty: bool):
        super().__init__()
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty


@pytest.mark.parametrize(
    ("tty", "environment", "coloured"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (False, {"CLICOLOR_FORCE": "1"}, True),
        (False, {"CLICOLOR_FORCE": "0"}, False),
        (True, {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colours_are_for_terminals_unless_the_environment_says_otherwise(monkeypatch, tty, environment, coloured):
    for name in ("NO_COLOR", "CLICOLOR_FORCE", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert in_colour(Terminal(tty)) is coloured


def test_nothing_is_raised_on_a_stream_of_another_encoding(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding="ascii", errors="strict"))
    complain([Finding("N1", "error", Span("f", 1, 1, 1, 2), "β is wrong", "h")], {"f": "β"})
    sys.stderr.flush()
    assert b"? is wrong" in raw.getvalue()
