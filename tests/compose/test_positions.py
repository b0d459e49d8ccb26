"""Positions: the data of a text, where its parts stand, and what is refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compose.diagnostics import Span, SpecError, text_lines
from compose.positions import load, loads


def cut(source: str, span: Span) -> str:
    """The text that a span means."""
    lines = [line + "\n" for line in text_lines(source)][span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "".join(lines)


def codes(text: str) -> list[str]:
    """The codes found in a text."""
    with pytest.raises(SpecError) as caught:
        loads(text)
    return [found.code for found in caught.value.findings]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("y", "y"), ("1e-3", 1e-3), ("0o17", 15), ("0x1F", 31), ("017", 17),
        ("1_000", "1_000"), ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("~prior", "~prior"),
        ("1.", 1.0), (".5", 0.5), ("-3", -3), ("'1'", "1"), ('"true"', "true"), ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        (".inf", float("inf")), ("1e5", 1e5), ("-prior.log_prob(z)", "-prior.log_prob(z)"), ("=", "="), ("<<", "<<"),
    ],
)  # fmt: skip
def test_scalars_follow_the_core_schema(text, value):
    read = loads(f"a: {text}").data["a"]
    assert read == value
    assert type(read) is type(value)


def test_keys_and_values_have_their_place():
    source = "a:\n  b: 12\nc: [1, {d: x}]\n"
    document = loads(source, "f.yaml")
    assert document.span(("a", "b")) == Span("f.yaml", 2, 6, 2, 8)
    assert document.span(("a", "b"), key=True) == Span("f.yaml", 2, 3, 2, 4)
    assert cut(source, document.span(("c", 1, "d"))) == "x"
    assert cut(source, document.span(("c", 1))) == "{d: x}"
    assert cut(source, document.span(("c",))) == "[1, {d: x}]"
    assert document.raw(("a", "b")) == "12"


def test_a_path_that_is_not_there_has_the_place_of_the_deepest_part_that_is():
    assert loads("a:\n  b: 12\n").span(("a", "zz", 3)) == Span("<text>", 1, 1, 1, 2)


SCALARS = {
    "plain": "k: f(alpha, beta)",
    "single": "k: 'f(alpha, beta)'",
    "double": 'k: "f(alpha, beta)"',
    "single, doubled quote": "k: 'g(''t'') + f(alpha, beta)'",
    "double, escapes": r'k: "\x66(\u0061lpha, \"q\" beta)"',
    "double, a pair": r'k: "f(alpha, \ud83d\ude00beta)"',
    "plain over lines": "k: f(alpha,\n     beta)",
    "single over lines": "k: 'f(alpha,\n\n     beta)'",
    "double over lines": 'k: "f(alpha, \\\n     beta)"',
    "folded": "k: >-\n  f(alpha,\n  beta)\n",
    "folded, comment": "k: > # why\n  f(alpha,\n\n  beta)\n",
    "folded, indented more": "k: >\n  f(\n    alpha,\n    beta)\n",
    "literal": "k: |\n  f(\n     alpha, beta)\n",
    "literal, indented": "k: |2-\n    f(alpha,\n  beta)\n",
    "anchored": "k: &here f(alpha, beta)",
    "carriage returns": "k: >\r\n  f(alpha,\r\n  beta)\r\n",
    "wide": "k: 世(é) * f(alpha, beta)",
    "in brackets": "{k: [1, 'f(alpha, beta)']}",
    "json": '{"a": 1,\n\t"k": "f(alpha, beta)"}',
}


@pytest.mark.parametrize("source", SCALARS.values(), ids=SCALARS.keys())
@pytest.mark.parametrize("word", ["beta", "beta)"])
def test_words_within_a_scalar_are_found_where_they_stand(source, word):
    document = loads(source)
    path = ("k", 1) if "[1" in source else ("k",)
    at = document.raw(path).index(word)
    assert cut(source.replace("\r\n", "\n"), document.text_span(path, at, at + len(word))) == word


def test_the_end_of_a_text_is_the_place_behind_it():
    assert loads("k: 'ab'").text_span(("k",), 2, 2) == Span("<text>", 1, 7, 1, 7)
    assert loads("k: >\n  ab\n  cd\n").text_span(("k",), 5, 5) == Span("<text>", 3, 5, 3, 5)


def test_words_within_a_key_are_found():
    source = "models:\n  denoise(x_t, t): x\n"
    assert cut(source, loads(source).text_span(("models", "denoise(x_t, t)"), 13, 14, key=True)) == "t"


WORDS = st.lists(st.text("abcxyz()+*,.=", min_size=1, max_size=6), min_size=1, max_size=8)


@given(WORDS, st.sampled_from(["folded", "literal", "single", "double", "plain"]), st.data())
def test_every_word_of_every_style_is_found(words, style, data):
    joint = [data.draw(st.sampled_from([" ", "\n  "])) for _ in words[1:]]
    body = "".join(word + gap for word, gap in zip(words, [*joint, ""], strict=True))
    wrap = {"folded": ">-\n  {}", "literal": "|-\n  {}", "single": "'{}'", "double": '"{}"', "plain": "z{}"}[style]
    source = f"k: {wrap.format(body)}\n"
    document = loads(source)
    text, at = document.raw(("k",)), int(style == "plain")
    for word in words:
        at = text.index(word, at)
        assert cut(source, document.text_span(("k",), at, at + len(word))) == word
        at += len(word)


REFUSED = {
    "Y103": "a: \0", "Y104": "# nothing\n", "Y105": "compose 1", "Y106": "a: 1\n---\nb: 2",
    "Y107": "%YAML 1.1\n---\na: 1",
    "Y108": "a: !!int 1", "Y109": "a: 1\na: 2", "Y110": "1: a", "Y111": "{a, b: 1}",
    "Y112": "{value: squared_error(x_hat, x), every: 2}", "Y113": "a: &a [*a]", "Y114": "a: *b", "Y116": "[" * 200_000,
    "Y117": r'a: "\ud83d"', "Y118": f"a: {'9' * 5000}", "Y121": "a:\n\tb: 1", "Y122": "a:\n  b: 1\n c: 2",
    "Y123": "a: [1, 2\n", "Y124": "a: @x", "Y125": "a: b: c", "Y126": "a: * 2", "Y127": "a: - y", "Y128": "a: 'b' c",
    "Y129": r'a: "\U0011FFFF"',
}  # fmt: skip


@pytest.mark.parametrize(("code", "text"), REFUSED.items(), ids=REFUSED.keys())
def test_what_is_no_yaml_or_too_much_of_it_is_refused_by_code(code, text):
    assert codes(text) == [code]


@pytest.mark.parametrize(("source", "whole"), [
    ("a:\n  b: {value: squared_error(x_hat, x), every: 2}", "squared_error(x_hat, x)"),
    ("b: {real: f(x, y, z), fake: 1}", "f(x, y, z)"),
    ("b: [f(x, y), g(z)]", "f(x, y)"),
    ("b: {v: f([1, 2], x), w: 2}", "f([1, 2], x)"),
    ("b: {v: f(x,\n  y), w: 2}", "f(x,\n  y)"),
])  # fmt: skip
def test_a_cut_expression_is_underlined_whole(source, whole):
    with pytest.raises(SpecError) as caught:
        loads(source)
    (found,) = caught.value.findings
    assert found.code == "Y112"
    assert cut(source, found.span) == whole


def test_two_expressions_cut_in_one_mapping_are_two_findings():
    assert codes("{a: f(x, y), b: g(x, y), c: 1}") == ["Y112", "Y112"]


def test_the_note_of_a_duplicate_shows_the_first():
    with pytest.raises(SpecError) as caught:
        loads("a: 1\nb: 2\na: 3\n")
    (found,) = caught.value.findings
    assert (found.span.line, found.notes[0].span.line) == (3, 1)


def test_independent_findings_come_together():
    assert codes("a: 1\na: 2\n3: 4\nb: !x 5\n") == ["Y109", "Y110", "Y108"]


def test_aliases_are_allowed_and_bounded():
    assert loads("a: &a [1, 2]\nb: *a\n").data == {"a": [1, 2], "b": [1, 2]}
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    assert codes(bomb) == ["Y115"]


def test_broken_utf8_and_missing_files_are_findings(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(SpecError) as caught:
        load(file)
    assert (caught.value.findings[0].code, caught.value.findings[0].span.line) == ("Y102", 2)
    for missing in (tmp_path / "nothing.yaml", tmp_path):
        with pytest.raises(SpecError) as caught:
            load(missing)
        assert caught.value.findings[0].code == "Y101"


def test_a_byte_order_mark_moves_no_column(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert load(file).span(("a",), key=True).column == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"]), max_size=12),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text("abc_", min_size=1, max_size=5), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), JSON, min_size=1),
    st.sampled_from([None, 2, "\t"]),
    st.booleans(),
)
@settings(max_examples=200)
def test_json_is_read_as_json(data, indent, escaped):
    assert loads(json.dumps(data, indent=indent, ensure_ascii=escaped), "a.json").data == data


@given(st.text(st.sampled_from(list("ab:{}[],&*!|>'\"%@`#-?~ \n\t\\0x()=.")), max_size=40) | st.text(max_size=20))
@settings(max_examples=600)
def test_any_text_is_read_or_refused_with_placed_findings(text):
    try:
        loads(text)
    except SpecError as problem:
        assert problem.findings
        for found in problem.findings:
            assert found.span.line <= len(text_lines(text)) + 1
