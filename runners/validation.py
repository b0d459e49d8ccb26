"""Validation while training: when to measure, which figure is the best so far, and when a stage stops early.

What was found lives in the state, so that a run which goes on counts as if it had never stopped.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from compose.spec import Spec
from runners.goals import better_of
from runners.stages import StagePlan
from runners.state import Leading, Measured, RunFailed

__all__ = ["Validation", "validation_of"]


@dataclass(frozen=True)
class Validation:
    """How a run is measured while it trains: every `count` steps, or epochs.

    line: the figure whose best is kept; sign: 1 if less of it is better, -1 if more. A stage ends after `patience`
    evaluations in a row that beat none before them in the stage.
    """

    measure: Callable[[], Measured]
    count: int
    epochs: bool
    line: str | None = None
    sign: int = 1
    patience: int | None = None

    def steps(self, plan: StagePlan) -> int:
        """The steps between two evaluations.   Raises RunFailed where epochs have no length."""
        if not self.epochs:
            return self.count
        if not plan.steps_per_epoch:
            raise RunFailed(
                f"`evaluate` counts epochs, and the loader has no length; write `every: {self.count} steps`"
            )
        return math.ceil(self.count * plan.steps_per_epoch / plan.stride)

    def is_due(self, plan: StagePlan, step: int) -> bool:
        """Whether to measure after `step` steps of a stage: every so often, and at its end."""
        return step == plan.steps or step % self.steps(plan) == 0

    def note(self, leading: Leading, figures: Mapping[str, float], run_step: int) -> Leading:
        """What leads after these figures; one that is missing, or not finite, beats nothing."""
        value = figures.get(self.line or "", math.nan)
        beats_stage = self._beats(value, leading.of_stage)
        of_stage, waited = (value, 0) if beats_stage else (leading.of_stage, leading.waited + 1)
        best, step = (value, run_step) if self._beats(value, leading.best) else (leading.best, leading.step)
        return Leading(best, step, of_stage, waited)

    def is_over(self, leading: Leading) -> bool:
        """Whether a stage has waited long enough."""
        return self.patience is not None and leading.waited >= self.patience

    def _beats(self, value: float, other: float | None) -> bool:
        return math.isfinite(value) and (other is None or self.sign * value < self.sign * other)


def validation_of(spec: Spec, measure: Callable[[], Measured]) -> Validation | None:
    """What `evaluate` asks for while training; None if nothing.   For a checked spec: the better side is known."""
    asked, interval = spec.evaluate, spec.evaluate.interval
    if interval is None:
        return None
    sign = -1 if better_of(asked) == "higher" else 1
    return Validation(measure, *interval, asked.goal.line if asked.goal else None, sign, asked.patience)
