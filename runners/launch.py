"""From a spec to a run: it is checked, its data opened, its blocks made from the seed, and the loop started.

examine(spec) -> composition, findings        assemble(composition) -> executable
train(spec, composition, ...) -> Run          reopen(folder) -> Run
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from blocks.noise import leaf_seed
from blocks.types import Field
from compose.build import Composition
from compose.checks.equal_rows import uneven
from compose.compiler import Executable, compile_composition
from compose.diagnostics import Finding, Span, SpecError, finding, refuse_errors
from compose.spec import Spec, dump_yaml, parse_spec
from runners.batches import Batches, LoaderBatches
from runners.card import card_of
from runners.catalogue import data_fails, open_sources
from runners.datasets import Source, Unreadable
from runners.edits import edits_of, refuse_edits, said_of
from runners.evaluate import Refusal, evaluate, rows_of
from runners.examination import examine, shortened
from runners.folder import RunFolder, check_folder, choose_folder, identity
from runners.given import check_handed_over, data_of, handed_fields
from runners.goals import TEST, split_of
from runners.processes import chosen_device
from runners.progress import Progress
from runners.reading import read_ahead
from runners.rows import IMAGES, POINTS
from runners.run import Options, Run, load_run, run
from runners.saving import Intervals
from runners.state import Batches as Numbered
from runners.state import Executable as System
from runners.state import Measured
from runners.weights import fill_blocks
from runners.world import World, follows, world_of

__all__ = ["Order", "Reopened", "assemble", "batches_of", "examine", "reopen", "shortened", "train"]

RUNS = Path("runs")
FEW = 16  # rows that metrics are asked of in a trial


@dataclass(frozen=True)
class Order:
    """How a run is asked for.   `out`: its folder (by default runs/NAME/seed-S); `plugins`: files it needs again.

    `force`: go on with an edited spec. `trial`: only to see that it runs; metrics are asked of a few rows, and may
    refuse what training would mend.
    """

    out: Path | None = None
    fresh: bool = False
    quiet: bool = False
    plugins: Sequence[Path] = ()
    picture: bytes | None = None
    trial: bool = False
    force: bool = False


def assemble(composition: Composition, seed: int) -> Executable:
    """The composition with real blocks, whose first weights follow from the seed.   Torch's own generator stays put."""

    @contextmanager
    def making(block: str) -> Iterator[None]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(leaf_seed(seed, "weights", block))
            yield

    return compile_composition(composition, making)


def train(spec: Spec, composition: Composition, order: Order, loader: LoaderBatches | None = None) -> Run:
    """Train a checked spec, or go on from where its folder stands.

    Raises SpecError if the folder is taken or began with another spec, or if the data cannot be had, divided into such
    batches, or read when a step needs them; RunFailed, Interrupted.
    """
    folder, options = _folder(spec, order), _options(spec, order)
    if not follows(options.world):
        check_folder(folder)
    if loader is None:  # which has batches of its own size
        _check_rows(spec)
    executable = assemble(composition, spec.run.seed)
    edits, step = edits_of(folder, spec, executable) if not follows(options.world) else ([], 0)
    refuse_edits(folder, edits, step, order.force)
    sources = {} if loader is not None else open_sources(spec)
    batches = loader if loader is not None else batches_of(spec, sources)
    fill_blocks(dict(executable.blocks.items()), spec)
    about: dict[str, Any] = {
        "plugins": [str(path.resolve()) for path in order.plugins],
        "spec_sha256": identity(spec),
    }
    if edits:
        about["edits"] = [*RunFolder(folder).about().get("edits", ()), *said_of(edits, step)]
        options = replace(options, edited=tuple(map(str, edits)))
    if loader is not None:
        about["fields"] = {name: asdict(field) for name, field in loader.contract.fields.items()}

    held_out = split_of(sources.values())
    said = Progress(quiet=options.quiet).say
    tested = bool(sources) and all("test" in source.contract.splits for source in sources.values())
    if spec.evaluate.lines and not tested:
        cut = ", and `data: {test_size: 0.1}` would hold one out of the training rows" if sources else ""
        said(
            f"`evaluate` is left out: {'the data have' if sources else 'a loader has'} no test split{cut}; "
            "`run.evaluate(data={..})`, or `compose eval RUN --data FILE.npz`, measures afterwards"
        )

    def measure(system: System, averaged: frozenset[str], split: str = TEST) -> Measured:
        # what a metric refuses is told, and the run is trained all the same
        refused: list[Refusal] = []
        found = evaluate(
            system, sources, averaged=averaged, seed=spec.run.seed, split=split,
            most=FEW if order.trial else None, refused=refused.append,
        )  # fmt: skip
        told = {refusal.line: str(refusal) for refusal in refused if not (order.trial and refusal.passing)}
        return Measured({name: estimate.value for name, estimate in found.items()}, told)

    validate = measure if held_out == TEST else partial(measure, split=held_out or TEST)
    card = card_of(composition, executable, next(iter(spec.data.values())).batch_size, options.world.count)
    if isinstance(batches, Batches) and batches.is_read and not spec.run.workers:
        said("rows are read from the disk, each batch in its step; `--set run.workers=2` reads them ahead")
    with _read_by(batches, spec, sources) as ahead:
        return run(
            executable, ahead, folder,
            spec_text=dump_yaml(spec), options=options, fields=composition.fields, picture=order.picture,
            reference=_shown_beside(sources) if spec.samplers else None,
            evaluate=measure if spec.evaluate.lines and tested else None,
            validate=validate if spec.evaluate.lines and held_out else None, about=about, card=card,
        )  # fmt: skip


@contextmanager
def _read_by(batches: Numbered, spec: Spec, sources: Mapping[str, Source]) -> Iterator[Numbered]:
    """The batches, read ahead within as the spec says.   Raises SpecError for rows that cannot be read."""
    try:
        with read_ahead(batches, spec.run.workers) as ahead:
            yield ahead
    except Unreadable as error:
        declared = next(spec.data[name] for name, source in sources.items() if source is error.source)
        way = "put it right; the same command goes on from the last checkpoint"
        place = declared.span(error.option if error.option in declared.options else "source")
        raise SpecError([data_fails(place, str(error), way)], spec.sources) from None


def _shown_beside(sources: Mapping[str, Source]) -> Mapping[str, Tensor] | None:
    """Rows of the data for the pictures: of the test split, where there is one.   None: a loader's first batch."""
    splits = {split for source in sources.values() for split in source.contract.splits}
    split = "test" if "test" in splits else "train"
    held = all(source.is_kept(split) for source in sources.values() if split in source.contract.splits)
    return rows_of(sources, split, POINTS if held else IMAGES) if sources else None


@dataclass(frozen=True)
class Reopened:
    """A run from its folder, with its data (none if they were handed over from Python) and their fields."""

    run: Run
    sources: Mapping[str, Source]
    fields: Mapping[str, Field]


def reopen(
    folder: Path,
    rows: Path | None = None,
    checkpoint: str | int = "latest",
    also: Callable[[Spec], str] | None = None,
) -> Reopened:
    """A run from its folder as of a checkpoint, and its data, or the `rows` of a file in their place.

    `also` gives a setting that its spec gets beside what it says, such as another sampler.

    Raises RunFailed, or SpecError if its spec no longer fits, or what was handed over from Python is missing.
    """
    about = RunFolder(folder).about()
    fields = handed_fields(about)

    def build(text: str) -> Executable:
        spec = parse_spec(text, str(folder / "spec.yaml"))
        if also is not None:
            spec = parse_spec(text, str(folder / "spec.yaml"), [also(spec)])
        check_handed_over(spec, folder)
        composition, findings = examine(spec, fields)
        refuse_errors(findings, spec.sources)
        return assemble(composition, int(about.get("seed", 0)))

    opened = load_run(folder, build, checkpoint)
    return Reopened(opened, *data_of(opened.spec, about, rows))


def batches_of(spec: Spec, sources: Mapping[str, Source], split: str = "train") -> Batches:
    """The batches of the spec's data, loaded now.   Raises SpecError if that cannot be."""
    if not spec.data:
        raise SpecError([no_data(spec.span("name"))], spec.sources)
    first = next(iter(spec.data.values()))
    try:
        return Batches(sources.get("", sources), split=split, batch_size=first.batch_size, seed=spec.run.seed)
    except (ValueError, OSError) as error:
        place = "batch_size" if "batch_size" in first.model_fields_set else "source"
        raise SpecError([data_fails(first.span(place), str(error))], spec.sources) from None


def _folder(spec: Spec, order: Order) -> Path:
    chosen = order.out or (Path(spec.run.out) if spec.run.out else None)
    if chosen is None:
        return choose_folder(RUNS, spec.name, spec.run.seed, fresh=order.fresh)
    number, folder = 2, chosen
    while order.fresh and (folder / "run.json").exists():
        folder, number = chosen.with_name(f"{chosen.name}-{number}"), number + 1
    return folder


def _check_rows(spec: Spec) -> None:
    """Raise SpecError unless the processes that there will be can share every batch, each in equal parts."""
    found = [each for each, _ in uneven(spec, world_of(spec.run.devices, spec.run.nodes).count)]
    if found:
        raise SpecError(found, spec.sources)


def _options(spec: Spec, order: Order) -> Options:
    asked = spec.run
    device = chosen_device() if asked.device == "auto" else asked.device
    if device in ("gpu", "cuda") and torch.cuda.device_count() < asked.devices:
        there = torch.cuda.device_count()
        place = asked.span("devices" if there else "device")
        raise SpecError([no_device(place, device, asked.devices, there)], spec.sources)
    world = world_of(asked.devices, asked.nodes)
    intervals = Intervals(log=asked.log_every, checkpoint=asked.checkpoint_every, sample=asked.sample_every or 0)
    return Options(
        seed=asked.seed,
        precision=asked.precision,
        device=device,
        world=World() if order.trial else world,
        strategy=asked.strategy,
        threads=asked.threads,
        intervals=intervals,
        quiet=order.quiet or follows(world),
    )


@finding("R103", "error")
def no_data(span: Span) -> Finding:
    """A spec without `data` cannot be run: an update reads a batch, whose rows say how many samples it draws.

    Wrong: no `data`.   Right: `data: {source: toy.moons, batch_size: 128}`.
    """
    return Finding(span=span, message="this spec has no data to run on", help="write `data: {source: ..}`")


@finding("R102", "error")
def no_device(span: Span, device: str, wanted: int = 1, there: int = 0) -> Finding:
    """The device that `run` asks for, or as many of them, is not in this machine.

    Wrong: `run: {device: cuda}` on a machine without a GPU.   Right: `run: {device: auto}`.
    """
    if there:
        message = f"{wanted} devices are asked for, and this machine has {there}"
        return Finding(span=span, message=message, help=f"write `devices: {there}`")
    return Finding(
        span=span, message=f"there is no `{device}` in this machine", help="write `device: auto`, or `device: cpu`"
    )
