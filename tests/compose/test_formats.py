"""Findings for other programs: what SARIF requires, what GitHub's runner decodes, and text for every kind of stream.

`sarif-schema-2.1.0.json` is the schema of the standard, as OASIS publishes it (oasis-tcs/sarif-spec, Schemata).
"""

import io
import json
import re
import sys
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from compose.cli import main
from compose.cli.messages import MOST, complain, in_colour
from compose.diagnostics import CODES, Edit, Finding, Note, Span, render
from compose.formats import as_github, as_sarif
from compose.spec import findings as say

SPAN = Span("a b/spec.yaml", 2, 3, 2, 8)
FOUND = say.unknown_key(SPAN, "stges", "a spec", ("stages", "graph"))
NOWHERE = Finding("Y301", "hint", None, "50% of this,\nor: that", "help")


def sarif(*found: Finding) -> dict:
    return json.loads(as_sarif(found))


SCHEMA = Path(__file__).with_name("sarif-schema-2.1.0.json")


@pytest.fixture(scope="module")
def standard():
    return Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_a_log_of_every_code_satisfies_the_schema_of_sarif(standard):
    notes, fix = (Note(SPAN, "there"),), (Edit(SPAN, "new", "old"),)
    found = [Finding(code, held.severity, SPAN, "m", "h", notes, fix) for code, held in CODES.items()]
    log = sarif(FOUND, NOWHERE, *found)
    standard.validate(log)
    [run] = log["runs"]
    assert run["columnKind"] == "unicodeCodePoints"  # columns count characters
    for result in run["results"]:  # what no schema can say
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


@pytest.mark.parametrize("text", ["compose: 1\nstges: 1\n", "a: [\n", ""])
def test_what_check_writes_as_sarif_satisfies_the_schema(text, standard, tmp_path, capsys):
    (tmp_path / "a spec.yaml").write_text(text)
    assert main(["check", str(tmp_path), "--format", "sarif"]) == 2
    log = json.loads(capsys.readouterr().out)
    standard.validate(log)
    assert log["runs"][0]["results"]


def test_the_schema_refuses_what_is_no_log(standard):
    log = sarif(FOUND)
    log["runs"][0]["results"][0]["level"] = "hint"
    assert not standard.is_valid(log)


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


@pytest.mark.parametrize(
    ("given", "in_message", "in_property"),
    [
        ("100%", "100%25", "100%25"),
        ("a\r\nb", "a%0D%0Ab", "a%0D%0Ab"),
        ("a: b, c", "a: b, c", "a%3A b%2C c"),
        ("%0A", "%250A", "%250A"),  # `%` first, or it would be decoded to a line's end
        ("::error::", "::error::", "%3A%3Aerror%3A%3A"),
    ],
)
def test_a_workflow_command_is_escaped_as_the_runner_documents(given, in_message, in_property):
    """Source: GitHub's actions/toolkit, `escapeData` and `escapeProperty` of packages/core/src/command.ts."""
    line = as_github([Finding("Y301", "error", Span(given, 1, 1, 1, 2), given)])
    assert line == f"::error file={in_property},line=1,endLine=1,col=1,endColumn=2,title=compose Y301::{in_message}"


def test_a_workflow_command_for_several_lines_has_no_columns():
    line = as_github([Finding("Y301", "hint", Span("f", 1, 5, 3, 2), "m")])
    assert line.startswith("::notice file=f,line=1,endLine=3,title=")


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


def many(file: str, count: int) -> list[Finding]:
    return [Finding("Y301", "warning", Span(file, line, 1, line, 2), "m") for line in range(1, count + 1)]


def test_of_a_file_with_many_findings_the_first_are_shown_and_the_others_counted(capsys):
    last = Finding("Y302", "error", Span("a", 3000, 1, 3000, 2), "m")
    complain([*many("a", 2000), last, *many("b", MOST)], {})
    said = capsys.readouterr().err
    assert said.count("--> a:") == said.count("--> b:") == MOST
    assert "error[Y302]" in said, "errors are shown before warnings"
    assert f"... and {2001 - MOST:,} more in a; `compose check a --json` lists them all" in said
    assert "more in b" not in said


@pytest.mark.parametrize("form", ["json", "sarif", "github"])
def test_other_programs_are_given_all_findings(form, tmp_path, capsys):
    path = tmp_path / "many.yaml"
    path.write_text("compose: 1\n" + "".join(f"key{number}: 1\n" for number in range(100)))
    assert main(["check", str(path), "--format", form]) == 2
    assert capsys.readouterr().out.count("is no key of a spec") == 100
