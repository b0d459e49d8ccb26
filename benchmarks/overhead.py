"""What a step of a run costs beside its computation: Fabric, the record, checks, progress, at the default intervals.

    python -m benchmarks.overhead [--rounds 7] [--steps 4000]

The same program, noise, batches and optimizer, once in a run and once in a bare loop, in turns, in processor time (so
that other processes of the machine do not count). A run's time for few steps is taken from that for many, so that its
beginning and its end do not count either. The aim is less than 40 microseconds a step.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from compose.spec import Spec, parse_spec
from runners.catalogue import open_sources
from runners.inputs import Inputs, moved
from runners.launch import Order, assemble, batches_of, examine, train
from runners.optimizers import UpdateOptimizer
from runners.state import Clock

SPEC = """
compose: 1
name: overhead
data: {source: toy.moons, batch_size: 64, size: 4096}
blocks: {net: {kind: encoder.mlp, latent: 2, hidden: [4]}}
stages: [{steps: STEPS, minimize: {error: "squared_error(net(x), x)"}}]
"""
FEW = 200


def spec_of(steps: int) -> Spec:
    """The system, trained for so many steps."""
    return parse_spec(SPEC.replace("STEPS", str(steps)))


def run(steps: int) -> float:
    """Seconds of the processor that a run takes."""
    spec = spec_of(steps)
    composition, _ = examine(spec)
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        train(spec, composition, Order(out=Path(folder) / "run", quiet=True))
        return time.process_time() - start


def bare(steps: int) -> float:
    """Seconds of the processor that the same steps take in a loop of their own."""
    spec = spec_of(steps)
    executable, batches = assemble(examine(spec)[0], 0), batches_of(spec, open_sources(spec))
    (update,) = executable.stage(0, frozenset()).updates
    program = update.program(frozenset(update.terms))
    inputs = Inputs(program, 0, "stage1", update.name, dtype=torch.float32, device=torch.device("cpu"))
    blocks = {name: executable.blocks[name].train() for name in update.trains}
    optimizer = UpdateOptimizer("adam", {}, {}, blocks, Clock(0, 0, 0.0, 0))
    start = time.process_time()
    for step in range(steps):
        batch = moved(batches.batch(step), torch.float32, inputs.device)
        clock = Clock(step, 0, step / steps, step)
        program(inputs.values(64, batch, clock, step=step))["loss"].backward()
        optimizer.step(clock)
    return time.process_time() - start


def microseconds(rounds: int, steps: int) -> tuple[list[float], list[float]]:
    """What a step of a run costs, and one of a bare loop, once a round."""
    run(FEW), bare(FEW)  # imports, and the first calls of everything
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append((run(steps + FEW) - run(FEW)) / steps * 1e6)
        theirs.append((bare(steps + FEW) - bare(FEW)) / steps * 1e6)
    return ours, theirs


def main() -> None:
    """Print the figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=4000)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    ours, theirs = microseconds(asked.rounds, asked.steps)
    for name, of in (("median", statistics.median), ("least", min)):
        print(f"{name}: run {of(ours):.1f} us, bare loop {of(theirs):.1f} us, beside it {of(ours) - of(theirs):.1f} us")


if __name__ == "__main__":
    main()
