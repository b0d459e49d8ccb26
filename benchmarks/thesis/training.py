"""The runs that a page is made of: every row for every seed, each in a process of its own, on one thread.

Runs stand in RUNS/NAME/seed-S. What is finished is skipped, and a broken run resumes from its checkpoint.
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

from benchmarks.thesis.tables import Row

if TYPE_CHECKING:
    from runners.run import Run

__all__ = ["arguments", "train_all"]

LIBRARY = Path(__file__).resolve().parents[2] / "specs"


def arguments(about: str | None, runs: str) -> argparse.ArgumentParser:
    """The arguments that every page's command has; `runs` is the folder of runs where none is named."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--runs", type=Path, default=Path(runs))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=[], help="runs whose name has one of these in it")
    parser.add_argument("--report", action="store_true", help="only write the report, of what is finished")
    return parser


def train_all(rows: Sequence[Row], seeds: Sequence[int], runs: Path, processes: int) -> None:
    """Every row for the first seed, then for the next."""
    os.environ["OMP_NUM_THREADS"] = "1"
    jobs = [(row, seed) for seed in seeds for row in rows]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        waiting = {pool.submit(train_one, row, seed, runs): (row.run, seed) for row, seed in jobs}
        for count, done in enumerate(as_completed(waiting), 1):
            name, seed = waiting[done]
            print(f"[{count}/{len(jobs)}] {name} seed {seed}: {done.result()}", flush=True)


def train_one(row: Row, seed: int, runs: Path) -> str:
    """Train one row into RUNS/NAME/seed-S, unless that is finished; say what came of it."""
    import torch

    from compose.spec import load_spec
    from runners.launch import Order, examine, train
    from runners.state import RunFailed

    folder = runs / row.run / f"seed-{seed}"
    about = folder / "run.json"
    if about.exists() and json.loads(about.read_text()).get("status") == "finished":
        return "was finished"
    torch.set_num_threads(1)
    spec = load_spec(LIBRARY / f"{row.spec}.yaml", [*row.settings, f"run.seed={seed}"])
    composition, findings = examine(spec)
    errors = [found.message for found in findings if found.severity == "error"]
    if errors:
        return f"is wrong: {errors[0]}"
    try:
        made = train(composition.spec, composition, Order(out=folder, quiet=True))
    except RunFailed as failure:
        return f"failed: {failure}"
    if any(name.endswith(".error") for name, _ in row.figures):
        _keep_errors(made, folder)
    minutes = time.process_time() / 60  # of this process, all its threads: other work on the machine does not count
    (folder / "minutes.json").write_text(json.dumps(minutes))
    (folder / "commit.txt").write_text(_commit())
    figures = "  ".join(f"{name} {value:.4g}" for name, value in made.about.get("metrics", {}).items())
    return f"{minutes:.1f} minutes  {figures}"


def _keep_errors(made: "Run", folder: Path) -> None:
    """Measure once more with standard errors into evaluation.json."""
    from runners.catalogue import open_sources
    from runners.evaluate import evaluate

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
