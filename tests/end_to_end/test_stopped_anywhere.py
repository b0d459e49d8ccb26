"""A run of two stages and 12 steps, stopped at each of its instants in turn, is bitwise the run that nothing stopped.

An instant is the end of an update (so also the end of a step, and between two updates of one), and the moment before a
batch is read, a checkpoint is written, pictures are drawn. Epochs are 4 batches and end within stages, not only with
them. Compared: parameters, averages, optimizers, memories, numbers, the record, the best weights, samples.
"""

import io
import json
import signal

import pytest
import torch
from PIL import Image

import runners.gallery
import runners.launch
import runners.saving
import runners.updates
from compose.spec import parse_spec
from runners.batches import Batches
from runners.card import Card
from runners.checkpoints import checkpoint_paths, read_checkpoint
from runners.examination import examine
from runners.launch import Order, train
from runners.state import Interrupted
from tests.thinning import thinned

SPEC = """
compose: 1
name: stopped
data: {source: toy.gaussians25, batch_size: 32, size: 150, test_size: 40}
blocks:
  encoder: {kind: encoder.mlp, latent: 3, hidden: [8], output: normal}
  decoder: {kind: decoder.mlp, hidden: [8], output: normal}
  energy: {kind: energy.mlp, hidden: [8]}
  memory: {kind: memory.replay, size: 50}
models:
  vae:
    z: ~normal
    x: ~decoder(z)
  vaebm: tilt(vae, energy)
graph:
  q: encoder(x)
  z: ~q
  px: decoder(z)
  start: ~memory.read(probability=0.7, fresh=normal)
  neg: ~langevin(vaebm, init=record(z=start, x=~normal), steps=2, step_size=0.01)
stages:
  - name: vae
    steps: 5
    minimize:
      reconstruction: -px.log_prob(x)
      kl: {value: "kl(q, normal)", every: 2}
    ema: {decoder: 0.9}
  - name: energy
    steps: 7
    updates:
      - train: [energy]
        times: 2
        batch: next
        minimize:
          contrast: energy(x) - energy(neg)
          size: 0.1 * (energy(x) ** 2 + energy(neg) ** 2)
        write: {memory: neg.state.z}
        ema: {energy: 0.8}
      - train: [encoder, decoder]
        every: 3
        minimize: {reconstruction: -px.log_prob(x)}
samplers:
  default: ~langevin(vaebm, steps=2, step_size=0.01)
evaluate: {every: 4 steps, keep: lowest error, error: -px.log_prob(x)}
run: {log_every: 3, checkpoint_every: 5}
"""
UPDATES = 5 + 2 * 7 + 3  # their calls: one a step, then two a step and a third in every third step


class Instants:
    """Counts the instants of a kind, and sends a signal at the n-th."""

    def __init__(self):
        self.kind, self.at, self.count = "", 0, 0

    def set(self, kind="", at=0):
        self.kind, self.at, self.count = kind, at, 0

    def pass_(self, kind):
        if kind == self.kind:
            self.count += 1
            if self.count == self.at:
                signal.raise_signal(signal.SIGTERM)


@pytest.fixture(scope="module")
def instants():
    """The counter, hung into what a run does; pictures are the values' own bytes, for matplotlib takes seconds."""
    told = Instants()

    def before(kind, call):
        def called(*given, **named):
            told.pass_(kind)
            return call(*given, **named)

        return called

    def after(kind, call):
        def called(*given, **named):
            made = call(*given, **named)
            told.pass_(kind)
            return made

        return called

    def drawn(values, *_):
        file = io.BytesIO()
        seen = values.detach().contiguous().view(torch.uint8).flatten()
        Image.frombytes("L", (seen.numel(), 1), bytes(seen.tolist())).save(file, "PNG")
        return file.getvalue()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runners.updates.UpdateStep, "__call__", after("update", runners.updates.UpdateStep.__call__))
        patch.setattr(Batches, "batch", before("read", Batches.batch))
        patch.setattr(runners.saving, "write_checkpoint", before("save", runners.saving.write_checkpoint))
        patch.setattr(runners.gallery.Gallery, "draw", before("draw", runners.gallery.Gallery.draw))
        patch.setattr(runners.gallery.Gallery, "_follow", lambda *_: None)
        patch.setattr(runners.gallery, "picture_of", drawn)
        patch.setattr(runners.launch, "card_of", lambda *_: Card())
        yield told


@pytest.fixture(scope="module")
def trained(instants):
    """A function: train into a folder, with the signal at the n-th instant of a kind; the run, or Interrupted."""
    spec = parse_spec(SPEC, "spec.yaml")
    composition, findings = examine(spec, to_run=True)
    assert not findings, findings

    def run(folder, kind="", at=0):
        instants.set(kind, at)
        try:
            return train(spec, composition, Order(out=folder, quiet=True))
        finally:
            instants.set()

    return run


def everything(made):
    """What is compared, bit for bit."""
    newest = checkpoint_paths(made.folder / "checkpoints")[-1]
    best = checkpoint_paths(made.folder / "best")[-1]
    lines = [json.loads(line) for line in (made.folder / "metrics.jsonl").read_text().splitlines()]
    return {
        "numbers": [dict(read_checkpoint(path).numbers) for path in (newest, best)],
        "tensors": {str(path): path.read_bytes() for path in newest.glob("*.safetensors")},
        "tensors of the best": {path.name: path.read_bytes() for path in best.glob("*.safetensors")},
        "record": [{name: value for name, value in line.items() if name != "rate"} for line in lines],
        "pictures": {path.name: path.read_bytes() for path in (made.folder / "samples").iterdir()},
        "metrics": made.about["metrics"],
        "samples": made.sample("default", 8).tolist(),
    }


def same(made, whole):
    found = everything(made)
    found["tensors"] = {name.replace(str(made.folder), str(whole[0])): held for name, held in found["tensors"].items()}
    for name, value in whole[1].items():
        assert found[name] == value, name


@pytest.fixture(scope="module")
def whole(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, everything(trained(folder))


@pytest.mark.parametrize("at", thinned(range(1, UPDATES), every=2))
def test_stopped_after_any_update(at, trained, whole, tmp_path):
    with pytest.raises(Interrupted) as stop:
        trained(tmp_path, "update", at)
    assert stop.value.saved
    same(trained(tmp_path), whole)


@pytest.mark.parametrize(
    ("kind", "at"), [*(("read", n) for n in (1, 6, 15)), *(("save", n) for n in (1, 3, 4, 6)), ("draw", 1)]
)
def test_stopped_before_a_batch_a_save_or_a_picture(kind, at, trained, whole, tmp_path):
    with pytest.raises(Interrupted) as stop:
        trained(tmp_path, kind, at)
    assert stop.value.saved
    same(trained(tmp_path), whole)


def test_stopped_after_every_update_in_one_run(trained, whole, tmp_path):
    stops, done = 0, None
    while done is None:
        try:
            done = trained(tmp_path, "update", 1)
        except Interrupted:
            stops += 1
    assert stops == 12  # a step is always ended
    same(done, whole)


@pytest.mark.parametrize("first", thinned([4, 5, 7, 14], every=2))
def test_stopped_twice_in_a_row(first, trained, whole, tmp_path):
    for at in (first, 1):
        with pytest.raises(Interrupted):
            trained(tmp_path, "update", at)
    same(trained(tmp_path), whole)
