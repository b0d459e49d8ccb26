"""The JSON Schema: every spec of the library fits it, and what an editor should underline does not."""

import json

import pytest

from compose.cli.creating import _schema
from compose.positions import loads
from compose.schema.prose import MEANING
from compose.spec import load_spec
from compose.spec.writing import to_data
from tests.house.sources import ROOT

jsonschema = pytest.importorskip("jsonschema")
LIBRARY = sorted((ROOT / "specs").rglob("*.yaml"))


@pytest.fixture(scope="module")
def validator():
    made = json.loads(_schema())
    jsonschema.Draft7Validator.check_schema(made)
    return jsonschema.Draft7Validator(made)


def faults(validator, data):
    found = validator.iter_errors(data)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in found]


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_every_spec_of_the_library_fits(path, validator):
    assert faults(validator, loads(path.read_text()).data) == []
    assert faults(validator, to_data(load_spec(path))) == []
    assert faults(validator, to_data(load_spec(path), structured=True)) == []


def test_every_key_has_a_meaning(validator):
    for record, meanings in MEANING.items():
        assert set(meanings) == set(record.keys()), record
    waiting, seen = [{**validator.schema, "then": {}}], 0
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            for key, part in here.get("properties", {}).items():
                if isinstance(part, dict) and ("type" in part or "default" in part or "enum" in part):
                    assert part.get("description"), key
                    seen += 1
            waiting += here.values()
        elif isinstance(here, list):
            waiting += here
    assert seen > 100


BASE = """
compose: 1
name: little
params: {T: 4}
data: {source: toy.moons, batch_size: 2 * T, noise: 0.1}
blocks:
  flow: {kind: flow.realnvp, couplings: T, hidden: [8], scale: tanh}
  memory: {kind: memory.replay, size: 100}
models:
  shifted(v):
    y: v + 1
graph:
  z: ~flow
stages:
  - steps: 10
    train: [flow]
    minimize:
      nll: {value: -flow.log_prob(x), every: 2}
    optimizer: {kind: adam, lr: 0.1, betas: [0.5, 0.9]}
    ema: {flow: 0.99}
run: {seed: 0, device: cpu}
"""
FAULTS = {
    "an unknown section": ("stages:", "stage:"),
    "an unknown kind of block": ("flow.realnvp", "flow.realnv"),
    "an unknown option of a block": ("couplings:", "coupling:"),
    "an option of the wrong type": ("hidden: [8]", "hidden: wide"),
    "a whole number that is none": ("couplings: T", "couplings: 2.5"),
    "a word that is none of the choices": ("scale: tanh", "scale: tan"),
    "an unknown source": ("toy.moons", "toy.moon"),
    "an unknown option of a source": ("noise: 0.1", "nois: 0.1"),
    "a batch that is no number": ("batch_size: 2 * T", "batch_size: [2]"),
    "an unknown optimizer": ("kind: adam", "kind: adan"),
    "an unknown option of an optimizer": ("betas:", "beta:"),
    "an unknown key of a stage": ("ema:", "emma:"),
    "a decay beyond one": ("0.99}", "1.5}"),
    "a term without value": ("{value: -flow.log_prob(x), every: 2}", "{every: 2}"),
    "an unknown key of a term": ("every: 2", "evry: 2"),
    "steps that are no number": ("steps: 10", "steps: true"),
    "epochs beside steps": ("- steps: 10", "- steps: 10\n    epochs: 2"),
    "no length": ("- steps: 10\n    train", "- train"),
    "train that is no list": ("train: [flow]", "train: flow"),
    "an unknown device": ("device: cpu", "device: gpus"),
    "a seed below zero": ("seed: 0", "seed: -1"),
    "another version": ("compose: 1", "compose: 2"),
    "a block without kind": ("{kind: memory.replay, size: 100}", "{size: 100}"),
    "a key that is no name": ("z: ~flow", "z-1: ~flow"),
    "a model of a bad head": ("shifted(v):", "shifted(v:"),
    "a name with blanks": ("name: little", "name: a little"),
    "an expression that is none": ("z: ~flow", "z: {nod: flow}"),
    "a param that is a list": ("T: 4", "T: [4]"),
}


def test_the_base_of_the_faults_fits(validator):
    assert faults(validator, loads(BASE).data) == []


@pytest.mark.parametrize(("old", "new"), FAULTS.values(), ids=FAULTS.keys())
def test_what_is_wrong_does_not_fit(old, new, validator):
    assert old in BASE
    assert faults(validator, loads(BASE.replace(old, new)).data)


def test_a_spec_that_extends_another_may_be_written_in_part(validator):
    part = {
        "compose": 1,
        "extends": "thesis/glf",
        "blocks": {"encoder": {"latent": 4}, "prior": None},
        "stages": {"stage1": {"epochs": 3}, "0": {"minimize": {"nll": None}}},
    }
    assert [fault for fault in faults(validator, part) if "nll" not in fault] == []
    del part["extends"]
    assert faults(validator, part)
