"""What a composition means, for a reader: stages, equations, which term trains which block, what it costs, its code.

tables(composition) -> text        explained(composition) -> plain data       programs(executable) -> Python
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from compose.build import Composition
from compose.checks import cost, gradient_matrix
from compose.equations import equations_of
from compose.explanation.codes import every_code, headline, page_of
from compose.explanation.tables import WIDTH, tables
from compose.settings import settings_of_update

if TYPE_CHECKING:
    from compose.compiler import Executable

__all__ = ["WIDTH", "every_code", "explained", "headline", "page_of", "programs", "tables"]


def explained(composition: Composition) -> dict[str, Any]:
    """The gradient matrix, stage -> update -> term -> block -> verdict; how updates step; cost; equations as LaTeX."""
    spec = composition.spec
    return {
        "gradients": gradient_matrix(composition),
        "settings": {
            stage.name: {
                update.name: [list(line) for line in settings_of_update(update, spec)] for update in stage.updates
            }
            for stage in composition.stages
        },
        "cost": cost(composition),
        "equations": asdict(equations_of(composition)),
    }


def programs(executable: Executable) -> str:
    """Every generated program as one Python text: the updates of each stage, what it shares, samplers, evaluations."""
    parts: list[str] = []
    for index in range(len(executable.composition.stages)):
        stage = executable.stage(index)
        if stage.shared is not None:
            parts.append(f"# stage {stage.name}: shared by its updates\n{stage.shared.code}")
        for update in stage.updates:
            head = f"# stage {stage.name}, update {update.name}: trains {', '.join(update.trains)}"
            parts.append(f"{head}\n{update.program(update.active(0)).code}")
    for name in executable.composition.samplers:
        parts.append(f"# sampler {name}\n{executable.sampler(name).program.code}")
    for name in executable.composition.evaluations:
        measured = executable.evaluation(name)
        parts += [f"# evaluate {name}\n{given.sampler.program.code}" for given in measured.arguments if given.sampler]
    return "\n\n".join(parts)
