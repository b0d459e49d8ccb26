"""Specs as others write them: any options are read back, any data is a spec or findings."""

from hypothesis import given, settings
from hypothesis import strategies as st

from compose.diagnostics import SpecError
from compose.spec import (
    dump_yaml,
    parse_spec,
    spec_from_data,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
VALUES = st.recursive(
    st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(TEXTS.filter(lambda key: key not in ("kind", "weights", "trainable", "like")), VALUES, max_size=4)
)
@settings(max_examples=200)
def test_whatever_options_are_written_are_read_back(options):
    if any(key in options for key in ("knd", "type", "class")):
        return
    spec = spec_from_data({"compose": 1, "blocks": {"a": {"kind": "x", **options}}})
    assert spec.blocks["a"].options == options
    assert parse_spec(dump_yaml(spec)).blocks["a"].options == options


@given(
    st.recursive(
        st.sampled_from(["f(x)", "steps", "x ^ 2", "", "a: b", "T"])
        | st.none()
        | st.booleans()
        | st.integers(-2, 3)
        | st.floats(allow_nan=False),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "compose",
                        "name",
                        "params",
                        "data",
                        "blocks",
                        "models",
                        "graph",
                        "stages",
                        "samplers",
                        "evaluate",
                        "run",
                        "source",
                        "kind",
                        "f(x)",
                        "steps",
                        "minimize",
                        "updates",
                        "train",
                        "value",
                        "every",
                        "call",
                        "of",
                        "optimizer",
                        "lr",
                        "ema",
                        "seed",
                        "T",
                        "shared",
                        "fit",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=25,
    )
)
@settings(max_examples=400)
def test_whatever_is_written_is_a_spec_or_placed_findings(data):
    try:
        spec = spec_from_data({"compose": 1, **(data if isinstance(data, dict) else {"stages": data})})
    except SpecError as problem:
        assert all(found.span and found.message and found.help for found in problem.findings)
    else:
        assert parse_spec(dump_yaml(spec)).hash() == spec.hash()
