"""Python's door: a spec is loaded, checked, run; a run is drawn from.

spec = compose.load("specs/tutorial/glf_digits.yaml", set=["stages.0.epochs=1"])
run = compose.run(spec, out="runs/demo", data=my_loader, blocks={"encoder": my_module})
images = run.sample("default", 16)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compose.builder import Draft
from compose.diagnostics import Finding, refuse_errors
from compose.spec import Spec, load_spec, spec_from_data

if TYPE_CHECKING:
    from torch import nn

    from runners.batches import LoaderBatches
    from runners.diagnosis import Diagnosis
    from runners.run import Run
    from runners.study import Row

__all__ = ["check", "explain", "load", "load_run", "replay", "run", "study"]

Blocks = Mapping[str, "nn.Module | type[nn.Module]"]
Given = Spec | Draft | str | Path


def load(spec: str | Path | Mapping[str, Any], set: Sequence[str] = ()) -> Spec:
    """The spec in a file, or of plain data, with `set` such as "stages.0.epochs=1".   Raises SpecError."""
    return spec_from_data(spec, overrides=set) if isinstance(spec, Mapping) else load_spec(spec, set)


def check(spec: Given, *, data: Iterable[object] | None = None, blocks: Blocks | None = None) -> list[Finding]:
    """All that is wrong with a spec, warnings too.   `data` and `blocks` as for `run`."""
    from runners.examination import examine
    from runners.given import with_blocks

    loader = _loader(data)
    return examine(with_blocks(_loaded(spec), blocks or {}), loader.contract.fields if loader else None)[1]


def explain(spec: Given, *, data: Iterable[object] | None = None, blocks: Blocks | None = None) -> str:
    """Stages, terms, which term trains which block, and cost, as text.   Raises SpecError for a spec with errors."""
    from compose.explanation import tables
    from runners.examination import examine
    from runners.given import with_blocks

    loader = _loader(data)
    spec = with_blocks(_loaded(spec), blocks or {})
    composition, findings = examine(spec, loader.contract.fields if loader else None)
    refuse_errors(findings, spec.sources)
    return tables(composition)


def run(
    spec: Given,
    out: str | Path | None = None,
    *,
    data: Iterable[object] | None = None,
    fields: Sequence[str] = ("x", "y"),
    blocks: Blocks | None = None,
    fresh: bool = False,
    force: bool = False,
    quiet: bool = False,
) -> Run:
    """Train a spec into the folder `out` (by default runs/NAME/seed-S), or go on with what it holds.

    `data`: an iterable of batches that may be iterated again (a DataLoader), in place of the spec's source; batches
    are tensors, tuples in the order of `fields`, or dicts. `blocks`: modules of yours by the spec's names: a module is
    copied, and the copy trained; a class is built as a registered block is.
    `force`: go on in a folder whose spec was edited, if what was saved fits.
    Raises SpecError for a spec with errors, `runners.state.RunFailed` and `Interrupted`.
    """
    from compose.picture import draw
    from runners.given import with_blocks
    from runners.launch import Order, examine, train

    loader = _loader(data, fields)
    spec = with_blocks(_loaded(spec), blocks or {})
    composition, findings = examine(spec, loader.contract.fields if loader else None, to_run=True)
    refuse_errors(findings, spec.sources)
    order = Order(Path(out) if out is not None else None, fresh, quiet, picture=draw(composition), force=force)
    return train(spec, composition, order, loader)


def study(
    spec: Given,
    seeds: Sequence[int] = (0, 1, 2),
    sweep: Mapping[str, Sequence[object]] | None = None,
    out: str | Path | None = None,
    *,
    jobs: int = 1,
    quiet: bool = False,
) -> list[Row]:
    """A run for every seed and every setting of `sweep` ({"params.T": [2, 4]}), and a row of figures for each setting.

    Runs lie in `out` (by default runs/NAME), in processes of their own, `jobs` at a time; those that are finished are
    not made again. Raises SpecError for a setting with errors, before anything runs.
    """
    from runners.examination import examine
    from runners.progress import Progress
    from runners.study import carry_out, freeze, members, rows

    data = _loaded(spec).to_data()
    swept = {path: [str(value) for value in values] for path, values in (sweep or {}).items()}
    home = Path(out) if out is not None else None
    made = members(lambda settings: spec_from_data(data, overrides=settings), home, seeds, swept)
    for member in made:
        refuse_errors(examine(member.spec, to_run=True)[1], member.spec.sources)
    freeze(made)
    carry_out(made, jobs, ["--quiet"] * (quiet or jobs > 1), Progress(quiet=quiet).say)
    return rows(made)


def load_run(folder: str | Path, *, checkpoint: str | int = "latest", blocks: Blocks | None = None) -> Run:
    """A run from its folder, ready to be drawn from: as of its `latest` checkpoint, the `best`, or that of a step.

    `blocks`: those it was trained with.   Raises RunFailed.
    """
    from runners.given import register
    from runners.launch import reopen

    register(blocks or {})
    return reopen(Path(folder), checkpoint=checkpoint).run


def replay(folder: str | Path, *, blocks: Blocks | None = None) -> Diagnosis:
    """The step by which a run was lost, taken again: the first value that is not finite, and all `lines()` before it.

    `blocks`: those it was trained with.   Raises RunFailed if the run keeps no such step.
    """
    from runners.given import register
    from runners.replaying import replay as taken_again

    register(blocks or {})
    return taken_again(Path(folder))


def _loaded(spec: Given) -> Spec:
    """A spec, the one that a draft says, or the one in a file."""
    if isinstance(spec, Draft):
        return spec.spec()
    return load(spec) if isinstance(spec, str | Path) else spec


def _loader(data: Iterable[object] | None, fields: Sequence[str] = ("x", "y")) -> LoaderBatches | None:
    if data is None:
        return None
    from runners.batches import LoaderBatches, from_loader

    return data if isinstance(data, LoaderBatches) else from_loader(data, fields)
