"""Figures 3.6 and 3.7: what runs measured while they trained, as curves beside each other and as a table of their ends.

Not to be taken from their last evaluation alone: the text's claims are about how the figures move.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.thesis.tables import Row

__all__ = ["PICTURES", "progression_lines"]

HERE = Path(__file__).parent
PICTURES = "pictures_ch3"
NOTE = (
    "The flow's likelihood, let through to a deterministic encoder, draws the codes together: the smaller beta, the"
    " lower their NLL, and the worse the samples, while images are reconstructed as well as before. GLF stops that "
    "gradient. The entropy of the VAE's posterior holds its codes apart, and as beta grows it nears GLF, as the "
    "text says."
)
PANELS = {
    "fid": "FID of samples",
    "reconstruction": "squared error an image",
    "prior_nll": "NLL of codes, nats",
    "log_std": "sum of log std, posterior",
}


def progression_lines(rows: Sequence[Row], runs: Path, seed: int, epochs: int) -> list[str]:
    """The section of a page: a picture of all curves, and where each begins, is best and ends."""
    measured = {row.label: _measured(runs / row.run / f"seed-{seed}" / "metrics.jsonl", epochs) for row in rows}
    measured = {label: points for label, points in measured.items() if points}
    if not measured:
        return []
    picture = HERE / PICTURES / "progressions.png"
    _draw(measured, picture)
    lines = ["", "## While they train (Figures 3.6 and 3.7)", ""]
    lines += [f"![progressions]({PICTURES}/{picture.name})", ""]
    titles = ("system", "FID, best", "FID, end", "squared error, end", "NLL of codes, first", "and end", "log std, end")
    lines += [f"| {' | '.join(titles)} |", "|" + " --- |" * len(titles)]
    lines += [_row(label, points) for label, points in measured.items()]
    return [*lines, "", NOTE]


def _measured(record: Path, epochs: int) -> dict[str, list[tuple[float, float]]]:
    """(epoch, value) by figure, as a run's record has them of the rows that are held out."""
    said = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()] if record.exists() else []
    last = max((line.get("run_step", 0) for line in said), default=0)
    found: dict[str, dict[float, float]] = {}
    for line in said:
        for name, value in line.get("validation", {}).items():
            found.setdefault(name, {}).setdefault(epochs * line["run_step"] / last, value)
    return {name: sorted(points.items()) for name, points in found.items()}


def _row(label: str, points: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    def at(name: str, place: int) -> str:
        return f"{points[name][place][1]:.2f}" if name in points else "-"

    best = f"{min(value for _, value in points['fid']):.2f}" if "fid" in points else "-"
    cells = [best, at("fid", -1), at("reconstruction", -1), at("prior_nll", 0), at("prior_nll", -1), at("log_std", -1)]
    return f"| {label} | {' | '.join(cells)} |"


def _draw(measured: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 3.2), layout="constrained")
    axes = figure.subplots(1, len(PANELS))
    for axis, (name, title) in zip(axes, PANELS.items(), strict=True):
        for number, (label, points) in enumerate(measured.items()):
            if name in points:
                epochs, values = zip(*points[name], strict=True)
                axis.plot(epochs, values, label=label, color=f"C{number}", marker=".", linewidth=1)
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("epoch", fontsize=8)
        axis.tick_params(labelsize=7)
    axes[0].set_yscale("log")
    axes[1].set_yscale("log")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=7)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=80)
