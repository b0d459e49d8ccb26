"""Specs: the examples of the design load; every part is typed and placed; what is written loads to the same."""

import json
import textwrap

import pytest

from compose.diagnostics import SpecError
from compose.expressions import Draw, Name, Negative, Number, parse, unparse
from compose.spec import (
    Function,
    Optimizer,
    Program,
    Spec,
    dump_yaml,
    evaluate_constant,
    parse_spec,
    resolve_params,
    spec_from_data,
)
from tests.compose.design_examples import DDGAN, DESIGN, GLF, cut


@pytest.mark.parametrize("text", DESIGN.values(), ids=DESIGN.keys())
def test_the_examples_of_the_design_load_and_load_again_from_what_is_written(text):
    spec = parse_spec(text)
    again = parse_spec(dump_yaml(spec))
    assert again.hash() == spec.hash()
    assert again == spec
    assert spec_from_data(spec.to_data()).hash() == spec.hash()
    assert (
        parse_spec(json.dumps(spec.to_data()), "spec.json", ("name=unnamed",) if spec.name == "unnamed" else ()).hash()
        == spec.hash()
    )


def test_the_parts_of_glf_are_typed():
    spec = parse_spec(GLF)
    assert spec.data[""].source == "digits"
    assert spec.data[""].batch_size == 256
    assert spec.blocks["prior"].options == {"couplings": 4, "hidden": [64, 64]}
    assert spec.models["glf"].lines["z"] == Draw(Name("prior"))
    assert list(spec.graph) == ["z", "x_hat"]
    stage = spec.stages[0]
    assert (stage.name, stage.epochs, stage.steps) == ("stage1", 100, None)
    assert isinstance(stage.minimize["prior_nll"].value, Negative)
    assert stage.optimizer.lr == 1e-3
    assert stage.optimizer.blocks["prior"].options == {"weight_decay": 2e-5}
    assert spec.evaluate.lines["fid"] == parse("fid(default, x)")


def test_every_expression_knows_where_it_stands():
    spec = parse_spec(GLF, "glf.yaml")
    sg = spec.stages[0].minimize["prior_nll"].value.operand.arguments[0].value
    assert cut(GLF, sg.span) == "sg(z)"
    assert sg.span.file == "glf.yaml"
    assert cut(GLF, spec.span("blocks", "prior", "couplings", key=True)) == "couplings"
    assert cut(GLF, spec.blocks["prior"].span("hidden", 1)) == "64"
    assert cut(GLF, spec.stages[0].optimizer.span("blocks", "prior", "weight_decay")) == "2e-5"
    assert cut(GLF, spec.data[""].span("source")) == "digits"


def test_functions_have_parameters_defaults_and_places():
    text = (
        DDGAN + "  pick(k, start=3, init=~chain.terminal):\n    y: ~reverse(chain, denoise, start=start, init=init)\n"
    )
    spec = parse_spec(text)
    denoise, pick = spec.models["denoise"], spec.samplers["pick"]
    assert isinstance(denoise, Function)
    assert denoise.parameters == ("x_t", "t")
    assert list(denoise.lines) == ["x0", "x_prev"]
    assert cut(text, denoise.parameter_spans["t"]) == "t"
    assert cut(text, spec.span("models", "denoise", key=True)) == "denoise(x_t, t)"
    assert pick.parameters == ("k", "start", "init")
    assert pick.defaults == {"start": Number(3), "init": parse("~chain.terminal")}
    assert isinstance(pick.body, Program)
    assert parse_spec(dump_yaml(spec)) == spec


def test_a_stage_without_updates_is_a_stage_of_one():
    (update,) = parse_spec(GLF).stages[0].all_updates()
    assert update.name == "update1"
    assert list(update.minimize) == ["reconstruction", "prior_nll"]
    assert cut(GLF, update.span("minimize", "reconstruction")) == "squared_error(x_hat, x)"


def test_what_a_stage_says_for_its_updates_is_folded_in():
    text = """
    compose: 1
    stages:
      - steps: 1
        optimizer: {lr: 1e-4}
        ema: {g: 0.5, other: 0.25}
        monitor: {m: d(x)}
        updates:
          - {train: [d], minimize: {a: d(x)}, optimizer: {lr: 1e-2}}
          - {train: [g], minimize: {a: g(x)}, name: generator}
          - {train: [d], minimize: {a: d(x)}, times: 3, batch: next}
    """
    first, second, third = parse_spec(textwrap.dedent(text)).stages[0].all_updates()
    assert [each.name for each in (first, second, third)] == ["update1", "generator", "update3"]
    assert [each.optimizer.lr for each in (first, second, third)] == [1e-2, 1e-4, 1e-4]
    assert [each.ema for each in (first, second, third)] == [{}, {"g": 0.5}, {"other": 0.25}]
    assert [list(each.monitor) for each in (first, second, third)] == [[], [], ["m"]]
    assert (third.times, third.batch) == (3, "next")


def test_every_key_of_a_stage_is_read():
    text = """
    compose: 1
    stages:
      - name: all-of-it
        steps: 10
        train: [critic.head, prior]
        minimize: {a: f(x)}
        maximize: {b: f(x)}
        monitor: {c: f(x)}
        optimizer: {kind: adamw, lr: "1e-3 * cosine(1, 0)", betas: [0.5, 0.9], blocks: {critic: {lr: 1e-4}}}
        gradients: {norm: 1, sigma: 3}
        project: {critic: {clip: 0.01}}
        ema: {critic: 0.999}
        every: 2
        times: 3
        batch: next
        copy: {target: critic}
        write: {replay: neg.state.z}
        fit: {mixture: z, pca: {value: z, components: 3}}
        shared: [x_t]
        mode: {critic: eval}
    """
    stage = parse_spec(textwrap.dedent(text)).stages[0]
    assert stage.train == ("critic.head", "prior")
    assert unparse(stage.optimizer.lr) == "0.001 * cosine(1, 0)"
    assert stage.optimizer.blocks["critic"].lr == 1e-4
    assert stage.optimizer.options == {"betas": [0.5, 0.9]}
    assert (stage.gradients.norm, stage.gradients.value, stage.gradients.sigma) == (1.0, None, 3.0)
    assert stage.project == {"critic": {"clip": 0.01}}
    assert stage.copies == {"target": "critic"}
    assert stage.fit["pca"].options == {"components": 3}
    assert unparse(stage.write["replay"]) == "neg.state.z"
    assert (stage.shared, stage.mode) == (("x_t",), {"critic": "eval"})


def test_params_stand_wherever_a_number_may():
    text = """
    compose: 1
    params: {T: 8, half: T / 2, size: half * 16, source: digits, deep: true, day: x-y}
    data: {source: digits, batch_size: size}
    stages:
      - steps: T * 100 - 1
        minimize: {a: {value: f(x), every: T // 3}}
        optimizer: {lr: 1 / size, eps: 1 / T}
        ema: {f: 1 - 1 / T}
    run: {seed: T, threads: half}
    """
    spec = parse_spec(textwrap.dedent(text))
    assert spec.values == {"T": 8, "half": 4.0, "size": 64.0, "source": "digits", "deep": True, "day": "x-y"}
    stage = spec.stages[0]
    assert spec.data[""].batch_size == 64
    assert type(spec.data[""].batch_size) is int
    assert (stage.steps, stage.minimize["a"].every, stage.ema["f"]) == (799, 2, 0.875)
    assert (stage.optimizer.lr, stage.optimizer.options["eps"]) == (1 / 64, 0.125)
    assert (spec.run.seed, spec.run.threads) == (8, 4)
    assert parse_spec(dump_yaml(spec)).hash() == spec.hash()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8/2", 4.0),
        ("7 // 2", 3),
        ("-2 ** 2", -4),
        ("T * (T - 1)", 12),
        ("2 ** -1", 0.5),
        ("1e-3 * T", 4e-3),
    ],
)
def test_constants_are_computed(text, value):
    made = evaluate_constant(parse(text), {"T": 4})
    assert made == value
    assert type(made) is type(value)


def test_params_resolve_in_any_order_and_circles_are_told():
    assert resolve_params({"a": parse("b + 1"), "b": parse("c * 2"), "c": 3}) == {"a": 7, "b": 6, "c": 3}
    with pytest.raises(SpecError) as caught:
        resolve_params({"a": parse("b + 1"), "b": parse("a"), "c": parse("1 / 0"), "d": parse("a + 1")})
    assert {found.code for found in caught.value.findings} == {"Y314", "Y315"}  # and nothing about `d`


def test_a_long_chain_of_params_needs_no_stack():
    params = {f"p{n}": parse(f"p{n + 1} + 1") for n in range(3000)} | {"p3000": 0}
    assert resolve_params(params)["p0"] == 3000


def test_structured_expressions_stand_wherever_text_does():
    text = """
    compose: 1
    models:
      vaebm: {call: tilt, of: [vae, {node: energy, freeze: true}]}
    graph:
      neg: {call: langevin, of: [vaebm], with: {steps: 60}, draw: true}
    stages:
      - steps: 1
        minimize:
          a: {operator: "-", of: [energy(x), {call: energy, of: [{node: neg, stop_gradient: true}]}]}
          b: {value: {negative: z}, every: 2}
    """
    spec = parse_spec(textwrap.dedent(text))
    assert unparse(spec.models["vaebm"]) == "tilt(vae, freeze(energy))"
    assert unparse(spec.graph["neg"]) == "~langevin(vaebm, steps=60)"
    assert unparse(spec.stages[0].minimize["a"].value) == "energy(x) - energy(sg(neg))"
    assert (unparse(spec.stages[0].minimize["b"].value), spec.stages[0].minimize["b"].every) == ("-z", 2)


def test_named_sources_and_one_source_are_told_apart():
    spec = parse_spec("compose: 1\ndata:\n  photos: {source: a, root: /x}\n  paintings: {source: b, batch_size: 4}\n")
    assert {name: source.source for name, source in spec.data.items()} == {"photos": "a", "paintings": "b"}
    assert spec.data["photos"].options == {"root": "/x"}
    assert parse_spec(dump_yaml(spec)) == spec


def test_the_hash_sees_meaning_and_nothing_else():
    base = parse_spec(GLF).hash()
    shuffled = json.loads(json.dumps(parse_spec(GLF).to_data()))
    shuffled = dict(reversed(shuffled.items())) | {"blocks": dict(reversed(shuffled["blocks"].items()))}
    assert spec_from_data(shuffled).hash() == base
    assert parse_spec(GLF.replace("# without sg", "# with")).hash() == base
    assert parse_spec(GLF.replace("decoder(z)", "decoder( (z) )")).hash() == base
    assert parse_spec(GLF.replace("epochs: 100", "epochs: 100\n    every: 1")).hash() == base
    for change in (
        ("latent: 20", "latent: 21"),
        ("sg(z)", "z"),
        ("epochs", "steps"),
        ("name: glf", "name: flg"),
        ("[64, 64]", "[64, 65]"),
    ):
        assert parse_spec(GLF.replace(*change)).hash() != base, change
    lines = "    z: ~prior\n    x: decoder(z)\n"
    assert (
        parse_spec(GLF.replace(lines, "    x: decoder(z)\n    z: ~prior\n")).hash() != base
    )  # the last line is observed


def test_a_spec_is_frozen_and_records_can_be_made_in_python():
    spec = parse_spec(GLF)
    with pytest.raises(ValueError, match="frozen"):
        spec.name = "other"  # type: ignore[misc]
    assert Optimizer(lr=0.1) == Optimizer(lr=0.1)
    assert Spec(compose=1, graph={"z": parse("f(x)")}).graph["z"] == parse("f(x)")
    with pytest.raises(ValueError, match="extra"):
        Optimizer(learning=0.1)  # type: ignore[call-arg]
