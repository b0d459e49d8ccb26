"""Whether a run grows: memory, open files and threads of a small run of two stages, over minutes.

    python -m benchmarks.soak [--minutes 30] [--devices 1] [--out FOLDER]

The run logs, saves, validates and draws far more often than a real one does. Every `EVERY` seconds its resident memory,
its open files, its threads and the size of its folder are read from outside; the slopes are least squares over the
second half of the time, for allocators and caches fill up at first. What a run writes of each step must grow with the
steps and not faster, so the folder's slope is also given in bytes a step, over both halves.

Exit status: 0 if all is flat, 1 if something grows or the run ended by itself.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path

SPEC = """compose: 1
name: soak
data: {source: toy.gaussians25, batch_size: 64, size: 2000, test_size: 500}
blocks:
  encoder: {kind: encoder.mlp, latent: 3, hidden: [32], output: normal}
  decoder: {kind: decoder.mlp, hidden: [32], output: normal}
  energy: {kind: energy.mlp, hidden: [32]}
  memory: {kind: memory.replay, size: 500}
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
  neg: ~langevin(vaebm, init=record(z=start, x=~normal), steps=3, step_size=0.01)
stages:
  - name: vae
    steps: 2000
    minimize:
      reconstruction: -px.log_prob(x)
      kl: kl(q, normal)
  - name: energy
    steps: 100000000
    train: [energy]
    minimize:
      contrast: energy(x) - energy(neg)
      size: 0.1 * (energy(x) ** 2 + energy(neg) ** 2)
    write: {memory: neg.state.z}
    ema: {energy: 0.99}
samplers:
  default: ~langevin(vaebm, steps=5, step_size=0.01)
evaluate: {every: 1000 steps, keep: lowest error, error: -px.log_prob(x)}
run: {log_every: 20, checkpoint_every: 250, sample_every: 1000}
"""
EVERY = 10.0
MEBIBYTE = 2.0**20
GROWS = {"memory": 0.25, "open files": 0.1, "threads": 0.1}
"""What a minute may add, MiB of memory or a count: more would be 360 MiB a day, or a file handle each ten minutes."""
FASTER = 1.25
"""How much more a step may write in the second half than in the first, beside the pictures that fall into it."""


@dataclass(frozen=True)
class Sample:
    """What was seen at an instant; memory in MiB, record (`metrics.jsonl` and TensorBoard) and folder in bytes."""

    minutes: float
    steps: int
    memory: float
    files: int
    threads: int
    record: int
    folder: int
    checkpoints: int


def processes_of(first):
    """A process and all that it started."""
    found = [first]
    for number in found:  # it grows meanwhile
        for task in Path(f"/proc/{number}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def seen(first, home, since):
    """A sample of a run, its processes together."""
    status = [
        dict(line.split(":", 1) for line in Path(f"/proc/{number}/status").read_text().splitlines())
        for number in processes_of(first)
    ]
    files = sum(len(list(Path(f"/proc/{number}/fd").iterdir())) for number in processes_of(first))
    record = [home / "metrics.jsonl", *(home / "tensorboard").rglob("*")]
    return Sample(
        (time.monotonic() - since) / 60,
        last_step(home / "metrics.jsonl"),
        sum(int(each["VmRSS"].split()[0]) for each in status) / 1024,
        files,
        sum(int(each["Threads"]) for each in status),
        sizes(record),
        sizes(home.rglob("*")),
        len(list((home / "checkpoints").glob("step-*"))),
    )


def sizes(paths):
    """The bytes of files, those that went meanwhile left out."""
    total = 0
    for path in paths:
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def last_step(record):
    """The last step that was logged."""
    with record.open("rb") as file:
        file.seek(max(record.stat().st_size - 8192, 0))
        lines = file.read().split(b"\n")[:-1]
    return json.loads(lines[-1])["run_step"] if lines else 0


def slope(xs, ys):
    """Least squares: how much y grows with x."""
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    over = sum((x - mean_x) ** 2 for x in xs)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / over


def verdict(samples):
    """What is measured: name, slope a minute (or bytes a step), and whether it is flat."""
    half = len(samples) // 2
    first, second = samples[1:half], samples[half:]  # the very first is of a run that sets itself up
    minutes = [one.minutes for one in second]
    named = {"memory": "memory", "open files": "files", "threads": "threads"}
    for name, field in named.items():
        found = slope(minutes, [getattr(one, field) for one in second])
        yield f"{name} a minute", found, found <= GROWS[name]
    early, late = (slope([one.steps for one in part], [one.record for one in part]) for part in (first, second))
    yield f"bytes of record a step, {early:.1f} at first", late, late <= FASTER * early
    kept = max(one.checkpoints for one in samples)
    yield "checkpoints at most", kept, kept <= 3  # two, and one that is being written


def soak(minutes, devices, home):
    """Run for so long, and sample.   The samples, and the exit status after SIGTERM."""
    spec = home.parent / "soak.yaml"
    spec.write_text(SPEC)
    command = [sys.executable, "-m", "compose", "run", str(spec), "--out", str(home), "--quiet"]
    process = subprocess.Popen([*command, "--devices", str(devices)])
    samples = []
    try:
        while not list((home / "checkpoints").glob("step-*")):
            if process.poll() is not None:
                return samples, process.returncode
            time.sleep(0.2)
        since = time.monotonic()
        while process.poll() is None and time.monotonic() - since < 60 * minutes:
            samples.append(seen(process.pid, home, since))
            print("".join(f"{value:>14.2f}" if isinstance(value, float) else f"{value:>14,}"
                          for value in astuple(samples[-1])), flush=True)  # fmt: skip
            time.sleep(max(0.0, since + EVERY * len(samples) - time.monotonic()))
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait()
    return samples, status


def main():
    """Soak, and say what grew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--out", type=Path, help="the run folder, kept; by default a temporary one")
    given = parser.parse_args()
    if 60 * given.minutes < 8 * EVERY:
        parser.error(f"{8 * EVERY / 60:.1f} minutes are the least: a slope needs samples")
    print("".join(f"{name:>14}" for name in Sample.__dataclass_fields__))
    with tempfile.TemporaryDirectory() as scratch:
        home = given.out or Path(scratch) / "run"
        home.parent.mkdir(parents=True, exist_ok=True)
        samples, status = soak(given.minutes, given.devices, home)
    print(f"\nexit status after SIGTERM: {status}")
    flat = status == 143
    if len(samples) >= 8:
        for name, found, fine in verdict(samples):
            print(f"{'flat ' if fine else 'GROWS'}  {found:>10.4f}  {name}")
            flat &= fine
    print("nothing grows" if flat else "something grows, or the run ended by itself")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
