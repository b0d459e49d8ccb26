"""What a process holds of a system's weights, by strategy: bytes of memory, counted and not estimated.

    python -m benchmarks.weights_held [SPEC] [--processes 2]

Every strategy trains SPEC (by default three blocks of about a million weights) in so many processes. Counted are the
storages of weights, averages, gradients and what the optimizers keep, each once: between updates, and where most of
them are there, after a backward pass. Activations are not, nor messages while they travel (16 MB of each process).
"""

import argparse
import json
import os
import socket
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

from torch import Tensor

from compose.cli import main as compose
from runners.holding import Copies, Holding
from runners.loop import Loop
from runners.scattered import Scattered
from runners.updates import Session

KINDS = ("weights", "averages", "gradients", "optimizers")
STRATEGIES = ("ddp", "sharded", "fsdp")
SPEC = """
compose: 1
name: held
data: {source: toy.gaussians25, batch_size: 32, size: 200}
blocks:
  encoder: {kind: encoder.mlp, latent: 8, hidden: [1000, 1000], output: normal}
  decoder: {kind: decoder.mlp, hidden: [1000, 1000]}
  energy: {kind: energy.mlp, hidden: [1000, 1000]}
graph:
  q: encoder(x)
  z: ~q
  x_hat: decoder(z)
stages:
  - steps: 3
    updates:
      - train: [encoder, decoder]
        minimize: {error: "squared_error(x_hat, x)", kl: "kl(q, normal)"}
        ema: {decoder: 0.9}
      - train: [energy]
        minimize: {contrast: "energy(x) - energy(sg(x_hat))"}
        ema: {energy: 0.9}
"""


def held(session: Session) -> dict[str, int]:
    """Bytes by kind."""
    executable, state = session.executable, session.state
    blocks, averages = list(executable.blocks.parameters()), list(executable.averages.parameters())
    stepped = [p for made in state.optimizers.values() for group in made.param_groups for p in group["params"]]
    kept = [
        value
        for made in state.optimizers.values() for known in made.state.values()
        for value in known.values() if isinstance(value, Tensor)
    ]  # fmt: skip
    return {
        "weights": _bytes([*blocks, *map(session.weights.held, blocks)]),
        "averages": _bytes([*averages, *map(session.weights.held, averages)]),
        "gradients": _bytes(p.grad for p in (*blocks, *stepped) if p.grad is not None),
        "optimizers": _bytes(kept),
    }


def _bytes(tensors: Iterable[Tensor]) -> int:
    storages = {(storage := tensor.untyped_storage())._cdata: storage.nbytes() for tensor in tensors}
    return sum(storages.values())


@contextmanager
def counted(found: dict[str, dict[str, int]]) -> Iterator[None]:
    """Within, runs tell what they hold: `between` updates, and at the `peak` of all kinds together."""
    sessions: list[Session] = []
    step = Loop._step

    def counting_step(loop: Loop, stage: object) -> None:
        sessions[:] = [loop.session]
        step(loop, stage)  # type: ignore[arg-type]
        found["between"] = held(loop.session)

    with ExitStack() as within:
        within.enter_context(mock.patch.object(Loop, "_step", counting_step))
        for kind in (Copies, Scattered):
            within.enter_context(mock.patch.object(kind, "average", _counting(kind, sessions, found)))
        yield


def _counting(kind: type[Holding], sessions: list[Session], found: dict[str, dict[str, int]]) -> object:
    average = kind.average

    def counting(self: Holding, optimizer: object) -> None:
        now = held(sessions[0])
        if sum(now.values()) >= sum(found.get("peak", {}).values()):
            found["peak"] = now
        average(self, optimizer)  # type: ignore[arg-type]

    return counting


def measured(spec: Path, strategy: str, processes: int, folder: Path) -> list[dict[str, dict[str, int]]]:
    """What each process of a run holds."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started = []
    for rank in range(processes):
        child = os.fork()
        if child == 0:
            os.environ.update(
                WORLD_SIZE=str(processes), LOCAL_WORLD_SIZE=str(processes), RANK=str(rank), LOCAL_RANK=str(rank),
                MASTER_ADDR="127.0.0.1", MASTER_PORT=port, TORCHELASTIC_RUN_ID="weights_held", GROUP_RANK="0",
            )  # fmt: skip
            _train(spec, strategy, folder, rank)
        started.append(child)
    if any(os.waitpid(child, 0)[1] for child in started):
        raise SystemExit(f"a process of the run with `{strategy}` failed")
    return [json.loads((folder / f"{strategy}.{rank}.json").read_text()) for rank in range(processes)]


def _train(spec: Path, strategy: str, folder: Path, rank: int) -> None:
    """Train in this process, write down what it held, and end it."""
    status = 1
    try:
        found: dict[str, dict[str, int]] = {}
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        with counted(found):
            try:
                status = compose(["run", str(spec), "--strategy", strategy, "--out", str(folder / strategy)]) or 0
            except SystemExit as stop:
                status = int(stop.code or 0)
        (folder / f"{strategy}.{rank}.json").write_text(json.dumps(found))
    finally:
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    """Measure every strategy and print a table, in megabytes of the process that holds most."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("spec", nargs="?", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="bytes of every process, as JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        (folder / "spec.yaml").write_text(SPEC)
        found = {
            name: measured(asked.spec or folder / "spec.yaml", name, asked.processes, folder) for name in STRATEGIES
        }
    if asked.json:
        print(json.dumps(found))
        return
    print("MB                ", *(f"{kind:>10}" for kind in (*KINDS, "together")))
    for strategy, processes in found.items():
        for when in ("between", "peak"):
            most = max((one[when] for one in processes), key=lambda one: sum(one.values()))
            numbers = (*(most[kind] for kind in KINDS), sum(most.values()))
            print(f"{strategy:9}{when:9}", *(f"{number / 1e6:10.2f}" for number in numbers))


if __name__ == "__main__":
    main()
