"""How long `compose check` takes, and what it costs in memory.

    python -m benchmarks.check [SPEC ...]      by default a tutorial spec, a toy, a large one, the library

Each line is a process of its own, imports included; the last is one process for all specs of the library.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SPECS = Path(__file__).resolve().parents[1] / "specs"
LARGE = """compose: 1
data: {source: digits, batch_size: 64}
blocks:
  encoder: {kind: encoder.mlp, latent: 20, hidden: [10000, 10000]}
  decoder: {kind: decoder.mlp, hidden: [64]}
graph:
  x_hat: decoder(encoder(x))
stages:
  - steps: 1
    minimize:
      reconstruction: squared_error(x_hat, x)
"""


def measured(path):
    """Wall seconds, processor seconds and megabytes of `compose check PATH`."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "compose", "check", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, ended, used = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(ended) in (0, 2), said.decode()  # 2: data that are not on this disk
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main(chosen):
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.yaml"
        large.write_text(LARGE)
        usual = [SPECS / "tutorial/glf_digits.yaml", SPECS / "thesis/ddgan_gaussians25.yaml", large, SPECS]
        print(f"{'spec':<28}{'seconds':>10}{'processor':>12}{'megabytes':>12}")
        for path in chosen or usual:
            wall, processor, memory = measured(path)
            print(f"{path.stem:<28}{wall:>10.2f}{processor:>12.2f}{memory:>12.0f}", flush=True)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
