"""Pictures of samples: grids of images, scatters of points with their density, paths.   Each is the bytes of a PNG.

event            "c h w"    "2"       "t c h w", or rows of images    "t 2", or rows of points
picture          a grid     points    a line of images each           a line each
rows by default  64         2000      8                               64

Images are shown on the range that the data's field declares, never on their own: what is too bright stays too bright.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from blocks.types import Field
from runners.checkpoints import write_atomically
from runners.rows import PATHS, is_image, is_point

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_grid", "draw_paths", "draw_points", "field_like", "picture_of", "png_size",
           "save_picture"]  # fmt: skip

PADDING = 2  # pixels between two images of a grid
SMALLEST = 512  # pixels: smaller grids are enlarged by a whole factor
WIDEST = 12  # images of one path side by side: of a longer one, as many at equal distances


def picture_of(value: Tensor, field: Field | None, reference: Tensor | None = None, fold: int = 1) -> bytes | None:
    """The picture that suits an event: images "b c h w", points "b 2", and paths of either, "b t c h w" and "b t 2".

    None for anything else. `fold` neighbouring rows of the value belong together (the steps of an interpolation): with
    more than one they are a path. `reference`: points to show beneath, the data.
    """
    value = value.detach().float().cpu()
    if fold > 1 and (is_image(value.shape[1:]) or is_point(value.shape[1:])):
        value = value[: len(value) // fold * fold].unflatten(0, (-1, fold))
    event = value.shape[1:]
    if is_image(event) or is_image(event[1:]):
        low, high = (field.low, field.high) if field else (None, None)
        columns = None
        if event[3:]:
            shown = torch.linspace(0, event[0] - 1, min(WIDEST, event[0])).round().long()
            value, columns = value[:, shown].flatten(0, 1), len(shown)
        return draw_grid(value, 0.0 if low is None else low, 1.0 if high is None else high, columns)
    if is_point(event):
        return draw_points(value, reference)
    return draw_paths(value, reference) if is_point(event[1:]) else None


def field_like(value: Tensor, fields: Mapping[str, Field]) -> tuple[str, Field] | None:
    """The name and contract of the data field that has the event of `value`, or of the steps of its paths, if any."""
    for event in (tuple(value.shape[1:]), tuple(value.shape[2:])):
        found = next(((name, field) for name, field in fields.items() if event and tuple(field.event) == event), None)
        if found is not None:
            return found
    return None


def draw_grid(images: Tensor, low: float = 0.0, high: float = 1.0, columns: int | None = None) -> bytes:
    """Images "b c h w" (c 1 or 3) side by side, `low` black and `high` white; values beyond are clamped.

    Raises ValueError unless low < high.
    """
    if not low < high:
        raise ValueError(f"an image's range needs low < high, and is {low} to {high}")
    count, channels, height, width = images.shape
    columns = columns or min(count, int(np.ceil(np.sqrt(count))))
    rows = -(-count // columns)
    cell_h, cell_w = height + PADDING, width + PADDING
    sheet = torch.full((rows * cell_h + PADDING, columns * cell_w + PADDING, channels), 255, dtype=torch.uint8)
    bright = torch.nan_to_num((images - low) / (high - low), nan=0.0).clamp(0, 1).mul(255).round().to(torch.uint8)
    for place, image in enumerate(bright.permute(0, 2, 3, 1)):  # h w c
        top, left = place // columns * cell_h + PADDING, place % columns * cell_w + PADDING
        sheet[top : top + height, left : left + width] = image
    drawn = Image.fromarray(sheet.numpy().squeeze(-1) if channels == 1 else sheet.numpy())
    factor = max(1, SMALLEST // max(drawn.size))
    if factor > 1:
        drawn = drawn.resize((drawn.width * factor, drawn.height * factor), Image.Resampling.NEAREST)
    written = io.BytesIO()
    drawn.save(written, "PNG")
    return written.getvalue()


def draw_points(points: Tensor, reference: Tensor | None = None) -> bytes:
    """Points "b 2" with contours of their density; `reference`, the data, lies grey beneath and sets the frame."""
    from matplotlib.figure import Figure  # 0.5 s: imported on use

    figure = Figure(figsize=(4.5, 4.5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    frame = points if reference is None else reference.detach().float().cpu()
    low, high = _frame(frame)
    if reference is not None:
        axes.scatter(frame[:, 0], frame[:, 1], s=3, c="0.8", linewidths=0, label="data")
    axes.scatter(points[:, 0], points[:, 1], s=3, c="tab:blue", alpha=0.6, linewidths=0, label="samples")
    density, edges_x, edges_y = _density(points, low, high)
    if density.max() > 0:
        levels = density.max() * np.linspace(0.1, 0.9, 5)  # none at zero, where nothing lies
        axes.contour(edges_x, edges_y, density.T, levels=levels, linewidths=0.8, cmap="viridis")
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.legend(loc="upper right", fontsize="small", markerscale=4)
    return _png(figure)


def draw_paths(paths: Tensor, reference: Tensor | None = None) -> bytes:
    """The first paths "b t 2", each a line from a circle to a dot; `reference`, the data, lies grey beneath."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 4.5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    if reference is not None:
        data = reference.detach().float().cpu()
        axes.scatter(data[:, 0], data[:, 1], s=3, c="0.85", linewidths=0)
    for path in paths[:PATHS]:
        axes.plot(path[:, 0], path[:, 1], linewidth=0.6, alpha=0.6)
    axes.scatter(paths[:PATHS, 0, 0], paths[:PATHS, 0, 1], s=12, facecolors="none", edgecolors="0.5", zorder=3)
    axes.scatter(paths[:PATHS, -1, 0], paths[:PATHS, -1, 1], s=8, c="black", zorder=3)
    axes.set_aspect("equal")
    return _png(figure)


def save_picture(path: Path, png: bytes) -> None:
    """Write a PNG so that no reader ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, png)


def png_size(png: bytes) -> tuple[int, int]:
    """Width and height, read from the header."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def _png(figure: "Figure") -> bytes:
    written = io.BytesIO()
    figure.savefig(written, format="png")
    return written.getvalue()


def _frame(points: Tensor) -> tuple[list[float], list[float]]:
    finite = points[points.isfinite().all(1)]
    if not len(finite):
        return [-1.0, -1.0], [1.0, 1.0]
    low, high = finite.amin(0), finite.amax(0)
    margin = 0.1 * (high - low).clamp(min=1e-3)
    return (low - margin).tolist(), (high + margin).tolist()


def _density(points: Tensor, low: list[float], high: list[float], bins: int = 60) -> tuple[np.ndarray, ...]:
    """A histogram within the frame, smoothed by a Gaussian of two bins, at the centres of its bins."""
    kept = points[points.isfinite().all(1)].numpy()
    counts, edges_x, edges_y = np.histogram2d(
        kept[:, 0], kept[:, 1], bins=bins, range=[[low[0], high[0]], [low[1], high[1]]]
    )
    kernel = np.exp(-0.5 * (np.arange(-6, 7) / 2.0) ** 2)
    smooth = np.stack([np.convolve(row, kernel / kernel.sum(), mode="same") for row in counts])
    counts = np.stack([np.convolve(row, kernel / kernel.sum(), mode="same") for row in smooth.T], axis=1)
    return counts, (edges_x[1:] + edges_x[:-1]) / 2, (edges_y[1:] + edges_y[:-1]) / 2
