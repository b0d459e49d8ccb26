"""One spec through every door: text, JSON, the structured form, and a change of one value, say the same."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from compose.diagnostics import SpecError
from compose.spec import dump_json, dump_yaml, edit, load_spec, parse_spec, spec_from_data
from compose.spec.writing import to_data, write_yaml
from tests.compose.written_specs import EXPRESSIONS, specs
from tests.house.sources import ROOT

LIBRARY = sorted((ROOT / "specs").rglob("*.yaml"))
many = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def readable(data):
    """The spec of this data; data that clash are no example."""
    try:
        return spec_from_data(data)
    except SpecError:
        assume(False)


def named(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.relative_to(ROOT / "specs").as_posix())


@given(specs())
@many
def test_every_form_of_a_spec_is_the_same_spec(data):
    spec = readable(data)
    for text in (dump_yaml(spec), dump_json(spec), dump_json(spec, structured=True), write_yaml(to_data(spec, True))):
        again = parse_spec(text)
        assert again == spec, text
        assert again.hash() == spec.hash()
        assert dump_yaml(again) == dump_yaml(spec)


@pytest.mark.parametrize("term", ["freeze(~x)", "sg(sg(x))", "~2", "freeze(f)(x)", "-1", "true", "'a'", "[1, x]"])
def test_a_term_of_any_form_is_the_same_term(term):
    spec = parse_spec(f"compose: 1\nstages:\n  - steps: 1\n    minimize:\n      a: {term}\n")
    assert parse_spec(dump_json(spec, structured=True)) == spec


@named(LIBRARY)
def test_every_form_of_a_spec_of_the_library_is_the_same_spec(path):
    spec = load_spec(path)
    for text in (dump_yaml(spec), dump_json(spec), dump_json(spec, structured=True)):
        assert parse_spec(text).hash() == spec.hash()


def test_most_random_specs_can_be_read():
    read, seen = [], []

    @given(specs())
    @settings(max_examples=100, database=None, derandomize=True, deadline=None)
    def count(data):
        seen.append(data)
        read.append(readable(data))

    count()
    assert len(read) > 0.8 * len(seen)


def places(data, path=()):
    """The path of every value."""
    if path:
        yield path
    inside = data.items() if isinstance(data, Mapping) else enumerate(data) if isinstance(data, list) else ()
    for step, part in inside:
        yield from places(part, (*path, step))


def changed(data, path, value):
    if not path:
        return value
    made = dict(data) if isinstance(data, Mapping) else list(data)
    made[path[0]] = changed(data[path[0]], path[1:], value)
    return made


def comments(text):
    return [line.rsplit("  # ", 1)[1] for line in text.split("\n") if "  # note " in line]


VALUES = (
    st.integers(1, 99)
    | st.sampled_from([0.5, True, "a b", "x: y", "# no", "", "f(x, y)", "[1]", "- a", None])
    | st.lists(st.integers(0, 3), max_size=2)
    | st.just({"a": 1, "b c": [2]})
    | st.just([{"steps": 1}])
    | EXPRESSIONS
)


@given(st.sampled_from(LIBRARY), st.data(), VALUES)
@many
def test_an_edit_changes_one_value_and_nothing_else(path, draw, value):
    from compose.expressions import unparse
    from compose.positions import loads

    text = "\n".join(
        f"{line}  # note {at}" if line.strip() and not line.startswith("#") else line
        for at, line in enumerate(path.read_text().split("\n"))
    )
    data = loads(text).data
    where = draw.draw(st.sampled_from(sorted(places(data), key=str)))
    made = edit(text, where, value)
    plain = value if isinstance(value, int | float | str | list | dict | None) else unparse(value)
    assert repr(loads(made).data) == repr(changed(data, where, plain))
    old = loads(text).node(where)
    kept = text[: old.start].rstrip().rpartition("\n")[0]
    assert made.startswith(kept)
    assert made.endswith(text[old.end :])
    outside = [note for note in comments(text) if note not in comments(text[old.start - 1 : old.end])]
    assert set(outside) - set(comments(made)) <= set(comments(text[len(kept) : old.start]))


@given(specs(), st.data(), VALUES.filter(lambda value: not hasattr(value, "span")))
@many
def test_an_edit_of_json_is_json(data, draw, value):
    text = json.dumps(data, indent=draw.draw(st.sampled_from([None, 2])))
    where = draw.draw(st.sampled_from(sorted(places(data), key=str)))
    assert repr(json.loads(edit(text, where, value))) == repr(changed(data, where, value))


ADDED = {
    "a key of a mapping": ("a:\n  b: 1  # one\nc: 2\n", "a.d", 3, "a:\n  b: 1  # one\n  d: 3\nc: 2\n"),
    "a key in brackets": ("a: {b: 1}  # one\n", "a.d", "x, y", 'a: {b: 1, d: "x, y"}  # one\n'),
    "a key in empty brackets": ("a: {}\n", "a.d", 1, "a: {d: 1}\n"),
    "a section": ("a: 1\n# end\n", "run", {"seed": 3}, "a: 1\nrun:\n  seed: 3\n# end\n"),
    "a key of JSON": ('{"a": {"b": 1}}', "a.d", "x", '{"a": {"b": 1, "d": "x"}}'),
    "the last line has no end": ("a: 1", "b", 2, "a: 1\nb: 2"),
    "what was empty": ("a:\nb: 1\n", "a", 2, "a: 2\nb: 1\n"),
    "a function by its name": ("f(a, b):\n  c: 1\n", "f.c", "g(a)", "f(a, b):\n  c: g(a)\n"),
    "a stage by its name": ("s:\n  - name: a\n    n: 1\n", "s.a.n", 2, "s:\n  - name: a\n    n: 2\n"),
}


@pytest.mark.parametrize(("text", "path", "value", "made"), ADDED.values(), ids=ADDED.keys())
def test_what_is_edited(text, path, value, made):
    assert edit(text, path, value) == made


@pytest.mark.parametrize(
    ("text", "path"), [("a: 1\n", "b.c"), ("a: [1]\n", "a.1"), ("a: &q {c: 1}\nb: *q\n", "b.c"), ("a: 1\n", "a.b")]
)
def test_an_edit_of_what_is_not_there_is_a_finding(text, path):
    with pytest.raises(SpecError) as caught:
        edit(text, path, 2)
    assert [found.code for found in caught.value.findings] == ["Y332"]
