"""What reading pictures costs a step, by `workers`: beside a model of comparable cost, it should cost next to nothing.

    python -m benchmarks.reading [--pictures 4000] [--side 64] [--kind jpeg] [--workers 0,1,2] [--wait 0]

Makes a folder of pictures, each several times the side and cut down to it as a folder of photographs is, and trains a
convolutional autoencoder of it, row by row from the disk, for each number of workers in turns. A step from memory is
the floor that reading ahead can come to. Wall time, with one thread for the model: where other processes take the other
processor, decoding has nowhere to go, and only waiting is saved: `--wait 50` adds what a slow disk takes for a batch.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from compose.spec import parse_spec
from runners.batches import Batches
from runners.catalogue import open_sources
from runners.launch import assemble, examine
from runners.reading import read_ahead
from runners.run import Options, prepare
from runners.stages import StageRun, plan_stages

SPEC = """
compose: 1
name: reading
data: {source: images, root: ROOT, size: SIDE, fit: stretch, batch_size: 64, keep: KEEP}
blocks:
  encoder: {kind: encoder.infogan, latent: 16, channels: [16, 32], hidden: 64}
  decoder: {kind: decoder.infogan, channels: [32, 16], hidden: 64}
graph:
  x_hat: decoder(encoder(x))
stages: [{steps: 1000, minimize: {error: "squared_error(x_hat, x)"}}]
"""
SCALE = 2
"""Sides of a picture on the disk, in sides of a row."""


class Delayed(Batches):
    """Batches that wait for their disk so many seconds each."""

    wait = 0.0

    def batch(self, step: int) -> dict[str, Tensor]:
        """The batch of a step."""
        time.sleep(self.wait)
        return super().batch(step)


def make(root: Path, pictures: int, side: int, kind: str) -> None:
    """A folder of smooth random pictures in two classes, of the size that photographs of the side have."""
    dice = np.random.default_rng(0)
    for number in range(pictures):
        path = root / ("odd" if number % 2 else "even") / f"{number:06d}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(dice.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        coarse.resize((SCALE * side, SCALE * side), Image.Resampling.BICUBIC).save(path)


def seconds(root: Path, side: int, keep: str, workers: int, steps: int, wait: float) -> tuple[float, float]:
    """Seconds of a step, and of reading its batch where nothing is read ahead."""
    text = SPEC.replace("ROOT", str(root)).replace("SIDE", str(side)).replace("KEEP", keep)
    spec = parse_spec(text)
    executable, batches = assemble(examine(spec)[0], 0), Delayed(open_sources(spec)[""], batch_size=64)
    batches.wait = wait
    with read_ahead(batches, workers) as ahead:
        session = prepare(executable, ahead, Options())
        (plan,) = plan_stages(spec.stages, batches.steps_per_epoch)
        stage = StageRun(session, 0, plan)
        for _ in range(5):  # warms up, and fills what is read ahead
            stage.step(None)
        start = time.perf_counter()
        for _ in range(steps):
            stage.step(None)
        return (time.perf_counter() - start) / steps, alone(batches)


def alone(batches: Batches, count: int = 5) -> float:
    """Seconds of reading one batch."""
    start = time.perf_counter()
    for step in range(count):
        batches.batch(step)
    return (time.perf_counter() - start) / count


def table(found: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """The medians, as lines."""
    lines = [f"{'':12} {'step, ms':>10} {'reading alone, ms':>20}"]
    for name, rounds in found.items():
        step, reading = (1e3 * statistics.median(values) for values in zip(*rounds, strict=True))
        lines.append(f"{name:12} {step:10.1f} {reading:20.1f}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--kind", choices=("jpeg", "png"), default="jpeg")
    parser.add_argument("--workers", default="0,1,2")
    parser.add_argument("--wait", type=float, default=0.0, help="milliseconds that the disk takes for a batch")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    ways = {"in memory": ("memory", 0)}
    ways |= {f"{count} workers": ("disk", int(count)) for count in asked.workers.split(",")}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "pictures"
        make(root, asked.pictures, asked.side, asked.kind)
        for _ in range(asked.rounds):
            for name, (keep, workers) in ways.items():
                wait = asked.wait / 1e3 if keep == "disk" else 0.0
                found[name].append(seconds(root, asked.side, keep, workers, asked.steps, wait))
    print(f"{asked.pictures:,} pictures ({asked.kind}, {SCALE * asked.side} x {SCALE * asked.side}), batches of 64")
    print(f"{os.cpu_count()} processors, for which {os.getloadavg()[0]:.1f} processes asked in the last minute")
    print(table(found))


if __name__ == "__main__":
    main()
