"""Findings: stamping, order, drawing and data."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose.diagnostics import CODES, Edit, Finding, Note, Span, SpecError, finding, nearest, render, to_json


def test_a_wording_is_stamped_and_its_docstring_becomes_the_page():
    @finding("X901", "warning")
    def wording(span: Span) -> Finding:
        """The page."""
        return Finding(span=span, message="m", help="h")

    made = wording(Span("f", 1, 1, 1, 2))
    assert (made.code, made.severity, made.message) == ("X901", "warning", "m")
    assert CODES.pop("X901").page == "The page."


def test_a_code_taken_twice_is_refused():
    @finding("X902", "error")
    def first() -> Finding:
        """A page."""
        return Finding()

    with pytest.raises(ValueError, match="X902"):

        @finding("X902", "error")
        def second() -> Finding:
            """Another page."""
            return Finding()

    CODES.pop("X902")


def test_a_wording_without_a_page_is_refused():
    with pytest.raises(ValueError, match="docstring"):

        @finding("X903", "error")
        def wording() -> Finding:
            return Finding()


def test_every_code_has_a_page_with_a_wrong_and_a_right_example():
    import compose.spec  # noqa: F401  declares the codes

    assert len(CODES) > 60
    for code in CODES.values():
        assert "Wrong:" in code.page, code.code
        assert "Right:" in code.page, code.code


def test_a_finding_is_drawn_with_its_lines_notes_and_help():
    source = "graph:\n  z: encoder(x\n"
    found = Finding("N101", "error", Span("a.yaml", 2, 14, 2, 15), "a `)` is missing", "add `)`",
                    (Note(Span("a.yaml", 2, 13, 2, 14), "opened here"),))  # fmt: skip
    assert render([found], {"a.yaml": source}).split("\n") == [
        "error[N101]: a `)` is missing",
        " --> a.yaml:2:14",
        "  |",
        "2 |   z: encoder(x",
        "  |              ^",
        "  |             - opened here",
        "  = help: add `)`",
    ]


def test_notes_in_another_file_are_shown_with_that_file():
    found = Finding("N1", "error", Span("b", 1, 1, 1, 2), "m", "h", (Note(Span("a", 2, 1, 2, 3), "there"),))
    drawn = render([found], {"a": "x\nyy\n", "b": "z"})
    assert "::: a:2:1" in drawn
    assert "-- there" in drawn


def test_colours_change_nothing_but_colours():
    import re

    found = Finding("N1", "warning", Span("b", 1, 3, 1, 5), "m", "h")
    plain, painted = render([found], {"b": "a bcd"}), render([found], {"b": "a bcd"}, color=True)
    assert "\x1b" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == plain


def test_carets_stand_below_wide_characters_and_tabs():
    drawn = render([Finding("N1", "error", Span("b", 1, 4, 1, 5), "m", "h")], {"b": "\t世x!"}).split("\n")
    assert drawn[3].index("!") + 1 == drawn[4].index("^")  # the wide character takes two columns


def test_findings_are_sorted_by_place_and_told_once():
    late, early = (
        Finding("B", "error", Span("f", 9, 1, 9, 2), "late", ""),
        Finding("A", "error", Span("f", 1, 1, 1, 2), "early", ""),
    )
    assert SpecError([late, early, late]).findings == (early, late)
    assert render([late, early], {}).index("early") < render([late, early], {}).index("late")


def test_json_has_exactly_the_promised_shape():
    fix = (Edit(Span("f", 1, 2, 1, 3), "new", "old"),)
    found = Finding("N1", "hint", Span("f", 1, 2, 3, 4), "m", "h", (Note(Span("g", 5, 6, 7, 8), "n"),), fix)
    assert json.loads(json.dumps(to_json([found]))) == {
        "version": 1,
        "findings": [{"code": "N1", "severity": "hint", "file": "f", "line": 1, "column": 2, "end_line": 3,
                      "end_column": 4, "message": "m", "help": "h",
                      "related": [{"file": "g", "line": 5, "column": 6, "end_line": 7, "end_column": 8,
                                   "message": "n"}],
                      "fix": [{"file": "f", "line": 1, "column": 2, "end_line": 1, "end_column": 3,
                               "replacement": "new"}]}],
    }  # fmt: skip


def test_a_finding_without_a_place_has_none_in_json():
    assert to_json([Finding("N1", "error", None, "m", "h")])["findings"][0]["line"] is None


@pytest.mark.parametrize(
    ("name", "candidates", "found"),
    [
        ("detach", ("sigmoid", "sg"), "sg"),
        ("stop_gradient", ("sg",), "sg"),
        ("critic", ("encoder.mlp", "discriminator.mlp"), "discriminator.mlp"),
        ("kl_divergence", ("kl", "mse"), "kl"),
        ("realnvp", ("flow.realnvp", "flow.glow"), "flow.realnvp"),
        ("encoder.infgan", ("decoder.infogan", "encoder.infogan"), "encoder.infogan"),
        ("flows.realnvp", ("flow.realnvp",), "flow.realnvp"),
        ("minimise", ("maximize", "minimize"), "minimize"),
        ("Encoder", ("encoder",), "encoder"),
        ("zzz", ("encoder",), None),
    ],
)
def test_the_nearest_name_is_found(name, candidates, found):
    assert nearest(name, candidates) == found


@given(st.text(max_size=40), st.integers(1, 5), st.integers(1, 50), st.integers(0, 3), st.integers(1, 50))
def test_every_span_can_be_drawn(text, line, column, more, end):
    span = Span("f", line, column, line + more, end if more else max(column, end))
    assert "error[N1]" in render([Finding("N1", "error", span, "m", "h", (Note(span, "n"),))], {"f": text})


@pytest.mark.parametrize("module", ["diagnostics", "positions", "expressions"])
def test_the_front_imports_neither_torch_nor_pydantic(module):
    code = f"import sys, compose.{module}; sys.exit(bool({{'torch', 'pydantic'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_spec_imports_no_torch():
    code = "import sys, compose.spec; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_finding_is_printed_as_the_command_line_shows_it_and_is_short_in_a_list(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text("a: b\n")
    found = Finding("X903", "error", Span(str(path), 1, 4, 1, 5), "no `b`", "write `c`")
    assert str(found) == render([found], {str(path): "a: b\n"})
    assert "1 | a: b" in str(found)
    assert repr([found]) == f"[<{path}:1:4: error[X903]: no `b`>]"
    path.unlink()
    assert str(found) == render([found], {})
