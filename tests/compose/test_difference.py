"""`compose diff`: what matters is told, however two specs are written; what does not matter is told apart."""

import json

import pytest

import compose
from compose.cli import main
from compose.difference import difference, report
from compose.portrait import SECTIONS
from compose.spec import dump_json, parse_spec
from runners.launch import examine

BASE = """
compose: 1
name: one
params: {latent: 3, width: 8, scale: 2}
data: {source: toy.moons, batch_size: 32, size: 200}
blocks:
  encoder: {kind: encoder.mlp, latent: latent, hidden: [width]}
  decoder: {kind: decoder.mlp, hidden: [width]}
  prior:   {kind: flow.realnvp, couplings: 2, hidden: [8]}
models:
  whole:
    z: ~prior
    x: decoder(z)
  half(v, k=2): v / k
graph:
  z: encoder(x)
  x_hat: decoder(z)
  bound: half(x, 4)
stages:
  - steps: 20
    minimize:
      reconstruction: scale * squared_error(x_hat, x)
      prior_nll: -prior.log_prob(sg(z))
    optimizer: {kind: adam, lr: 1e-3}
    monitor: {bound: square_norm(bound)}
samplers:
  default: ~whole
evaluate:
  error: squared_error(x_hat, x)
"""


def composition(text):
    spec = parse_spec(text)
    made, findings = examine(spec)
    assert not [found.message for found in findings if found.severity == "error"]
    return made


def found(text):
    return difference(composition(BASE), composition(text))


def replaced(*pairs):
    text = BASE
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


TRAIN = "train: [decoder, encoder, prior]"
ALIKE = {
    "another order": lambda: replaced(
        ("  encoder: {kind: encoder.mlp, latent: latent, hidden: [width]}\n", ""),
        ("models:", "  encoder: {hidden: [width], kind: encoder.mlp, latent: latent}\nmodels:"),
    ),
    "structured": lambda: dump_json(parse_spec(BASE), structured=True),
    "params written out": lambda: replaced(
        ("params: {latent: 3, width: 8, scale: 2}\n", ""), ("latent: latent", "latent: 3"), ("[width]", "[8]"),
        ("scale *", "4 // 2 *"),
    ),
    "defaults written": lambda: replaced(
        ("couplings: 2,", "couplings: 2, permutation: alternate,"), ("steps: 20", "steps: 20\n    every: 1")
    ),
    "one update": lambda: replaced(
        ("    minimize:\n      r", f"    updates:\n     - {TRAIN}\n       minimize:\n        r"),
        ("      prior_nll", "        prior_nll"),
    ),
    "a line called otherwise": lambda: replaced(
        ("  z: encoder(x)", "  code: encoder(x)"), ("x_hat: decoder(z)", "x_hat: decoder(code)"), ("sg(z)", "sg(code)")
    ),
    "a block and a model called otherwise": lambda: replaced(
        ("prior", "flow"), ("flow_nll", "prior_nll"), ("whole", "glf")
    ),
    "another name and other logs": lambda: replaced(("name: one", "name: two\nrun: {log_every: 3}")),
}  # fmt: skip


@pytest.mark.parametrize("write", ALIKE.values(), ids=ALIKE.keys())
def test_what_is_only_written_otherwise_does_not_matter(write):
    told = found(write())
    assert told.changes == ()
    assert report(told, "a", "b").startswith("no difference that matters")


def test_what_is_called_otherwise_is_told_apart():
    told = found(ALIKE["a line called otherwise"]())
    assert [(change.section, change.before, change.after) for change in told.immaterial] == [("graph", "z", "code")]


UNLIKE = {
    "an option": (("latent: 3", "latent: 4"), "blocks", "encoder.latent", "3", "4"),
    "a block": (("models:", "  energy: {kind: energy.mlp}\nmodels:"), "blocks", "energy", None, "energy.mlp"),
    "a line": (("x_hat: decoder(z)", "x_hat: decoder(2 * z)"), "graph", "x_hat", "decoder(z)", "decoder(2 * z)"),
    "a line of a model": (("    z: ~prior", "    z: ~normal"), "models", "whole.z", "~prior", "~normal"),
    "what a model gives": (
        ("    x: decoder(z)\n", "    x: decoder(z)\n    y: 2 * x\n"), "models", "whole.gives", "x", "y"
    ),
    "a default of a function": (("k=2", "k=3"), "models", "half.parameters", "v, k=2", "v, k=3"),
    "a param in a term": (
        ("scale: 2", "scale: 3"), "training", "stage1.reconstruction",
        "2 * squared_error(x_hat, x)", "3 * squared_error(x_hat, x)",
    ),
    "a term": (
        ("    optimizer:", "      size: square_norm(z)\n    optimizer:"), "training", "stage1.size",
        None, "square_norm(z)",
    ),
    "a term that is lazy": (
        ("prior_nll: -prior.log_prob(sg(z))", "prior_nll: {value: -prior.log_prob(sg(z)), every: 2}"), "training",
        "stage1.prior_nll", "-prior.log_prob(sg(z))", "-prior.log_prob(sg(z))  (every 2 steps)",
    ),
    "what is trained": (("    minimize:", "    train: [encoder, prior]\n    minimize:"), "training", "stage1.train",
                        "decoder, encoder, prior", "encoder, prior"),
    "where a gradient goes": (("sg(z)", "z"), "gradients", "stage1.prior_nll -> encoder", "stopped", "reaches"),
    "an optimizer": (("lr: 1e-3", "lr: 1e-2"), "training", "stage1.optimizer.lr", "0.001", "0.01"),
    "a sampler": (("default: ~whole", "default: ~whole\n  again: x_hat"), "samplers", "again", None, "x_hat"),
    "a metric": (("error: squared", "wrong: squared"), "evaluate", "wrong", None, "squared_error(x_hat, x)"),
    "data": (("size: 200", "size: 300"), "data", "size", "200", "300"),
    "a seed": (("name: one", "name: one\nrun: {seed: 1}"), "run", "seed", "0", "1"),
}  # fmt: skip


@pytest.mark.parametrize(("pair", "section", "part", "before", "after"), UNLIKE.values(), ids=UNLIKE.keys())
def test_what_differs_is_told_in_its_section(pair, section, part, before, after):
    told = found(replaced(pair))
    (change,) = [one for one in told.changes if (one.section, one.part) == (section, part)]
    assert (change.before, change.after) == (before, after)
    assert {one.section for one in told.changes} <= {section, "cost", "gradients", "training"} & set(SECTIONS)
    assert f"{part}: " in report(told, "a", "b")


@pytest.fixture
def files(tmp_path):
    (tmp_path / "a.yaml").write_text(BASE)
    (tmp_path / "b.yaml").write_text(replaced(("couplings: 2", "couplings: 4")))
    (tmp_path / "same.json").write_text(dump_json(parse_spec(BASE)))
    (tmp_path / "wrong.yaml").write_text(replaced(("sg(z)", "sg(zz)")))
    return tmp_path


@pytest.mark.parametrize(("other", "status"), [("same.json", 0), ("b.yaml", 1), ("wrong.yaml", 2), ("nothing.yaml", 2)])
def test_the_exit_status_is_that_of_diff(other, status, files, capsys):
    assert main(["diff", str(files / "a.yaml"), str(files / other)]) == status
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert bool(shown.err) == (status == 2)


def test_the_difference_as_json(files, capsys):
    assert main(["diff", str(files / "a.yaml"), str(files / "b.yaml"), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert not said["same"]
    assert {"section": "blocks", "part": "prior.couplings", "change": "changed", "before": "2", "after": "4"} in said[
        "changes"
    ]


def test_a_run_and_a_spec_are_compared(files, capsys):
    compose.run(compose.load(files / "a.yaml", set=["stages.0.steps=1"]), out=files / "run", quiet=True)
    assert main(["diff", str(files / "run"), str(files / "a.yaml")]) == 1
    assert "stage1.steps: 1  ->  20" in capsys.readouterr().out
    assert main(["diff", str(files), str(files / "a.yaml")]) == 2


def test_specs_of_the_library_are_compared_by_name(capsys):
    assert main(["diff", "thesis/ddgan_gaussians25", "thesis/ddgan_gaussians25_t8"]) == 1
    assert "chain.steps: 4  ->  8" in capsys.readouterr().out
