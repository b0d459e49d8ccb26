"""A spec that was edited after its run began: what differs, and what each difference means for going on.

harmless           what is drawn or measured, or where rows are kept: the next steps are the same
needs `--force`    what the next steps compute: they are another training from here on, and the folder says so
impossible         what the saved state does not fit, or what is over
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from compose.diagnostics import Finding, SpecError, finding
from compose.spec import Spec
from compose.spec.changes import Absent, Change
from runners.checkpoints import FRESH, read_latest
from runners.folder import RunFolder, differences_from, identity, listed
from runners.state import Executable, Mismatch, RunState

__all__ = ["Edit", "Standing", "edits_of", "refuse_edits", "said_of"]

Standing = Literal["harmless", "needs `--force`", "impossible"]

DRAWN = ("name", "samplers", "evaluate")
"""The sections that no training step reads."""
CARRIED_OUT = ("keep",)
"""Of a data source, what says where its rows are until a batch needs them: the same rows, bit for bit."""
LEADING = ("evaluate.keep", "evaluate.patience", "evaluate.every")
"""Of those, what chooses the best checkpoint and may end a stage."""


class Edit(NamedTuple):
    """A difference, and what it means.   `cause` says why it is impossible."""

    change: Change
    standing: Standing
    cause: str = ""

    def __str__(self) -> str:
        return f"{self.change}   ({self.standing}{f': {self.cause}' if self.cause else ''})"


def edits_of(folder: Path, spec: Spec, executable: Executable) -> tuple[list[Edit], int]:
    """What differs between the run in a folder and a spec, compiled, that it is to go on with; the step it is at.

    `executable` is filled with what was saved, as far as that fits.
    """
    home = RunFolder(folder)
    before = home.about().get("spec_sha256")
    if before is None or before == identity(spec) or home.came_to_nothing():
        return [], 0
    found = read_latest(home.checkpoints, lambda _cause: None)
    state = RunState(executable.blocks, executable.averages)
    unfit = ""
    if found is not None:
        try:
            state.restore_numbers(found.numbers)
            state.restore_blocks(found.tensors)
        except Mismatch as mismatch:
            unfit = str(mismatch)
    unfit = unfit or _left_over(state, executable)
    differences = differences_from(folder, spec) or [Change("spec.yaml", "what the run began with", "another spec")]
    return [_edit(change, state.stage, unfit) for change in differences], state.run_step


def _left_over(state: RunState, executable: Executable) -> str:
    """Which optimizer that has a state is not in the stage that the run stands in; "" if all are."""
    if not state.awaited:
        return ""
    if state.stage >= len(executable.spec.stages):
        return "the run stands in a stage that is not there any more"
    updates = executable.stage(state.stage, frozenset(state.averaged)).updates
    kept = {
        f"{update.name}/{block}.{name}"
        for update in updates
        for block in update.trains
        for name, _ in executable.blocks[block].named_parameters()
    }
    left = sorted({name.rpartition("/")[0] for name in state.awaited} - kept)
    return f"nothing would take the optimizer state of `{left[0]}`" if left else ""


def _edit(change: Change, stage: int, unfit: str) -> Edit:
    path = change.path.replace(" (order)", "")
    section, _, rest = path.partition(".")
    if (section in DRAWN and path not in LEADING) or _is_carried_out(section, change):
        return Edit(change, "harmless")
    if path == "run.precision":
        return Edit(change, "impossible", "what is saved is in the other precision")
    if section == "stages" and int(rest.partition(".")[0] or stage) < stage:
        return Edit(change, "impossible", "that stage is over")
    if unfit and (section in ("blocks", "stages", "params") or change.old is Absent.ABSENT):
        return Edit(change, "impossible", unfit)
    return Edit(change, "needs `--force`")


def _is_carried_out(section: str, change: Change) -> bool:
    """Whether a change is of such an option of a source, and not of a source that is called so."""
    is_source = isinstance(change.old, Mapping) or isinstance(change.new, Mapping)
    return section == "data" and change.path.rpartition(".")[2] in CARRIED_OUT and not is_source


def refuse_edits(folder: Path, edits: Sequence[Edit], step: int, force: bool) -> None:
    """Raise SpecError unless a run may go on with what was edited."""
    standings = {edit.standing for edit in edits}
    if "impossible" in standings or ("needs `--force`" in standings and not force):
        raise SpecError([another_spec(folder, edits, step)])


def said_of(edits: Sequence[Edit], step: int) -> list[dict[str, Any]]:
    """What `run.json` remembers of an edit."""
    return [{"run_step": step, "changes": [str(edit.change) for edit in edits]}] if edits else []


@finding("R131", "error")
def another_spec(folder: Path, edits: Sequence[Edit], step: int) -> Finding:
    """A run is to go on with another spec than it began with, and what differs is more than what is drawn or measured.

    Each difference is harmless, needs `--force`, or is impossible. What says how a run is carried out may change at any
    time: `device`, `threads`, `workers`, `log_every`, `checkpoint_every`, `sample_every`; and `keep` of the data.
    Wrong: `compose run spec.yaml --set stages.0.steps=200`, in the folder of a run of 100.   Right: with `--fresh`.
    """
    help = f"{FRESH} starts another run beside it; `compose run {folder}/spec.yaml --out {folder}` goes on with the old"
    if all(edit.standing != "impossible" for edit in edits):
        help = f"`--force` goes on with the new spec after step {step:,}, and the folder says so; {help}"
    return Finding(message=f"{folder} began with another spec{listed(edits)}", help=help)
