"""The way out of a mistake that one place has caused: what the help says, and which places are shown."""

from pathlib import Path

import pytest

from compose.spec import load_spec
from tests.findings.test_findings import CATALOGUE, check

FINDINGS = Path(__file__).parent.parent / "findings"


def told(name, code):
    """The only finding of that code in a broken spec of `tests/findings`, and the lines of its notes."""
    spec = load_spec(FINDINGS / f"{name}.yaml")
    (found,) = [found for found in check(spec, CATALOGUE)[1] if found.code == code]
    return found, [note.span.line for note in found.notes]


@pytest.mark.parametrize(("name", "way"), [
    ("T280_of_a_function", "`fake: ~denoise(x_t, t)`"),
    ("T280_of_a_time_step", "`t: ~chain.timestep`"),
    ("T280_of_a_result", "`x_prev: ~chain.posterior(x0, x_t, t)`"),
])  # fmt: skip
def test_a_forgotten_draw_is_written_on_its_own_line(name, way):
    assert way in told(name, "T280")[0].help


def test_what_a_function_was_given_undrawn_is_shown_inside_it_too():
    assert told("T280_through_a_function", "T280")[1] == [10, 23]


def test_an_encoder_without_a_law_is_one_cause_that_names_the_option():
    found, lines = told("T201_without_output", "T201")
    assert "encoder: {.., output: normal}" in found.help
    assert lines == [4, 14]
    assert "decoder: {.., output: normal}" in told("T201_without_output", "N102")[0].help


def test_a_stopped_term_names_the_stop_and_its_place():
    found, lines = told("G103_stopped_reconstruction", "G103")
    assert "`sg` stops the gradient" in found.message
    assert lines == [found.span.line]


def test_an_inverted_contrast_names_the_dynamics_and_the_other_side():
    spec = load_spec(FINDINGS / "G289_inverted_contrast.yaml")
    notes = [note.span.line for f in check(spec, CATALOGUE)[1] if f.code == "G289" for note in f.notes]
    assert notes == [18, 22, 17, 30, 19, 37, 21, 41, 20, 45]
