"""Which programs run compiled: by time or by word, once, kept for a run that goes on, without a trace of the trials."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from torch import fx, nn
from torch._dynamo.exc import TorchDynamoException

import compose
from compose.program import Program
from compose.spec import parse_spec
from runners import tuning
from runners.compilation import compiled
from runners.linears import OneDNNLinear
from runners.loop import Loop
from runners.state import RunFailed
from tests.end_to_end.remains import assert_same_remains
from tests.end_to_end.systems import SYSTEMS

TUNED = "run: {tune: true}\n"


class Doubled(nn.Module):
    def forward(self, x):
        return {"loss": 2 * x}


PROGRAM = Program(fx.symbolic_trace(Doubled()), (), "")
"""Whole: it has no loop."""


@pytest.fixture
def pretended(monkeypatch):
    """Compiling gives the same program as another object, at once."""
    monkeypatch.setattr(tuning, "compiled", lambda program: replace(program))


def refusing(_program):
    raise TorchDynamoException("no C++ compiler was found")


def settled(folder, monkeypatch, eager=2.0, made=1.0, measures=True, trial=lambda _program: None):
    said = []
    monkeypatch.setattr(tuning, "fastest", lambda sides: dict(zip(sides, (eager, made), strict=True)))
    asked = tuning.Tuning(folder / "tuning.json", said.append, measures=measures)
    return asked.settle("stage1/update1", PROGRAM, trial), said


@pytest.mark.parametrize(("made", "chosen"), [(0.9, "compiled"), (0.99, "eager"), (1.2, "eager")])
def test_the_faster_is_chosen_and_a_little_is_not_faster(made, chosen, pretended, monkeypatch, tmp_path):
    program, said = settled(tmp_path, monkeypatch, 1.0, made)
    assert (program is not PROGRAM) == (chosen == "compiled")
    kept = json.loads((tmp_path / "tuning.json").read_text())["stage1/update1"]
    assert kept == {"way": "whole", "chosen": chosen, "milliseconds": {"eager": 1000.0, "compiled": 1000 * made}}
    assert said[0] == "stage1/update1 is being compiled .."
    assert ("compiled whole" if chosen == "compiled" else "eagerly") in said[1]


@pytest.mark.parametrize("first", ["compiled", "eager"])
def test_what_was_chosen_stays_chosen(first, pretended, monkeypatch, tmp_path):
    settled(tmp_path, monkeypatch, 1.0, 0.5 if first == "compiled" else 2.0)
    program, _ = settled(tmp_path, monkeypatch, 1.0, 2.0 if first == "compiled" else 0.5)
    assert (program is not PROGRAM) == (first == "compiled")


def test_what_cannot_be_compiled_runs_as_it_is_and_says_why(pretended, monkeypatch, tmp_path):
    program, said = settled(tmp_path, monkeypatch, measures=False, trial=refusing)
    assert program is PROGRAM
    assert "no C++ compiler was found" in said[-1]


def test_what_ran_compiled_and_cannot_any_more_ends_the_run(pretended, monkeypatch, tmp_path):
    settled(tmp_path, monkeypatch, measures=False)
    with pytest.raises(RunFailed, match=r"cannot be compiled here: .*no C\+\+ compiler"):
        settled(tmp_path, monkeypatch, measures=False, trial=refusing)


def test_a_damaged_record_is_named(monkeypatch, tmp_path):
    (tmp_path / "tuning.json").write_text('{"stage1/update1": {"chosen"')
    with pytest.raises(RunFailed, match=r"tuning\.json is damaged"):
        settled(tmp_path, monkeypatch)


@pytest.mark.parametrize("system", ["glf", "vaebm", "ddgan"])
def test_trials_leave_nothing_behind(system, pretended, monkeypatch, tmp_path):
    text = SYSTEMS[system]
    monkeypatch.setattr(tuning, "fastest", all_alike)
    compose.run(parse_spec(text), tmp_path / "plain", quiet=True)
    compose.run(parse_spec(text + TUNED), tmp_path / "tuned", quiet=True)
    plain, tuned = compose.load_run(tmp_path / "plain"), compose.load_run(tmp_path / "tuned")
    for name, value in plain.executable.blocks.state_dict().items():
        assert torch.equal(value, tuned.executable.blocks.state_dict()[name]), name
    choices = json.loads((tmp_path / "tuned" / "tuning.json").read_text())
    ways = {choice["way"] for name, choice in choices.items() if "way" in choice}
    assert ways == {"glf": {"whole"}, "vaebm": {"whole", "bodies"}, "ddgan": {"whole", "eager"}}[system]  # R1


def all_alike(sides, prepare=lambda _name: None, _rounds=0):
    """Each side is called, and takes as long as the other."""
    for name, call in sides.items():
        prepare(name)
        call()
    return dict.fromkeys(sides, 1.0)


def last_is_faster(sides, prepare=lambda _name: None, _rounds=0):
    return {name: 1.0 / (1 + place) for place, name in enumerate(all_alike(sides, prepare))}


def test_kernels_lie_as_was_faster_and_a_killed_run_goes_on_to_the_same_bits(pretended, monkeypatch, tmp_path):
    monkeypatch.setattr(tuning, "fastest", last_is_faster)
    spec = parse_spec(SYSTEMS["glf"] + "run: {tune: true, checkpoint_every: 1}\n")
    lying, step, count = [], Loop._step, iter(range(1000))

    def watched(self, stage):
        lying.append({is_last(p) for p in self.session.executable.blocks["encoder"].parameters() if p.dim() == 4})
        if next(count) == 12 + 5:
            raise KeyboardInterrupt
        step(self, stage)

    monkeypatch.setattr(Loop, "_step", watched)
    compose.run(spec, tmp_path / "whole", quiet=True)
    assert json.loads((tmp_path / "whole" / "tuning.json").read_text())["stage1/layout"]["chosen"] == "channels_last"
    with pytest.raises(KeyboardInterrupt):
        compose.run(spec, tmp_path / "cut", quiet=True)
    compose.run(spec, tmp_path / "cut", quiet=True)
    assert all(True in one for one in lying)
    assert_same_remains(tmp_path / "cut", tmp_path / "whole")


def test_weights_averages_and_samples_are_those_of_kernels_that_lie_as_ever(pretended, monkeypatch, tmp_path):
    monkeypatch.setattr(tuning, "fastest", last_is_faster)
    found = []
    for name, asked in (("plain", "false"), ("tuned", "true")):
        text = FROZEN + f"run: {{precision: '64', tune: {asked}, sample_every: 1}}\n"
        made = compose.run(parse_spec(text), tmp_path / name, quiet=True)
        state = made.executable.blocks.state_dict() | {
            f"ema {k}": v for k, v in made.executable.averages.state_dict().items()
        }
        found.append(state | {"sample": made.sample(4)})
    choices = json.loads((tmp_path / "tuned" / "tuning.json").read_text())
    assert choices["stage1/layout"]["chosen"] == "channels_last"
    plain, tuned = found
    for name, value in plain.items():
        assert torch.allclose(value, tuned[name], rtol=1e-9, atol=1e-9), name


FROZEN = """
compose: 1
name: frozen
data: {source: digits, batch_size: 32}
blocks:
  encoder: {kind: encoder.dcgan, latent: 3, channels: [4, 8]}
  decoder: {kind: decoder.dcgan, channels: [8, 4]}
graph:
  x_hat: decoder(encoder(x))
stages:
  - steps: 6
    updates:
      - train: [encoder, decoder]
        minimize: {reconstruction: "squared_error(x_hat, x)"}
        ema: {decoder: 0.8}
      - train: [encoder]
        minimize: {codes: square_norm(encoder(freeze(decoder)(encoder(x))))}
    optimizer: {kind: sgd, lr: 1e-3}
samplers:
  default: decoder(~normal(3))
"""


def test_linear_layers_multiply_by_what_was_faster_and_a_killed_run_goes_on_to_the_same_bits(
    pretended, monkeypatch, tmp_path
):
    monkeypatch.setattr(tuning, "fastest", last_is_faster)
    spec = parse_spec(SYSTEMS["vaebm"] + "run: {tune: true, checkpoint_every: 1}\n")
    kinds, step, count = [], Loop._step, iter(range(1000))

    def watched(self, stage):
        modules = [inputs.program.module for update in stage.updates for inputs in update.all_inputs()]
        kinds.append({type(layer) for module in modules for layer in module.modules() if isinstance(layer, nn.Linear)})
        if next(count) == 12 + 8:
            raise KeyboardInterrupt
        step(self, stage)

    monkeypatch.setattr(Loop, "_step", watched)
    whole = compose.run(spec, tmp_path / "whole", quiet=True)
    choices = json.loads((tmp_path / "whole" / "tuning.json").read_text())
    assert [choices[f"{stage}/linear"]["chosen"] for stage in ("vae", "energy")] == ["onednn", "onednn"]
    with pytest.raises(KeyboardInterrupt):
        compose.run(spec, tmp_path / "cut", quiet=True)
    compose.run(spec, tmp_path / "cut", quiet=True)
    assert kinds == [{OneDNNLinear}] * len(kinds)
    assert_same_remains(tmp_path / "cut", tmp_path / "whole")
    assert not any(type(layer) is OneDNNLinear for layer in whole.executable.blocks.modules())


def is_last(kernel):
    return kernel.is_contiguous(memory_format=torch.channels_last) and not kernel.is_contiguous()


class Quadratic(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64))

    def forward(self, v):
        return 0.5 * ((v @ self.weight) * v).sum(1)


def test_a_compiled_potential_has_its_gradient_and_that_ones(tmp_path):
    """dU/dv = v W for a symmetric W, and the gradient of |dU/dv|^2 / 2 with respect to v is v W W."""
    from blocks.loops import descend
    from runners.compilation import Compiled, compiling

    potential, v = Quadratic(), torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    made = Compiled(potential)
    with compiling():
        (slope,) = made.slope([v], (), True)
        assert torch.allclose(slope, v @ potential.weight)
        (second,) = torch.autograd.grad((slope**2).sum() / 2, v)
        assert torch.allclose(second, v @ potential.weight @ potential.weight)
        ended = descend(made, v.detach(), steps=3, step_size=0.1).state
    expected = v.detach() @ torch.linalg.matrix_power(torch.eye(2, dtype=torch.float64) - 0.05 * potential.weight, 3)
    assert torch.allclose(ended, expected)


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_compiled_programs_train_as_those_that_are_not(system, tmp_path):
    wide = 'run: {precision: "64", compile: %s}\n'  # Adam makes a step of any gradient that is not nothing
    compose.run(parse_spec(SYSTEMS[system] + wide % "false"), tmp_path / "plain", quiet=True)
    compose.run(parse_spec(SYSTEMS[system] + wide % "true"), tmp_path / "compiled", quiet=True)
    plain, made = (compose.load_run(tmp_path / name).executable.blocks.state_dict() for name in ("plain", "compiled"))
    for name, value in plain.items():
        assert torch.allclose(value, made[name], rtol=1e-6, atol=1e-8), name


@pytest.mark.slow
@pytest.mark.parametrize("system", ["glf", "vaebm"])
def test_a_compiled_run_that_was_killed_goes_on_to_the_same_bits(system, tmp_path, monkeypatch):
    spec = parse_spec(SYSTEMS[system] + "run: {compile: true, checkpoint_every: 1}\n")
    compose.run(spec, tmp_path / "whole", quiet=True)
    step, count = Loop._step, iter(range(1000))

    def shot(self, stage):
        if next(count) == 8:
            raise KeyboardInterrupt
        step(self, stage)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Loop, "_step", shot)
        compose.run(spec, tmp_path / "cut", quiet=True)
    compose.run(spec, tmp_path / "cut", quiet=True)
    assert_same_remains(tmp_path / "cut", tmp_path / "whole")
    shutil.rmtree(tmp_path / "cut")


def test_a_program_that_is_not_compiled_stays_the_same_object():
    assert compiled(PROGRAM) is not PROGRAM
    solver = fx.Graph()
    from blocks.loops import flow

    solver.output(solver.call_function(flow, (solver.placeholder("x"),)))
    adaptive = Program(fx.GraphModule({}, solver), (), "")
    assert compiled(adaptive) is adaptive
