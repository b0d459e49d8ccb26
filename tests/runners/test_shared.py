"""Values that the updates of a step share: made once, gone back through by the update that trains what made them."""

import copy
import gc
import json
import weakref

import pytest
import torch
from torch.nn.functional import softplus
from torch.testing import assert_close

from blocks.noise import draw, leaf_seed
from compose.build import build
from compose.catalogue import Catalogue
from compose.checks.gradients import check_gradients, gradient_matrix
from compose.checks.training import resolve_training
from compose.program import Program
from compose.spec import parse_spec
from runners.launch import Order, examine
from runners.launch import train as training
from runners.stages import StageRun
from tests.driving import POINTS
from tests.end_to_end.systems import compiled, train

DCGAN = """
compose: 1
name: dcgan
data: {source: toy.gaussians25, batch_size: 32, size: 200, test_size: 50}
blocks:
  generator: {kind: generator.mlp, latent: 2, hidden: [16], norm: batch}
  critic: {kind: discriminator.mlp, hidden: [16]}
graph:
  fake: generator(~normal)
stages:
  - steps: 6
    shared: [fake]
    updates:
      - train: [critic]
        minimize:
          real: softplus(-critic(x))
          fake: softplus(critic(fake))
      - train: [generator]
        minimize:
          adversarial: softplus(-critic(fake))
    optimizer: {lr: 1e-2, betas: [0.5, 0.9]}
samplers:
  default: generator(~normal)
"""

TWINS = """
compose: 1
name: twins
data: {source: toy.gaussians25, batch_size: 32, size: 200, test_size: 50}
blocks:
  trunk: {kind: encoder.mlp, latent: 4, hidden: [16]}
  left: {kind: decoder.mlp, hidden: [16]}
  right: {kind: decoder.mlp, hidden: [16]}
graph:
  h: trunk(x)
  one: left(h)
  two: right(h)
stages:
  - steps: 5
    shared: [one, two]
    updates:
      - train: [left]
        minimize: {left: "squared_error(one, x)"}
      - train: [trunk, right]
        minimize: {right: "squared_error(two, x)"}
    optimizer: {lr: 1e-2}
samplers:
  default: h
"""


class Recorded:
    """Batches, and those that were read, by their numbers."""

    def __init__(self, batches):
        self.batches, self.read = batches, {}

    def __getattr__(self, name):
        return getattr(self.batches, name)

    def batch(self, number):
        batch = self.batches.batch(number)
        self.read[number] = batch["x"].clone()
        return batch


def run_recorded(text, folder):
    """A finished run and the fields `x` that its steps read."""
    held = []
    made = train(text, folder, batches=lambda batches: held.append(Recorded(batches)) or held[0])
    return made, [held[0].read[number] for number in sorted(held[0].read)]


def optimizer(*modules, betas=(0.9, 0.999)):
    parameters = [parameter for module in modules for parameter in module.parameters()]
    return torch.optim.Adam(parameters, lr=1e-2, betas=betas, fused=True)


def test_one_generator_call_a_step_serves_both_updates_as_in_dcgan(tmp_path):
    blocks = copy.deepcopy(compiled(DCGAN)[0].blocks).train()
    made, read = run_recorded(DCGAN, tmp_path)
    generator, critic = blocks["generator"], blocks["critic"]
    first, second = (optimizer(block, betas=(0.5, 0.9)) for block in (critic, generator))
    (path,) = [given.leaf.path for given in made.executable.stage(0).shared.inputs if given.leaf]
    for step, x in enumerate(read):
        z = draw("normal", (32, 2), leaf_seed(0, "stage1", "shared", step, 0, 0, path), torch.float32)
        fake = generator(z)
        (softplus(-critic(x)).mean() + softplus(critic(fake.detach())).mean()).backward()
        first.step()
        first.zero_grad()
        softplus(-critic(fake)).mean().backward()
        second.step()
        second.zero_grad()
        critic.zero_grad()
    for name, block in blocks.items():
        assert_close(made.executable.blocks[name].state_dict(), block.state_dict(), rtol=1e-5, atol=1e-7)
    counts = [int(v) for k, v in generator.state_dict().items() if "num_batches" in k]
    assert set(counts) == {6}


def test_two_updates_go_back_through_one_recorded_graph_each_to_its_own_blocks(tmp_path):
    blocks = copy.deepcopy(compiled(TWINS)[0].blocks).train()
    made, read = run_recorded(TWINS, tmp_path)
    trunk, left, right = blocks["trunk"], blocks["left"], blocks["right"]
    first, second = optimizer(left), optimizer(trunk, right)
    for x in read:
        with torch.no_grad():
            h = trunk(x)
        ((left(h) - x) ** 2).sum(1).mean().backward()
        first.step()
        first.zero_grad()
        ((right(trunk(x)) - x) ** 2).sum(1).mean().backward()
        second.step()
        second.zero_grad()
    for name, block in blocks.items():
        assert_close(made.executable.blocks[name].state_dict(), block.state_dict(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("text", [DCGAN, TWINS])
def test_what_was_recorded_is_freed_with_the_step(text, tmp_path, monkeypatch):
    seen, alive = [], []
    share, step = StageRun._share, StageRun.step

    def watched(self, *args):
        shared = share(self, *args)
        seen[:] = [weakref.ref(value) for value in shared.values()]
        return shared

    def stepped(self, norms):
        step(self, norms)
        alive.append([ref() is not None for ref in seen])

    monkeypatch.setattr(StageRun, "_share", watched)
    monkeypatch.setattr(StageRun, "step", stepped)
    gc.disable()
    try:
        train(text, tmp_path)
    finally:
        gc.enable()
    assert len(alive) > 4
    assert not any(kept for step in alive for kept in step)


def test_the_update_that_does_not_train_what_made_a_value_reads_it_without_its_graph():
    executable = compiled(DCGAN)[0]
    stage = executable.stage(0)
    critic, generator = (update.program(frozenset(update.terms)) for update in stage.updates)
    assert [given.gradient for program in (critic, generator) for given in _shared(program)] == [False, True]
    assert "Gradients go back through fake." in stage.shared.code


def _shared(program: Program):
    return [given for given in program.inputs if given.kind == "shared"]


@pytest.mark.parametrize(
    ("updates", "codes"),
    [
        (["generator: critic(fake)", "critic: critic(fake)"], []),  # stale, and a constant there
        (["critic: critic(fake)", "generator: critic(fake)"], []),
        (["generator: critic(generator(~normal))", "generator: critic(sg(fake))"], ["G103"]),  # told as ever
        (["generator: critic(generator(~normal))", "generator: critic(fake)"], ["G107"]),
        (["both: critic(fake)", "generator: critic(generator(~normal))"], []),
        (["generator: critic(generator(~normal))", "both: critic(fake)"], ["G107"]),
    ],
)
def test_a_shared_gradient_is_refused_only_past_a_change_of_what_made_the_value(updates, codes):
    trains = {"generator": "[generator]", "critic": "[critic]", "both": "[critic, generator]"}
    pairs = [update.split(": ") for update in updates]
    written = "".join(f"      - train: {trains[who]}\n        minimize: {{loss: {term}}}\n" for who, term in pairs)
    head, _, rest = DCGAN.partition("      - train: [critic]\n")
    composition, findings = build(parse_spec(head + written + rest[rest.index("    optimizer") :]), POINTS)
    assert not findings
    resolve_training(composition)
    assert [found.code for found in check_gradients(composition, Catalogue.of_fields(POINTS))] == codes


def test_the_matrix_goes_through_shared_values():
    composition = compiled(DCGAN)[0].composition
    critic, generator = gradient_matrix(composition)["stage1"].values()
    assert generator["adversarial"] == {"generator": "reaches", "critic": "untrained"}
    assert critic["fake"] == {"generator": "untrained", "critic": "reaches"}


FIELDS = """
compose: 1
name: fields
data: {source: toy.gaussians25, batch_size: 32, size: 200, test_size: 50}
blocks:
  critic: {kind: discriminator.mlp, hidden: [16]}
models:
  doubled:
    z: ~normal(like=x)
    x: 2 * z
graph:
  s: ~doubled
stages:
  - steps: 2
    shared: [s]
    updates:
      - train: [critic]
        minimize: {first: softplus(critic(s.z))}
        monitor: {apart: square_norm(s - 2 * s.z)}
      - train: [critic]
        minimize: {second: softplus(2 * critic(s.z))}
samplers:
  default: s
run: {log_every: 1}
"""


def test_the_fields_of_a_shared_draw_are_shared_with_it_and_only_those_that_are_read(tmp_path):
    composition, findings = examine(parse_spec(FIELDS))
    assert findings == []
    assert set(composition.stages[0].shared.outputs) == {"s", "s.z"}
    made = training(composition.spec, composition, Order(out=tmp_path / "run", quiet=True))
    lines = [json.loads(line) for line in (made.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["monitor"]["update1/apart"] for line in lines] == [0.0, 0.0]


def test_a_field_that_a_shared_draw_has_not_is_told_with_the_nearest(tmp_path):
    _, findings = examine(parse_spec(FIELDS.replace("2 * critic(s.z)", "2 * critic(s.zz)")))
    assert [found.code for found in findings] == ["N102"]
    assert "`z`" in findings[0].help
