"""`--fix`: what is safe is mended in the text itself, and nothing else of it changes."""

import json
import stat

import pytest

from benchmarks.mutations.judging import library, say
from benchmarks.mutations.typos import mutants
from compose.cli import main
from compose.diagnostics import Edit, Finding, Span
from compose.fixes import foreseen, mended, settled
from compose.spec.loading import SECTIONS

GOOD = """\
compose: 1
name: spec
data: {source: toy.moons, batch_size: 32}   # two moons
blocks:
  energy: {kind: energy.mlp, hidden: [8]}
stages:
  - steps: 1
    minimize:
      loss: energy(x) ** 2
"""
WRONG = {  # what is safe to mend -> how it is spoilt
    "a key": ("batch_size", "batch_sise"),
    "a section": ("stages:", "Stages:"),
    "an option": ("hidden", "hiden"),
    "a kind": ("energy.mlp", "enrgy.mlp"),
    "a name": ("energy(x)", "enery(x)"),
    "a source": ("toy.moons", "toy.mons"),
    "an equals sign": ("name: spec", "name= spec"),
    "a blank": ("name: spec", "name:spec"),
    "a comma": ("toy.moons, ", "toy.moons "),
    "a power": ("**", "^"),
    "a tab": ("  energy:", "\tenergy:"),
    "a minus": ("energy(x) ** 2", "energy(x) ** 2 − 1"),
}


def fixed(text: str, file: str = "spec.yaml") -> str:
    return settled(text, file, lambda text: say(text, file))[0]


@pytest.mark.parametrize("what", WRONG)
def test_what_is_safe_is_mended(what):
    right, wrong = WRONG[what]
    spoilt = GOOD.replace(right, wrong, 1)
    assert spoilt != GOOD
    assert fixed(spoilt) == GOOD.replace("** 2", "** 2 - 1" if what == "a minus" else "** 2")


def test_mistakes_that_hide_each_other_are_mended_one_after_the_other():
    text = GOOD
    for right, wrong in WRONG.values():
        text = text.replace(right, wrong, 1)
    assert fixed(text) == GOOD.replace("** 2", "** 2 - 1") or text.count("−") == 0


def test_an_expression_that_a_comma_cuts_is_quoted():
    text = GOOD.replace("loss: energy(x) ** 2", "loss: {value: squared_error(energy(x), 0 * energy(x)), every: 2}")
    mended_text = fixed(text)
    assert '{value: "squared_error(energy(x), 0 * energy(x))", every: 2}' in mended_text
    assert not [found for found in say(mended_text, "spec.yaml") if found.severity == "error"]


@pytest.mark.parametrize("wrong", ["ecoder(x)", "gravity(x)", "nrg(x)"])
def test_what_may_mean_two_things_or_none_is_left(wrong):
    text = GOOD.replace("blocks:", "blocks:\n  encoder: {kind: encoder.mlp}\n  decoder: {kind: decoder.mlp}")
    text = text.replace("energy(x)", wrong)
    assert wrong in fixed(text)


def test_edits_that_meet_are_not_both_made_and_stale_ones_are_not_made():
    span = Span("f", 1, 1, 1, 4)
    assert mended("abc def", [Edit(span, "x", "abc"), Edit(span, "y", "abc")]) == ("x def", 1)
    assert mended("abc def", [Edit(span, "x", "other")]) == ("abc def", 0)
    assert mended("a\r\nb\r\n", [Edit(Span("f", 2, 1, 2, 2), "c", "b")]) == ("a\r\nc\r\n", 1)


def test_a_file_is_mended_in_place_with_its_comments_line_ends_and_mode(tmp_path, capsys):
    path = tmp_path / "spec.yaml"
    wrong = "\ufeff" + GOOD.replace("hidden", "hiden").replace("\n", "\r\n")
    path.write_bytes(wrong.encode())
    path.chmod(0o640)
    assert main(["check", str(path), "--fix"]) == 0
    assert path.read_bytes() == ("\ufeff" + GOOD.replace("\n", "\r\n")).encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert "no errors" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["spec.yaml"]


def test_diff_shows_what_would_change_and_writes_nothing(tmp_path, capsys):
    path = tmp_path / "spec.yaml"
    path.write_text(GOOD.replace("hidden", "hiden"))
    assert main(["check", str(path), "--diff"]) == 2
    out = capsys.readouterr().out
    assert "-  energy: {kind: energy.mlp, hiden: [8]}\n+  energy: {kind: energy.mlp, hidden: [8]}" in out
    assert "hiden" in path.read_text(encoding="utf-8")


def test_a_file_that_is_only_extended_is_not_touched(tmp_path):
    base, own = tmp_path / "base.yaml", tmp_path / "own.yaml"
    base.write_text(GOOD.replace("hidden", "hiden"))
    own.write_text("compose: 1\nextends: base.yaml\nname: own\n")
    assert main(["check", str(own), "--fix"]) == 2
    assert "hiden" in base.read_text()
    assert own.read_text() == "compose: 1\nextends: base.yaml\nname: own\n"


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_edits_are_exported(form, tmp_path, capsys):
    path = tmp_path / "spec.yaml"
    path.write_text(GOOD.replace("hidden", "hiden"))
    assert main(["check", str(path), "--format", form]) == 2
    assert '"hidden"' in json.dumps(json.loads(capsys.readouterr().out))


def test_typing_mistakes_in_the_keys_of_the_language_are_mended_to_the_byte():
    kinds = ("delete", "insert", "replace", "swap")
    keys = (m for m in mutants(library(), 800, seed=4) if m.key and m.word in SECTIONS and m.kind in kinds)
    chosen = [mutant for mutant, _ in zip(keys, range(24), strict=False)]
    restored = [fixed(mutant.text, mutant.file) == library()[mutant.file] for mutant in chosen]
    assert len(chosen) == 24
    assert sum(restored) >= 0.9 * len(chosen), [m.shown for m, right in zip(chosen, restored, strict=True) if not right]


HIDDEN = """\
compose: 1
name: spec
data: {source: toy.mons batch_size: 32}
blocks:
  encoder: {kind: encoder.mpl, latnet: 2}
  energy: {kind: energy.mlp}
stages:
  - steps: 1
    minimize:
      loss: enrgy(encoder(x)) ^ 2
      other: square_norm(encoder)
"""


def test_a_check_tells_at_their_places_what_the_fixes_would_mend_one_after_the_other(tmp_path, capsys):
    path = tmp_path / "spec.yaml"
    path.write_text(HIDDEN)
    assert main(["check", str(path), "--json"]) == 2
    told = json.loads(capsys.readouterr().out)["findings"]
    lines = HIDDEN.split("\n")
    seen = {(found["line"], lines[found["line"] - 1][found["column"] - 1 :].split(" ")[0]) for found in told}
    wanted = {(3, "batch_size:"), (3, "toy.mons"), (5, "encoder.mpl,"), (5, "latnet:"), (10, "enrgy(encoder(x))")}
    assert wanted | {(10, "^"), (11, "encoder)")} == seen


def test_a_place_in_a_mended_text_is_found_in_the_text_before():
    text = "a: 1\nbb: 22\nccc: 333\n"

    def found(text):
        at = text.find("333")
        first = () if "22, " in text else (Edit(Span("f", 2, 5, 2, 7), "22, ", "22"), Edit(Span("f", 1, 1, 1, 2), ""))
        line = text[:at].count("\n") + 1
        column = at - text.rfind("\n", 0, at)
        return [Finding("Y999", span=Span("f", line, column, line, column + 3), message=str(bool(first)), fix=first)]

    (later,) = foreseen(text, "f", found(text), found)
    assert (later.span.line, later.span.column, later.span.end_column) == (3, 6, 9)


def test_no_other_round_begins_once_looking_ahead_took_its_time(monkeypatch):
    clock, looks = [0.0], []

    def found(text):
        clock[0] += 0.3
        looks.append(text)
        return [Finding("Y999", span=Span("f", 1, 1, 1, 2), message=text, fix=(Edit(Span("f", 1, 1, 1, 1), "a"),))]

    monkeypatch.setattr("compose.fixes.process_time", lambda: clock[0])
    assert len(foreseen("b", "f", found("b"), found)) == 2
    assert looks == ["b", "ab", "aab"]
