"""Fits at a stage's start: an epoch of the data goes through a program, and the block is fitted to all that comes out.

They are made again if a run stops before the stage's first checkpoint: the same data and noise give the same fit.
"""

from typing import Any

import torch

from blocks.noise import leaf_seed
from compose.diagnostics import Finding, Span, SpecError, finding
from compose.program import CompiledFit, CompiledStage
from runners.inputs import moved
from runners.state import RunFailed
from runners.updates import Session

__all__ = ["fit_blocks"]


def fit_blocks(session: Session, stage: CompiledStage, first: int) -> None:
    """Fit every block that the stage says, in order; the epoch's batches are those from `first` on.

    An average that the block had ends.   Raises SpecError where a block cannot be fitted to these values, RunFailed for
    data without an end.
    """
    for name, fit in stage.fits.items():
        if name not in session.executable.blocks:
            continue  # nothing uses it
        with session.weights.whole([fit.program.module]):
            values = _values(session, stage.name, name, fit, first)
        block: Any = session.executable.blocks[name]
        place = stage.spec.span("fit", name, key=True)
        if not bool(torch.isfinite(values).all()):
            raise SpecError(
                [fit_fails(place, name, "not all of the values are finite")], session.executable.spec.sources
            )
        try:
            with session.weights.whole([block]):
                block.fit(values, leaf_seed(session.seed, stage.name, "fit", name) % 2**63, **fit.options)
        except (ValueError, torch.linalg.LinAlgError) as error:
            cause = str(error).strip().split("\n")[0]
            raise SpecError([fit_fails(place, name, cause)], session.executable.spec.sources) from None
        session.state.averaged.discard(name)


@torch.no_grad()
def _values(session: Session, stage: str, name: str, fit: CompiledFit, first: int) -> torch.Tensor:
    """What the program gives over an epoch: "n *event"."""
    count = session.batches.steps_per_epoch
    if count is None:
        raise RunFailed(f"`{name}` is fitted over an epoch, but the loader has no length")
    inputs = session.inputs(fit.program, stage, f"fit {name}")
    made = []
    for number in range(count):
        batch = moved(session.batches.batch(first + number), session.dtype, session.fabric.device)
        rows = len(next(iter(batch.values())))
        made.append(fit.program(inputs.values(rows, batch, step=number))["value"])
    return torch.cat(made).cpu()


@finding("R335", "error")
def fit_fails(span: Span, name: str, cause: str) -> Finding:
    """A block cannot be fitted to the values that it is given: too few of them, or not finite.

    Wrong: `{kind: prior.mixture, components: 5000}` fitted to 1,000 codes.   Right: `components: 10`.
    """
    return Finding(
        span=span,
        message=f"`{name}` cannot be fitted: {cause}",
        help=f"look at what it is fitted to, or ask less of `{name}`",
    )
