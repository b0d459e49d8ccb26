"""A run that diverges: which value is the first that is not finite, where it stands, and what is left to go on from."""

from dataclasses import dataclass, replace
from pathlib import Path

from compose.diagnostics import Finding, Note, Span, finding
from compose.spec import Optimizer, Spec, Update
from runners.checkpoints import FRESH, checkpoint_paths
from runners.diagnosis import Diagnosis
from runners.logs import Lost

__all__ = ["Standing", "diverged", "lost_figure", "lost_term", "lost_weight"]


@dataclass(frozen=True)
class Standing:
    """Where a run stands when it is noticed: its stage, the steps done in it, and its checkpoints' folder."""

    spec: Spec
    stage: int
    step: int
    checkpoints: Path

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.spec.stages[self.stage].name


def lost_term(lost: Lost, standing: Standing) -> Finding:
    """The finding for a term, which each step computes: its step is known, whenever it was looked at."""
    stage = standing.spec.stages[standing.stage]
    update = next(one for one in stage.all_updates() if one.name == lost.update)
    section = "minimize" if lost.term in update.minimize else "maximize"
    step = lost.step + 1
    noticed = f", noticed at step {standing.step:,}, where losses are read" if standing.step > step else ""
    cause = f"the term `{lost.term}` of update `{lost.update}` became {lost.value}"
    when = f"in step {step:,} of stage `{standing.name}`{noticed}"
    return not_finite(update.span(section, lost.term, key=True), f"{cause} {when}", _way(update, standing))


def lost_weight(name: str, standing: Standing) -> Finding:
    """The finding for a weight, or what an optimizer knows of it, which only a save looks at."""
    stage = standing.spec.stages[standing.stage]
    since = "every loss so far was finite"
    cause = f"`{name}` is not finite, noticed at step {standing.step:,} of stage `{standing.name}`; {since}"
    return not_finite(stage.place.head, cause, _way(stage.all_updates()[0], standing))


def lost_figure(name: str, value: float, standing: Standing) -> Finding:
    """The finding for a figure that is measured while training."""
    stage = standing.spec.stages[standing.stage]
    cause = f"the figure `{name}` is {value} after step {standing.step:,} of stage `{standing.name}`"
    return not_finite(standing.spec.evaluate.span(name, key=True), cause, _way(stage.all_updates()[0], standing))


def diverged(found: Diagnosis, standing: Standing) -> Finding:
    """The finding that names the first value that is not finite; the term, if it was one, is shown first."""
    stage = standing.spec.stages[standing.stage]
    updates = stage.all_updates()
    update = next((one for one in updates if one.name == found.update), updates[0])
    section = "minimize" if found.name in update.minimize else "maximize"
    places = {
        "term": lambda: update.span(section, found.name, key=True),
        "metric": lambda: standing.spec.evaluate.span(found.name, key=True),
    }
    span = places.get(found.kind, lambda: found.span or stage.place.head)()
    way = f"{_way(update, standing)}; `compose replay {standing.checkpoints.parent}` shows that step again"
    note = (Note(found.span, f"`{found.node}` is the first that is not finite"),) if found.span else ()
    return replace(not_finite(span, found.cause, way), notes=note if found.span != span else ())


def _way(update: Update, standing: Standing) -> str:
    """What to set, and where to go on from."""
    saved, settings = checkpoint_paths(standing.checkpoints), _settings(update)
    again = f"with {FRESH}: another spec is another run" if saved else "in the same folder"
    last = f"the last good checkpoint is {saved[-1]}" if saved else "no checkpoint was written yet"
    return f"lower the learning rate or clip the gradients, {' or '.join(settings)}, {again}; {last}"


def _settings(update: Update) -> list[str]:
    """Settings that calm an update: a tenth of its learning rate, a limit of its gradients' norm."""
    optimizer, gradients = update.optimizer, update.gradients
    place = ".".join(map(str, update.place.path)) or "stages.0"
    rates = ".".join(map(str, optimizer.place.path)) if optimizer and optimizer.place.path else f"{place}.optimizer"
    limits = ".".join(map(str, gradients.place.path)) if gradients and gradients.place.path else f"{place}.gradients"
    lr = (optimizer or Optimizer()).lr
    norm = gradients.norm / 10 if gradients and gradients.norm else 1
    slower = f"`--set {rates}.lr={lr / 10:g}`" if isinstance(lr, int | float) else f"`{rates}.lr`"
    return [slower, f"`--set {limits}.norm={norm:g}`"]


@finding("R181", "error")
def not_finite(span: Span, cause: str, way: str) -> Finding:
    """A loss, or a weight, became infinite or no number: the run has diverged, and stops before it saves that.

    Wrong: `optimizer: {lr: 1e10}`.   Right: `optimizer: {lr: 1e-3}`.
    """
    return Finding(span=span, message=f"{cause}; nothing of it was saved", help=way)
