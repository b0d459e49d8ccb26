"""Where the draws of a line get their noise from: new leaves, named by the line that they stand in."""

from __future__ import annotations

from typing import Protocol

from compose.diagnostics import Span
from compose.tracer import Tracer
from compose.values import Drawn, Model

__all__ = ["Draws", "FreshDraws"]


class Draws(Protocol):
    """Where the draws of a line get their noise from.   `weights`: whether a weighted model may be drawn here."""

    weights: bool

    def draw(self, tracer: Tracer, model: Model, span: Span | None) -> Drawn:
        """One draw of `model`."""
        ...


class FreshDraws:
    """Draws with new leaves, named by the line they stand in: the first `line`, the others `line~1`, `line~2`, ..."""

    weights = False

    def __init__(self, line: str) -> None:
        self.line, self.count = line, 0

    def draw(self, tracer: Tracer, model: Model, span: Span | None) -> Drawn:
        """One fresh draw of `model`."""
        path = self.line if not self.count else f"{self.line}~{self.count}"
        self.count += 1
        return model.draw(tracer, path, span)
