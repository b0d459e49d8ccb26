"""What a report holds: figures, the newest picture of every sampler, the record of the losses, and the origin."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from runners.datasets import Source
from runners.folder import PICTURE, RunFolder, identity
from runners.origin import commit
from runners.report.curves import Curve, curves_of
from runners.report.figures import Figure
from runners.trained import Run

__all__ = ["Picture", "Report", "report_of"]

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """A sampler's picture and the step that it was drawn at."""

    name: str
    step: int
    png: bytes


@dataclass(frozen=True)
class Report:
    """A run, read for a page.   `measured_on`: the data and the split; `data` is the spec as plain data."""

    folder: str
    name: str
    figures: Sequence[Figure]
    measured_on: str
    facts: Mapping[str, str]
    pictures: Sequence[Picture] = ()
    composition: bytes | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict)
    spec: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


def report_of(
    run: Run,
    figures: Sequence[Figure],
    sources: Mapping[str, Source],
    split: str,
    asked: Mapping[str, str],
    file: Path | None = None,
) -> Report:
    """The report of a run as its checkpoint has it, measured on a split of `sources`, perhaps the rows of a `file`.

    `asked`: more of how it was measured, such as the checkpoint.
    """
    home, step = RunFolder(run.folder), run.state.run_step
    facts = {**_of_run(run), **asked, **_of_measuring(sources, split, file)}
    return Report(
        folder=str(run.folder),
        name=run.spec.name,
        figures=figures,
        measured_on=str(file) if file else _measured_on(run, split),
        facts={key: value for key, value in facts.items() if value},
        pictures=_pictures(home.samples, step),
        composition=_png(home.path / "composition.png"),
        curves=curves_of(home.path / "metrics.jsonl"),
        spec=home.spec.read_text(encoding="utf-8", errors="replace"),
        data=run.spec.to_data(),
    )


def _of_run(run: Run) -> dict[str, str]:
    about, versions = run.about, run.about.get("versions", {})
    said = {key: about.get(key) for key in ("device", "threads", "precision")}
    return {
        "spec, SHA-256": str(about.get("spec_sha256") or identity(run.spec)),
        "seed": str(run.seed),
        "step": f"{run.state.run_step:,}, the run {about.get('status', 'new')}",
        "trained on": ", ".join(f"{key} {value}" for key, value in said.items() if value is not None),
        "trained with": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "edited": "; ".join(map(str, about.get("edits", ()))),
        "plugins": ", ".join(map(str, about.get("plugins", ()))),
    }


def _of_measuring(sources: Mapping[str, Source], split: str, file: Path | None) -> dict[str, str]:
    rows = {name: source.contract.splits.get(split) for name, source in sources.items()}
    counted = ", ".join(f"{count:,} rows" + f" of {name}" * bool(name) for name, count in rows.items() if count)
    graphics = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return {
        "measured on rows": f"{file or f'split {split}'}: {counted}" if counted else "",
        "measured with": f"python {platform.python_version()}, torch {torch.__version__}, compose at {commit()}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores{graphics}",
    }


def _measured_on(run: Run, split: str) -> str:
    """The data and the split, without what changes no row."""
    held = [{"name": name, "source": source.source, **source.options} for name, source in sorted(run.spec.data.items())]
    return json.dumps([held, split], sort_keys=True, default=str)


def _pictures(folder: Path, step: int) -> list[Picture]:
    """Of every sampler the last picture up to the step, or the first after it where there is none; by name."""
    found: dict[str, tuple[int, Path]] = {}
    for path in sorted(folder.glob("*.png")):
        named = PICTURE.fullmatch(path.name)
        if named:
            name, drawn = named[1], int(named[2])
            if name not in found or drawn <= step or found[name][0] > drawn:
                found[name] = (drawn, path)
    read = [(name, drawn, _png(path)) for name, (drawn, path) in found.items()]
    return [Picture(name, drawn, png) for name, drawn, png in read if png is not None]


def _png(path: Path) -> bytes | None:
    """A PNG's bytes; None if there is no such file, or it is something else."""
    try:
        held = path.read_bytes()
    except OSError:
        return None
    return held if held.startswith(PNG) else None
