"""A run that is out of memory: which value was being computed, and the two settings that would make it fit."""

from collections.abc import Iterator
from linecache import getline
from traceback import walk_tb
from types import TracebackType

import torch

from compose.diagnostics import Finding, Span, SpecError, finding
from compose.expressions import Call, walk
from compose.paths import steps_of
from compose.spec import Spec
from runners.checkpoints import FRESH
from runners.state import RunFailed

__all__ = ["Exhausted", "exhausted", "is_exhausted"]

EXHAUSTED = (torch.OutOfMemoryError, MemoryError)
ALLOCATOR = "DefaultCPUAllocator"  # what the bare RuntimeError of torch names where the machine has no memory left
ELSEWHERE = {
    "backward": "going back through the terms, for the gradient",
    "noise": "drawing the noise of a step",
    "_batch": "reading a batch",
    "_descend": "taking the optimizer's step",
}
"""What a step was at, by the function of the traceback, where no line of a program was."""

PROGRAM = "<eval_with_key>"  # what torch.fx calls the files of its programs


class Exhausted(RunFailed, SpecError):
    """A device is out of memory: a run that failed, and a finding that says where and what to do."""

    status = 1


def is_exhausted(error: BaseException) -> bool:
    """Whether an error says that a device, or the machine, has no memory left."""
    return isinstance(error, EXHAUSTED) or (isinstance(error, RuntimeError) and ALLOCATOR in str(error))


def exhausted(spec: Spec, stage: int, error: BaseException) -> Finding:
    """The finding for a step, a sample or a metric that did not fit."""
    lines = list(_lines(error.__traceback__))
    name, _, made = lines[0].partition(" = ") if lines else ("", "", "")
    node = next((known for known in spec.graph if name == known or name.startswith(f"{known}_")), None)
    span = spec.span("graph", node) if node else spec.stages[min(stage, len(spec.stages) - 1)].place.head
    what = f"computing `{node or made}`" if name and made else _elsewhere(error.__traceback__)
    return out_of_memory(span, what, " and ".join(_ways(spec)), _parts(spec))


def _lines(trace: TracebackType | None) -> Iterator[str]:
    """The lines of programs that were being computed, the outermost first, as the print has them."""
    for frame, number in walk_tb(trace):
        file = frame.f_code.co_filename
        if file.startswith(PROGRAM):
            yield getline(file, number).split(";")[0].strip().replace("self.", "")


def _elsewhere(trace: TracebackType | None) -> str:
    called = [frame.f_code.co_name for frame, _ in walk_tb(trace)]
    return next((ELSEWHERE[name] for name in called if name in ELSEWHERE), "making a step")


def _parts(spec: Spec) -> int | None:
    """In how many parts the same batch may be computed; None if it cannot be divided further."""
    run = spec.run
    more = 2 * run.accumulate
    uneven = any(source.batch_size % (run.devices * run.nodes * more) for source in spec.data.values())
    return None if uneven or any(stage.shared for stage in spec.stages) else more


def _ways(spec: Spec) -> Iterator[str]:
    """Half the batch; then half the steps of the longest chain, or numbers of half the size."""
    for name, source in spec.data.items():
        path = f"data.{name}.batch_size" if name else "data.batch_size"
        yield f"`--set {path}={max(source.batch_size // 2, 1)}` (it is {source.batch_size})"
        break
    chains = [(steps, where) for where, steps in _chains(spec)]
    if chains:
        steps, where = max(chains)
        yield f"`steps={max(steps // 2, 1)}` of the chain in `{where}` (it has {steps})"
    else:
        yield f"`--set run.precision=bf16-mixed` (it is {spec.run.precision})"


def _chains(spec: Spec) -> Iterator[tuple[str, int]]:
    """The lines of the graph that run a chain, and its steps."""
    for name, line in spec.graph.items():
        for part in walk(line):
            if isinstance(part, Call) and (steps := steps_of(spec, part)):
                yield name, steps


@finding("R254", "error")
def out_of_memory(span: Span, what: str, way: str, parts: int | None = None) -> Finding:
    """The device has no memory left for a step: of activations, what a value keeps until its gradient is known.

    Wrong: `data: {batch_size: 65536}` on a small device.   Right: `data: {batch_size: 256}`.
    """
    same = f"`--set run.accumulate={parts}` computes the same batch in {parts} parts; or " if parts else ""
    return Finding(
        span=span,
        message=f"out of memory while {what}; nothing of this step was saved",
        help=f"{same}make it smaller: {way}; another spec is another run, with {FRESH}",
    )
