"""Blocks as the spec declares them: the class a kind names, its options bound to the class's signature.

The signature of the constructor *is* the schema: positional parameters (`takes`, `makes`) are inferred, keyword-only
ones are the options a spec may write.
"""

from __future__ import annotations

import inspect
import math
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union

from torch import nn

from blocks.registry import BLOCKS, UnknownName
from blocks.types import Field, Size
from compose.diagnostics import Finding, Span, SpecError, finding
from compose.expressions import parse
from compose.spec import BlockDeclaration, Spec, evaluate_constant
from compose.spelling import nearest
from compose.suggestions import meant, respelt

__all__ = ["Declared", "bind_options", "declare_blocks", "unknown_likes"]

REQUIRED = inspect.Parameter.empty
LIKES = ("data", "input")
LARGEST = 1_000_000  # of every width, size and count of which a block's `largest` says nothing else


@dataclass(frozen=True)
class Declared:
    """One block of a spec: its class, its options with defaults filled in, and where it stands."""

    name: str
    kind: str
    block: type[nn.Module]
    options: Mapping[str, Any]
    span: Span
    like: str | None = None
    trainable: bool = True

    @property
    def role(self) -> str:
        """encoder, decoder, flow, energy, ...: what the field calls such a block."""
        return getattr(self.block, "role", "")

    @property
    def is_model(self) -> bool:
        """Whether the block is itself a model, such as a flow."""
        return getattr(self.block, "is_model", False)

    @property
    def chosen(self) -> bool:
        """Whether a model's noise is a choice and a component, as a mixture's; such a model is no bijection."""
        return getattr(self.block, "chosen", False)

    @property
    def discrete(self) -> bool:
        """Whether a model's draws are levels: they stop the gradient, and its log_prob is no density."""
        return getattr(self.block, "discrete", False)

    @property
    def law(self) -> str:
        """What the lone leaf of a model's noise is drawn from: "normal" or "uniform"."""
        return getattr(self.block, "law", "normal")

    @property
    def bijective(self) -> bool:
        """Whether the block is a model whose map from its noise has an inverse, as a flow's."""
        return self.is_model and not self.chosen and not self.discrete

    @property
    def cheap(self) -> str:
        """Which side of a bijection costs one pass: "forward" (noise to data), "inverse", or "both"."""
        return getattr(self.block, "cheap", "both")

    @property
    def returns(self) -> str:
        """What a call gives: "tensor", "scalar", or the family of a distribution."""
        return str(self.options.get("output", getattr(self.block, "returns", "tensor")))

    @property
    def inferred(self) -> tuple[str, ...]:
        """The constructor's positional parameters, in order: of `takes` and `makes`, those it has."""
        return tuple(name for name, given in _parameters(self.block).items() if given.kind is not given.KEYWORD_ONLY)

    @property
    def methods(self) -> Mapping[str, str]:
        """The methods that a spec may call on the block, and what each gives."""
        return getattr(self.block, "methods", {})

    @property
    def arguments(self) -> tuple[str, ...]:
        """What the first arguments are called, of a kind that says it; `t` is a time."""
        return getattr(self.block, "arguments", ())

    @property
    def leaves(self) -> tuple[str, ...]:
        """The names of a model's noise leaves, where it has several (a flow of several scales)."""
        names = getattr(self.block, "leaves", None)
        return tuple(names(**self.options)) if names else ()

    @property
    def seeded(self) -> bool:
        """Whether a model's densities are estimated by chance, from a seed of their own."""
        return getattr(self.block, "seeded", False)

    def argument_sizes(self) -> tuple[Size | None, ...]:
        """The sizes of arguments that the options fix (a generator's latent)."""
        sizes = getattr(self.block, "argument_sizes", None)
        return tuple(sizes(**self.options)) if sizes else ()

    def build(self, takes: tuple[Any, ...] | None, makes: Size | None) -> nn.Module:
        """A new block of these sizes.   Raises ValueError where the class refuses them."""
        sizes = {"takes": takes, "makes": makes}
        known = {name: sizes[name] for name in self.inferred if sizes[name] is not None}
        return self.block(**known, **self.options)

    def may_omit(self, name: str) -> bool:
        """Whether the constructor does without `takes` or `makes`."""
        return _parameters(self.block)[name].default is not REQUIRED


def declare_blocks(spec: Spec) -> tuple[dict[str, Declared], list[Finding]]:
    """Every block of the spec with its options bound, and what is wrong with the others."""
    declared, findings = {}, []
    for name, block in spec.blocks.items():
        try:
            kind = BLOCKS.find(block.kind)
            options = bind_options(kind, block.options, spec, ("blocks", name), f"`{block.kind}`")
        except UnknownName:
            findings.append(unknown_kind(spec.span("blocks", name, "kind"), block.kind, BLOCKS.names()))
        except SpecError as error:
            findings += error.findings
        else:
            declared[name] = Declared(
                name, block.kind, kind, options, spec.span("blocks", name, key=True), block.like, block.trainable
            )
    return declared, findings


def unknown_likes(spec: Spec, fields: Mapping[str, Field]) -> list[Finding]:
    """What is wrong with every `like:` that names nothing whose shape a block could make."""
    known = (*LIKES, *fields, *spec.graph)
    return [
        unknown_like(spec.span("blocks", name, "like"), block.like, known)
        for name, block in spec.blocks.items()
        if block.like is not None and block.like not in known
    ]


def bind_options(
    owner: Any,  # noqa: ANN401
    written: Mapping[str, Any],
    spec: Spec,
    path: tuple[str, ...],
    noun: str,
) -> dict[str, Any]:
    """Options as the signature of `owner` wants them, defaults filled in.   Raises SpecError with every misfit."""
    parameters = {name: given for name, given in _parameters(owner).items() if given.kind is given.KEYWORD_ONLY}
    hints = typing.get_type_hints(owner.__init__ if inspect.isclass(owner) else owner)
    findings, options = [], {}
    missing = [name for name, given in parameters.items() if name not in written and given.default is REQUIRED]
    misspelt = {name: near for name in written if name not in parameters and (near := nearest(name, missing))}
    for name, value in written.items():
        place = (*path, name)
        if name not in parameters:
            known = (*parameters, *(BlockDeclaration.keys() if path[0] == "blocks" else ()))
            known = (misspelt[name],) if name in misspelt else known
            findings.append(unknown_option(spec.span(*place, key=True), name, noun, known))
            continue
        try:
            options[name] = convert(value, hints.get(name, Any), spec, place)
            _check_size(options[name], getattr(owner, "largest", {}).get(name, LARGEST))
        except TypeError as error:
            choices = _choices(hints.get(name, Any))
            findings.append(wrong_option(spec.span(*place), name, noun, str(error), value, choices))
        except SpecError as error:
            findings += error.findings
    told = misspelt.values()
    findings += [missing_option(spec.span(*path, key=True), name, noun) for name in missing if name not in told]
    if findings:
        raise SpecError(tuple(findings))
    return {name: options.get(name, parameter.default) for name, parameter in parameters.items()}


def convert(value: Any, hint: Any, spec: Spec, place: tuple[str | int, ...]) -> Any:  # noqa: ANN401
    """`value` as the annotation `hint` wants it.   Raises TypeError with what was expected."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return _any_of(value, inner, spec, place)
    if origin is Literal:
        if value in inner:
            return value
        raise TypeError(f"one of {', '.join(f'`{word}`' for word in inner)}, not `{value}`")
    if origin in (list, tuple, Sequence) or (isinstance(origin, type) and issubclass(origin, Sequence)):
        if not isinstance(value, list | tuple):
            raise TypeError(f"a list such as [64, 64], not `{value}`")
        return tuple(convert(part, inner[0] if inner else Any, spec, (*place, i)) for i, part in enumerate(value))
    return _scalar(value, hint, spec, place)


def _check_size(value: Any, largest: int) -> None:  # noqa: ANN401
    """Whole numbers no larger than a block could be built with.   Raises TypeError."""
    for part in value if isinstance(value, tuple) else (value,):
        if isinstance(part, int) and abs(part) > largest:
            raise TypeError(f"a whole number up to {largest:,}, not `{float(part):g}`")


def _any_of(value: Any, hints: tuple[Any, ...], spec: Spec, place: tuple[str | int, ...]) -> Any:  # noqa: ANN401
    expected = []
    for hint in sorted(hints, key=lambda hint: hint in (int, float)):
        try:
            return convert(value, hint, spec, place)
        except TypeError as error:
            expected.append(str(error).split(", not `")[0])
    raise TypeError(f"{' or '.join(expected)}, not `{value}`")


def _scalar(value: Any, hint: Any, spec: Spec, place: tuple[str | int, ...]) -> Any:  # noqa: ANN401
    if hint is type(None):
        if value is None:
            return None
        raise TypeError(f"nothing, not `{value}`")
    if hint in (int, float):
        number = _number(value, spec, place)
        if math.isnan(number) or (hint is int and not (math.isfinite(number) and number == int(number))):
            raise TypeError(f"a {'whole ' * (hint is int)}number, not `{value}`")
        return hint(number)
    if hint in (bool, str):
        if isinstance(value, hint):
            return value
        raise TypeError(f"{'true or false' if hint is bool else 'a word'}, not `{value}`")
    return value


def _number(value: Any, spec: Spec, place: tuple[str | int, ...]) -> float | int:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"a number, not `{value}`")
    if not isinstance(value, str):
        return value
    expression = parse(value, lambda start, end: spec.place.text_span(place, start, end))
    return evaluate_constant(expression, spec.values)


def _choices(hint: Any) -> tuple[str, ...]:  # noqa: ANN401
    """The words that an annotation lists."""
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is Literal:
        return tuple(word for word in inner if isinstance(word, str))
    return tuple(word for part in inner for word in _choices(part))


def _parameters(owner: Any) -> Mapping[str, inspect.Parameter]:  # noqa: ANN401
    return inspect.signature(owner).parameters


@finding("N110", "error")
def unknown_kind(span: Span, kind: str, known: list[str]) -> Finding:
    """A block's `kind` is none that is registered.   `compose list blocks` shows them all.

    Wrong: `kind: encoder.mpl`.   Right: `kind: encoder.mlp`.
    """
    return Finding(
        span=span,
        message=f"no block kind is called `{kind}`",
        help=meant(kind, known, "`compose list blocks` shows every kind"),
        fix=respelt(span, kind, known),
    )


@finding("N111", "error")
def unknown_option(span: Span, name: str, noun: str, options: tuple[str, ...]) -> Finding:
    """A block, data source or optimizer is given an option that it does not have.

    Wrong: `{kind: encoder.mlp, laten: 8}`.   Right: `{kind: encoder.mlp, latent: 8}`.
    """
    return Finding(
        span=span,
        message=f"{noun} has no option `{name}`",
        help=meant(name, options, f"its options are {', '.join(options) or 'none'}"),
        fix=respelt(span, name, options),
    )


@finding("N112", "error")
def missing_option(span: Span, name: str, noun: str) -> Finding:
    """An option without a default is not written.

    Wrong: `{kind: encoder.mlp}`.   Right: `{kind: encoder.mlp, latent: 8}`.
    """
    return Finding(span=span, message=f"{noun} needs the option `{name}`", help=f"add `{name}: ...`")


@finding("T110", "error")
def wrong_option(
    span: Span, name: str, noun: str, expected: str, value: object = None, choices: tuple[str, ...] = ()
) -> Finding:
    """An option has a value of the wrong type.

    Wrong: `hidden: wide`.   Right: `hidden: [64, 64]`.
    """
    wanted = expected.partition(", not `")[0]
    return Finding(
        span=span,
        message=f"the option `{name}` of {noun} is {expected}",
        help=meant(str(value), choices, f"write {wanted}"),
        fix=respelt(span, str(value), choices),
    )


@finding("N118", "error")
def unknown_like(span: Span, name: str, known: Iterable[str]) -> Finding:
    """`like:` names nothing whose shape a block could make.

    Wrong: `like: y_hat`.   Right: `like: x`.
    """
    names = tuple(known)
    return Finding(
        span=span,
        message=f"`like:` names a value, and nothing is called `{name}`",
        help=meant(name, names, "write `like: x`"),
        fix=respelt(span, name, names),
    )
