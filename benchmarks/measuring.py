"""Measuring 10,000 samples: a line of `evaluate` against the same by hand, in turns, on one thread.

    python -m benchmarks.measuring [--rows 10000] [--rounds 5]

frechet   draws of a decoder and the data, both in the features of a net, the distance of their Gaussians in float64:
          by hand as carefully (batches as large, no gradient, one eigendecomposition), and as torch-fidelity and most
          others do it, by SciPy's square root of a matrix

Less than 1 means that we are faster.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy import linalg
from torch import Tensor, nn

from blocks.types import Field
from compose.build import build
from compose.checks.training import resolve_training
from compose.compiler import Executable, compile_composition
from compose.spec import parse_spec
from runners.datasets import Source
from runners.evaluate import evaluate
from runners.metrics import METRICS

PIXELS, LATENT, CHUNK = 784, 20, 250
SPEC = """
compose: 1
name: measuring
data: {source: digits, batch_size: 250}
blocks:
  decoder: {kind: decoder.mlp, latent: 20, hidden: [400]}
  net: {kind: encoder.mlp, latent: 64, hidden: [256], trainable: false}
models:
  prior:
    z: ~normal
    x: decoder(z)
stages:
  - steps: 1
    minimize:
      error: squared_error(decoder(~normal), x)
samplers:
  default: ~prior
evaluate:
  fid: frechet(net(default), net(x))
"""


def system() -> Executable:
    """A decoder and a net whose features the distance is taken in."""
    composition, findings = build(
        parse_spec(SPEC, "measuring.yaml"), {"x": Field((PIXELS,))}, frozenset(METRICS.names())
    )
    assert not findings, findings
    resolve_training(composition)
    torch.manual_seed(0)
    executable = compile_composition(composition)
    executable.blocks.eval()
    return executable


def ours(executable: Executable, source: Source) -> float:
    """The line of `evaluate`."""
    return evaluate(executable, {"": source}, refused=print)["fid"].value


@torch.no_grad()
def by_hand(decoder: nn.Module, net: nn.Module, x: Tensor, distance: Callable[..., float]) -> float:
    """Draws and data through the net in batches, and the distance of their Gaussians."""
    generator = torch.Generator().manual_seed(0)
    drawn = [net(decoder(torch.randn(CHUNK, LATENT, generator=generator))) for _ in range(len(x) // CHUNK)]
    a, b = torch.cat(drawn).double(), torch.cat([net(rows) for rows in x.split(CHUNK)]).double()
    return distance(a.mean(0), a.T.cov(), b.mean(0), b.T.cov())


def by_eigenvalues(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """The trace of the root from the eigenvalues of A B, which has those of A^1/2 B A^1/2."""
    values = torch.linalg.eigvals(cov_a @ cov_b).real.clamp(min=0)
    return float((mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * values.sqrt().sum())


def by_square_root(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """The formula with SciPy's `sqrtm`."""
    root = np.real(linalg.sqrtm(cov_a.numpy() @ cov_b.numpy()))
    return float((mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace()) - 2 * float(np.trace(root))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    executable, x = system(), torch.rand(asked.rows, PIXELS)
    source = Source({"x": Field((PIXELS,))}, {"train": asked.rows, "test": asked.rows}, lambda _split: {"x": x})
    decoder, net = executable.blocks["decoder"], executable.blocks["net"]
    sides: dict[str, Callable[[], float]] = {
        "ours": lambda: ours(executable, source),
        "by hand": lambda: by_hand(decoder, net, x, by_eigenvalues),
        "by hand, sqrtm": lambda: by_hand(decoder, net, x, by_square_root),
    }
    taken: dict[str, list[float]] = {name: [] for name in sides}
    values = {name: call() for name, call in sides.items()}
    for _ in range(asked.rounds):
        for name, call in sides.items():
            began = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - began)
    mine = statistics.median(taken["ours"])
    print("| frechet | seconds | ours / theirs | value |\n| --- | ---: | ---: | ---: |")
    for name, seconds in taken.items():
        theirs = statistics.median(seconds)
        print(f"| {name} | {theirs:.3f} | {mine / theirs:.2f} | {values[name]:.5f} |")


if __name__ == "__main__":
    main()
