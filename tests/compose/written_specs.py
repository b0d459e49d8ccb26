"""Strategies for specs: expressions of every form, params, blocks, programs, functions, stages, updates."""

import keyword

from hypothesis import strategies as st

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
    unparse,
)
from compose.expressions.structured import HEADS

__all__ = ["EXPRESSIONS", "IDENTIFIERS", "specs"]

WORDS = ["x", "z", "x_hat", "prior", "energy", "critic", "normal", "T", "beta", "neg", "q", "c", "it", "draft", "data"]
IDENTIFIERS = st.sampled_from(WORDS) | st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True).filter(
    lambda word: word not in (*HEADS, "true", "false", "_") and not keyword.iskeyword(word)
)
NAMES = IDENTIFIERS | st.sampled_from(
    ["lambda", "class", "Block", "_x", "__len__"]
)  # in expressions any word may stand
ATOMS = (
    NAMES.map(Name)
    | st.integers(0, 10**6).map(Number)
    | st.floats(0, 1e300).map(lambda value: Number(abs(value)))
    | st.booleans().map(Boolean)
    | st.text("ab' (,:#\"", max_size=4).map(Text)
    | st.just(Hole())
)


def _call(function, positional, named):
    return Call(
        function,
        tuple(Argument(None, value) for value in positional) + tuple(Argument(*pair) for pair in named.items()),
    )


def _larger(inner):
    compare = st.builds(Compare, st.sampled_from(["<", "<=", ">", ">=", "=="]), inner, inner)
    return (
        st.builds(_call, inner, st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=2))
        | st.builds(_call, st.sampled_from([Name("sg"), Name("freeze")]), st.tuples(inner), st.just({}))
        | st.builds(_call, st.just(Name("where")), st.tuples(compare, inner, inner), st.just({}))
        | st.builds(Attribute, inner, NAMES)
        | st.builds(Binary, st.sampled_from(["+", "-", "*", "/", "//", "**"]), inner, inner)
        | st.builds(Negative, inner)
        | st.builds(Draw, inner)
        | st.lists(inner, min_size=1, max_size=3).map(lambda items: Sequence(tuple(items)))
    )


EXPRESSIONS = st.recursive(ATOMS, _larger, max_leaves=8)
LINES = EXPRESSIONS.map(unparse)
RAW = st.recursive(
    st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(IDENTIFIERS, inner, max_size=2),
    max_leaves=4,
)
OPTIONS = st.dictionaries(st.sampled_from(["latent", "hidden", "output", "steps", "a b", "lambda"]), RAW, max_size=3)
POSITIVE = st.integers(1, 10**4)


def tables(values, least=0, most=3):
    """Names to values."""
    return st.dictionaries(IDENTIFIERS, values, min_size=least, max_size=most)


def functions(values):
    """A key with parameters, some with defaults, to a value."""
    parameters = st.lists(IDENTIFIERS, min_size=1, max_size=3, unique=True)
    keys = st.builds(
        lambda name, before, after, default: (
            f"{name}({', '.join([*before, *(f'{one}={default}' for one in after if one not in before)])})"
        ),
        IDENTIFIERS,
        parameters,
        st.lists(IDENTIFIERS, max_size=1),
        LINES,
    )
    return st.dictionaries(keys, values, max_size=1)


def _unclashing(parts):
    """Definitions without two of the same name."""
    plain, made = parts
    taken = {key.split("(")[0] for key in made}
    return {key: value for key, value in plain.items() if key not in taken} | made


BODIES = LINES | tables(LINES, least=1)
DEFINITIONS = st.tuples(tables(BODIES), functions(BODIES)).map(_unclashing)
TERMS = LINES | st.fixed_dictionaries({"value": LINES, "every": POSITIVE})
RATES = st.floats(1e-6, 1.0) | LINES
OPTIMIZERS = st.builds(
    lambda options, kind, lr, blocks: {**options, "kind": kind, "lr": lr, "blocks": blocks},
    st.dictionaries(st.sampled_from(["betas", "eps"]), st.floats(0, 1) | st.lists(st.floats(0, 1)), max_size=1),
    st.sampled_from(["adam", "sgd"]),
    RATES,
    tables(st.fixed_dictionaries({}, optional={"lr": RATES, "weight_decay": st.floats(0, 1)}), most=2),
)
OF_AN_UPDATE = {
    "train": st.lists(IDENTIFIERS, min_size=1, max_size=3),
    "maximize": tables(TERMS, most=1),
    "every": POSITIVE,
    "times": POSITIVE,
    "batch": st.sampled_from(["same", "next"]),
}
OF_BOTH = {
    "monitor": tables(LINES),
    "optimizer": OPTIMIZERS,
    "gradients": st.fixed_dictionaries({"norm": st.floats(0.1, 9)}),
    "project": tables(RAW, most=1),
    "ema": tables(st.floats(0, 0.99)),
    "write": tables(LINES, most=1),
}
OF_A_STAGE = {
    "copy": tables(IDENTIFIERS, most=1),
    "fit": tables(LINES, most=1),
    "shared": st.lists(IDENTIFIERS, min_size=1, max_size=2),
    "mode": tables(st.sampled_from(["train", "eval"]), most=1),
}


def _one_name(update):
    """No term under both `minimize` and `maximize`."""
    up = {key: term for key, term in update.get("maximize", {}).items() if key not in update.get("minimize", {})}
    return {**{key: part for key, part in update.items() if key != "maximize"}, **({"maximize": up} if up else {})}


UPDATES = st.fixed_dictionaries({"minimize": tables(TERMS, 1)}, optional={**OF_AN_UPDATE, **OF_BOTH}).map(_one_name)
LENGTHS = st.sampled_from(["epochs", "steps"]).flatmap(lambda key: st.fixed_dictionaries({key: POSITIVE}))
STAGES = st.builds(
    lambda length, rest, body: {**length, **rest, **body},
    LENGTHS,
    st.fixed_dictionaries({}, optional={**OF_A_STAGE, "name": st.sampled_from(["warm", "main"])}),
    UPDATES | st.fixed_dictionaries({"updates": st.lists(UPDATES, min_size=1, max_size=2)}, optional=OF_BOTH),
)
SOURCES = st.builds(
    lambda options, size: {"source": "digits", "batch_size": size, **options},
    st.dictionaries(st.sampled_from(["size", "root"]), RAW, max_size=1),
    POSITIVE,
)
BLOCKS = st.builds(
    lambda options, known: {"kind": "energy.mlp", **options, **known},
    OPTIONS,
    st.fixed_dictionaries(
        {}, optional={"trainable": st.booleans(), "like": IDENTIFIERS, "weights": st.just({"file": "w.pt"})}
    ),
)


def specs():
    """Plain data of specs that can be read; whether they mean anything is another matter."""
    stages = st.lists(STAGES, max_size=2, unique_by=lambda stage: stage.get("name", id(stage)))
    return st.fixed_dictionaries(
        {"compose": st.just(1)},
        optional={
            "name": st.sampled_from(["glf", "a.b-c"]),
            "params": tables(st.integers(1, 9) | st.floats(0, 1) | st.sampled_from(["word", "2 * 3"]) | st.booleans()),
            "data": SOURCES | st.dictionaries(st.sampled_from(["photos", "paintings"]), SOURCES, min_size=1),
            "blocks": tables(BLOCKS),
            "models": DEFINITIONS,
            "graph": tables(LINES),
            "stages": stages,
            "samplers": DEFINITIONS,
            "evaluate": tables(LINES),
            "run": st.fixed_dictionaries({}, optional={"seed": st.integers(0, 9), "precision": st.just("64")}),
        },
    )
