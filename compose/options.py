"""The options of samplers: a sampler written as `name(steps=100): ...` is built anew for other values."""

from __future__ import annotations

from collections.abc import Mapping

from compose.build import Composition, SamplerGraph, build
from compose.diagnostics import Finding, SpecError, finding
from compose.expressions import parse
from compose.spec import Definition, Evaluation, Function, Spec
from compose.suggestions import meant

__all__ = ["rebuilt", "sampler_with", "unknown_sampler_option"]


def sampler_with(composition: Composition, name: str, options: Mapping[str, float | int | bool]) -> SamplerGraph:
    """The graph of sampler `name` with other values of its options.   Raises SpecError for what it cannot have."""
    return rebuilt(composition, name, _with_options(composition.spec, name, options))


def rebuilt(composition: Composition, name: str, samplers: Mapping[str, Definition]) -> SamplerGraph:
    """The graph of sampler `name` where the spec has these samplers.   Raises SpecError if it cannot be made."""
    changed = {"samplers": samplers, "evaluate": Evaluation()}  # metrics are not known here
    spec = composition.spec.model_copy(update=changed).at(composition.spec.place)
    made, findings = build(spec, composition.fields)
    if findings or name not in made.samplers:
        raise SpecError(findings, spec.sources)
    return made.samplers[name]


def _with_options(spec: Spec, name: str, options: Mapping[str, float | int | bool]) -> dict[str, Definition]:
    """The samplers, `name` with these defaults.   Raises SpecError for an option that it does not have."""
    declared = spec.samplers[name]
    known = tuple(declared.parameters) if isinstance(declared, Function) else ()
    unknown = [option for option in options if option not in known]
    if unknown or not isinstance(declared, Function):
        raise SpecError([unknown_sampler_option(name, option, known) for option in unknown], spec.sources)
    values = {
        option: parse(str(value).lower(), lambda start, end: declared.span()) for option, value in options.items()
    }
    changed = declared.model_copy(update={"defaults": {**declared.defaults, **values}}).at(declared.place)
    return {**spec.samplers, name: changed}


@finding("L106", "error")
def unknown_sampler_option(name: str, option: str, known: tuple[str, ...]) -> Finding:
    """A sampler is given an option that it does not have; those that it has stand in brackets behind its name.

    Wrong: `compose sample RUN strokes --option begin=3`.   Right: `compose sample RUN strokes --option start=3`.
    """
    listed = f"its options are {', '.join(f'`{each}`' for each in known) or 'none'}"
    return Finding(message=f"the sampler `{name}` has no option `{option}`", help=meant(option, known, listed))
