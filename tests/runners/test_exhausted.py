"""Out of memory ends in prose: the value that was computed, the batch size, and the chain's steps or the precision."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import compose
from blocks.energies import MLPEnergy
from compose.spec import parse_spec
from runners.exhausted import Exhausted

SPEC = """
compose: 1
name: large
params: {k: 7}
data: {source: toy.moons, batch_size: 48, size: 128, test_size: 64}
blocks:
  energy: {kind: energy.mlp, hidden: [8]}
graph:
  level: energy(x)
  neg: ~langevin(energy, init=~normal(like=x), steps=k, step_size=0.05)
stages:
  - name: fit
    steps: 4
    minimize: {contrast: level - energy(neg)}
"""


def out_of_memory(monkeypatch, at):
    """A device without memory at the n-th call of the energy on real rows."""
    calls = []

    def forward(self, *values, call=MLPEnergy.forward):
        if type(values[0]) is torch.Tensor and values[0].device.type == "cpu" and torch.is_grad_enabled():
            calls.append(len(values[0]))
        if len(calls) == at:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return call(self, *values)

    monkeypatch.setattr(MLPEnergy, "forward", forward)


def failed(text, folder):
    spec = parse_spec(text, "large.yaml")
    with pytest.raises(Exhausted) as told:
        compose.run(spec, folder, quiet=True)
    (found,) = told.value.findings
    return found


def test_the_value_is_named_where_it_stands_with_two_settings(tmp_path, monkeypatch):
    places = set()
    for at in (1, 7, 8, 9):
        with monkeypatch.context() as patched:
            out_of_memory(patched, at)
            found = failed(SPEC, tmp_path / f"run{at}")
        assert found.code == "R254"
        places.add((found.message.split("`")[1], found.span.line))
        assert "`--set data.batch_size=24` (it is 48)" in found.help
        assert "`steps=3` of the chain in `neg` (it has 7)" in found.help
        assert json.loads((tmp_path / f"run{at}" / "run.json").read_text())["status"] == "failed"
    assert places == {("level", 9), ("neg", 10), ("energy(neg)", 12)}


def test_without_a_chain_the_second_setting_is_the_precision(tmp_path, monkeypatch):
    out_of_memory(monkeypatch, 1)
    text = SPEC.replace("  neg: ~langevin(energy, init=~normal(like=x), steps=k, step_size=0.05)\n", "").replace(
        "level - energy(neg)", "level ** 2"
    ).replace("params: {k: 7}\n", "")  # fmt: skip
    found = failed(text, tmp_path / "run")
    assert "computing `level`" in found.message
    assert "`--set run.precision=bf16-mixed` (it is 32)" in found.help


def test_in_the_way_back_no_value_is_blamed(tmp_path, monkeypatch):
    def backward(*_values, **_options):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    from lightning_fabric import Fabric

    monkeypatch.setattr(Fabric, "backward", backward)
    assert "going back through the terms" in failed(SPEC, tmp_path / "run").message


LIMITED = """
import resource, sys
import lightning_fabric, torch
import compose
from compose.cli import main

torch.set_num_threads(1)
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 2**30,) * 2)
sys.exit(main(["run", "large.yaml", "--quiet", "--out", "run"]))
"""
CHAIN = "neg: ~langevin(energy, init=~normal(like=x), steps=k, step_size=0.05)"


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
def test_a_machine_without_memory_is_told_as_a_device_is(tmp_path):
    text = SPEC.replace(CHAIN, "neg: repeat(x, 1000000)").replace("params: {k: 7}\n", "").replace("48", "400")
    text = text.replace("{contrast: level - energy(neg)}", "{data: level, samples: -energy(neg)}")
    (tmp_path / "large.yaml").write_text(text.replace("size: 128", "size: 512"))
    environment = {**os.environ, "PYTHONPATH": str(Path(compose.__file__).parents[1])}
    command = [sys.executable, "-c", LIMITED]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "out of memory while computing `neg`" in done.stderr
    assert "`--set data.batch_size=200` (it is 400)" in done.stderr
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "failed"


def refused(text):
    def draw(*_values):
        raise RuntimeError(text)

    return draw


def test_noise_that_does_not_fit_is_no_way_back(tmp_path, monkeypatch):
    monkeypatch.setattr("runners.inputs.draw", refused("[enforce fail] DefaultCPUAllocator: can't allocate memory"))
    assert "drawing the noise of a step" in failed(SPEC, tmp_path / "run").message


def test_another_error_stays_what_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr("runners.inputs.draw", refused("sizes differ"))
    with pytest.raises(RuntimeError, match="sizes differ") as told:
        compose.run(parse_spec(SPEC, "large.yaml"), tmp_path / "run", quiet=True)
    assert not isinstance(told.value, Exhausted)
