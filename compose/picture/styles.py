"""Colours and strokes of a picture, for light and for dark sheets.   A style is words; later rules win, as in CSS."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

__all__ = ["DARK", "LIGHT", "Paint", "paint_of"]


@dataclass(frozen=True)
class Paint:
    """What a word of a style sets; None leaves it."""

    fill: str | None = None
    stroke: str | None = None
    width: float | None = None
    dashes: tuple[float, ...] | None = None


LIGHT: dict[str, Paint] = {
    "paper": Paint("#ffffff"),
    "ink": Paint("#1f2328"),
    "box": Paint("#ffffff", "#8b949e", 1.0),
    "data": Paint("#e9edf2", "#57606a", 1.4),
    "noise": Paint("#ffffff", "#57606a", 1.0, (3.0, 2.5)),
    "loop": Paint("#f6f8fa", "#57606a", 1.2, (7.0, 3.0)),
    "block": Paint("#f0f1f3", "#b7bdc4", 1.0),
    "constant": Paint("#f5f6f7", "#b7bdc4", 1.0),
    "term": Paint("#ffffff", None, 2.2),
    "unknown": Paint("#ffffff", "#d1242f", 1.6, (5.0, 3.0)),
    "stage0": Paint("#fdf0d9", "#c77700", 1.8),
    "stage1": Paint("#dcf3e7", "#1a7f4e", 1.8),
    "stage2": Paint("#ece5f9", "#7a4fc0", 1.8),
    "stage3": Paint("#fbe3f1", "#b83280", 1.8),
    "stage4": Paint("#efe7db", "#8a6430", 1.8),
    "faulty": Paint("#ffebe9", "#d1242f", 2.2),
    "trained-text": Paint("#ffffff"),
    "fault-text": Paint("#d1242f"),
    "line": Paint("none", "#424a53", 1.2),
    "parameters": Paint("none", "#aab1b9", 1.1),
    "stopped": Paint("none", "#d1242f", 1.5),
    "frozen": Paint("none", "#0969da", 1.5, (5.0, 3.0)),
    "fault": Paint("none", "#d1242f", 1.8, (2.0, 2.0)),
}
DARK: dict[str, Paint] = {
    "paper": Paint("#0d1117"),
    "ink": Paint("#e6edf3"),
    "box": Paint("#161b22", "#8b949e"),
    "data": Paint("#2b3440", "#adbac7"),
    "noise": Paint("#0d1117", "#adbac7"),
    "loop": Paint("#11161d", "#8b949e"),
    "block": Paint("#1c2128", "#545d68"),
    "constant": Paint("#1c2128", "#545d68"),
    "term": Paint("#0d1117"),
    "unknown": Paint("#0d1117", "#ff7b72"),
    "stage0": Paint("#3d2a0b", "#e8a33d"),
    "stage1": Paint("#10331f", "#4ac585"),
    "stage2": Paint("#2b2047", "#b392f0"),
    "stage3": Paint("#3f1a30", "#f27fc0"),
    "stage4": Paint("#33281a", "#cfa877"),
    "faulty": Paint("#3d1518", "#ff7b72"),
    "fault-text": Paint("#ff7b72"),
    "trained-text": Paint("#0d1117"),
    "line": Paint("none", "#b6bec8"),
    "parameters": Paint("none", "#5b646e"),
    "stopped": Paint("none", "#ff7b72"),
    "frozen": Paint("none", "#58a6ff"),
    "fault": Paint("none", "#ff7b72"),
}
STAGES = tuple(word for word in LIGHT if word.startswith("stage"))
"""A trained block is filled with its stage's strong colour, which is the stroke of its calls."""


def paint_of(style: str, sheet: dict[str, Paint]) -> Paint:
    """What the words of a style amount to, in the order of the sheet."""
    words, made = style.split(), Paint()
    for word, paint in sheet.items():
        if word in words:
            known = {each.name: value for each in fields(Paint) if (value := getattr(paint, each.name)) is not None}
            made = replace(made, **known)
    if "block" in words and "trained" in words:
        made = replace(made, fill=made.stroke)
    if "term" in words:
        made = replace(made, fill=sheet["term"].fill, width=2.2)
    return made
