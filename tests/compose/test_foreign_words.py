"""What a newcomer types, and the first help: written in its place, the spec is sound."""

import re

import pytest

from compose.spec import parse_spec
from runners.examination import examine

SPEC = """
compose: 1
data: {source: toy.moons}
blocks:
  encoder: {kind: encoder.mlp, latent: 2, output: normal}
  decoder: {kind: decoder.mlp}
  prior:   {kind: flow.realnvp, couplings: 2}
  critic:  {kind: discriminator.mlp}
graph:
  q: encoder(x)
  z: ~q
  x_hat: decoder(z)
  between: x + 0.1 * sg(x_hat)
stages:
  - steps: 10
    minimize:
      reconstruction: squared_error(x_hat, x)
      prior_nll: -prior.log_prob(sg(z))
      critic: critic(x)
      term: TERM
samplers:
  default: decoder(~prior)
evaluate:
  far: METRIC
"""
TERMS = {
    "F.mse_loss(x_hat, x)": "mse(x_hat, x)",
    "nn.MSELoss()(x_hat, x)": "mse(x_hat, x)",
    "torch.nn.functional.softplus(critic(x))": "softplus(critic(x))",
    "torch.mean((x_hat - x) ** 2)": "mean((x_hat - x) ** 2)",
    "log_prob(prior, z)": "prior.log_prob(z)",
    "-prior.log_prob(z.detach())": "sg(z)",
    "kl(normal, q)": "kl(q, normal)",
    "square_norm(grad(critic, between))": "grad(critic(between), between)",
}


def _findings(term="mse(x_hat, x)", metric="frechet(default, x)"):
    text = SPEC.replace("TERM", term).replace("METRIC", metric)
    return text, _errors(text)


def _errors(text):
    return [found for found in examine(parse_spec(text))[1] if found.severity == "error"]


def _with_the_help(text, found):
    (written,) = re.findall(r"write ([^;]+)", found.help)
    at, lines = found.span, text.split("\n")
    lines[at.line - 1] = lines[at.line - 1][: at.column - 1] + written + lines[at.line - 1][at.end_column - 1 :]
    return written, "\n".join(lines)


@pytest.mark.parametrize("term", TERMS)
def test_the_help_for_another_programs_words_can_be_typed_as_it_stands(term):
    text, (found,) = _findings(term)
    written, mended = _with_the_help(text, found)
    assert written == TERMS[term]
    assert not _errors(mended)


def test_a_metric_that_lacks_the_data_is_shown_with_them():
    text, (found,) = _findings(metric="frechet(default)")
    written, mended = _with_the_help(text, found)
    assert written == "frechet(default, x)"
    assert not _errors(mended)


def test_a_block_that_has_the_name_of_a_library_is_a_block():
    text = SPEC.replace("  critic: ", "  F: ").replace("critic(x)", "F(x)").replace("METRIC", "frechet(default, x)")
    assert not _errors(text.replace("TERM", "F(x_hat)"))


MEMORY = """
compose: 1
extends: specs/thesis/vaebm_swiss_roll.yaml
blocks:
  memory: {kind: memory.replay, size: 100}
graph:
  start: ~memory.read(probability=0.5)
  neg: ~langevin(vaebm, INIT, steps=chain, step_size=eta, clip=clip)
stages: {energy: {write: {memory: neg.state.z}}}
"""


def test_a_memory_of_one_leaf_of_a_tilted_vae_is_told_how_to_be_a_start():
    (found,) = _errors(MEMORY.replace("INIT", "start"))
    assert found.code == "T216"
    written = found.help.removeprefix("write ")
    assert written == "init=record(z=start, x=~normal)"
    assert not _errors(MEMORY.replace("INIT", written))
