"""What a run says before its first step, and what TensorBoard holds of it, read back from the event files."""

import io
import re

import pytest
import torch
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from torch import nn

import compose
from compose.expressions import unparse
from compose.paths import ways
from compose.spec import parse_spec
from runners import progress
from runners.card import card_of
from runners.footprint import goes_back_through_a_chain, holding, kept_by, kept_in, size_of
from runners.inputs import Inputs
from runners.launch import assemble, examine
from runners.progress import Progress
from runners.sampling import draw_rows
from runners.state import Clock

SPEC = """
compose: 1
name: carded
params: {width: 16}
data: {source: toy.moons, batch_size: 64, size: 128, test_size: 64}
blocks:
  flow: {kind: flow.realnvp, couplings: 2, hidden: [width]}
  energy: {kind: energy.mlp, hidden: [width]}
models: {tilted: "tilt(flow, energy)"}
graph:
  neg: ~langevin(tilted, steps=5, step_size=0.05)
stages:
  - name: flow
    steps: 4
    minimize: {nll: "-flow.log_prob(x)"}
  - name: energy
    steps: 4
    train: [energy]
    minimize: {contrast: energy(x) - energy(neg)}
    optimizer: {lr: 1e-4}
samplers:
  default: ~langevin(tilted, steps=5, step_size=0.05)
run: {log_every: 1, sample_every: 2, checkpoint_every: 1}
"""


@pytest.fixture(scope="module")
def composed():
    composition, _ = examine(parse_spec(SPEC))
    return composition, assemble(composition, 0)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return compose.run(parse_spec(SPEC), tmp_path_factory.mktemp("carded") / "run", quiet=True)


def events(folder):
    read = EventAccumulator(str(folder / "tensorboard"), size_guidance={"histograms": 0, "tensors": 0, "images": 0})
    read.Reload()
    return read


def test_parameters_and_evaluations_are_those_of_the_blocks(composed):
    composition, executable = composed
    first, *steps = card_of(composition, executable, 64).lines
    counts = {name: sum(p.numel() for p in block.parameters()) for name, block in executable.blocks.items()}
    assert first == f"{sum(counts.values()):,} parameters: " + ", ".join(f"{k} {v:,}" for k, v in counts.items())
    assert steps[0].startswith("a step of flow evaluates for each sample: flow 1; memory about ")
    assert "energy 7" in steps[1], "the data, the samples, and five steps of the chain"


CHAIN = """
compose: 1
name: chain
data: {source: toy.moons, batch_size: 32, size: 128, test_size: 64}
blocks:
  energy: {kind: energy.mlp, hidden: [16]}
graph:
  gen: descend(energy, x0, steps=12, step_size=0.1, differentiable=true)
  x0: ~normal(like=x)
stages:
  - steps: 2
    minimize: {made: square_norm(gen)}
"""


def test_a_chain_that_is_gone_back_through_keeps_all_its_steps():
    """Counted on fake tensors, and by a real step."""
    composition, _ = examine(parse_spec(CHAIN))
    executable = assemble(composition, 0)
    (update,) = executable.stage(0, frozenset()).updates
    program = update.program(frozenset(update.terms))
    assert goes_back_through_a_chain(program)
    counted = kept_in(program, composition.fields, 32)
    inputs = Inputs(program, 0, "s", dtype=torch.float32, device=torch.device("cpu"))
    values = inputs.values(32, {"x": torch.randn(32, 2)}, Clock(0, 0, 0.0, 0))
    with holding(list(executable.blocks.parameters())) as held:
        program(values)
    assert counted == pytest.approx(held.most, rel=0.01)
    assert counted > 10 * kept_by(executable.blocks["energy"], ((2,),), 32)
    assert kept_in(program, composition.fields, 64) > 1.8 * counted
    (_, line) = card_of(composition, executable, 32).lines
    assert f"memory about {(counted + 4 * 3 * size_of_all(executable)) / 1e6:.2g} MB" in line


def size_of_all(executable):
    return sum(parameter.numel() for parameter in executable.blocks.parameters())


def test_what_a_call_keeps_is_counted_as_autograd_does(composed):
    block = nn.Sequential(nn.Linear(3, 50), nn.ReLU(), nn.Linear(50, 1))
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        block(torch.zeros(32, 3))
    mine = {parameter.untyped_storage()._cdata for parameter in block.parameters()}
    assert kept_by(block, ((3,),), 32) == sum(size_of(tensor) for key, tensor in kept.items() if key not in mine) > 0
    assert kept_by(block, ((3,),), 64) == 2 * kept_by(block, ((3,),), 32)


def test_a_block_that_cannot_be_called_so_counts_nothing_and_harms_nothing(composed):
    assert kept_by(nn.Linear(3, 2), ((7,),), 4) == 0


LARGE = """
compose: 1
name: large
data: {source: toy.moons, batch_size: 4, size: 8, test_size: 4}
blocks:
  energy: {kind: energy.mlp, hidden: [1500, 1500]}
  other: {kind: energy.mlp, hidden: [4]}
stages:
  - steps: 1
    updates:
      - {train: [energy], ema: {energy: 0.9}, minimize: {size: TERM}}
      - {train: [other], minimize: {size: other(x)}}
"""
ALONE, AVERAGED = "energy(x)", "energy(x) * sg(ema(energy)(x))"


@pytest.mark.parametrize(
    ("strategy", "term", "copies"),
    [("auto", ALONE, 5.0), ("sharded", ALONE, 4.0), ("fsdp", ALONE, 3.5), ("fsdp", AVERAGED, 4.0)],
)
def test_the_memory_is_that_of_each_of_two_processes(strategy, term, copies):
    """Copies of the weights: they, their average, their gradient, Adam's two moments; or the half of what is shared."""
    composition, _ = examine(parse_spec(LARGE.replace("TERM", term), "spec.yaml", (f"run.strategy={strategy}",)))
    executable = assemble(composition, 0)
    (_, line, other) = card_of(composition, executable, 4, processes=2).lines
    assert ("memory about 36 MB" in other) == (strategy == "auto"), "weights, average, and the moments of the energy"
    told = re.search(r"memory about ([\d.]+) MB in each of 2 processes$", line)
    assert told is not None, line
    assert float(told[1]) * 1e6 == pytest.approx(copies * 4 * size_of_all(executable), rel=0.05)


def test_a_process_keeps_what_its_share_of_the_batch_needs():
    composition, _ = examine(parse_spec(CHAIN))
    executable = assemble(composition, 0)
    one, two = (card_of(composition, executable, 4096, processes=count).lines[1] for count in (1, 2))
    most, half = (float(re.search(r"memory about ([\d.]+) MB", line)[1]) for line in (one, two))
    assert half == pytest.approx(most / 2, rel=0.1)


def test_equations_gradients_and_spec_are_texts(run):
    read = events(run.folder)
    texts = {tag: read.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in read.Tags()["tensors"][:3]}
    assert set(texts) == {f"{name}/text_summary" for name in ("equations", "gradients", "spec")}
    assert "energy, update1, contrast: `E(x) − E(x⁻)`" in texts["equations/text_summary"]
    assert "| contrast | untrained | reaches |" in texts["gradients/text_summary"]
    assert "    name: carded" in texts["spec/text_summary"]


def test_hyper_parameters_are_the_numbers_of_the_spec(run):
    data = events(run.folder).SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    found = plugin_data_pb2.HParamsPluginData.FromString(data).session_start_info.hparams
    values = {name: found[name].number_value for name in ("params.width", "data.batch_size", "stages.1.optimizer.lr")}
    assert values == {"params.width": 16, "data.batch_size": 64, "stages.1.optimizer.lr": 1e-4}
    assert not any("minimize" in name for name in found)


def test_energies_of_data_and_samples_are_histograms(run):
    read = events(run.folder)
    assert set(read.Tags()["histograms"]) == {"energies/energy/data.x", "energies/energy/default"}
    last = read.Histograms("energies/energy/default")[-1]
    samples = run.sample("default", int(last.histogram_value.num))
    values = run.executable.blocks["energy"](samples).detach()
    assert last.step == 8
    assert last.histogram_value.min == pytest.approx(values.min().item(), rel=1e-5)
    assert last.histogram_value.sum == pytest.approx(values.double().sum().item(), rel=1e-4)
    assert sum(last.histogram_value.bucket) == len(values)


def test_the_way_of_a_chain_is_a_picture_and_ends_where_its_samples_are(run):
    pictures = events(run.folder).Images("chains/default")
    assert [picture.step for picture in pictures] == [2, 4, 6, 8]
    assert pictures[-1].encoded_image_string.startswith(b"\x89PNG")
    along = [draw_rows(run.executable, way, 9, run.seed) for way in run.executable.path("default", run.averaged)]
    assert len(along) == 5
    assert torch.equal(along[-1], run.sample("default", 9))


def test_a_chain_that_is_cut_short_is_the_beginning_of_the_longer_one():
    own = "default: ~langevin(tilted, steps=5, step_size=0.05)"
    chain = "langevin(energy, init=~normal(like=x), steps=16, step_size=0.05"
    bodies = (f"~{chain})", f"(~{chain}, keep=2)).path")
    plain, kept = (parse_spec(SPEC.replace(own, f"default: {body}")) for body in bodies)
    made = [assemble(examine(spec)[0], 0) for spec in (plain, kept)]
    along = torch.stack([draw_rows(made[0], way, 7, 3) for way in made[0].path("default")], 1)
    path = draw_rows(made[1], made[1].sampler("default"), 7, 3)
    assert torch.equal(along, path[:, -8:])


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("~flow", []),
        ("(~langevin(tilted, steps=5, step_size=0.1, keep=1)).path", []),
        ("~way", ["~langevin(tilted, steps=1, step_size=0.1)", "~langevin(tilted, steps=2, step_size=0.1)"]),
        ("~reverse(flow, _)", ["(~reverse(flow, _, keep=1)).path"]),
    ],
)
def test_what_is_shown_of_a_chain(body, shown):
    models = 'models: {tilted: "tilt(flow, energy)", way: "langevin(tilted, steps=2, step_size=0.1)"}'
    spec = parse_spec(f'compose: 1\n{models}\nsamplers: {{a: "{body}"}}')
    assert [unparse(way) for way in ways(spec, "a")] == shown


@pytest.mark.parametrize("at", [3, 5])
def test_nothing_on_tensorboard_goes_back_after_a_stop(at, run, tmp_path, monkeypatch):
    from runners.stages import StageRun

    def dies(self, norms, step=StageRun.step):
        if self.session.state.run_step == at:
            raise KeyboardInterrupt
        step(self, norms)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(StageRun, "step", dies)
        compose.run(parse_spec(SPEC), tmp_path / "run", quiet=True)
    compose.run(parse_spec(SPEC), tmp_path / "run", quiet=True)
    read, whole = events(tmp_path / "run"), events(run.folder)
    assert set(read.Tags()["scalars"]) == set(whole.Tags()["scalars"])
    for tag in whole.Tags()["scalars"]:
        steps = [event.step for event in read.Scalars(tag)]
        assert steps == sorted(set(steps)) == [event.step for event in whole.Scalars(tag)], tag
    for kind, tags in (("Images", "images"), ("Histograms", "histograms")):
        for tag in whole.Tags()[tags]:
            steps = [event.step for event in getattr(read, kind)(tag)]
            assert steps == sorted(steps), tag


def test_the_time_that_is_left_is_told_after_twenty_steps_if_it_is_long(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    for steps, told in ((10_000, True), (30, False)):
        file = io.StringIO()
        shown = Progress(console=Console(file=file))
        shown.start("fit", 0, steps)
        for done in range(1, 25):
            now[0] += 0.1
            shown.step(done)
        assert ("fit: about 16:38 left, after 20 steps at 10 steps/s" in file.getvalue()) == told
