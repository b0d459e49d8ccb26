"""Every spec of the library checks without a finding, and runs: a step of each update, a draw of each sampler."""

from pathlib import Path

import pytest

from compose.spec import load_spec
from runners.launch import Order, examine, reopen, shortened, train

SPECS = Path(__file__).resolve().parents[2] / "specs"
NEEDS_FILES = {"glf_mnist"}  # their data are the user's own
LIBRARY = sorted(SPECS.rglob("*.yaml"))
FOUND = [path for path in LIBRARY if path.stem not in NEEDS_FILES]
SMALL = {  # what makes a smoke run slow, made small: where a spec has such a param
    "chain": 2, "width": 16, "draws": 2, "latent": 4,
}  # fmt: skip

CAUTIONS = {"glf_regularised": ["G201"], "glf_mnist": ["R140"]}  # what the checker warns of, rightly


def small(path):
    """The spec with smaller params, one step a stage, small data and no figures."""
    spec = load_spec(path)
    settings = [f"params.{name}={value}" for name, value in SMALL.items() if name in spec.params]
    if any(source.source.startswith("toy.") for source in spec.data.values()):
        settings += ["data.size=256", "data.test_size=64", "data.batch_size=32"]
    return shortened(load_spec(path, settings))


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_spec_is_clean(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where no data lie
    spec = load_spec(path)
    _, findings = examine(spec)
    assert [found.code for found in findings] == CAUTIONS.get(path.stem, [])


VARIANTS = [path for path in FOUND if "thesis" in path.parts and "\nextends:" in path.read_text()]
"""Specs that are another one of the library but for some settings: trained in the slow suite, checked in every one."""


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.slow] * (path in VARIANTS)) for path in FOUND],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_a_spec_trains_and_samples(path, tmp_path):
    composition, findings = examine(small(path))
    assert not [found.message for found in findings if found.severity == "error"]
    made = train(composition.spec, composition, Order(out=tmp_path / "run", quiet=True))
    assert made.finished
    shown = {path.name.rsplit("-", 1)[0].split(".")[0] for path in (tmp_path / "run").glob("samples/*")}
    assert shown <= set(composition.spec.samplers)
    assert bool(shown) == bool(composition.spec.samplers)
    again = reopen(tmp_path / "run").run
    assert again.finished
