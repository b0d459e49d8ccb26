"""A run, from a compiled system to a folder of results, and back: `run` trains, `load_run` opens what it left."""

import hashlib
import json
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from blocks.types import Field
from runners.batches import LoaderBatches
from runners.card import Card
from runners.checkpoints import (
    FRESH,
    Checkpoint,
    checkpoint_paths,
    read_checkpoint,
    read_latest,
    step_of,
    tidy,
    write_atomically,
)
from runners.folder import RunFolder, Status
from runners.following import follow
from runners.gallery import Gallery
from runners.holding import Copies, Holding
from runners.logs import Record
from runners.loop import Loop
from runners.processes import FirstsBatches, Processes, join, joined, place
from runners.progress import Progress
from runners.saving import Intervals
from runners.scattered import Scattered
from runners.signals import Signals
from runners.state import Batches, Executable, Interrupted, Measured, NoCheckpoint, RunFailed, RunState
from runners.trained import Run
from runners.tuning import Tuning, tuning_of
from runners.updates import Session
from runners.validation import validation_of
from runners.world import World, follows

__all__ = ["Measure", "Options", "Run", "load_run", "prepare", "run"]

Measure = Callable[[Executable, frozenset[str]], Measured]
"""Measures a system, the blocks named read from their averages."""

DTYPES: dict[str, torch.dtype] = {
    "32": torch.float32, "64": torch.float64, "bf16-mixed": torch.float32, "bf16-true": torch.bfloat16,
    "16-true": torch.float16,
}  # fmt: skip
"""The dtype of leaves and data under each precision of a spec ("32-true" and "64-true" are the same as "32", "64")."""


@dataclass(frozen=True)
class Options:
    """How a run is carried out.   `seed` and `precision` change its numbers, the rest does not."""

    seed: int = 0
    precision: str = "32"
    device: str = "cpu"
    world: World = field(default_factory=World)
    strategy: str = "auto"
    threads: int | None = None
    intervals: Intervals = field(default_factory=Intervals)
    quiet: bool = False
    edited: Sequence[str] = ()  # how the spec differs from the one that the run began with, if it may


def run(
    executable: Executable,
    batches: Batches,
    folder: Path | str,
    *,
    spec_text: str,
    options: Options | None = None,
    fields: Mapping[str, Field] | None = None,
    picture: bytes | None = None,
    reference: Mapping[str, Tensor] | None = None,
    evaluate: Measure | None = None,
    validate: Measure | None = None,
    about: Mapping[str, Any] | None = None,
    card: Card | None = None,
) -> Run:
    """Train into `folder`, going on from its last good checkpoint if it has one.

    A finished run is returned as it is. `spec_text` is the resolved spec, saved beside and compared on resume (by the
    `spec_sha256` of `about`, if it has one); `fields` tells pictures the data's range, `reference` is the data beside
    them (default: the first batch); `picture` is the composition drawn, a PNG, `card` what is known beforehand;
    `evaluate(executable, averaged)` gives metrics where a stage ends, `validate` where the spec asks for them while
    training. Raises RunFailed (a value that is not finite, a folder in use, another spec), and Interrupted after a
    signal, once all is saved.
    """
    options = options or Options()
    home = RunFolder(folder)
    if follows(options.world):
        measured = validation_of(executable.spec, Measured) if validate else None
        tuning = tuning_of(executable.spec.run, home.path)
        return follow(prepare(executable, batches, options, tuning), home, options.intervals, measured)
    with home.locked():
        facts = {**_facts(executable, spec_text, options), **(about or {})}
        progress = Progress(quiet=options.quiet)
        if home.came_to_nothing():
            progress.say(f"the run in {home.path} ended before its first checkpoint; it starts over")
            with _written(home):
                home.clear()
        if not options.edited:
            _same_run(home, facts)
        prepared = prepare(executable, batches, options, tuning_of(executable.spec.run, home.path, progress.say))
        restored = _restore(home, prepared.state, progress)
        if options.edited:
            _take_edit(home, prepared.state, spec_text, options.edited, facts, progress)
        done = Run(home.path, executable, prepared.state, options.seed, home.about())
        finished = done.finished and prepared.state.stage == len(executable.spec.stages)
        if prepared.processes is not None:
            prepared.processes.agree(prepared.state, restored, finished)
        if finished:
            progress.say(f"{home.path} is finished; {FRESH} starts the next run")
            for cause in done.refused.values():
                progress.say(cause)
            return done
        with _written(home):
            write_atomically(home.spec, spec_text.encode())
        beside = partial(_beside, executable, batches, reference)  # read where signals are caught
        shown = _Shown(fields or {}, picture, beside, evaluate, validate, card or Card())
        _train(prepared, home, progress, options, facts, restored, shown)
        done.about = home.about()
        return done


def load_run(folder: Path | str, build: Callable[[str], Executable], checkpoint: str | int = "latest") -> Run:
    """Open a run: `build` compiles the text of its spec, and a checkpoint fills it: `latest`, `best`, or a step's.

    Raises RunFailed if the folder holds no such checkpoint.
    """
    home = RunFolder(folder)
    about = home.about()
    if not home.spec.exists():
        raise RunFailed(f"{home.path} is no run: it has no spec.yaml")
    executable = build(home.spec.read_text(encoding="utf-8"))
    dtype = DTYPES[_canonical(about.get("precision", "32"))]
    if dtype != torch.float32:
        executable.blocks.to(dtype)
        executable.averages.to(dtype)
    state = RunState(executable.blocks, executable.averages)
    progress = Progress()
    if _restore(home, state, progress, checkpoint) is None:
        raise RunFailed(f"{home.path} holds no checkpoint yet")
    executable.blocks.eval()
    return Run(home.path, executable, state, int(about.get("seed", 0)), about)


@dataclass(frozen=True)
class _Shown:
    fields: Mapping[str, Field]
    picture: bytes | None
    beside: Callable[[], Mapping[str, Tensor]]
    evaluate: Measure | None
    validate: Measure | None
    card: Card


def prepare(executable: Executable, batches: Batches, options: Options, tuning: Tuning | None = None) -> Session:
    """A system on its device, with its data and a state to train.   Raises RunFailed."""
    precision = _canonical(options.precision)
    if options.threads:
        torch.set_num_threads(options.threads)
    processes, weights = None, Holding()
    if options.world.count > 1:
        fabric = join(options.world, options.device, options.precision)
        place(executable, fabric, DTYPES[precision])
        processes = Processes(fabric)
        weights = (
            Scattered(processes, executable.blocks, executable.averages)
            if options.strategy == "fsdp"
            else Copies(processes, sharded=options.strategy == "sharded")
        )
        batches = FirstsBatches(batches, processes) if isinstance(batches, LoaderBatches) else batches
    else:
        fabric = Fabric(accelerator=options.device, devices=1, precision=options.precision)  # type: ignore[arg-type]
        for modules in (executable.blocks, executable.averages):
            if len(modules):
                fabric.setup_module(modules)
    return Session(
        executable, batches, fabric, RunState(executable.blocks, executable.averages, weights=weights), options.seed,
        DTYPES[precision], _numbers(executable), precision.endswith("mixed"), processes=processes, tuning=tuning,
    )  # fmt: skip


def _canonical(precision: str) -> str:
    """The word of a spec for a precision.   Raises RunFailed for one that a run does not know."""
    word = precision if precision in DTYPES else precision.removesuffix("-true")
    if word not in DTYPES:
        raise RunFailed(f"a run's precision is one of {', '.join(DTYPES)}, not `{precision}`")
    return word


def _numbers(executable: Executable) -> dict[str, float]:
    return {name: value for name, value in executable.spec.values.items() if isinstance(value, int | float)}


def _restore(
    home: RunFolder, state: RunState, progress: Progress, which: str | int = "latest"
) -> Mapping[str, Tensor] | None:
    """Fill the state from the newest whole checkpoint, or another; the optimizers' tensors are for a stage to take."""
    found = read_latest(home.checkpoints, progress.say) if which == "latest" else _chosen(home, which)
    if found is None:
        return None
    state.restore_numbers(found.numbers)
    state.restore_blocks(found.tensors)
    return found.tensors["optimizers"]


def _chosen(home: RunFolder, which: str | int) -> Checkpoint:
    """The best checkpoint, or that of a step.   Raises RunFailed, naming those that there are."""
    held = {step_of(path): path for path in checkpoint_paths(home.checkpoints)}
    best = checkpoint_paths(home.best)[-1:]
    named: dict[str | int, Path] = {**dict(zip(("best",), best, strict=False)), **held}
    path = named.get(which)
    if path is None:
        there = ", ".join(map(str, ("latest", *named)))
        raise NoCheckpoint(f"{home.path} has no checkpoint `{which}`; it has {there}")
    return read_checkpoint(path)


def _train(
    session: Session, home: RunFolder, progress: Progress, options: Options, facts: Mapping[str, Any],
    restored: Mapping[str, Tensor] | None, shown: _Shown,
) -> None:  # fmt: skip
    state, executable, evaluate, validate = session.state, session.executable, shown.evaluate, shown.validate
    status: Status = "failed"
    with Signals(executable.spec.run.preemption) as signals:
        went_on = f"going on with {home.path} after step {state.run_step:,}"
        several = f", in {options.world.count} processes" if options.world.count > 1 else ""
        progress.say((went_on if restored is not None else f"training into {home.path}") + several)
        with _written(home):
            record = Record(home.path, state.run_step, progress.say)
            home.say("running", facts)
            if restored is not None:  # a kill within the last save may have left what no further save would remove
                tidy(home.checkpoints, state.run_step, options.intervals.keep)
        try:
            gallery = Gallery(session, home, record, progress, shown.fields, shown.beside(), facts, shown.card.energies)
            if restored is None:
                record.card(shown.card)
                for line in shown.card.lines:
                    progress.say(line)
            if shown.picture is not None:
                gallery.compose(shown.picture)
            with joined():
                Loop(
                    session, home, record, progress, signals, options.intervals, facts, gallery.draw,
                    lambda: evaluate(executable, frozenset(state.averaged)) if evaluate else Measured(), restored or {},
                    validation_of(executable.spec, lambda: validate(executable, frozenset(state.averaged)))
                    if validate else None,
                    same_rows=validate is evaluate,
                    measure=partial(_again, validate, state) if validate else None,
                ).run()  # fmt: skip
            status = "finished"
        except Interrupted:
            status = "interrupted"
            raise
        finally:
            executable.blocks.eval()
            record.close()
            found = {"metrics": state.metrics, "refused": state.refused, **_best(executable, state)}
            _conclude(home, status, {**facts, "run_step": state.run_step, **found}, progress)


def _again(validate: Measure, state: RunState, system: Executable) -> Measured:
    """What validation measures, of the system as it is watched."""
    return validate(system, frozenset(state.averaged))


def _best(executable: Executable, state: RunState) -> dict[str, Any]:
    """The best figure so far and its step, if one is looked for and found."""
    goal, (value, step, *_) = executable.spec.evaluate.goal, state.leading
    return {"best": {"name": goal.line, "value": value, "step": step}} if goal and value is not None else {}


def _conclude(home: RunFolder, status: Status, facts: Mapping[str, Any], progress: Progress) -> None:
    """Say in `run.json` how the run ended; a disk that refuses is told, and takes no other failure's place."""
    try:
        home.say(status, facts)
    except OSError as problem:
        said = f"{home.path / 'run.json'} cannot be written: {problem.strerror}"
        if status == "finished":
            raise RunFailed(said) from problem
        progress.say(said)


@contextmanager
def _written(home: RunFolder) -> Iterator[None]:
    """Within, a disk that refuses is the failure of the run."""
    try:
        yield
    except OSError as problem:
        raise RunFailed(f"{problem.filename or home.path} cannot be written: {problem.strerror}") from problem


def _beside(executable: Executable, batches: Batches, reference: Mapping[str, Tensor] | None) -> Mapping[str, Tensor]:
    """The data beside pictures: by default the first batch, which no other process of the run asks for."""
    return batches.batch(0) if reference is None and executable.spec.samplers else reference or {}


def _take_edit(
    home: RunFolder, state: RunState, spec_text: str, edited: Sequence[str], facts: Mapping[str, Any],
    progress: Progress,
) -> None:  # fmt: skip
    """From here on the run has another spec; the one of the steps so far is kept, and `run.json` knows both."""
    for line in edited:
        progress.say(f"the spec was edited: {line}")
    with _written(home):
        home.keep_spec(state.run_step)
        write_atomically(home.spec, spec_text.encode())
        home.say(home.about()["status"], {name: facts[name] for name in ("spec_sha256", "seed", "edits")})


def _facts(executable: Executable, spec_text: str, options: Options) -> dict[str, Any]:
    import lightning_fabric  # its version

    return {
        "name": executable.spec.name, "seed": options.seed, "precision": options.precision, "device": options.device,
        "threads": torch.get_num_threads() if options.threads is None else options.threads,
        "spec_sha256": hashlib.sha256(spec_text.encode()).hexdigest(),
        "versions": {
            "python": platform.python_version(), "torch": torch.__version__,
            "lightning_fabric": lightning_fabric.__version__,
        },
    }  # fmt: skip


def _same_run(home: RunFolder, facts: Mapping[str, Any]) -> None:
    """Refuse to go on with another spec, seed or precision than the folder began with."""
    before = home.about()
    for name in ("spec_sha256", "seed", "precision"):
        if name in before and before[name] != facts[name]:
            was = "spec" if name == "spec_sha256" else f"{name} ({json.dumps(before[name])})"
            raise RunFailed(f"{home.path} began with another {was}; {FRESH} starts the next run")
