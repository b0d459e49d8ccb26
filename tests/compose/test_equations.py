"""Equations: the notation of papers, read by those who print it."""

import re

import pytest
from matplotlib.mathtext import MathTextParser

from compose.cli import main
from compose.equations import equations_of, latex_of, noise_space, to_unicode
from compose.explanation import tables
from compose.spec import load_spec, parse_spec
from runners.launch import examine
from tests.house.sources import ROOT

LIBRARY = sorted(path for path in (ROOT / "specs").rglob("*.yaml"))
TERMS = {  # spec -> stage, update, term -> equation
    "tutorial/glf_digits": {
        (0, 0, "reconstruction"): "‖x − D(E(x))‖²",
        (0, 0, "prior_nll"): "−log p_prior(sg[E(x)])",
    },
    "thesis/beta_vae": {
        (0, 0, "reconstruction"): "𝔼_{q_φ(z|x)}[‖x − D(z)‖²]",
        (0, 0, "kl"): "β KL(q_φ(z|x) ‖ N(0, I))",
    },
    "thesis/vae_flow_prior": {(0, 0, "kl"): "𝔼_{q_φ(z|x)}[β (log q_φ(z|x) − log p_prior(z))]"},
    "thesis/vaebm_gaussians25": {
        (0, 0, "reconstruction"): "𝔼_{q_φ(z|x)}[−log p_θ(x|z)]",
        (0, 0, "kl"): "KL(q_φ(z|x) ‖ N(0, I))",
        (1, 0, "contrast"): "E(focus x) − E(focus x⁻)",
    },
    "thesis/glf_tilted": {
        (0, 0, "prior_nll"): "−log p_prior(sg[Enc(x)])",  # E is the energy here
        (1, 0, "size"): "0.1 (E(x)² + E(x⁻)²)",
    },
    "thesis/glf_regularised": {(0, 0, "prior_nll"): "−β log p_prior(E(x))"},
    "thesis/short_run_generator_loss": {
        (0, 0, "data"): "E(x)",
        (0, 0, "samples"): "−E(sg[x̃])",
        (0, 0, "generator"): "E_θ̄(x̃)",
    },
    "thesis/ode_flow_swiss_roll": {(0, 0, "nll"): "−log p_ode(x)"},
    "thesis/ddgan_gaussians25": {
        (0, 0, "real"): "softplus(−D(x_{t−1}, x_t, t))",
        (0, 0, "fake"): "softplus(D(x̃, x_t, t))",
        (0, 0, "r1"): "γ/2 ‖∇_{x_{t−1}} D‖²",
        (0, 1, "adversarial"): "softplus(−D(x̃, x_t, t))",
    },
    "zoo/ddpm_gaussians25": {(0, 0, "simple"): "‖ε − G(focus x_t, t)‖²"},
    "zoo/wgan_gp_gaussians25": {(0, 0, "gradient_penalty"): "penalty (slope − 1)²"},
}
MODELS = {
    ("thesis/vaebm_gaussians25", "vae"): "p_vae(x) = ∫p_θ(x|z) N(z; 0, I) dz",
    ("thesis/vaebm_gaussians25", "vaebm"): "p_vaebm(x) ∝ p_vae(x) e^{−E(focus x)}",
    ("tutorial/glf_digits", "glf"): "p_glf(x): z ~ p_prior, x = D(z)",
    ("thesis/ddgan_gaussians25", "ddgan"): "p_ddgan(x₀) = ∫p(x_T) ∏_{t=1}^T p_denoise(x_{t−1}|x_t) dx_{1:T}",
    ("thesis/ode_flow_swiss_roll", "ode"): "p_ode: x(0) ~ N(0, I), ẋ(s) = −∇E(x(s)), x = x(0.2)",
    ("zoo/gan_tilted", "tilted"): "p_tilted(x) ∝ p_gan(x) e^{D(x)}",
}
WHERE = {
    ("thesis/vaebm_gaussians25", 1): "x⁻ ~ Langevin_{20, η=0.05}[p_vae(x) e^{−E(focus x)}]",
    ("thesis/short_run_generator_loss", 0): "x̃ = descent_{40, η=0.1}[E](x₀)",
    ("thesis/ddgan_gaussians25", 0): "x_{t−1} ~ q_{t−1}(x_{t−1}|x)",
    ("zoo/wgan_gp_gaussians25", 0): "between = x + u (x̃ − x)",
    ("zoo/ddpm_gaussians25", 0): "x_t = α_t x + σ_t ε",
}
SETTINGS = {  # numbers that stand in what is expected, and that tuning may change in the library
    "thesis/vaebm_gaussians25": ["params.latent=20", "params.chain=20", "params.eta=0.05"],
}
KATEX = (  # katex.org/docs/supported.html
    "alpha beta gamma delta epsilon eta theta lambda mu sigma phi psi tau nabla int sum prod sim propto mid in cdot "
    "ldots times log min max sin cos tanh frac sqrt hat tilde bar dot mathrm mathbb mathcal lfloor rfloor leq geq quad"
)


@pytest.fixture(scope="module")
def compositions():
    made = {}

    def of(name):
        spec = load_spec(ROOT / "specs" / f"{name}.yaml", SETTINGS.get(name, ()))
        return made.setdefault(name, examine(spec)[0])

    return of


@pytest.mark.parametrize("name", TERMS)
def test_terms_are_written_as_in_the_paper(name, compositions):
    composition = compositions(name)
    paper = equations_of(composition)
    for (stage, update, term), wanted in TERMS[name].items():
        held = composition.stages[stage]
        equations = paper.updates[held.name][held.updates[update].name]
        assert to_unicode(equations.terms[term]) == wanted


@pytest.mark.parametrize(("name", "model"), MODELS)
def test_models_are_written_as_in_the_paper(name, model, compositions):
    assert to_unicode(equations_of(compositions(name)).models[model]) == MODELS[name, model]


@pytest.mark.parametrize(("name", "stage"), WHERE)
def test_what_the_symbols_are_is_said(name, stage, compositions):
    composition = compositions(name)
    held = composition.stages[stage]
    equations = equations_of(composition).updates[held.name][held.updates[0].name]
    assert WHERE[name, stage] in map(to_unicode, equations.where)


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_every_equation_of_the_library_is_read_by_mathtext_and_katex(path):
    parser = MathTextParser("path")
    for tex in equations_of(examine(load_spec(path))[0]).all():
        parser.parse(f"${tex}$")
        assert set(re.findall(r"\\([a-zA-Z]+)", tex)) <= set(KATEX.split()), tex
        assert "\\" not in to_unicode(tex)


COMBINED = """
compose: 1
name: combined
data: {source: toy.moons, batch_size: 8}
blocks:
  flow:    {kind: flow.realnvp, couplings: 2, hidden: [6]}
  prior:   {kind: prior.mixture, components: 3}
  energy:  {kind: energy.mlp}
  share:   {kind: parameter, init: 0.5}
  encoder: {kind: encoder.mlp, latent: 2, hidden: [6], output: normal}
  pseudo:  {kind: parameter.rows, rows: 5}
models:
  average: aggregate(freeze(encoder), 2 * pseudo)
  even: mixture(flow, normal)
  whole: mixture(flow, normal(-9, 0.5, like=x), prior, weights=[1, 2, 5])
  shares: mixture(flow, prior, weights=[sigmoid(share), 1 - sigmoid(share)])
  ratios: mixture(flow, prior, weights=[exp(share), 2])
  both: product(normal(2, 0.5, like=x), even, tilt(flow, energy))
graph:
  neg: ~langevin(both, steps=2, step_size=0.1)
samplers:
  drawn: ~mixture(flow, normal, weights=[0.1, 0.9])
  here: -mixture(flow, prior).log_prob(x) - product(flow, prior).log_density(x)
  chain: neg
"""
MADE_OF_MODELS = {
    "average": "p_average(z) = 1/K ∑_{k=1}^K q_φ(z|(2 pseudo)_k)",
    "even": "p_even(x) = (p_flow(x) + N(x; 0, I))/2",
    "whole": "p_whole(x) = (p_flow(x) + 2 N(x; −9, 0.5² I) + 5 p_prior(x))/8",
    "shares": "p_shares(x) = σ(share) p_flow(x) + (1 − σ(share)) p_prior(x)",
    "ratios": "p_ratios(x) = (e^share p_flow(x) + 2 p_prior(x))/(e^share + 2)",
    "both": "p_both(x) ∝ N(x; 2, 0.5² I) p_even(x) p_flow(x) e^{−E(x)}",
}


def test_mixtures_products_and_averages_are_written_as_their_densities():
    paper = equations_of(examine(parse_spec(COMBINED))[0])
    assert {name: to_unicode(tex) for name, tex in paper.models.items()} == MADE_OF_MODELS
    assert to_unicode(paper.samplers["drawn"]) == "x ~ 0.1 p_flow(x) + 0.9 N(0, I)"
    assert to_unicode(paper.samplers["here"]) == "−log (p_flow(x) + p_prior(x))/2 − log (p_flow(x) p_prior(x))"
    assert to_unicode(paper.lines["neg"]) == "x⁻ ~ Langevin_{2, η=0.1}[N(2, 0.5² I) p_even(x) p_flow(x) e^{−E(x)}]"
    parser = MathTextParser("path")
    for tex in paper.all():
        parser.parse(f"${tex}$")
        assert set(re.findall(r"\\([a-zA-Z]+)", tex)) <= set(KATEX.split()), tex


SMALL = """
compose: 1
name: small
params: {gamma: 2}
data: {source: toy.moons, batch_size: 32, size: 200}
blocks:
  encoder: {kind: encoder.mlp, latent: 2}
  other: {kind: encoder.mlp, latent: 2}
graph:
  z_hat: encoder(x)
stages:
  - steps: 1
    minimize: {term: "TERM"}
"""
CONDITIONED = """
  vae:
    z: ~normal
    x: ~decoder(z)
  fixed: condition(vae, z=encoder(x))
"""
PRECEDENCE = {
    "square_norm(x - (z_hat - other(x)))": "‖x − (E_encoder(x) − E_other(x))‖²",
    "gamma * (square_norm(x) + norm(x))": "γ (‖x‖² + ‖x‖)",
    "(square_norm(x) + 1) ** 2": "(‖x‖² + 1)²",
    "square_norm(x) ** 2": "(‖x‖²)²",
    "-(norm(x) - gamma)": "−(‖x‖ − γ)",
    "norm(x) / (1 + norm(x))": "‖x‖/(1 + ‖x‖)",
    "2 * 3 * norm(x)": "2 · 3 ‖x‖",
    "softplus(relu(norm(x)))": "softplus(relu(‖x‖))",  # operators without a row go by their names
    "mse(z_hat, x)": "1/d ‖x − E_encoder(x)‖²",
}


def test_a_condition_is_written_with_what_is_given():
    text = SMALL.replace("TERM", "norm(x)").replace("graph:", f"models:{CONDITIONED}graph:")
    text = text.replace("blocks:", "blocks:\n  decoder: {kind: decoder.mlp, output: normal}")
    composition, _ = examine(parse_spec(text, "small.yaml"))
    assert to_unicode(equations_of(composition).models["fixed"]) == "p_fixed ∝ p_vae(z = E_encoder(x))"


@pytest.mark.parametrize("term", PRECEDENCE)
def test_brackets_stand_where_they_must_and_nowhere_else(term):
    composition, _ = examine(parse_spec(SMALL.replace("TERM", term), "small.yaml"))
    assert to_unicode(equations_of(composition).updates["stage1"]["update1"].terms["term"]) == PRECEDENCE[term]


def test_the_noise_space_of_a_chain_is_that_of_its_model(compositions):
    composition = compositions("thesis/vaebm_gaussians25")
    energy = composition.stages[1].updates[0]
    space = [to_unicode(each) for each in noise_space(energy.graph, energy.terms.values())]
    assert space == ["ε_z ∈ ℝ²⁰", "ε_x ∈ ℝ²", "20 × n"]


def test_a_time_step_that_is_drawn_is_no_noise_and_has_its_levels(compositions):
    update = compositions("thesis/ddgan_gaussians25").stages[0].updates[0]
    space = [to_unicode(each) for each in noise_space(update.graph, update.terms.values())]
    assert "t ∈ {1, ..., 4}" in space
    assert not any(each.startswith("ε_t") for each in space)


def test_explain_shows_equations_noise_and_cost_on_two_screens(compositions):
    shown = tables(compositions("tutorial/glf_digits"))
    assert len(shown.splitlines()) < 50
    for wanted in ("−log p_prior(sg[E(x)])", "p_glf(x): z ~ p_prior, x = D(z)", "ε_z ∈ ℝ¹²", "stopped"):
        assert wanted in shown
    assert "Langevin_{20, η=0.05}[p_vae(x)" in tables(compositions("thesis/vaebm_gaussians25"), width=200)


def test_latex_is_printed_for_a_paper(compositions, capsys):
    assert main(["explain", str(ROOT / "specs" / "tutorial" / "glf_digits.yaml"), "--latex"]) == 0
    printed = capsys.readouterr().out
    assert r"\mathcal{L}_{\mathrm{reconstruction}} = \|x - D(E(x))\|^2" in printed
    assert printed.strip() == latex_of(compositions("tutorial/glf_digits"))


@pytest.mark.parametrize("name", ["thesis/glf", "thesis/ddgan_gaussians25", "thesis/vaebm_gaussians25_memory"])
def test_the_legend_below_the_latex_has_every_block_that_an_equation_has(name, compositions):
    composition = compositions(name)
    equations, _, legend = latex_of(composition).partition("% symbols\n")
    lines = legend.split("\n")
    assert all(line.startswith("% ") for line in lines)
    for block, declared in composition.blocks.items():
        (line,) = [line for line in lines if f"`{block}`, {declared.kind}" in line]
        assert line[2:].partition("  ")[0] in equations
    assert any("`x` of the data" in line for line in lines)


def test_a_symbol_that_no_equation_has_is_not_in_the_legend(compositions):
    legend = latex_of(compositions("thesis/glf")).partition("% symbols\n")[2]
    assert "sg" in legend
    assert "Langevin" not in legend
    assert "`y`" not in legend
