"""Weights from elsewhere fill a block; what does not fit is told at its place."""

import pytest
import torch
from safetensors.torch import save_file

import compose
from compose.diagnostics import SpecError
from compose.spec import parse_spec

SPEC = """
compose: 1
name: filled
data: {source: toy.moons, batch_size: 16, size: 64, test_size: 16}
blocks:
  encoder: {kind: encoder.mlp, latent: 2, hidden: [HIDDEN]WEIGHTS}
  decoder: {kind: decoder.mlp, hidden: [4]}
graph:
  x_hat: decoder(encoder(x))
stages:
  - steps: 2
    train: [decoder]
    minimize:
      error: squared_error(x_hat, x)
    ema: {decoder: 0.5}
samplers:
  reconstruction: x_hat
"""


def spec(weights="", hidden=4):
    return parse_spec(SPEC.replace("WEIGHTS", weights).replace("HIDDEN", str(hidden)), "filled.yaml")


def encoder(run):
    return run.executable.blocks["encoder"].state_dict()


def test_a_block_is_filled_from_a_run_and_from_a_file(tmp_path):
    first = compose.run(spec(), out=tmp_path / "first", quiet=True)
    other = spec(f", weights: {{run: {tmp_path / 'first'}}}").model_copy(
        update={"run": first.spec.run.model_copy(update={"seed": 9})}
    )
    filled = compose.run(other, out=tmp_path / "second", quiet=True)
    save_file(encoder(first), tmp_path / "encoder.safetensors")
    read = compose.run(
        spec(f", weights: {{file: {tmp_path / 'encoder.safetensors'}}}"), out=tmp_path / "third", quiet=True
    )
    for made in (filled, read):
        for name, value in encoder(first).items():
            assert torch.equal(encoder(made)[name], value)


@pytest.mark.parametrize(
    ("weights", "hidden", "cause"),
    [
        ("{run: nowhere}", 4, "no checkpoint"),
        ("{file: none.safetensors}", 4, "none.safetensors"),
        ("{run: RUN, block: decodr}", 4, "no block `decodr`; it has decoder, encoder"),
        ("{run: RUN}", 5, "size mismatch"),
    ],
)
def test_weights_that_do_not_fit_are_told_at_their_place(weights, hidden, cause, tmp_path):
    compose.run(spec(), out=tmp_path / "first", quiet=True)
    text = weights.replace("RUN", str(tmp_path / "first"))
    with pytest.raises(SpecError) as problem:
        compose.run(spec(f", weights: {text}", hidden), out=tmp_path / "second", quiet=True)
    (found,) = problem.value.findings
    assert (found.code, found.span.line) == ("R110", 6)
    assert cause in found.message
