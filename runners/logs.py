"""What a run writes down as it goes: `metrics.jsonl`, the record of truth, and the same for TensorBoard.

Losses stay on the device between two logged steps: a step only appends to a list. At a logged step, and before every
save, they are read at once, tested for being finite, and folded into the window's means.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from runners.card import Card
from runners.checkpoints import write_atomically
from runners.events import EventFile
from runners.growing import GrowingFile

__all__ = ["Lost", "Pending", "Record", "fold"]


class Pending(NamedTuple):
    """The values of one update of one step, not read yet: terms and monitored values by name, 0-d."""

    step: int
    update: str
    terms: Mapping[str, Tensor]
    monitor: Mapping[str, Tensor]


class Lost(NamedTuple):
    """The first term that is not finite, or value beyond its bound: the steps done before it, its update, its name, and
    what it was.
    """

    step: int
    update: str
    term: str
    value: float


def fold(
    pending: list[Pending],
    window: dict[str, list[float]],
    mean: Callable[[Tensor], Tensor] | None = None,
    bounds: Mapping[str, float] | None = None,
) -> Lost | None:
    """Read all pending values into `window` (tag -> [sum, count]) and empty the list.   `mean`: over the processes.

    Returns the first term that is not finite, where it ends; a monitored value may be. So it does for a term, or a
    monitored value, whose magnitude is beyond its bound.
    """
    limits = bounds or {}
    values = [value for one in pending for group in (one.terms, one.monitor) for value in group.values()]
    read: Iterator[float] = iter(())
    if values:
        stacked = torch.stack([v if isinstance(v, Tensor) else torch.tensor(float(v)) for v in values])
        read = iter((stacked if mean is None else mean(stacked)).tolist())
    for one in pending:
        for kind, group in (("terms", one.terms), ("monitor", one.monitor)):
            for name in group:
                number = next(read)
                lost = kind == "terms" and not math.isfinite(number)
                if lost or (name in limits and not abs(number) <= limits[name]):
                    return Lost(one.step, one.update, name, number)
                entry = window.setdefault(f"{kind}/{one.update}/{name}", [0.0, 0])
                entry[0] += number
                entry[1] += 1
    pending.clear()
    return None


class Record:
    """The record of a run: one JSON line a logged step, and the same numbers for TensorBoard.

    Opened at `run_step`, it forgets what was logged after that step, so that a resumed run never goes back. A disk that
    refuses a line does not end the run: `report` is told, and the line waits.
    """

    def __init__(self, folder: Path, run_step: int, report: Callable[[str], None]) -> None:
        self._folder, self._report = folder, report
        self._open(run_step)

    def _open(self, run_step: int) -> None:
        path = self._folder / "metrics.jsonl"
        self._told = _forget_after(path, run_step)
        self._lines = GrowingFile(path, self._report)
        self._events = EventFile(self._folder / "tensorboard", run_step + 1, self._report)

    def rewind(self, run_step: int) -> None:
        """Forget what was logged after `run_step`: the run goes on from there."""
        self.close()
        self._open(run_step)

    def event(self, run_step: int, stage: str, event: str, facts: Mapping[str, Any]) -> None:
        """Write that something happened.   A run that goes on from this very step tells it once."""
        said = (json.dumps({"run_step": run_step, "stage": stage, "event": event, **facts}) + "\n").encode()
        if said not in self._told:
            self._lines.write(said)
            self._events.text(run_step, f"events/{event}", json.dumps(facts))

    def line(self, run_step: int, stage: str, entry: Mapping[str, Any]) -> None:
        """Write one logged step: `entry` holds groups of numbers ("terms": {name: number}) and lone numbers."""
        said = {name: value for name, value in entry.items() if value != {}}
        self._lines.write((json.dumps({"run_step": run_step, "stage": stage, **said}) + "\n").encode())
        self._events.scalars(run_step, _tags(stage, said))

    def picture(self, run_step: int, tag: str, png: bytes, size: tuple[int, int]) -> None:
        """Show a PNG of `size` (width, height) on TensorBoard."""
        self._events.picture(run_step, tag, png, size)

    def card(self, card: Card) -> None:
        """What is known of the run before its first step, on TensorBoard: equations, gradients, settings."""
        for tag, markdown in card.texts.items():
            if markdown:
                self._events.text(0, tag, markdown)
        if card.settings:
            self._events.settings(card.settings)

    def histogram(self, run_step: int, tag: str, values: Sequence[float]) -> None:
        """How values lie, on TensorBoard; those that are not finite are left out."""
        finite = [value for value in values if math.isfinite(value)]
        if finite:
            self._events.histogram(run_step, tag, finite)

    def flush(self) -> None:
        """Force the record to the disk; a checkpoint never gets ahead of it.   Raises OSError if the disk refuses."""
        self._lines.sync()

    def close(self) -> None:
        """Close the files."""
        self._lines.close()
        self._events.close()


def _tags(stage: str, entry: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    """`stage/update/term` for terms; `stage/gradients/update/block` and so on for the other groups."""
    for group, value in entry.items():
        if isinstance(value, Mapping):
            prefix = stage if group == "terms" else f"{stage}/{group}"
            yield from ((f"{prefix}/{name}", number) for name, number in value.items())
        else:
            yield f"{stage}/clock/{group}", value


def _forget_after(path: Path, run_step: int) -> list[bytes]:
    """Cut the record off after a step.   Returns the events of that very step."""
    if not path.exists():
        return []
    kept, events = [], []
    for line in path.read_bytes().splitlines(keepends=True):
        said = _read(line)
        if said is None or said["run_step"] > run_step:
            break  # cut off while it was written, or written after the checkpoint
        if said["run_step"] < run_step or "metrics" not in said:  # the metrics of this very step are made again
            kept.append(line)
        if said["run_step"] == run_step and "event" in said:
            events.append(line)
    write_atomically(path, b"".join(kept))
    return events


def _read(line: bytes) -> dict[str, Any] | None:
    """What a whole line says; None for one that was cut off, by a kill or by the disk."""
    try:
        said = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return said if isinstance(said, dict) and "run_step" in said else None
