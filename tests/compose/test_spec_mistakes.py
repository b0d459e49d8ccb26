"""Specs with mistakes: each is told once, where it stands, in the user's words."""

import textwrap

import pytest

from compose.diagnostics import SpecError, text_lines
from compose.expressions import parse
from compose.spec import (
    evaluate_constant,
    parse_spec,
)
from tests.compose.design_examples import DDGAN, cut


def wrong(text: str, file: str = "<text>", overrides: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """The code of every finding and the first line of what it underlines."""
    with pytest.raises(SpecError) as caught:
        parse_spec(textwrap.dedent(text), file, overrides)
    lines = {name: text_lines(source) for name, source in caught.value.sources.items()}
    return [
        (
            each.code,
            lines[each.span.file][each.span.line - 1][each.span.column - 1 :][
                : each.span.end_column - each.span.column
            ],
        )
        for each in caught.value.findings
    ]


def helps(text: str) -> str:
    """The messages and ways out of all findings."""
    with pytest.raises(SpecError) as caught:
        parse_spec(textwrap.dedent(text))
    return "\n".join(f"{each.message}: {each.help}" for each in caught.value.findings)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("TT + 1", "Y312"),
        ("sqrt(4)", "Y313"),
        ("T.x", "Y313"),
        ("T / 0", "Y314"),
        ("10 ** 10 ** 10", "Y314"),
        ("2.0 ** 5000", "Y314"),
        ("(-8) ** 0.5", "Y314"),
        ("name + 1", "Y316"),
        ("flag", "Y316"),
        ("0 ** -1", "Y314"),
        ("~T", "Y313"),
        ("9 ** 99 ** 99", "Y314"),
    ],
)
def test_what_is_no_constant_is_a_placed_finding(text, code):
    with pytest.raises(SpecError) as caught:
        evaluate_constant(parse(text), {"T": 4, "name": "x", "flag": True})
    assert caught.value.findings[0].code == code
    assert caught.value.findings[0].help


MISTAKES = {  # what is wrong -> (text, every finding: its code and what it underlines)
    "unknown key": ("compose: 1\nstage: []", [("Y301", "stage")]),
    "missing version": ("name: x", [("Y302", "name")]),
    "version": ("compose: 2", [("Y306", "2")]),
    "version, true": ("compose: true", [("Y306", "true")]),
    "block without kind": ("compose: 1\nblocks:\n  a: {latent: 3}", [("Y302", "a")]),
    "block, kind misspelt": ("compose: 1\nblocks:\n  a: {knd: x, latent: 3}", [("Y301", "knd")]),
    "block as text": ("compose: 1\nblocks:\n  a: encoder.mlp", [("Y303", "encoder.mlp")]),
    "block name": ("compose: 1\nblocks:\n  my-a: {kind: x}", [("Y304", "my-a")]),
    "python's word": ("compose: 1\ngraph:\n  lambda: f(x)", [("Y304", "lambda")]),
    "empty line": ("compose: 1\ngraph:\n  z:", [("Y305", "z")]),
    "no stages": ("compose: 1\nstages:", [("Y303", "stages")]),
    "stages as mapping": ("compose: 1\nstages: {steps: 1}", [("Y303", "stages")]),
    "stage without length": ("compose: 1\nstages:\n  - minimize: {a: f(x)}", [("Y302", "minimize")]),
    "stage with both lengths": (
        "compose: 1\nstages:\n  - {steps: 1, epochs: 2, minimize: {a: x}}",
        [("Y307", "steps")],
    ),
    "stage that does nothing": ("compose: 1\nstages:\n  - steps: 1", [("Y309", "steps")]),
    "stage and update": (
        "compose: 1\nstages:\n  - steps: 1\n    train: [a]\n    updates: [{train: [b], minimize: {a: x}}]",
        [("Y308", "train")],
    ),
    "two stages of a name": ("compose: 1\nstages:\n- &s {name: a, steps: 1, minimize: {b: x}}\n- *s", [("Y310", "a")]),
    "epochs as text": ("compose: 1\nstages:\n  - {epochs: many, minimize: {a: x}}", [("Y312", "many")]),
    "epochs as list": ("compose: 1\nstages:\n  - {epochs: [1], minimize: {a: x}}", [("Y303", "[1]")]),
    "epochs as truth": ("compose: 1\nstages:\n  - {epochs: true, minimize: {a: x}}", [("Y303", "true")]),
    "half an epoch": ("compose: 1\nstages:\n  - {epochs: 1 / 2, minimize: {a: x}}", [("Y317", "1 / 2")]),
    "no steps": ("compose: 1\nstages:\n  - {steps: 0, minimize: {a: x}}", [("Y317", "0")]),
    "infinite": ("compose: 1\nstages:\n  - {steps: .inf, minimize: {a: x}}", [("Y317", ".inf")]),
    "train as text": ("compose: 1\nstages:\n  - {steps: 1, train: a, minimize: {a: x}}", [("Y303", "a")]),
    "decay": ("compose: 1\nstages:\n  - {steps: 1, ema: {a: 1}, minimize: {a: x}}", [("Y317", "1")]),
    "batch": ("compose: 1\nstages:\n  - {steps: 1, batch: nxt, minimize: {a: x}}", [("Y318", "nxt")]),
    "syntax": ("compose: 1\ngraph:\n  z: >\n    encoder(x) +\n    energy(x", [("Y202", "")]),
    "two syntax errors": ("compose: 1\ngraph: {a: f(x, b: x ^ 2}", [("Y202", ""), ("Y210", "^")]),
    "lines of a program": ("compose: 1\nmodels:\n  m:\n    a: f(\n    b: g)", [("Y205", ""), ("Y203", ")")]),
    "parameters": ("compose: 1\nmodels:\n  f(x + 1): x", [("Y311", "f(x + 1)")]),
    "parameter twice": ("compose: 1\nmodels:\n  f(x, x): x", [("Y311", "f(x, x)")]),
    "definition twice": ("compose: 1\nmodels:\n  f(x): x\n  f: y", [("Y310", "f")]),
    "param as list": ("compose: 1\nparams: {a: [1]}", [("Y303", "[1]")]),
    "params in a circle": ("compose: 1\nparams: {a: b + 1, b: a + 1}", [("Y315", "b + 1")]),
    "param unknown": ("compose: 1\nparams: {a: 1, b: a * cc}", [("Y312", "cc")]),
    "param, its cause told once": ("compose: 1\nparams: {a: 1, b: a / 0}\nrun: {seed: b}", [("Y314", "a / 0")]),
    "run": ("compose: 1\nrun: {seed: -1, devise: cpu}", [("Y317", "-1"), ("Y301", "devise")]),
    "data as text": ("compose: 1\ndata: digits", [("Y303", "digits")]),
    "data without source": ("compose: 1\ndata: {batch_size: 3}", [("Y302", "data")]),
    "name with a slash": ("compose: 1\nname: a/b", [("Y303", "a/b")]),
    "cut, and more": (
        "compose: 1\nstages:\n- {steps: 1, minimize: {a: f(x, y), b: z}, evry: 2}",
        [("Y112", "f(x, y)"), ("Y301", "evry")],
    ),
    "structured": ("compose: 1\ngraph:\n  a: {call: kl, off: [q]}", [("Y251", "off")]),
    "a list as spec": ("- compose: 1", [("Y303", "- compose: 1")]),
}


@pytest.mark.parametrize(("text", "found"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_once_where_it_stands(text, found):
    assert wrong(text) == found


def test_all_independent_mistakes_come_together():
    text = """\
    compose: 1
    nme: x
    blocks:
      a: {latent: 1}
    graph:
      z: f(
    stages:
      - {steps: 0, minimize: {a: x ^ 2}}
    samplers: 3
    """
    assert [code for code, _ in wrong(text)] == ["Y301", "Y302", "Y205", "Y317", "Y210", "Y303"]


def test_unknown_keys_name_the_nearest():
    assert "did you mean `minimize`?" in helps("compose: 1\nstages:\n  - {steps: 1, minimise: {a: x}, write: {m: x}}")
    assert "did you mean `stages`?" in helps("compose: 1\ntraining: []")
    assert "did you mean `T` here" in helps("compose: 1\nparams: {T: 1}\nstages:\n  - {steps: TT, minimize: {a: x}}")


def test_no_message_speaks_pydantic():
    for text, _ in MISTAKES.values():
        for word in ("Input should", "valid ", "pydantic", "dict", "str ", "tuple", "NoneType"):
            assert word not in helps(text)


@pytest.mark.parametrize(
    ("setting", "code", "meant"),
    [
        ("params.TT=8", "Y332", "TT"),
        ("stages.3.steps=1", "Y332", "3"),
        ("steps", "Y331", "steps"),
        ("stages.0.stps=1", "Y301", "stps"),
        ("blocks.crtic.hidden=1", "Y332", "crtic"),
        ("stages.0.steps=many", "Y312", "many"),
        ("graph.fake.x=1", "Y332", "x"),
        ("graph.fake=f(", "Y205", ""),
        ("=3", "Y331", "=3"),
        ("params.T=[1", "Y123", "["),
        ("samplers.nothing=", "Y332", "nothing"),
        ("nme=x", "Y301", "nme"),
        ("params.T=a: b: c", "Y125", ":"),
    ],
)
def test_a_bad_setting_is_a_finding_on_the_command_line(setting, code, meant):
    with pytest.raises(SpecError) as caught:
        parse_spec(DDGAN, overrides=("name=fine", setting))
    (found,) = caught.value.findings
    assert (found.code, found.span.file, found.span.line) == (code, "--set", 2)
    assert cut(caught.value.sources["--set"], found.span) == meant


def test_a_bad_setting_names_the_nearest():
    with pytest.raises(SpecError) as caught:
        parse_spec(DDGAN, overrides=("params.gama=8", "blocks.crtic.hidden=1"))
    assert [found.help for found in caught.value.findings] == ["did you mean `gamma`?", "did you mean `critic`?"]
