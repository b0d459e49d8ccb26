"""Gradient flow: does every trained block get a gradient, does every term give one?   Reads, changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from compose.build import Composition, StageGraphs, UpdateGraph
from compose.catalogue import Catalogue
from compose.checks.sums import parts
from compose.checks.training import has_parameters
from compose.diagnostics import Finding, Note, Span, finding
from compose.gradients import Reach, carried, reach, verdicts
from compose.graph import Node, uses
from compose.spec import Term

__all__ = ["check_gradients", "gradient_matrix"]

Matrix = dict[str, dict[str, dict[str, dict[str, str]]]]
VARYING = ("data", "shared")


def gradient_matrix(composition: Composition) -> Matrix:
    """stage -> update -> term -> block -> `reaches`, `frozen`, `stopped`, `no path` or `untrained`."""
    blocks = [name for name in composition.blocks if has_parameters(composition, name)]
    return {
        stage.name: {
            update.name: {name: verdicts(reach(term), update.trains, blocks) for name, term in update.terms.items()}
            for update in stage.updates
        }
        for stage in composition.stages
    }


def check_gradients(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """What is wrong with `train`, and with the way of the gradients, in every update."""
    for stage in composition.stages:
        for update in stage.updates:
            has_terms = bool(update.spec.minimize or update.spec.maximize)
            if has_terms and update.spec.train is None and len(stage.updates) > 1:
                yield missing_train(update.spec.place.head, update.name)
                continue
            yield from _entries(composition, update)
            yield from _update(stage, update)


def _entries(composition: Composition, update: UpdateGraph) -> Iterator[Finding]:
    """Blocks of `train` that cannot be trained."""
    for at, entry in enumerate(update.spec.train or ()):
        name = entry.split(".")[0]
        declared = composition.blocks.get(name)
        if declared is None:
            continue
        if not declared.trainable:
            yield untrainable(update.spec.span("train", at), name, declared.span)
        elif not has_parameters(composition, name):
            yield without_parameters(update.spec.span("train", at), name, declared.role)


def _update(stage: StageGraphs, update: UpdateGraph) -> Iterator[Finding]:
    written = {**update.spec.minimize, **update.spec.maximize}
    found = {name: reach(node) for name, node in update.terms.items()}
    explicit = update.spec.train is not None
    if explicit and not update.trains:
        return  # every entry is at fault, and told
    yield from _stale(stage, update)
    idle = {name: seen for name, seen in found.items() if not seen.reached & set(update.trains)}
    for name, seen in idle.items():
        yield idle_term(written[name].value.span, name, update.trains if explicit else (), seen)
    for name in found:
        if name not in idle:
            yield from _summands(update, written[name], update.terms[name])
    if not update.complete or (found and len(idle) == len(found)):
        return  # a term is faulty, or none reaches anything: told above
    for name in update.trains if found else ():
        behind_idle = any(name in seen.frozen or name in seen.stopped for seen in idle.values())
        if not behind_idle and not any(name in seen.reached for seen in found.values()):
            yield unreached_block(_entry(update, name), name, found)


def _entry(update: UpdateGraph, block: str) -> Span:
    """Where `train` names a block."""
    entries = [entry.split(".")[0] for entry in update.spec.train or ()]
    return update.spec.span("train", entries.index(block))


def _summands(update: UpdateGraph, term: Term, node: Node) -> Iterator[Finding]:
    """Parts of a term's sum that no trained block can change, while others can."""
    held = list(parts(node, term.value.span))
    for place, _, part in held if len(held) > 1 else ():
        constant = not any(each.use or each.leaf or each.operation.target in VARYING for each in _behind(part))
        if not constant and not reach(part).reached & set(update.trains):
            yield idle_summand(place or term.value.span, update.trains)


def _behind(node: Node) -> list[Node]:
    assert node.graph is not None
    return node.graph.needed([node])


def _stale(stage: StageGraphs, update: UpdateGraph) -> Iterator[Finding]:
    """Shared values whose gradient an update needs after something that they were made with has changed."""
    if stage.shared is None:
        return
    for name, blocks in carried(update.terms.values(), update.trains).items():
        made_with = {(use.block, use.average) for node in stage.shared.needed([stage.shared.outputs[name]])
                     for use in uses(node)}  # fmt: skip
        for earlier in stage.updates[: stage.updates.index(update) + 1]:
            moved = made_with & _changes(earlier)
            if moved and (earlier is not update or update.spec.times > 1):
                span = stage.spec.span("shared", list(stage.spec.shared).index(name.split(".")[0]))
                yield stale_gradient(span, name, sorted(blocks), sorted(b for b, _ in moved), update, earlier)
                break


def _changes(update: UpdateGraph) -> set[tuple[str, bool]]:
    """What an update leaves changed: blocks, and (True) averages of blocks."""
    spec = update.spec
    return {(block, False) for block in (*update.trains, *spec.project)} | {(block, True) for block in spec.ema}


def _listed(blocks: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"`{block}`" for block in blocks)


@finding("G101", "error")
def unreached_block(span: Span, block: str, found: dict[str, Reach]) -> Finding:
    """A block that an update trains gets no gradient from any of its terms.

    Wrong: `train: [encoder]` over `-prior.log_prob(sg(z))`.   Right: drop the `sg`, or train `prior`.
    """
    frozen = {
        place: "the block is frozen on this call" for seen in found.values() for place in seen.frozen.get(block, ())
    }
    stops = {stop.span: "the gradient stops here" for seen in found.values() for stop in seen.stopped.get(block, ())}
    notes = tuple(Note(place, words) for place, words in {**stops, **frozen}.items() if place is not None)
    return Finding(
        span=span,
        message=f"`{block}` is trained here, but no term reaches it",
        help=f"remove `{block}` from `train`, or let a term reach it",
        notes=notes,
    )


@finding("G102", "error")
def missing_train(span: Span, update: str) -> Finding:
    """A stage has several updates, and one of them does not say what it trains.

    Wrong: two updates with only `minimize`.
    Right: `train: [critic]` in the first, `train: [generator]` in the second.
    """
    return Finding(
        span=span,
        message=f"`{update}` does not say what it trains, and the stage has several updates",
        help="add `train: [block]` to it",
    )


@finding("G103", "error")
def idle_term(span: Span, term: str, trains: tuple[str, ...], found: Reach) -> Finding:
    """A term reaches no block that its update trains, so that minimizing it does nothing.

    Wrong: `generator: freeze(energy)(gen)` with `gen: descend(energy, x0, steps=40, step_size=0.1)`.
    Right: `gen: descend(energy, x0, steps=40, step_size=0.1, differentiable=true)`.
    """
    blocks = trains or tuple(dict.fromkeys((*found.frozen, *found.stopped)))
    stops = [stop for block in blocks for stop in found.stopped.get(block, ())]
    frozen = [place for block in blocks for place in found.frozen.get(block, ())]
    causes = {stop.cause for stop in stops}
    if "chain" in causes and "sg" not in causes:
        why, way = "dynamics give values without gradient", "add differentiable=true to the dynamics"
    elif "sg" in causes:
        why, way = "`sg` stops the gradient", "remove the `sg`, or the term"
    elif "draw" in causes:
        why, way = "a discrete draw stops the gradient", "use the mean of what is drawn, or its log_prob"
    elif frozen:
        why, way = "`freeze` makes its parameters constants", "remove the `freeze`, or the term"
    elif stops:
        why, way = "an operator without gradient is on the way", "use another operator"
    else:
        why, way = "it does not depend on it", "move it to `monitor`, or to the update that trains what it uses"
    places = {stop.span: "the gradient stops here" for stop in stops} or dict.fromkeys(frozen, "frozen on this call")
    notes = tuple(Note(place, words) for place, words in places.items() if place is not None)
    what = " or ".join(f"`{block}`" for block in trains) or "any block that could be trained"
    return Finding(span=span, message=f"the term `{term}` gives no gradient to {what}: {why}", help=way, notes=notes)


@finding("G104", "warning")
def idle_summand(span: Span, trains: tuple[str, ...]) -> Finding:
    """A part of a term's sum reaches no block that the update trains: it changes only what is logged.

    Wrong: `critic(fake) - critic(x)` in the generator's update.   Right: `critic(fake)`.
    """
    return Finding(
        span=span,
        message=f"this part of the sum does not reach {_listed(trains)}, so it changes nothing",
        help="remove it, or log it under `monitor`",
    )


@finding("G105", "error")
def untrainable(span: Span, block: str, place: Span) -> Finding:
    """An update trains a block that is declared with `trainable: false`.

    Wrong: `encoder: {.., trainable: false}` and `train: [encoder]`.   Right: one of them.
    """
    return Finding(
        span=span,
        message=f"`{block}` is trained here, and declared with `trainable: false`",
        help=f"remove `{block}` from `train`, or `trainable: false`",
        notes=(Note(place, "declared here"),),
    )


@finding("G106", "error")
def without_parameters(span: Span, block: str, role: str) -> Finding:
    """An update trains a block that has no parameters, such as a diffusion chain or a memory.

    Wrong: `train: [chain]`.   Right: `train: [denoiser]`.
    """
    return Finding(
        span=span,
        message=f"`{block}` is a {role or 'block'} without parameters, so there is nothing to train",
        help=f"remove `{block}` from `train`",
    )


@finding("G107", "error")
def stale_gradient(
    span: Span, name: str, blocks: list[str], moved: list[str], update: UpdateGraph, earlier: UpdateGraph
) -> Finding:
    """An update needs the gradient of a shared value after an update of the step has changed what it was made with.

    Wrong: `shared: [fake]`, and the generator's update, which runs twice, trains the generator on `fake`.
    Right: `times: 1`, or no `shared`.
    """
    again = earlier is update
    before = f"the call of `{update.name}` before" if again else f"`{earlier.name}` before it"
    way_out = "take away its `times`" if again else f"put `{update.name}` before `{earlier.name}`"
    way_out = "" if not again and set(moved) & set(update.trains) else f", or {way_out}"
    note = Note(earlier.spec.place.head, "runs more than once a step" if again else f"changes {_listed(moved)}")
    return Finding(
        span=span,
        message=f"`{name}` is shared, and `{update.name}` needs its gradient to {_listed(blocks)}, "
        f"but {before} changes {_listed(moved)}, with which it was made",
        help=f"remove `{name}` from `shared`{way_out}",
        notes=(note,) if again else (Note(update.spec.place.head, "needs the gradient"), note),
    )
