"""Names: one namespace for all that expressions use, and blocks that are named outside of expressions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from blocks.registry import OPERATORS
from compose.build import Composition
from compose.catalogue import Catalogue
from compose.diagnostics import Finding, Note, Span, finding
from compose.elaborate import CLOCK, STANDARD_MODELS
from compose.fitting import can_fit
from compose.forms import FORMS
from compose.spec import Function, Spec, Stage, Update
from compose.suggestions import meant, respelt

__all__ = ["check_blocks", "check_clashes", "updates"]


def check_clashes(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Names that stand for two things, and names that the language has taken."""
    spec = composition.spec
    taken = {**dict.fromkeys(OPERATORS.names(), "an operator"), **dict.fromkeys(FORMS, "a word of the language")}
    taken |= {**dict.fromkeys(CLOCK, "the clock"), **dict.fromkeys(STANDARD_MODELS, "a word of the language")}
    fields = {name.split(".")[0] for name in composition.fields}
    first: dict[str, tuple[str, Span]] = {}
    for noun, name, span in _declared(spec):
        callable_ = noun == "a block" or isinstance(spec.models.get(name), Function)
        if name in taken and (callable_ or noun != "a model" or name not in FORMS):  # a form is only ever called
            yield reserved_name(span, name, noun, taken[name])
        elif name in fields:
            yield clash(span, name, noun, "a field of the data", next(iter(spec.data.values())).span("source"))
        elif name in first:
            yield clash(span, name, noun, *first[name])
        first.setdefault(name, (noun, span))


def _declared(spec: Spec) -> Iterator[tuple[str, str, Span]]:
    """(noun, name, place) of everything that an expression can use by name."""
    sections = (("a param", "params"), ("a block", "blocks"), ("a model", "models"), ("a line of the graph", "graph"))
    for noun, section in sections:
        for name in getattr(spec, section):
            yield noun, name, spec.span(section, name, key=True)


def check_blocks(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Blocks named in stages: every one must be declared, and be of use there."""
    known = tuple(composition.spec.blocks)
    for stage in composition.spec.stages:
        for name, span in _named(stage):
            block = name.split(".")[0]
            if block not in known:
                yield unknown_block(span, block, known)
            elif "." in name:
                yield from _part(composition, name, span)
        yield from _memories(composition, stage)
        yield from _copies(composition, stage)
        yield from _fits(composition, stage)
        yield from _bounds(stage)
    yield from _idle(composition)


def updates(stage: Stage) -> Iterable[Stage | Update]:
    """The records of a stage that say what is trained: itself and its updates."""
    return (stage, *stage.updates)


def _named(stage: Stage) -> Iterator[tuple[str, Span]]:
    """Every block that a stage names outside of expressions, and where."""
    for part in updates(stage):
        for at, name in enumerate(part.train or ()):
            yield name, part.span("train", at)
        for section in ("ema", "project", "write"):
            for name in getattr(part, section):
                yield name, part.span(section, name, key=True)
        if part.optimizer is not None:
            for name in part.optimizer.blocks:
                yield name, part.optimizer.span("blocks", name, key=True)
    for section, names in (("mode", stage.mode), ("fit", stage.fit), ("copy", stage.copies)):
        for name in names:
            yield name, stage.span(section, name, key=True)
    for name, source in stage.copies.items():
        yield source, stage.span("copy", name)


def _part(composition: Composition, name: str, span: Span) -> Iterator[Finding]:
    """`block.part` must be a part of the block."""
    block, _, part = name.partition(".")
    module = composition.sizes.slots[block].module if block in composition.blocks else None
    parts = [held for held, _ in module.named_modules() if held] if module is not None else []
    if module is not None and part not in parts:
        yield unknown_part(span, block, part, parts)


def _memories(composition: Composition, stage: Stage) -> Iterator[Finding]:
    for part in updates(stage):
        for name in part.write:
            declared = composition.blocks.get(name)
            if declared is not None and declared.role != "memory":
                yield not_a_memory(part.span("write", name, key=True), name, declared.kind)


def _fits(composition: Composition, stage: Stage) -> Iterator[Finding]:
    for name in stage.fit:
        declared = composition.blocks.get(name.split(".")[0])
        if declared is not None and not can_fit(declared):
            yield not_fitted(stage.span("fit", name, key=True), name, declared.kind, declared.is_model)


def _bounds(stage: Stage) -> Iterator[Finding]:
    """A bound is of a term or of a monitored value of the stage."""
    held = [name for part in stage.all_updates() for name in (*part.minimize, *part.maximize, *part.monitor)]
    for name in stage.bound:
        if name not in held:
            yield unknown_bound(stage.span("bound", name, key=True), name, dict.fromkeys(held))


def _copies(composition: Composition, stage: Stage) -> Iterator[Finding]:
    """Weights are copied between blocks that are built alike."""
    for target, source in stage.copies.items():
        slots = [composition.sizes.slots.get(name.split(".")[0]) for name in (target, source)]
        modules = [slot.module if slot is not None else None for slot in slots]
        if "." in target + source or modules[0] is None or modules[1] is None:
            continue
        shapes = [
            {key: tuple(value.shape) for key, value in module.state_dict().items()} for module in modules if module
        ]
        if shapes[0] != shapes[1]:
            yield unlike_copy(stage.span("copy", target), source, target)


def _idle(composition: Composition) -> Iterator[Finding]:
    """Averages and options for blocks that the stage, or the update that they stand in, does not train."""
    for stage in composition.stages:
        entries = {name.split(".")[0] for update in stage.updates for name in update.spec.train or ()}
        if entries - set(composition.blocks) or not all(update.complete for update in stage.updates):
            continue  # what it trains is not known
        trained = {
            id(part): frozenset(made.trains) for part, made in zip(stage.spec.updates, stage.updates, strict=False)
        }
        for part in updates(stage.spec):
            trains, here = trained.get(id(part), stage.trains), "update" if id(part) in trained else "stage"
            places = [(name, part.span("ema", name, key=True), "averaged") for name in part.ema]
            if part.optimizer is not None:
                blocks = part.optimizer.blocks
                places += [(name, part.optimizer.span("blocks", name, key=True), "given options") for name in blocks]
            for name, span, what in places:
                block = name.split(".")[0]
                if block in composition.blocks and block not in trains:
                    beside = next((each.name for each in stage.updates if block in each.trains), None)
                    yield idle_block(span, block, what, here, beside)


@finding("N115", "error")
def unknown_block(span: Span, name: str, known: Iterable[str]) -> Finding:
    """A block is named that is not declared.

    Wrong: `train: [encodr]`.   Right: `train: [encoder]`.
    """
    names = tuple(known)
    return Finding(
        span=span,
        message=f"no block is called `{name}`",
        help=meant(name, names, f"the blocks are {', '.join(names)}"),
        fix=respelt(span, name, names),
    )


@finding("N116", "error")
def unknown_part(span: Span, block: str, part: str, parts: list[str]) -> Finding:
    """A part of a block is named that it does not have.

    Wrong: `train: [encoder.heads]`.   Right: `train: [encoder.head]`.
    """
    top = ", ".join(dict.fromkeys(name.split(".")[0] for name in parts))
    return Finding(
        span=span,
        message=f"`{block}` has no part `{part}`",
        help=meant(f"{block}.{part}", [f"{block}.{each}" for each in parts], f"its parts are {top}"),
    )


@finding("N117", "error")
def not_a_memory(span: Span, name: str, kind: str) -> Finding:
    """`write` stores rows in a block that is no memory.

    Wrong: `write: {energy: neg}`.   Right: `write: {memory: neg}`.
    """
    return Finding(
        span=span,
        message=f"`{name}` is a `{kind}`, which stores nothing",
        help="write to a block of kind memory.replay",
    )


@finding("N244", "error")
def unknown_bound(span: Span, name: str, known: Iterable[str]) -> Finding:
    """`bound` names a value that the stage does not compute in each step: neither a term of it nor monitored.

    Wrong: `bound: {contrst: 1e4}` over a term `contrast`.   Right: `bound: {contrast: 1e4}`.
    """
    names = tuple(known)
    return Finding(
        span=span,
        message=f"no term or monitored value of this stage is called `{name}`",
        help=meant(name, names, f"there are {', '.join(names)}; or monitor it"),
        fix=respelt(span, name, names),
    )


@finding("N124", "error")
def not_fitted(span: Span, name: str, kind: str, is_model: bool) -> Finding:
    """`fit` names a block of a kind that knows no fit in closed form or by EM, as `prior.mixture` does.

    Wrong: `fit: {prior: z}` of a flow.   Right: `minimize: {prior_nll: -prior.log_prob(sg(z))}`.
    """
    way = f"minimize -{name}.log_prob(..)" if is_model else "train it with a term under `minimize`"
    return Finding(span=span, message=f"`{name}` is a `{kind}`, which cannot be fitted at once", help=way)


@finding("N119", "error")
def unlike_copy(span: Span, source: str, target: str) -> Finding:
    """Weights are copied between two blocks that are built differently.

    Wrong: `copy: {target: critic}` where `target` has other widths.   Right: the same kind and options for both.
    """
    return Finding(
        span=span,
        message=f"the weights of `{source}` do not fit into `{target}`",
        help=f"give `{target}` the kind and the options of `{source}`",
    )


@finding("N120", "error")
def clash(span: Span, name: str, noun: str, other: str, place: Span) -> Finding:
    """One name stands for two things: blocks, models, lines of the graph, data and params share one namespace.

    Wrong: a block `vae` and a model `vae`.   Right: two names.
    """
    return Finding(
        span=span,
        message=f"`{name}` is {noun} here, and {other} elsewhere",
        help="rename one of them",
        notes=(Note(place, f"{other} of that name"),),
    )


@finding("N121", "error")
def reserved_name(span: Span, name: str, noun: str, what: str) -> Finding:
    """A block, model, line or param has the name of an operator or of another word of the language.

    Wrong: `graph: {norm: encoder(x)}`.   Right: `graph: {code: encoder(x)}`.
    """
    return Finding(
        span=span,
        message=f"{noun} cannot be called `{name}`, which is {what}",
        help=f"rename it, `{name}_` for instance",
    )


@finding("N122", "warning")
def idle_block(span: Span, name: str, what: str, here: str, beside: str | None) -> Finding:
    """A block that the stage or update does not train is averaged or given options of the optimizer there.

    Wrong: `ema: {critic: 0.999}` where only the generator is trained.   Right: `ema: {generator: 0.999}`.
    """
    return Finding(
        span=span,
        message=f"`{name}` is {what}, and not trained in this {here}",
        help=f"write it in `{beside}`, which trains `{name}`" if beside else f"remove `{name}` here, or train it",
    )
