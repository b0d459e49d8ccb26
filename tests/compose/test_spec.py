"""Specs: the designs' examples load, mistakes are placed, layers merge, what is written loads to the same."""

import json
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compose.diagnostics import Span, SpecError, text_lines
from compose.expressions import Draw, Name, Negative, Number, parse, unparse
from compose.spec import (
    Function,
    Optimizer,
    Program,
    Spec,
    dump_yaml,
    evaluate_constant,
    load_spec,
    parse_spec,
    resolve_params,
    spec_from_data,
)

GLF = """
compose: 1
name: glf
data: {source: digits, batch_size: 256}
blocks:
  encoder: {kind: encoder.infogan, latent: 20}
  decoder: {kind: decoder.infogan}
  prior:   {kind: flow.realnvp, couplings: 4, hidden: [64, 64]}
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
      prior_nll: -prior.log_prob(sg(z))      # without sg: "regularised GLF"; the checker warns that z can collapse
    optimizer: {kind: adam, lr: 1e-3, blocks: {prior: {weight_decay: 2e-5}}}
samplers:
  default: ~glf
  reconstruction: x_hat                      # reads data, so it is conditional: `compose sample --data ...`
  interpolation: glf.at(interpolate(~glf.noise, ~glf.noise, 8))
evaluate:
  fid: fid(default, x)
"""
VAEBM = """
compose: 1
blocks:
  encoder: {kind: encoder.dcgan, latent: 100, output: normal}     # output: tensor | normal | bernoulli
  decoder: {kind: decoder.dcgan, output: normal}
  energy:  {kind: energy.resnet, channels: [64, 128]}
models:
  vae:
    z: ~normal                               # a bare `normal` is standard; its shape comes from its use
    x: ~decoder(z)
  vaebm: tilt(vae, energy)                   # density proportional to vae(x) * exp(-energy(x))
graph:
  q: encoder(x)
  z: ~q
  px: decoder(z)
  neg: ~langevin(vaebm, steps=60, step_size=0.01)   # runs in vae's noise space (eps_z, eps_x), which is derived
stages:
  - name: vae
    epochs: 256
    minimize:
      reconstruction: -px.log_prob(x)
      kl: kl(q, normal)
  - name: energy
    steps: 25000
    train: [energy]
    minimize:
      contrast: energy(x) - energy(neg)
      size: 0.1 * (energy(x) ** 2 + energy(neg) ** 2)
samplers:
  default: ~langevin(vaebm, steps=100, step_size=0.01)
"""
GENERATOR = """
compose: 1
graph:
  x0: ~normal(like=x)
  gen: descend(energy, x0, steps=40, step_size=0.1, differentiable=true)
stages:
  - steps: 8000
    minimize:
      data: energy(x)
      samples: -energy(sg(gen))
      generator: freeze(energy)(gen)
"""
DDGAN = """
compose: 1
params: {T: 4, gamma: 0.05}
blocks:
  chain:     {kind: diffusion.vp, steps: T, beta_min: 0.1, beta_max: 20}
  generator: {kind: denoiser.ncsnpp, latent: 100}
  critic:    {kind: discriminator.time_conditional}
models:
  denoise(x_t, t):                           # p(x_{t-1} | x_t); every ablation of Table 6.2 changes only these two lines
    x0: generator(x_t, t, ~normal)
    x_prev: ~chain.posterior(x0, x_t, t)
  ddgan: reverse(chain, denoise)             # scans denoise from ~chain.terminal, t = T .. 1
graph:
  t: ~chain.timestep                         # 1 .. T
  x_prev: ~chain.diffuse(x, t - 1)           # q(x_{t-1} | x_0)
  x_t: ~chain.step(x_prev, t)                # q(x_t | x_{t-1})
  fake: ~denoise(x_t, t)
stages:
  - steps: 50000
    updates:
      - train: [critic]
        minimize:
          real: softplus(-critic(x_prev, x_t, t))
          fake: softplus(critic(fake, x_t, t))
          r1:
            value: gamma / 2 * square_norm(grad(critic(x_prev, x_t, t), x_prev))
            every: 15
      - train: [generator]
        minimize:
          adversarial: softplus(-critic(fake, x_t, t))
        ema: {generator: 0.9999}
    optimizer: {kind: adam, lr: 1e-4, betas: [0.5, 0.9]}
samplers:
  default: ~ddgan
  strokes: ~reverse(chain, denoise, start=3, init=~chain.diffuse(x, 3))
"""
DESIGN = {"glf": GLF, "vaebm": VAEBM, "generator": GENERATOR, "ddgan": DDGAN}


def cut(source: str, span: Span) -> str:
    """The text that a span on one line means."""
    assert span.line == span.end_line
    return text_lines(source)[span.line - 1][span.column - 1 : span.end_column - 1]


def wrong(text: str, file: str = "<text>", overrides: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """The code of every finding and the first line of what it underlines."""
    with pytest.raises(SpecError) as caught:
        parse_spec(textwrap.dedent(text), file, overrides)
    lines = {name: text_lines(source) for name, source in caught.value.sources.items()}
    return [(each.code, lines[each.span.file][each.span.line - 1][each.span.column - 1 :][: each.span.end_column - each.span.column])
            for each in caught.value.findings]  # fmt: skip


def helps(text: str) -> str:
    """The messages and ways out of all findings."""
    with pytest.raises(SpecError) as caught:
        parse_spec(textwrap.dedent(text))
    return "\n".join(f"{each.message}: {each.help}" for each in caught.value.findings)


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
    assert spec.evaluate["fid"] == parse("fid(default, x)")


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


@pytest.mark.parametrize(("text", "value"), [
    ("8/2", 4.0), ("7 // 2", 3), ("-2 ** 2", -4), ("T * (T - 1)", 12), ("2 ** -1", 0.5), ("1e-3 * T", 4e-3),
])  # fmt: skip
def test_constants_are_computed(text, value):
    made = evaluate_constant(parse(text), {"T": 4})
    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(("text", "code"), [
    ("TT + 1", "Y312"), ("sqrt(4)", "Y313"), ("T.x", "Y313"), ("T / 0", "Y314"), ("10 ** 10 ** 10", "Y314"), ("2.0 ** 5000", "Y314"),
    ("(-8) ** 0.5", "Y314"), ("name + 1", "Y316"), ("flag", "Y316"), ("0 ** -1", "Y314"), ("~T", "Y313"), ("9 ** 99 ** 99", "Y314"),
])  # fmt: skip
def test_what_is_no_constant_is_a_placed_finding(text, code):
    with pytest.raises(SpecError) as caught:
        evaluate_constant(parse(text), {"T": 4, "name": "x", "flag": True})
    assert caught.value.findings[0].code == code
    assert caught.value.findings[0].help


def test_params_resolve_in_any_order_and_circles_are_told():
    assert resolve_params({"a": parse("b + 1"), "b": parse("c * 2"), "c": 3}) == {"a": 7, "b": 6, "c": 3}
    with pytest.raises(SpecError) as caught:
        resolve_params({"a": parse("b + 1"), "b": parse("a"), "c": parse("1 / 0"), "d": parse("a + 1")})
    assert [found.code for found in caught.value.findings] == ["Y314", "Y315"] or {
        f.code for f in caught.value.findings
    } == {"Y314", "Y315"}


def test_a_long_chain_of_params_needs_no_stack():
    params = {f"p{n}": parse(f"p{n + 1} + 1") for n in range(3000)} | {"p3000": 0}
    assert resolve_params(params)["p0"] == 3000


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
    "stage with both lengths": ("compose: 1\nstages:\n  - {steps: 1, epochs: 2, minimize: {a: x}}", [("Y307", "steps")]),
    "stage that does nothing": ("compose: 1\nstages:\n  - steps: 1", [("Y309", "steps")]),
    "stage and update": ("compose: 1\nstages:\n  - steps: 1\n    train: [a]\n    updates: [{train: [b], minimize: {a: x}}]", [("Y308", "train")]),
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
    "cut, and more": ("compose: 1\nstages:\n- {steps: 1, minimize: {a: f(x, y), b: z}, evry: 2}", [("Y112", "f(x, y)"), ("Y301", "evry")]),
    "structured": ("compose: 1\ngraph:\n  a: {call: kl, off: [q]}", [("Y251", "off")]),
    "a list as spec": ("- compose: 1", [("Y303", "- compose: 1")]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "found"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_once_where_it_stands(text, found):
    assert wrong(text) == found


def test_all_independent_mistakes_come_together():
    text = "compose: 1\nnme: x\nblocks:\n  a: {latent: 1}\ngraph:\n  z: f(\nstages:\n  - {steps: 0, minimize: {a: x ^ 2}}\nsamplers: 3\n"
    assert [code for code, _ in wrong(text)] == ["Y301", "Y302", "Y205", "Y317", "Y210", "Y303"]


def test_unknown_keys_name_the_nearest():
    assert "did you mean `minimize`?" in helps("compose: 1\nstages:\n  - {steps: 1, minimise: {a: x}, write: {m: x}}")
    assert "did you mean `stages`?" in helps("compose: 1\ntraining: []")
    assert "did you mean `T`?" in helps("compose: 1\nparams: {T: 1}\nstages:\n  - {steps: TT, minimize: {a: x}}")


def test_no_message_speaks_pydantic():
    for text, _ in MISTAKES.values():
        for word in ("Input should", "valid ", "pydantic", "dict", "str ", "tuple", "NoneType"):
            assert word not in helps(text)


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


def test_a_spec_extends_another_and_every_place_stays_right(tmp_path):
    (tmp_path / "base.yaml").write_text(DDGAN.lstrip())
    child = "extends: base.yaml\ncompose: 1\nparams: {T: 2}\nmodels:\n  denoise(x_t, t, y):\n    x0: generator(x_t, t, y)\nblocks:\n  critic: {kind: other}\n  generator: {latent: 7}\nsamplers:\n  strokes:\n"
    (tmp_path / "child.yaml").write_text(child)
    spec = load_spec(tmp_path / "child.yaml")
    assert spec.values == {"T": 2, "gamma": 0.05}
    assert spec.models["denoise"].parameters == ("x_t", "t", "y")
    assert [unparse(line) for line in spec.models["denoise"].lines.values()] == [
        "generator(x_t, t, y)",
        "~chain.posterior(x0, x_t, t)",
    ]
    assert list(spec.models) == ["denoise", "ddgan"]
    assert spec.blocks["generator"].kind == "denoiser.ncsnpp"
    assert spec.blocks["generator"].options == {"latent": 7}
    assert list(spec.samplers) == ["default"]
    lines = spec.models["denoise"].lines
    assert [FILE.rpartition("/")[2] for FILE in (lines["x0"].span.file, lines["x_prev"].span.file)] == [
        "child.yaml",
        "base.yaml",
    ]
    for expression in (lines["x0"], lines["x_prev"], spec.graph["fake"]):
        assert cut(spec.sources[expression.span.file], expression.span) == unparse(expression)
    assert parse_spec(dump_yaml(spec)).hash() == spec.hash()


def test_extending_what_is_not_there_or_in_a_circle_is_a_finding(tmp_path):
    assert wrong("compose: 1\nextends: nothing.yaml") == [("Y321", "nothing.yaml")]
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{one}.yaml").write_text(f"compose: 1\nextends: {other}.yaml\n")
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path / "a.yaml")
    assert [found.code for found in caught.value.findings] == ["Y322"]
    assert "a.yaml -> b.yaml -> a.yaml" in caught.value.findings[0].message


def test_settings_change_the_spec_and_are_checked_like_it():
    settings = ("params.T=8", "stages.0.steps=10", "stages.0.updates.1.ema.generator=0.5", "run.seed=3", "data.root=/x",
                "data.source=digits", "graph.fake=~denoise(x_t, t - 0)", "models.denoise.x0=generator(x_t, t, 0)",
                "samplers.strokes=", "blocks.critic.hidden=[1, 2]", "stages.stage1.optimizer.lr=1 / T")  # fmt: skip
    spec = parse_spec(DDGAN.replace("- steps: 50000", "- name: stage1\n    steps: 50000"), overrides=settings)
    assert spec.values["T"] == 8
    assert (spec.stages[0].steps, spec.stages[0].optimizer.lr) == (10, 0.125)
    assert spec.stages[0].updates[1].ema == {"generator": 0.5}
    assert (spec.run.seed, spec.data[""].options) == (3, {"root": "/x"})
    assert unparse(spec.graph["fake"]) == "~denoise(x_t, t - 0)"
    assert unparse(spec.models["denoise"].lines["x0"]) == "generator(x_t, t, 0)"
    assert list(spec.samplers) == ["default"]
    assert spec.blocks["critic"].options == {"hidden": [1, 2]}
    span = spec.graph["fake"].operand.arguments[1].value.span
    assert span.file == "--set"
    assert cut(spec.sources["--set"], span) == "t - 0"


@pytest.mark.parametrize(("setting", "code", "meant"), [
    ("params.TT=8", "Y332", "TT"), ("stages.3.steps=1", "Y332", "3"), ("steps", "Y331", "steps"), ("stages.0.stps=1", "Y301", "stps"),
    ("blocks.crtic.hidden=1", "Y332", "crtic"), ("stages.0.steps=many", "Y312", "many"), ("graph.fake.x=1", "Y332", "x"),
    ("graph.fake=f(", "Y205", ""), ("=3", "Y331", "=3"), ("params.T=[1", "Y123", "["), ("samplers.nothing=", "Y332", "nothing"),
    ("nme=x", "Y301", "nme"), ("params.T=a: b: c", "Y125", ":"),
])  # fmt: skip
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


def test_the_name_comes_from_the_file(tmp_path):
    (tmp_path / "my.yaml").write_text("compose: 1\n")
    assert load_spec(tmp_path / "my.yaml").name == "my"
    assert parse_spec("compose: 1").name == "unnamed"


def test_a_spec_is_frozen_and_records_can_be_made_in_python():
    spec = parse_spec(GLF)
    with pytest.raises(ValueError, match="frozen"):
        spec.name = "other"  # type: ignore[misc]
    assert Optimizer(lr=0.1) == Optimizer(lr=0.1)
    assert Spec(compose=1, graph={"z": parse("f(x)")}).graph["z"] == parse("f(x)")
    with pytest.raises(ValueError, match="extra"):
        Optimizer(learning=0.1)  # type: ignore[call-arg]


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


@given(st.recursive(
    st.sampled_from(["f(x)", "steps", "x ^ 2", "", "a: b", "T"]) | st.none() | st.booleans() | st.integers(-2, 3) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(
        ["compose", "name", "params", "data", "blocks", "models", "graph", "stages", "samplers", "evaluate", "run", "source", "kind", "f(x)",
         "steps", "minimize", "updates", "train", "value", "every", "call", "of", "optimizer", "lr", "ema", "seed", "T", "shared", "fit"]),
        inner, max_size=4), max_leaves=25))  # fmt: skip
@settings(max_examples=400)
def test_whatever_is_written_is_a_spec_or_placed_findings(data):
    try:
        spec = spec_from_data({"compose": 1, **(data if isinstance(data, dict) else {"stages": data})})
    except SpecError as problem:
        assert all(found.span and found.message and found.help for found in problem.findings)
    else:
        assert parse_spec(dump_yaml(spec)).hash() == spec.hash()
