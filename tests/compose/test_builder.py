"""The Python builder: reads like the spec, says the same, and its mistakes stand at the user's own lines."""

import copy
import inspect
import sys

import pytest
from hypothesis import HealthCheck, assume, given, settings

import compose
from compose.builder import c, to_python
from compose.diagnostics import SpecError
from compose.expressions import parse
from compose.spec import dump_yaml, load_spec, parse_spec, spec_from_data
from tests.compose.written_specs import EXPRESSIONS, specs
from tests.house.sources import ROOT

LIBRARY = sorted((ROOT / "specs").rglob("*.yaml"))
many = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def built(source):
    """The spec that a program builds."""
    names = {}
    exec(compile(source, "<built>", "exec"), names)
    (draft,) = (value for value in names.values() if isinstance(value, c.Draft))
    return draft.spec()


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_the_program_of_a_spec_of_the_library_builds_it(path):
    spec = load_spec(path)
    again = built(to_python(spec))
    assert again == spec.model_copy(update={"extends": None})
    assert again.hash() == spec.hash()
    assert to_python(again) == to_python(spec)


@given(specs())
@many
def test_the_program_of_any_spec_builds_it(data):
    try:
        spec = spec_from_data(data)
    except SpecError:
        assume(False)
    source = to_python(spec)
    assert built(source).hash() == spec.hash(), f"{source}\n{dump_yaml(spec)}"


@pytest.mark.parametrize("term", ["-0", "-0.0", "-1", "--1", "0", "2 * 3", "~2", "-(0) + x"])
def test_a_term_of_numbers_is_kept_as_it_is_written(term):
    spec = parse_spec(f'compose: 1\nstages:\n  - steps: 1\n    minimize:\n      a: "{term}"\n')
    assert built(to_python(spec)).hash() == spec.hash()


@given(EXPRESSIONS)
@settings(max_examples=200, deadline=None)
def test_the_python_of_any_expression_builds_it(expression):
    from compose.builder.speaking import Speaker
    from compose.builder.values import expression_of

    source = Speaker("c", {}).say(expression)
    assert expression_of(eval(source, {"c": c})) == expression, source


def glf():
    """The first system of the thesis."""
    draft = c.Draft("glf", data=c.Data("digits", batch_size=256))
    encoder = draft.blocks.encoder = c.Block("encoder.infogan", latent=20)
    decoder = draft.blocks.decoder = c.Block("decoder.infogan")
    prior = draft.blocks.prior = c.Block("flow.realnvp", couplings=4, hidden=[64, 64])

    @draft.models
    def glf(it):
        it.z = ~prior
        it.x = decoder(it.z)

    z = draft.graph.z = encoder(c.x)
    x_hat = draft.graph.x_hat = decoder(z)
    terms = {"reconstruction": c.squared_error(x_hat, c.x), "prior_nll": -prior.log_prob(c.sg(z))}
    draft.stages.append(c.Stage(epochs=100, minimize=terms))
    draft.samplers.default = ~glf
    return draft


GLF = """\
compose: 1
name: glf
data:
  source: digits
  batch_size: 256
blocks:
  encoder:
    kind: encoder.infogan
    latent: 20
  decoder:
    kind: decoder.infogan
  prior:
    kind: flow.realnvp
    couplings: 4
    hidden: [64, 64]
models:
  glf:
    z: ~prior
    x: decoder(z)
graph:
  z: encoder(x)
  x_hat: decoder(z)
stages:
  - epochs: 100
    minimize:
      reconstruction: squared_error(x_hat, x)
      prior_nll: -prior.log_prob(sg(z))
samplers:
  default: ~glf
"""


def test_a_draft_prints_as_its_spec():
    assert str(glf()) == GLF
    assert glf().spec().hash() == parse_spec(GLF).hash()


def test_a_draft_is_checked_and_explained():
    assert compose.check(glf()) == []
    assert "reaches" in compose.explain(glf())


def test_a_draft_is_run(tmp_path):
    draft = c.Draft("little", data=c.Data("toy.moons", batch_size=32, size=64))
    flow = draft.blocks.flow = c.Block("flow.realnvp", couplings=2, hidden=[8])
    draft.stages.append(c.Stage(steps=1, minimize={"nll": -flow.log_prob(c.x)}))
    draft.samplers.default = ~flow
    assert compose.run(draft, out=tmp_path / "run", quiet=True).finished


WRITTEN = {
    "arithmetic": (lambda: (1 + c.x) * -c.y / 2 - c.x // 3 + 2**c.z, "(1 + x) * -y / 2 - x // 3 + 2 ** z"),
    "a draw": (lambda: ~(c.p.step(c.x) ** 2), "~(p.step(x) ** 2)"),
    "a comparison": (lambda: c.where(c.x < 0, -c.x, c.x == 1), "where(x < 0, -x, x == 1)"),
    "holes and words": (lambda: c.langevin(c.m(c._, 2.0), space="values"), "langevin(m(_, 2.0), space=values)"),
    "a text": (lambda: c.f("a b", c.Text("ab"), True, [1, c.x]), "f('a b', 'ab', true, [1, x])"),
    "a record": (lambda: c.record(z=~c.q, x=c.x).z, "record(z=~q, x=x).z"),
    "words of Python": (lambda: c.Word("lambda")(**{"in": 1}), "lambda(in=1)"),
    "text of the language": (lambda: c.Line("-f(x, y=2)") + 1, "-f(x, y=2) + 1"),
}


@pytest.mark.parametrize(("write", "text"), WRITTEN.values(), ids=WRITTEN.keys())
def test_python_operators_build_the_expression(write, text):
    from compose.builder.values import expression_of

    if text == "where(x < 0, -x, x == 1)":
        assert str(write()) == text
    else:
        assert expression_of(write()) == parse(text)


@pytest.mark.parametrize(
    ("write", "named"),
    [
        (lambda: 0 < c.x < 1, "c.where"),
        (lambda: c.f(None), "None"),
        (lambda: c.f(float("nan")), "nan"),
        (lambda: list(c.x), "iterable"),
        (lambda: c.Block("energy.mlp")(c.x), "no name yet"),
        (lambda: c.Draft("a").models(lambda it: None), "return"),
    ],
)
def test_what_the_language_cannot_say_is_refused_at_once(write, named):
    with pytest.raises(TypeError, match=named):
        write()


def test_a_misspelt_name_of_a_section_is_refused_with_the_nearest():
    draft = glf()
    with pytest.raises(AttributeError, match="`encoder`"):
        draft.blocks.encodr
    with pytest.raises(AttributeError):
        draft.graf = 1
    assert dir(draft.blocks) == ["decoder", "encoder", "prior"]


def test_values_are_copied_by_reference_and_never_asked_for_what_python_asks():
    value = c.x + 1
    assert str(copy.copy(value)) == "x + 1"
    assert {value: 1}[value] == 1


def test_a_value_is_called_by_its_line_from_then_on():
    draft = c.Draft("a")
    noise = draft.graph.noise = ~c.normal
    draft.graph.one = noise + 1
    draft.graph.two = noise
    draft.graph.three = noise
    draft.params.T = 4
    draft.graph.four = draft.params.T * 2
    assert str(draft.graph) == "noise: ~normal\none: noise + 1\ntwo: noise\nthree: noise\nfour: T * 2\n"
    del draft.graph.two
    assert "two" not in str(draft.graph)


def test_a_draw_that_would_become_two_is_refused_at_its_line():
    draft = c.Draft("a")
    noise = ~c.normal
    draft.graph.one = noise + 1
    draft.graph.two = noise * 2
    with pytest.raises(SpecError) as caught:
        draft.spec()
    (found,) = caught.value.findings
    assert found.code == "L122"
    assert underlined(caught.value, found) == "~c.normal"


def underlined(error, found):
    lines = error.sources[found.span.file].split("\n")
    assert found.span.line == found.span.end_line
    return lines[found.span.line - 1][found.span.column - 1 : found.span.end_column - 1]


def faults(change):
    """What is underlined, by code, in a draft that was changed for the worse."""
    draft = glf()
    change(draft)
    found = compose.check(draft)
    sources = draft.spec().sources
    assert {one.span.file for one in found} <= set(sources), found
    return {
        one.code: sources[one.span.file].split("\n")[one.span.line - 1][one.span.column - 1 : one.span.end_column - 1]
        for one in found
    }


def test_findings_stand_at_the_part_of_the_line_of_python():
    def misspelt(draft):
        draft.graph.w = c.tanh(c.encodr(c.x) + 1)
        draft.evaluate.w = c.w

    assert faults(misspelt) == {"N101": "c.encodr"}

    def term(draft):
        draft.stages.append(c.Stage(steps=1, minimize={"a": c.squared_error(c.x, c.z)}))

    assert "c.squared_error(c.x, c.z)" in faults(term).values()

    def option(draft):
        draft.blocks.prior = c.Block("flow.realnvp", coupling=4)

    assert faults(option) == {"N111": "coupling"}

    def unused(draft):
        draft.graph.unused = c.tanh(c.x)

    assert faults(unused) == {"N130": "draft.graph.unused"}


def test_what_cannot_be_read_stands_at_the_line_of_python_too():
    draft = glf()
    draft.stages.append(c.Stage(epochs=1, steps=2, minimize={"a": c.x}))
    with pytest.raises(SpecError) as caught:
        draft.spec()
    (found,) = caught.value.findings
    assert underlined(caught.value, found) == "steps"
    assert "tests/compose/test_builder.py" in found.span.file
    line = inspect.getsourcelines(sys.modules[__name__])[0][found.span.line - 1]
    assert "c.Stage(epochs=1, steps=2" in line


def test_a_spec_prints_its_program():
    assert load_spec(ROOT / "specs/thesis/glf.yaml").to_python().startswith("from compose.builder import c\n")


def test_an_editor_knows_every_word_and_every_kind():
    from tests.compose.words_stub import STUB, stub

    def names(text):
        """Words and kinds; how they are explained may change."""
        return {line.split(":")[0] for line in text.split("\n") if line.startswith("    ") and '"""' not in line}

    written = STUB.read_text(encoding="utf-8")
    assert names(written) == names(stub()), "run `python -m tests.compose.words_stub`"
    for word in ("squared_error", "langevin", "frechet"):
        assert f"    {word}: _Value" in written
