"""The pictures of a page: those of the first seed, made small, side by side beneath their table."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from benchmarks.thesis.tables import Row

__all__ = ["picture_lines"]

SAMPLES = ("before_after.before", "before_after.after", "before", "default")
SIDE, COLOURS, COLUMNS = 300, 24, 4


def picture_lines(rows: Sequence[Row], runs: Path, seed: int, folder: Path) -> list[str]:
    """The last picture of each sampler of each row's run, four beside each other; the files go to `folder`."""
    folder.mkdir(exist_ok=True)
    cells = []
    for row in rows:
        name = row.run
        for sampler, drawn in _last(runs / name / f"seed-{seed}" / "samples").items():
            kept = folder / f"{name}.{sampler}.png"
            _shrink(drawn, kept)
            said = {"before_after.before": ", before", "before_after.after": ", after", "before": ", before"}
            cells.append((f"{row.label}{said.get(sampler, '')}", f"![{name}: {sampler}]({folder.name}/{kept.name})"))
    lines: list[str] = []
    for first in range(0, len(cells), COLUMNS):
        titles, images = zip(*cells[first : first + COLUMNS], strict=True)
        lines += ["", f"| {' | '.join(titles)} |", "|" + " --- |" * len(titles), f"| {' | '.join(images)} |"]
    return lines


def _last(samples: Path) -> dict[str, Path]:
    """The last picture of each sampler; a pair from one draw of noise stands for the two drawn apart."""
    found = {sampler: sorted(samples.glob(f"{sampler}-[0-9]*.png")) for sampler in SAMPLES}
    last = {sampler: drawn[-1] for sampler, drawn in found.items() if drawn}
    return {name: path for name, path in last.items() if "." in name} if SAMPLES[1] in last else last


def _shrink(source: Path, target: Path) -> None:
    """A copy at most `SIDE` wide in `COLOURS` colours: some 20 KB."""
    with Image.open(source) as image:
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        image.convert("RGB").quantize(COLOURS).save(target, "PNG", optimize=True)
