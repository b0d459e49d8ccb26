"""Expressions: the grammar, its printer, the structured form, places, and every refusal."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compose.diagnostics import Span, SpecError
from compose.expressions import (
    Argument,
    Attribute,
    Binary,
    Boolean,
    Call,
    Compare,
    Draw,
    Hole,
    Name,
    Negative,
    Number,
    Sequence,
    Text,
    from_structured,
    is_structured,
    parse,
    to_structured,
    unparse,
    walk,
)

NAMES = st.sampled_from(["x", "z", "x_hat", "prior", "energy", "normal", "sg", "freeze", "ema", "truely"])
ATOMS = (
    NAMES.map(Name)
    | st.integers(0, 10**6).map(Number)
    | st.floats(0, 1e300).map(lambda value: Number(abs(value)))
    | st.booleans().map(Boolean)
    | st.text("ab' (,", max_size=4).map(Text)
    | st.just(Hole())
)


def _larger(inner):
    arguments = st.tuples(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=2)).map(
        lambda both: (
            tuple(Argument(None, value) for value in both[0]) + tuple(Argument(*pair) for pair in both[1].items())
        )
    )
    compare = st.builds(Compare, st.sampled_from(["<", "<=", ">", ">=", "=="]), inner, inner)
    where = st.builds(
        lambda c, a, b: Call(Name("where"), (Argument(None, c), Argument(None, a), Argument(None, b))),
        compare,
        inner,
        inner,
    )
    return (
        st.builds(Call, inner, arguments)
        | st.builds(
            Call, st.sampled_from([Name("sg"), Name("freeze")]), inner.map(lambda value: (Argument(None, value),))
        )
        | st.builds(Attribute, inner, NAMES)
        | st.builds(Binary, st.sampled_from(["+", "-", "*", "/", "//", "**"]), inner, inner)
        | st.builds(Negative, inner)
        | st.builds(Draw, inner)
        | st.lists(inner, min_size=1, max_size=3).map(lambda items: Sequence(tuple(items)))
        | where
    )


EXPRESSIONS = st.recursive(ATOMS, _larger, max_leaves=14)


@given(EXPRESSIONS)
@settings(max_examples=500)
def test_what_is_printed_parses_to_the_same(expression):
    assert parse(unparse(expression)) == expression


@given(EXPRESSIONS)
@settings(max_examples=500)
def test_the_structured_form_says_the_same(expression):
    assert from_structured(to_structured(expression)) == expression


@given(EXPRESSIONS)
def test_every_pair_of_brackets_printed_is_needed(expression):
    text = unparse(expression)
    for at, sign in enumerate(text):
        if sign == "(" and "'" not in text and (at == 0 or not (text[at - 1].isalnum() or text[at - 1] in "_)]")):
            level, end = 0, at
            for end in range(at, len(text)):
                level += (text[end] == "(") - (text[end] == ")")
                if level == 0:
                    break
            if isinstance(parse(text[at : end + 1]), Number):
                continue  # (1).x, whose dot would be a decimal one
            bare = text[:at] + " " + text[at + 1 : end] + " " + text[end + 1 :]
            with contextlib.suppress(SpecError):
                assert parse(bare) != expression, bare


@given(EXPRESSIONS)
def test_every_part_stands_where_its_own_text_is(expression):
    text = unparse(expression)
    for part in walk(parse(text)):
        span = part.span
        assert unparse(part) == text[span.column - 1 : span.end_column - 1]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("-x**2", "-(x**2)"),
        ("a - b - c", "(a - b) - c"),
        ("a ** b ** c", "a ** (b ** c)"),
        ("2 ** -1", "2 ** (-1)"),
        ("-a * b", "(-a) * b"),
        ("a + b * c", "a + (b * c)"),
        ("a / b / c", "(a / b) / c"),
        ("~m.noise", "~(m.noise)"),
        ("~chain.step(x, t)", "~(chain.step(x, t))"),
        ("-~m", "-(~m)"),
        ("a * -b", "a * (-b)"),
        ("a // b * c", "(a // b) * c"),
        ("freeze(energy)(gen)", "(freeze(energy))(gen)"),
        ("~m ** 2", "(~m) ** 2"),
        ("--a", "-(-a)"),
    ],
)
def test_operators_bind_as_the_grammar_says(text, same):
    assert parse(text) == parse(same)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a - (b - c)", "a - b - c"),
        ("(-x) ** 2", "-x ** 2"),
        ("(~m).x", "~m.x"),
        ("1", "1.0"),
        ("x", "'x'"),
        ("true", "1"),
        ("(a ** b) ** c", "a ** b ** c"),
        ("a / (b * c)", "a / b * c"),
    ],
)
def test_what_differs_is_not_equal(one, other):
    assert parse(one) != parse(other)


def test_equal_sub_expressions_are_equal_wherever_they_stand():
    left, right = walk(parse("energy(x)")), walk(parse("   energy( x )"))
    assert list(left) == list(right)
    assert len({parse("f(x) + 1"), parse("f(x)+1")}) == 1


def test_walk_goes_from_parents_to_children_from_left_to_right():
    assert [unparse(part) for part in walk(parse("f(a, k=b).c - 1"))] == [
        "f(a, k=b).c - 1",
        "f(a, k=b).c",
        "f(a, k=b)",
        "f",
        "a",
        "b",
        "1",
    ]


def test_the_structured_form_of_the_design():
    form = {
        "call": "squared_error",
        "of": [{"node": "x_hat"}, {"node": "x", "stop_gradient": True}],
        "with": {"weight": 2},
    }
    assert to_structured(parse("squared_error(x_hat, sg(x), weight=2)")) == form
    assert unparse(from_structured(form)) == "squared_error(x_hat, sg(x), weight=2)"
    assert (
        unparse(from_structured({"call": {"node": "energy", "freeze": True}, "of": ["gen"]})) == "freeze(energy)(gen)"
    )
    assert (
        unparse(from_structured({"stop_gradient": True, "node": "m", "draw": True, "freeze": True})) == "sg(~freeze(m))"
    )
    assert unparse(from_structured({"value": {"node": "m", "stop_gradient": True}, "draw": True})) == "~sg(m)"
    assert unparse(from_structured(-2.5)) == "-2.5"


@pytest.mark.parametrize(
    ("data", "yes"),
    [
        ({"call": "f", "of": []}, True),
        ({"z": "~prior", "x": "f(z)"}, False),
        ({"value": "x"}, False),
        ({"node": "x", "edge": "y"}, False),
        ({"node": "x", "draw": True}, True),
        ({"value": "x", "every": 2}, False),
        ({"value": "x", "draw": True}, True),
        ("x", False),
    ],
)
def test_a_program_is_told_from_a_structured_form(data, yes):
    assert is_structured(data) is yes


@pytest.mark.parametrize(
    "data",
    [
        {"call": "f", "off": []},
        {"node": 3},
        {"operator": "+", "of": [1]},
        {"operator": "%", "of": [1, 2]},
        {"call": "f", "node": "x"},
        {"node": "x", "draw": 1},
        {},
        [],
        None,
        {"field": "a b", "of": "x"},
        {"call": "f", "with": {"true": 1}},
        {"node": "a..b"},
        {"compare": "<"},
        float("nan"),
        {"call": "f", "of": 3},
        {"node": ""},
    ],
)
def test_a_broken_structured_form_is_a_finding(data):
    with pytest.raises(SpecError):
        from_structured(data)


REFUSED = {  # text -> code, what is underlined, what the notes underline
    "a % b": ("Y201", "%", ()),
    "a − b": ("Y201", "−", ()),
    "kl(q, normal": ("Y202", "", ("(",)),
    "f(x))": ("Y203", ")", ("f(x)",)),
    "[1, 2)": ("Y204", ")", ("[",)),
    "x -": ("Y205", "", ()),
    "f(a,)": ("Y205", ",)", ()),
    "a * / b": ("Y205", "/", ()),
    "()": ("Y205", "()", ()),
    "  ": ("Y206", "  ", ()),
    "2 x": ("Y207", "x", ("2",)),
    "f(a b)": ("Y207", "b", ("a",)),
    "1 + (a < b)": ("Y208", "a < b", ()),
    "where(1, a < b, 2)": ("Y208", "a < b", ()),
    "max(a < b, 1)": ("Y208", "a < b", ()),
    "where(a < b < c, 1, 2)": ("Y209", "<", ()),
    "x ^ 2": ("Y210", "^", ()),
    "z = f(x)": ("Y211", "=", ()),
    "where(a != b, 1, 2)": ("Y212", "!=", ()),
    "f(a=1, b)": ("Y213", "b", ("a=1",)),
    "f(a=1, a=2)": ("Y214", "a=2", ("a=1",)),
    "f(2=x)": ("Y215", "2", ()),
    "prior.(z)": ("Y216", "(", ()),
    "~~x": ("Y217", "~", ()),
    "f('a": ("Y218", "'a", ()),
    'f("a")': ("Y219", '"', ()),
    "1e999": ("Y220", "1e999", ()),
    "007": ("Y221", "007", ()),
    "+x": ("Y222", "+", ()),
    "x, y": ("Y223", ",", ()),
    "f(a = b = c)": ("Y211", "=", ("(",)),
    "x if y": ("Y207", "if", ("x",)),
    "energyx) - energy(y)": ("Y203", ")", ("energyx",)),
    "a - tiltgan, c(_))": ("Y203", ")", ("a - tiltgan, c(_)",)),
    "f(x]": ("Y204", "]", ("(",)),
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_syntax_error_has_its_code_and_its_place(text):
    code, meant, noted = REFUSED[text]
    with pytest.raises(SpecError) as caught:
        parse(text)
    (found,) = caught.value.findings
    assert found.code == code
    assert text[found.span.column - 1 : found.span.end_column - 1] == meant
    assert tuple(text[note.span.column - 1 : note.span.end_column - 1] for note in found.notes) == noted
    assert found.help


def test_a_missing_bracket_is_placed_at_the_end():
    with pytest.raises(SpecError) as caught:
        parse("kl(q, normal  ")
    assert caught.value.findings[0].span.column == len("kl(q, normal") + 1


def test_all_misplaced_comparisons_are_told():
    with pytest.raises(SpecError) as caught:
        parse("(a < b) + (c > d)")
    assert len(caught.value.findings) == 2


def test_a_comparison_may_be_the_condition_of_where():
    assert isinstance(parse("where(a <= b, 1, 2)").arguments[0].value, Compare)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 200_000,
        "[" * 5000 + "1",
        "-" * 5000 + "x",
        "f(" * 5000,
        "+".join("x" * 5000),
        "x" + ".a" * 5000,
        "x" + "()" * 5000,
        "2**" * 5000 + "1",
        "~(" * 5000,
    ],
)
def test_depth_is_bounded_by_a_finding(text):
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert [found.code for found in caught.value.findings] in (["Y224"], ["Y225"])


@pytest.mark.parametrize(
    "text", ["(" * 60 + "x" + ")" * 60, "-" * 60 + "x", "+".join("x" * 60), "f(" * 30 + "x" + ")" * 30]
)
def test_what_is_within_the_bound_goes_through_every_pass(text):
    made = parse(text)
    assert from_structured(to_structured(made)) == parse(unparse(made)) == made
    assert hash(made) == hash(parse(text))


def test_the_structured_form_is_bounded_too():
    data: object = "x"
    for _ in range(40):
        data = {"value": data, "draw": True, "freeze": True, "stop_gradient": True}
    with pytest.raises(SpecError) as caught:
        from_structured(data)
    assert caught.value.findings[0].code == "Y224"


def test_places_come_from_the_locator():
    made = parse("a + b", lambda start, end: Span("f", 7, 10 + start, 7, 10 + end))
    assert made.right.span == Span("f", 7, 14, 7, 15)
    assert made.span == Span("f", 7, 10, 7, 15)
    assert parse("f(key=x)").arguments[0].span == Span("<expression>", 1, 3, 1, 8)


@given(st.text("ab1.()[]+-*/~<>=,'_ e", max_size=25) | st.text(max_size=15))
@settings(max_examples=600)
def test_any_text_is_parsed_or_refused(text):
    try:
        made = parse(text)
    except SpecError as problem:
        assert problem.findings
    else:
        assert parse(unparse(made)) == made
