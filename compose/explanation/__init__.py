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
            parts.append(_headed(f"stage {stage.name}: shared by its updates", stage.shared.code))
        for update in stage.updates:
            head = f"stage {stage.name}, update {update.name}: trains {', '.join(update.trains)}"
            parts.append(_headed(head, update.program(update.active(0)).code))
    for name in executable.composition.samplers:
        parts.append(_headed(f"sampler {name}", executable.sampler(name).program.code))
    for name in executable.composition.evaluations:
        for given in executable.evaluation(name).arguments:
            if given.sampler and given.name not in executable.composition.samplers:  # those stand above
                parts.append(_headed(f"evaluate {name}", given.sampler.program.code))
    return "\n\n".join(parts)


def _headed(head: str, code: str) -> str:
    """A program below what it is in the spec, which takes the place of its own title."""
    title, _, rest = code.partition("\n")
    assert title.startswith("# ")
    return f"# {head}\n{rest}"
