"""Several processes, as real ones: they compute what one computes, end together, and only the first writes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import compose
from compose.spec import parse_spec
from runners.checkpoints import checkpoint_paths, read_checkpoint
from tests.end_to_end.systems import DDGAN, GLF, GLOW, VAEBM
from tests.thinning import thinned

# Adam divides a gradient by its own size. Before a batch norm a bias has the gradient 0, and in single precision its
# rounding is as large as the default eps, 1e-8: then two orders of a sum train two networks, on one process too.
STEADY = ("stages.0.optimizer.eps=1e-3",)
PENALTY = """
compose: 1
name: penalty
data: {source: toy.gaussians25, batch_size: 32, size: 200, test_size: 50}
blocks:
  generator: {kind: generator.mlp, latent: 2, hidden: [16], norm: batch}
  critic: {kind: discriminator.mlp, hidden: [16], norm: batch}
  encoder: {kind: encoder.mlp, latent: 2, hidden: [16], output: normal}
models:
  gan:
    z: ~normal
    x: generator(z)
graph:
  fake: ~gan
  many: repeat(x, 3)
  q: encoder(many)
  z: ~q
  centre: batch_mean(x)
  drift: batch_mean(fake)
stages:
  - steps: 10
    updates:
      - train: [critic]
        minimize:
          real: softplus(-critic(x))
          fake: softplus(critic(fake))
          r1: {value: "square_norm(grad(critic(x), x))", every: 2}
      - train: [generator, encoder]
        minimize:
          adversarial: softplus(-critic(fake))
          matched: square_norm(drift - centre)
          spread: logmeanexp(group(q.log_prob(z), 3))
samplers:
  default: ~gan
"""
"""A penalty on a gradient through batch normalization, folded copies, terms that are functions of a batch's means."""

KEPT = """
compose: 1
name: kept
data: {source: digits, batch_size: 64}
blocks:
  encoder: {kind: encoder.mlp, latent: 3, hidden: [16]}
  decoder: {kind: decoder.mlp, hidden: [16]}
  codebook: {kind: memory.codebook, codes: 8, decay: 0.5, revive: 4}
  table: {kind: parameter.table, latent: 3}
  mapping: {kind: generator.mlp, latent: 3, hidden: [16], like: z}
  prior: {kind: prior.mixture, components: 3}
graph:
  z: encoder(x)
  e: codebook(z)
  row: table(index)
stages:
  - name: codes
    steps: 6
    train: [encoder, decoder, table]
    minimize:
      reconstruction: squared_error(decoder(z + sg(e - z)), x)
      commitment: squared_error(e, z)
      table: squared_error(decoder(row), x)
    write: {codebook: z}
    project: {table: unit_ball}
  - name: mixture
    fit: {prior: z}
  - name: mapping
    steps: 4
    train: [mapping]
    minimize:
      nearest: "squared_error(nearest_row(row, mapping(~normal)), row)"
      likely: -prior.log_prob(mapping(~normal))
samplers:
  default: decoder(~prior)
"""
"""What is kept between steps: a codebook whose dead codes move, a row for each datum; a fit; nearest rows of others."""

SYSTEMS = {
    "glf": (GLF, STEADY),
    "vaebm": (VAEBM, ()),
    "ddgan": (DDGAN, ()),
    "glow": (GLOW, STEADY),
    "penalty": (PENALTY, ()),
    "kept": (KEPT, ()),
}
LONG = ("stages.0.steps=1000000", "run.log_every=1", "run.checkpoint_every=1000000")
PATIENCE = 90


def command(text, folder, *settings, processes=2, name="run", launcher=("-m", "compose")):
    folder.mkdir(exist_ok=True)
    (folder / "spec.yaml").write_text(text)
    asked = [part for setting in settings for part in ("--set", setting)]
    options = ["--out", str(folder / name), *(["--devices", str(processes)] if processes else [])]
    return [sys.executable, *launcher, "run", str(folder / "spec.yaml"), *asked, *options]


def start(asked):
    """Begin a command in a session of its own, as a shell would."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(asked, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(asked):
    process = start(asked)
    said = process.communicate(timeout=PATIENCE)[0]
    return process.returncode, said


def saved(folder):
    return read_checkpoint(checkpoint_paths(folder / "checkpoints")[-1])


def distance(one, other):
    """The largest relative distance of a file's tensors, each a vector of all its numbers."""
    apart = []
    for part, tensors in one.tensors.items():
        assert tensors.keys() == other.tensors[part].keys()
        if tensors:
            a, b = (
                torch.cat([held.tensors[part][name].double().flatten() for name in tensors]) for held in (one, other)
            )
            apart.append(float((a - b).norm() / a.norm()))
    return max(apart)


def logged(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines() if line.endswith("}")]


CLOSE = {"32": 1e-5, "64": 1e-10}
COMPARED = [("glf", "64", "ddp"), ("vaebm", "64", "sharded")]
OTHERS = [(system, precision, how) for system in SYSTEMS for precision in CLOSE for how in ("ddp", "sharded", "fsdp")]
"""Systems, precisions, strategies: those of every suite, and all."""


@pytest.mark.parametrize(
    ("system", "precision", "strategy"),
    [*COMPARED, *(pytest.param(*case, marks=pytest.mark.slow) for case in OTHERS if case not in COMPARED)],
)
def test_two_processes_compute_what_one_does(system, precision, strategy, tmp_path):
    (text, settings), most = SYSTEMS[system], CLOSE[precision]
    asked = (*settings, f"run.precision={precision}", "run.log_every=4")
    compose.run(parse_spec(text, "spec.yaml", asked), tmp_path / "1", quiet=True)
    status, said = finish(command(text, tmp_path, *asked, f"run.strategy={strategy}", name="2"))
    assert status == 0, said
    one, two = saved(tmp_path / "1"), saved(tmp_path / "2")
    assert one.numbers == two.numbers
    assert distance(one, two) < most
    for alone, shared in zip(logged(tmp_path / "1"), logged(tmp_path / "2"), strict=True):
        for group in ("terms", "gradients"):
            assert shared.get(group, {}) == pytest.approx(alone.get(group, {}), rel=100 * most, abs=100 * most)


@pytest.mark.slow
def test_two_processes_stop_early_where_one_does(tmp_path):
    measured = "evaluate: {every: 2 steps, keep: highest error, patience: 2, error: 'squared_error(x_hat, x)'}\n"
    for processes in (1, 2):
        status, said = finish(command(GLF + measured, tmp_path, processes=processes, name=str(processes)))
        assert status == 0, said
    one, two = saved(tmp_path / "1"), saved(tmp_path / "2")
    assert one.numbers["run_step"] == two.numbers["run_step"] < 12
    assert checkpoint_paths(tmp_path / "2" / "best")


@pytest.mark.slow
def test_only_the_first_process_writes(tmp_path):
    for processes in (1, 2):
        status, said = finish(command(VAEBM, tmp_path, processes=processes, name=str(processes)))
        assert status == 0, said
        assert said.count("training into") == 1
        assert said.count("next:") == 1
    alone, shared = (
        {str(path.relative_to(home)) for path in home.rglob("*")} for home in (tmp_path / "1", tmp_path / "2")
    )
    events = {path for path in alone | shared if "tfevents" in path}
    assert alone - events == shared - events
    assert sum("tfevents" in path for path in shared) == 1


@pytest.mark.parametrize(("first", "second", "strategy"), [(2, 1, "sharded"), (1, 2, "ddp")])
@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_processes(first, second, strategy, tmp_path):
    exact = "run.precision=64", f"run.strategy={strategy}"
    status, said = finish(command(VAEBM, tmp_path, *exact, processes=1, name="whole"))
    assert status == 0, said
    stopping = command(VAEBM, tmp_path, *exact, "run.checkpoint_every=2", processes=first)
    process = start(stopping)
    wait_for(lambda: checkpoint_paths(tmp_path / "run" / "checkpoints"))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    status, said = finish(command(VAEBM, tmp_path, *exact, processes=second))
    assert status == 0, said
    assert distance(saved(tmp_path / "whole"), saved(tmp_path / "run")) < 1e-10


def test_a_batch_that_cannot_be_shared_is_found_before_any_process_starts(tmp_path):
    status, said = finish(command(VAEBM, tmp_path, "data.batch_size=33"))
    assert status == 2
    assert "error[R242]" in said
    assert "write `batch_size: 32`" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_finished_run_says_so_and_ends(tmp_path):
    for _ in range(2):
        status, said = finish(command(VAEBM, tmp_path))
        assert status == 0, said
    assert "is finished" in said


def test_a_run_that_diverges_ends_in_all_processes_and_is_told_once(tmp_path):
    status, said = finish(command(VAEBM, tmp_path, "stages.0.optimizer.lr=1e30"))
    assert status == 1, said
    assert said.count("error[R181]") == 1
    assert "Traceback" not in said


def test_torchrun_starts_the_processes(tmp_path):
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "compose")
    for processes, given in ((1, {}), (0, {"launcher": launcher, "name": "two"})):
        status, said = finish(command(VAEBM, tmp_path, "run.precision=64", processes=processes, **given))
        assert status == 0, said
    assert distance(saved(tmp_path / "run"), saved(tmp_path / "two")) < 1e-10


@pytest.mark.parametrize(
    ("of", "number"), thinned([("both", signal.SIGINT), ("first", signal.SIGTERM), ("second", signal.SIGTERM)], every=3)
)
def test_a_signal_to_any_process_stops_all_and_saves(of, number, tmp_path):
    process, second = training(tmp_path)
    for target in {"first": [process.pid], "second": [second], "both": [second, process.pid]}[of]:
        os.kill(target, number)
    said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 128 + number, said
    assert said.endswith("stopped, and saved; the same command goes on from there\n")
    assert saved(tmp_path / "run").step == logged(tmp_path / "run")[-1]["run_step"]
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "interrupted"
    assert is_gone(second)


@pytest.mark.parametrize("of", thinned(["second", "first"], every=2))
def test_a_killed_process_ends_all(of, tmp_path):
    process, second = training(tmp_path)
    os.kill(process.pid if of == "first" else second, signal.SIGKILL)
    said = process.communicate(timeout=30)[0]  # its pipe ends when both have ended
    assert process.returncode in ({-signal.SIGKILL} if of == "first" else {1, -signal.SIGKILL}), said
    assert "Traceback" not in said
    assert is_gone(second)


def training(folder):
    """A long run of two processes in the midst of it, and the second one's number."""
    process = start(command(GLF, folder, *LONG))
    wait_for(lambda: (folder / "run" / "metrics.jsonl").exists() and logged(folder / "run"))
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 1
    return process, int(children[0])


def wait_for(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def is_gone(number):
    """Whether a process has ended, which it may have a moment left for."""
    wait_for(lambda: not Path(f"/proc/{number}").exists() or ") Z " in Path(f"/proc/{number}/stat").read_text())
    return True
