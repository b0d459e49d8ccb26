"""The toy systems of the thesis, trained and measured: every spec of `claims` for every seed, then `toy.md`.

    python -m benchmarks.thesis.toy [--seeds 0,1,2] [--runs runs/toy] [--processes 2] [--only NAME ...] [--report]

Runs stand in RUNS/NAME/seed-S. The same command goes on where it stopped: finished runs are skipped, a broken one
resumes from its checkpoint.
"""

import argparse
import json
import os
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.thesis.claims import TABLES
from benchmarks.thesis.report import write_report

if TYPE_CHECKING:
    from runners.run import Run

LIBRARY = Path(__file__).resolve().parents[2] / "specs"


def main() -> None:
    """Train what is missing, two runs side by side, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--runs", type=Path, default=Path("runs/toy"))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=[], help="specs whose name has one of these in it")
    parser.add_argument("--report", action="store_true", help="only write the report, of what is finished")
    asked = parser.parse_args()
    seeds = [int(seed) for seed in asked.seeds.split(",")]
    specs = list(dict.fromkeys(row.spec for table in TABLES for row in table.rows))
    chosen = [spec for spec in specs if not asked.only or any(word in spec for word in asked.only)]
    if not asked.report:
        train_all(chosen, seeds, asked.runs, asked.processes)
    print(write_report(asked.runs, specs, seeds))


def train_all(specs: Sequence[str], seeds: Sequence[int], runs: Path, processes: int) -> None:
    """Every spec for the first seed, then for the next: each run in a process of its own, on one thread."""
    os.environ["OMP_NUM_THREADS"] = "1"
    jobs = [(spec, seed) for seed in seeds for spec in specs]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        waiting = {pool.submit(train_one, spec, seed, runs): (spec, seed) for spec, seed in jobs}
        for count, done in enumerate(as_completed(waiting), 1):
            spec, seed = waiting[done]
            print(f"[{count}/{len(jobs)}] {spec} seed {seed}: {done.result()}", flush=True)


def train_one(spec_name: str, seed: int, runs: Path) -> str:
    """Train one spec into RUNS/NAME/seed-S, unless that is finished; say what came of it."""
    import torch

    from compose.spec import load_spec
    from runners.launch import Order, examine, train
    from runners.state import RunFailed

    folder = runs / Path(spec_name).name / f"seed-{seed}"
    about = folder / "run.json"
    if about.exists() and json.loads(about.read_text()).get("status") == "finished":
        return "was finished"
    torch.set_num_threads(1)
    spec = load_spec(LIBRARY / f"{spec_name}.yaml", [f"run.seed={seed}"])
    composition, findings = examine(spec)
    errors = [found.message for found in findings if found.severity == "error"]
    if errors:
        return f"is wrong: {errors[0]}"
    try:
        made = train(composition.spec, composition, Order(out=folder, quiet=True))
    except RunFailed as failure:
        return f"failed: {failure}"
    _keep_errors(spec_name, made, folder)
    minutes = time.process_time() / 60  # of this process, all its threads: other work on the machine does not count
    (folder / "minutes.json").write_text(json.dumps(minutes))
    (folder / "commit.txt").write_text(_commit())
    figures = "  ".join(f"{name} {value:.4g}" for name, value in made.about.get("metrics", {}).items())
    return f"{minutes:.1f} minutes  {figures}"


def _keep_errors(spec_name: str, made: "Run", folder: Path) -> None:
    """Measure once more with standard errors into evaluation.json, if a table shows an error of this spec."""
    from runners.catalogue import open_sources
    from runners.evaluate import evaluate

    shown = [name for table in TABLES for row in table.rows if row.spec == spec_name for name, _ in row.figures]
    if not any(name.endswith(".error") for name in shown):
        return
    found = evaluate(
        made.executable, open_sources(made.spec), averaged=made.averaged, seed=made.spec.run.seed, refused=print
    )
    plain = {name: {"value": one.value, "error": one.error} for name, one in found.items()}
    (folder / "evaluation.json").write_text(json.dumps({"split": "test", "metrics": plain}, indent=1))


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=LIBRARY, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
