"""The checks as values: the gradient matrix, the cost, what `check` returns; the findings are in tests/findings."""

import random
import re
import time

import pytest

from blocks.types import Field
from compose.catalogue import Catalogue
from compose.checks import check, cost, gradient_matrix
from compose.dependencies import cycles, mentions
from compose.diagnostics import SpecError
from compose.spec import parse_spec

POINTS = Catalogue.of_fields({"x": Field((2,)), "y": Field((), "int64", classes=25)})
HEAD = "compose: 1\ndata: {source: points, batch_size: 32}\n"

GLF = f"""{HEAD}blocks:
  encoder: {{kind: encoder.mlp, latent: 4, hidden: [8]}}
  decoder: {{kind: decoder.mlp, hidden: [8]}}
  prior: {{kind: flow.realnvp, couplings: 2, hidden: [8]}}
models:
  glf:
    z: ~prior
    x: decoder(z)
graph:
  z: encoder(x)
  x_hat: decoder(z)
stages:
  - name: joint
    steps: 10
    minimize:
      reconstruction: squared_error(x_hat, x)
      prior_nll: -prior.log_prob(sg(z))
samplers:
  default: ~glf
  points: glf.at(interpolate(~glf.noise, ~glf.noise, 8))
"""

SHORT_RUN = f"""{HEAD}blocks:
  energy: {{kind: energy.mlp, hidden: [8]}}
graph:
  x0: ~normal(like=x)
  gen: descend(energy, x0, steps=5, step_size=0.1, differentiable=true)
stages:
  - name: main
    steps: 10
    minimize:
      data: energy(x)
      samples: -energy(sg(gen))
      generator: freeze(energy)(gen)
      outside: freeze(energy)(x) + 0 * energy(x)
samplers:
  default: descend(energy, ~normal(like=x), steps=7, step_size=0.1)
"""

VAEBM = f"""{HEAD}blocks:
  encoder: {{kind: encoder.mlp, latent: 3, hidden: [8], output: normal}}
  decoder: {{kind: decoder.mlp, hidden: [8], output: normal}}
  energy: {{kind: energy.mlp, hidden: [8]}}
models:
  vae:
    z: ~normal
    x: ~decoder(z)
  vaebm: tilt(vae, energy)
graph:
  q: encoder(x)
  z: ~q
  neg: ~langevin(vaebm, steps=6, step_size=0.01)
stages:
  - name: vae
    steps: 2
    minimize:
      reconstruction: -decoder(z).log_prob(x)
      kl: kl(q, normal)
  - name: energy
    steps: 2
    train: [energy]
    minimize:
      contrast: energy(x) - energy(neg)
samplers:
  default: ~langevin(vaebm, steps=10, step_size=0.01)
"""

SPECS = {"glf": GLF, "short_run": SHORT_RUN, "vaebm": VAEBM}


def checked(text, catalogue=POINTS):
    """The composition of a spec without errors."""
    composition, findings = check(parse_spec(text), catalogue)
    assert [found for found in findings if found.severity == "error"] == []
    return composition


def test_the_matrix_tells_what_each_term_reaches():
    assert gradient_matrix(checked(GLF)) == {
        "joint": {
            "update1": {
                "reconstruction": {"encoder": "reaches", "decoder": "reaches", "prior": "no path"},
                "prior_nll": {"encoder": "stopped", "decoder": "no path", "prior": "reaches"},
            }
        }
    }


def test_the_matrix_sees_through_differentiable_dynamics():
    terms = gradient_matrix(checked(SHORT_RUN))["main"]["update1"]
    assert terms["data"] == terms["samples"] == terms["generator"] == {"energy": "reaches"}


def test_a_frozen_call_is_frozen():
    text = GLF.replace("sg(z))\n", "sg(z))\n      size: square_norm(freeze(decoder)(z))\n")
    assert gradient_matrix(checked(text))["joint"]["update1"]["size"] == {
        "encoder": "reaches", "decoder": "frozen", "prior": "no path",
    }  # fmt: skip


def test_blocks_outside_train_are_untrained():
    stages = gradient_matrix(checked(VAEBM))
    assert stages["energy"]["update1"]["contrast"] == {
        "encoder": "untrained", "decoder": "untrained", "energy": "reaches",
    }  # fmt: skip
    assert stages["vae"]["update1"]["kl"] == {"encoder": "reaches", "decoder": "no path", "energy": "untrained"}


def test_a_chain_costs_its_steps():
    found = cost(checked(VAEBM))
    assert found["updates"]["energy"]["update1"] == {"energy": 6 + 2, "decoder": 6 + 1}  # the chain, then x and neg
    assert found["samplers"]["default"] == {"energy": 10, "decoder": 10 + 1}
    assert found["chains"][0] == {
        "in": "energy.update1", "line": "neg_chain", "steps": 6, "potential": {"decoder": 1, "energy": 1},
    }  # fmt: skip


def test_folded_rows_cost_as_many_evaluations():
    assert cost(checked(GLF))["samplers"]["points"] == {"prior": 8, "decoder": 8}


def test_parameters_are_counted():
    assert cost(checked(SHORT_RUN))["parameters"] == {"energy": (2 * 8 + 8) + (8 * 1 + 1)}


def test_unused_blocks_cost_nothing_and_break_nothing():
    composition, _ = check(parse_spec(GLF.replace("blocks:\n", "blocks:\n  spare: {kind: energy.mlp}\n")), POINTS)
    assert cost(composition)["parameters"]["spare"] == 0


def test_independent_mistakes_are_told_together_and_sorted():
    text = GLF.replace("kind: flow.realnvp", "kind: flow.realnpv").replace("decoder(z)\nstages", "decoder(w)\nstages")
    _, findings = check(parse_spec(text.replace("squared_error", "square_error")), POINTS)
    errors = [found for found in findings if found.severity == "error"]
    assert [found.code for found in errors] == ["N110", "N101", "N101"]
    assert [found.span.line for found in errors] == sorted(found.span.line for found in errors)


def test_a_circle_is_shown_as_the_path_that_closes_it():
    found, caught = cycles(parse_spec(GLF.replace("z: encoder(x)", "z: encoder(x_hat)")))
    assert found[0].message == "`z` depends on itself: z -> x_hat -> z"
    assert caught == {"z", "x_hat"}


def test_words_of_forms_are_no_names():
    spec = parse_spec(VAEBM.replace("steps=6, step_size=0.01", "steps=6, step_size=0.01, space=noise"))
    assert [mention.name for mention in mentions(spec.graph["neg"])] == ["langevin", "vaebm"]


def test_metrics_are_names_of_the_catalogue():
    text = GLF + "evaluate:\n  distance: frechet(default, x)\n"
    known = Catalogue.of_fields({"x": Field((2,))}, frozenset({"frechet"}))
    assert [found.code for found in check(parse_spec(text), POINTS)[1]] == ["N101"]
    assert check(parse_spec(text), known)[1] == []


def test_optimizers_are_checked_only_against_a_catalogue_that_has_some():
    text = GLF.replace("samplers:", "    optimizer: {kind: lion}\nsamplers:")
    assert check(parse_spec(text), POINTS)[1] == []
    some = Catalogue(POINTS.fields_of, optimizers={"adam": ("lr",)})
    assert [found.code for found in check(parse_spec(text), some)[1]] == ["N123"]


@pytest.mark.parametrize("text", SPECS.values(), ids=SPECS)
def test_checking_is_fast(text):
    check(parse_spec(text), POINTS)  # imports
    start = time.perf_counter()
    check(parse_spec(text), POINTS)
    assert time.perf_counter() - start < 1.5


WORDS = (
    "normal",
    "x",
    "y",
    "_",
    "3",
    "-1",
    "true",
    "'a'",
    "[1, 2]",
    "energy",
    "decoder",
    "~normal",
    "sg(x)",
    "freeze(energy)",
    "record(a=x)",
    "vaebm",
    "glf",
    "step",
    "kl",
    "grad(energy(x), x)",
    "x.noise",
    "normal.noise",
    "decoder(_)",
    "repeat(x, 3)",
    "langevin(energy, x, steps=2, step_size=0.1)",
    "concatenate(x, x)",
    "prior",
    "group(x, 5)",
    "ode(energy, time=1)",
)
TOKEN = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?![\w(]*:)|\b\d+(?:\.\d+)?\b")


def damaged(text, chance):
    """A spec in which one word is another, a `~` is added or an argument is gone."""
    lines = text.split("\n")
    at = chance.choice([number for number, line in enumerate(lines) if ":" in line and number > 2])
    key, _, value = lines[at].partition(":")
    words = list(TOKEN.finditer(value))
    if words:
        word = chance.choice(words)
        put = chance.choice([chance.choice(WORDS), f"~{word.group()}", ""])
        value = value[: word.start()] + put + value[word.end() :]
    lines[at] = f"{key}:{value}"
    return "\n".join(lines)


@pytest.mark.parametrize("name", SPECS)
def test_no_damage_ends_in_a_traceback(name):
    chance = random.Random(name)
    for _ in range(40):
        try:
            composition, findings = check(parse_spec(damaged(SPECS[name], chance)), POINTS)
        except SpecError:
            continue
        assert all(found.span is not None and found.help for found in findings)
        cost(composition)
        gradient_matrix(composition)
