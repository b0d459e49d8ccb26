"""The way of a chain, for the eye: its samples after some of its steps.

default: ~langevin(vaebm, steps=60, step_size=0.01)   ->   the same with steps=7, 15, 22 .. 60, on the same noise
default: ~reverse(chain, denoise)                     ->   (~reverse(chain, denoise, keep=k)).path

A chain that is cut short is the beginning of the longer one, since each step has noise of its own; so the samples are
values, also where the chain runs in the noise space of a model.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from compose.build import Composition, SamplerGraph
from compose.diagnostics import SpecError
from compose.expressions import Call, Expression, Name, Number
from compose.expressions.syntax import Argument, Attribute, Draw
from compose.options import rebuilt
from compose.spec import Spec, evaluate_constant

__all__ = ["path_samplers", "steps_of", "ways"]

CHAINS = ("langevin", "mala", "hmc", "descend")
REVERSE = "reverse"
STATES = 8  # that are shown of a chain


def ways(spec: Spec, name: str) -> list[Expression]:
    """The expressions whose values, side by side, are the way of a sampler's chain; none if it runs no chain."""
    body = spec.samplers.get(name)
    chain = body.operand if isinstance(body, Draw) else body
    if isinstance(chain, Name):
        chain = spec.models.get(chain.name)
    if not isinstance(chain, Call) or not isinstance(chain.function, Name) or "keep" in chain.named:
        return []

    def drawn(call: Call) -> Expression:
        return Draw(call) if isinstance(body, Draw) else call

    if chain.function.name == REVERSE:
        keep = Argument("keep", Number(1))
        return [Attribute(drawn(replace(chain, arguments=(*chain.arguments, keep))), "path")]
    steps = steps_of(spec, chain)
    lengths = sorted({max(steps * at // STATES, 1) for at in range(1, STATES + 1)}) if steps else []
    return [drawn(_cut(chain, length)) for length in lengths]


def steps_of(spec: Spec, call: Call) -> int:
    """The steps of a chain that is called; 0 for another call, and where the clock or an option decides them."""
    if not isinstance(call.function, Name) or call.function.name not in CHAINS or "steps" not in call.named:
        return 0
    try:
        return int(evaluate_constant(call.named["steps"], spec.values))
    except SpecError:
        return 0


def _cut(chain: Call, steps: int) -> Call:
    arguments = (replace(one, value=Number(steps)) if one.name == "steps" else one for one in chain.arguments)
    return replace(chain, arguments=tuple(arguments))


def path_samplers(composition: Composition, name: str) -> Iterator[SamplerGraph]:
    """The graphs of a sampler's way; their noise is that of the sampler."""
    for way in ways(composition.spec, name):
        with suppress(SpecError):
            yield rebuilt(composition, name, {name: way})
