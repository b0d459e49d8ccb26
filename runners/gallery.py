"""The gallery: what a run shows of itself, in `samples/` and on TensorBoard."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from blocks.types import Field, Size
from compose.graph import Tensor as TensorType
from compose.program import CompiledSampler
from runners.folder import RunFolder
from runners.logs import Record
from runners.origin import stamp, stamped
from runners.pictures import field_like, picture_of, png_size, save_picture
from runners.progress import Progress
from runners.rows import rows_of_picture
from runners.sampling import default_count, draw_rows, evaluating, folds_of, place_of, sample
from runners.updates import Session

__all__ = ["Gallery"]

ROWS = 8  # of a chain that are shown


@dataclass(frozen=True)
class Gallery:
    """Draws every sampler of a session.   `fields` tells the data's range, `reference` is data to show beside.

    `about` is what the run says of itself, for the pictures to carry; `energies` are blocks and the event each takes;
    `paths` holds the compiled ways of chains, once they were drawn.

    A sampler's noise is the same each time, so that its pictures show what training changed.
    """

    session: Session
    home: RunFolder
    record: Record
    progress: Progress
    fields: Mapping[str, Field]
    reference: Mapping[str, Tensor]
    about: Mapping[str, Any]
    energies: Mapping[str, Size] = field(default_factory=dict)
    paths: dict[tuple[str, frozenset[str]], list[CompiledSampler]] = field(default_factory=dict)

    def compose(self, png: bytes) -> None:
        """Show the composition itself, drawn."""
        self._save(self.home.path / "composition.png", png, "composition")
        self.record.picture(self.session.state.run_step, "composition", png, png_size(png))

    def draw(self, step: int) -> None:
        """Every sampler's picture as `samples/NAME-STEP.png`; a value that has no picture is left out."""
        session, averaged = self.session, frozenset(self.session.state.averaged)
        for name, rows in self.reference.items():
            self._weigh(f"data.{name}", rows, step)
        for name in session.executable.spec.samplers:
            count = default_count(session.executable, name, averaged)
            self._follow(name, averaged, step)
            values = sample(session.executable, name, count, session.seed, averaged=averaged, batch=self.reference)
            folds = folds_of(session.executable, name, averaged)
            for part, value in (values if isinstance(values, Mapping) else {"value": values}).items():
                label = name if isinstance(values, Tensor) else f"{name}.{part}"
                self._show(label, value, step, folds.get(part, 1))
                self._weigh(label, value, step)

    def _weigh(self, label: str, values: Tensor, step: int) -> None:
        """A histogram of every energy on these values, if it takes such."""
        session = self.session
        for name, event in self.energies.items():
            averaged = name in session.state.averaged
            block = (session.executable.averages if averaged else session.executable.blocks)[name]
            if tuple(values.shape[1:]) == event:
                with torch.no_grad(), evaluating(block):
                    dtype, device = place_of(block)
                    found = block(values.to(device, dtype))
                self.record.histogram(step, f"energies/{name}/{label}", found.flatten().tolist())

    def _follow(self, name: str, averaged: frozenset[str], step: int) -> None:
        """The samples along the steps of a sampler's chain, on TensorBoard."""
        executable, paths = self.session.executable, self.paths
        if (name, averaged) not in paths:
            paths[name, averaged] = executable.path(name, averaged)
        found, rows = [], self.reference
        for way in paths[name, averaged]:
            kind = way.gives.get("value")
            count = rows_of_picture(kind.event, kind.rows) if isinstance(kind, TensorType) else None
            values = draw_rows(executable, way, min(count, ROWS), self.session.seed, batch=rows) if count else None
            if isinstance(values, Tensor):
                found.append(values)
        if not found:
            return
        png = self._drawn(torch.stack(found, 1) if len(found) > 1 else found[0])
        if png is not None:
            self.record.picture(step, f"chains/{name}", png, png_size(png))

    def _drawn(self, value: Tensor, fold: int = 1) -> bytes | None:
        like = field_like(value, self.fields)
        return picture_of(value, like[1] if like else None, self.reference.get(like[0]) if like else None, fold)

    def _show(self, label: str, value: Tensor, step: int, fold: int) -> None:
        png = self._drawn(value, fold)
        if png is None:
            return
        self._save(self.home.samples / f"{label}-{step:08d}.png", png, label)
        self.record.picture(step, f"samples/{label}", png, png_size(png))

    def _save(self, path: Path, png: bytes, shown: str) -> None:
        """Save a picture; a disk that refuses is told to the user."""
        try:
            save_picture(path, stamped(png, stamp(self.about, self.session.state.run_step, shown)))
        except OSError as problem:
            self.progress.say(f"could not save {path}: {problem.strerror}")
