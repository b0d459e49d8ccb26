"""A run left alone for half an hour: memory, open files, threads and checkpoints must stay as they are.

    python -m benchmarks.soak [--minutes 30] [--every 10] [SPEC]

The command line trains a spec for that long, saving, drawing and measuring often, and is then stopped by SIGTERM. Of
the second half, the least-squares line of each quantity is printed; the record may grow, by the same bytes a line.
Exit status 1 if something else does.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

SPEC = """
compose: 1
name: soak
data: {source: toy.moons, batch_size: 32, size: 512, test_size: 128}
blocks:
  flow: {kind: flow.realnvp, couplings: 2, hidden: [16]}
  energy: {kind: energy.mlp, hidden: [16]}
models: {tilted: "tilt(flow, energy)"}
graph:
  neg: ~langevin(tilted, steps=5, step_size=0.05)
stages:
  - steps: 100000000
    updates:
      - {name: flow, train: [flow], minimize: {nll: -flow.log_prob(x)}, ema: {flow: 0.99}}
      - {name: energy, train: [energy], minimize: {contrast: energy(x) - energy(neg)}, optimizer: {lr: 1e-4}}
samplers: {default: ~flow}
evaluate: {every: 500 steps, keep: highest nats, nats: flow.log_prob(x)}
run: {log_every: 10, checkpoint_every: 100, sample_every: 500}
"""
ALLOWED = {"memory MB": 4.0, "open files": 0.5, "threads": 0.5, "checkpoints MB": 0.05, "record bytes a line": 2.0}
"""How much the line of each quantity may rise over the second half."""


def reading(process: int, folder: Path) -> dict[str, float]:
    """What is measured, now."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    record = folder / "metrics.jsonl"
    lines = record.read_bytes().count(b"\n") if record.exists() else 0
    held = [path for name in ("checkpoints", "best") for path in (folder / name).rglob("*.safetensors")]
    return {
        "memory MB": int(status["VmRSS"].split()[0]) / 1024,
        "open files": len(list(Path(f"/proc/{process}/fd").iterdir())),
        "threads": int(status["Threads"]),
        "checkpoints MB": sum(path.stat().st_size for path in held if path.exists()) / 1e6,
        "record bytes a line": record.stat().st_size / lines if lines else 0.0,
    }


def rises(times: Sequence[float], found: Sequence[dict[str, float]]) -> dict[str, tuple[float, float]]:
    """Of every quantity the mean over the second half, and how much its line rises in that time."""
    half = len(times) // 2
    told = {}
    for name in found[0]:
        values = np.array([each[name] for each in found[half:]])
        slope = np.polyfit(np.array(times[half:]), values, 1)[0]
        told[name] = (float(values.mean()), float(slope * (times[-1] - times[half])))
    return told


def soak(spec: Path, folder: Path, minutes: float, every: float) -> tuple[int, dict[str, tuple[float, float]]]:
    """Train for so long; the exit status after SIGTERM, and what rose."""
    command = [sys.executable, "-m", "compose", "run", str(spec), "--out", str(folder), "--quiet"]
    process = subprocess.Popen(command)
    times, found, start = [], [], time.monotonic()
    while time.monotonic() - start < minutes * 60:
        time.sleep(every)
        if process.poll() is not None:
            raise SystemExit(f"the run ended by itself, with {process.returncode}")
        times.append(time.monotonic() - start)
        found.append(reading(process.pid, folder))
    process.send_signal(signal.SIGTERM)
    return process.wait(), rises(times, found)


def main() -> int:
    """Soak, and print the verdict."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("spec", nargs="?", type=Path)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--every", type=float, default=10.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        spec = asked.spec or Path(folder) / "spec.yaml"
        if asked.spec is None:
            spec.write_text(SPEC)
        status, told = soak(spec, Path(folder) / "run", asked.minutes, asked.every)
        last = (Path(folder) / "run" / "metrics.jsonl").read_text().splitlines()[-1]
    grown = [name for name, (_, rise) in told.items() if asked.spec is None and rise > ALLOWED[name]]
    for name, (mean, rise) in told.items():
        print(f"{name:20s} {mean:10.2f}  rises by {rise:+8.3f} over the second half{'  <-' if name in grown else ''}")
    print(f"exit status {status} after {asked.minutes:g} minutes; the last line of the record: {last[:60]}")
    return 1 if grown or status != 128 + signal.SIGTERM else 0


if __name__ == "__main__":
    sys.exit(main())
