"""The step by which a run was lost, taken again: `replay(folder)` looks at every value of it."""

from pathlib import Path

import torch

from compose.diagnostics import refuse_errors
from compose.spec import parse_spec
from runners.diagnosis import Diagnosis
from runners.evaluate import evaluate
from runners.examination import examine as check
from runners.folder import RunFolder
from runners.given import check_handed_over, data_of, handed_fields
from runners.goals import TEST, split_of
from runners.kept import Kept, KeptBatches, read_kept
from runners.launch import assemble
from runners.retrace import examine, examine_figures
from runners.run import Options, prepare
from runners.stages import plan_stages
from runners.state import Executable, Measured, RunFailed
from runners.updates import Session

__all__ = ["replay"]


def replay(folder: Path) -> Diagnosis:
    """The first value that is not finite in the step that a run has kept in `folder`/diverged.

    It is taken with the same weights, batch and noise, in one process, and changes nothing.
    Raises RunFailed if none was kept, or if all is finite here (another machine, or blocks that have changed);
    SpecError if the spec no longer fits.
    """
    home = RunFolder(folder)
    about, kept = home.about(), read_kept(home)
    spec = parse_spec(home.spec.read_text(encoding="utf-8"), str(home.spec))
    check_handed_over(spec, folder)
    composition, findings = check(spec, handed_fields(about))
    refuse_errors(findings, spec.sources)
    seed = int(about.get("seed", 0))
    executable = assemble(composition, seed)
    device = str(about.get("device", "cpu"))
    device = device if device == "cpu" or torch.cuda.is_available() else "cpu"
    options = Options(seed=seed, precision=str(about.get("precision", "32")), device=device)
    session = prepare(executable, KeptBatches(kept), options)
    stage = spec.stages[int(kept.before.numbers["stage"])]
    if kept.figure is None:
        plan = plan_stages(spec.stages, kept.steps_per_epoch)[int(kept.before.numbers["stage"])]
        found = examine(session, kept.before, plan)
    else:
        found = _figures(session, kept, folder, stage.name)
    if found is None:
        raise RunFailed(f"the step that {folder} has kept is finite here: its weights, batch and noise are the same")
    return found


def _figures(session: Session, kept: Kept, folder: Path, stage: str) -> Diagnosis | None:
    """Measure once more what was measured where the run was lost."""
    kept.before.restore(session)
    spec, seed = session.executable.spec, session.seed
    sources = data_of(spec, RunFolder(folder).about())[0]
    split = split_of(sources.values()) or TEST

    def measure(system: Executable) -> Measured:
        averaged = frozenset(session.state.averaged)
        found = evaluate(
            system,
            sources,
            averaged=averaged,
            seed=seed,
            split=split,
            only=[str(kept.figure)],
            refused=lambda _no: None,
        )
        return Measured({name: estimate.value for name, estimate in found.items()})

    return examine_figures(session.executable, measure, stage, session.state.step)
