"""The traps of the field, warned of by name: well-formed specs that give something else than was meant."""

from __future__ import annotations

from collections.abc import Iterator

from torch.nn.modules.batchnorm import _BatchNorm

from blocks import loops
from blocks.operators import arithmetic, losses, reductions
from blocks.types import Field
from compose.build import Composition, UpdateGraph
from compose.catalogue import Catalogue
from compose.checks.sums import parts
from compose.diagnostics import Finding, Note, Span, finding
from compose.gradients import reach
from compose.graph import Node, uses

__all__ = ["check_batch_norm", "check_collapse", "check_ranges", "check_scales", "check_weights"]

DENSITIES = ("log_prob", "inverse", "inverse_and_ladj")  # methods of a flow that read a value of the data's side
FITTED = ("encoder",)  # roles of blocks whose deterministic code a density can collapse
ENERGIES = ("energy", "discriminator", "classifier")  # roles whose value should not depend on the other rows
CHAINS = (
    loops.langevin,
    loops.descend,
    loops.flow,
    loops.flow_inverse,
    loops.flow_with_ladj,
    loops.flow_inverse_with_ladj,
)
POSITIVE = (losses.squared_error, losses.mse, losses.l1, reductions.square_norm, reductions.norm)  # never below 0
SCALE_FREE = ("adam", "adamw", "adamax", "rmsprop")  # optimizers whose step does not see the gradient's scale


def check_collapse(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """The likelihood of a learned prior pulls on a deterministic encoder: its codes can collapse to a point."""
    for stage in composition.stages:
        for update in stage.updates:
            for node in _live(update):
                density = node.use is not None and node.operation.target in DENSITIES
                if density and composition.blocks[node.use.block].is_model:  # type: ignore[union-attr]
                    encoder = _code(composition, update, node)
                    if encoder is not None and node.use is not None:
                        yield collapsing(node.span, node.use.block, encoder)


def _live(update: UpdateGraph) -> list[Node]:
    """Every node that the gradient of a term passes through."""
    return _upstream(list(update.terms.values()))


def _upstream(ends: list[Node], cut: str | None = None) -> list[Node]:
    """What the gradients of `ends` pass through; not beyond calls of the method `cut`."""
    live: dict[int, Node] = {}
    waiting = list(ends)
    while waiting:
        node = waiting.pop()
        if id(node) in live:
            continue
        live[id(node)] = node
        if cut is None or node.operation.target != cut:
            waiting += [edge.source for edge, through in node.gradient_edges if through and not edge.stop_gradient]
            waiting += [node.origin] if node.origin is not None else []
    return list(live.values())


def _code(composition: Composition, update: UpdateGraph, density: Node) -> Node | None:
    """The deterministic encoder, trained here, whose code the density reads; a code that is drawn has its entropy."""
    values = [edge.source for edge, through in density.gradient_edges if through and not edge.stop_gradient]
    for node in _upstream(values, cut="at"):
        use = node.use
        trained = use is not None and use.block in update.trains and not use.frozen and node.family is None
        if trained and use is not None and composition.blocks[use.block].role in FITTED:
            return node
    return None


def check_scales(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """A learned number scales losses that are never negative, and nothing keeps it from making them vanish."""
    for stage in composition.stages:
        for update in stage.updates:
            learned = [name for name in update.trains if composition.blocks[name].role == "parameter"]
            held = [part.node for name, node in update.terms.items() if update.signs[name] > 0 for part in parts(node)]
            for name in learned:
                own = [part for part in held if name in reach(part).reached]
                if own and all(_scaled(part, name) for part in own):
                    yield free_scale(composition.blocks[name].span, name, own[0].span)


def _scaled(node: Node, name: str) -> bool:
    """Whether a node is a loss that is never negative, times or over a function of the parameter `name` alone."""
    if node.operation.target is arithmetic.negative or node.operation.target not in (
        arithmetic.multiply,
        arithmetic.divide,
    ):
        return False
    factors = _factors(node)
    scales = [factor for factor in factors if {use.block for held in _below(factor) for use in uses(held)} == {name}]
    return bool(scales) and any(factor.operation.target in POSITIVE for factor in factors)


def _factors(node: Node) -> list[Node]:
    if node.operation.target in (arithmetic.multiply, arithmetic.divide):
        return [factor for edge in node.edges for factor in _factors(edge.source)]
    return [node]


def _below(node: Node) -> list[Node]:
    assert node.graph is not None
    return node.graph.needed([node])


def check_batch_norm(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """Batch norm in an energy that dynamics run in: there a sample's energy depends on statistics of other samples."""
    told = set()
    for graph in composition.graphs():
        for node in graph.walk():
            for use in uses(node) if node.operation.target in CHAINS else ():
                declared, module = composition.blocks[use.block], composition.sizes.slots[use.block].module
                normed = module is not None and any(isinstance(part, _BatchNorm) for part in module.modules())
                if normed and declared.role in ENERGIES and use.block not in told:
                    told.add(use.block)
                    yield normed_energy(declared.span, use.block, node.span)


def check_ranges(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """A decoder's or generator's range against the range of the data that it makes."""
    spec = composition.spec
    for name, declared in composition.blocks.items():
        ranges = getattr(declared.block, "output_range", None)
        made = ranges(declared.options) if ranges is not None else None
        field = _made_field(composition, name)
        if made is None or field is None or field.low is None or field.high is None:
            continue
        if (made[0], made[1]) != (field.low, field.high):
            option = next((key for key in ("output_activation", "output") if key in spec.blocks[name].options), None)
            span = spec.span("blocks", name, option) if option else declared.span
            yield other_range(span, name, made, (field.low, field.high))


def _made_field(composition: Composition, name: str) -> Field | None:
    """The field of the data that a block makes the shape of."""
    declared = composition.blocks[name]
    like = declared.like or getattr(declared.block, "like", None)
    if like == "data":
        return next((field for field in composition.fields.values() if field.dtype == "float32"), None)
    return composition.fields.get(str(like))


def check_weights(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """A constant weight on a term that shares no block with another: Adam divides it out again."""
    for stage in composition.stages:
        for update in stage.updates:
            kind = update.spec.optimizer.kind if update.spec.optimizer is not None else "adam"
            if len(update.terms) < 2 or update.spec.gradients is not None or kind not in SCALE_FREE:
                continue
            reached = {name: reach(node).reached & set(update.trains) for name, node in update.terms.items()}
            if not all(reached.values()):
                continue  # told elsewhere
            for name, node in update.terms.items():
                others = set().union(*(blocks for other, blocks in reached.items() if other != name))
                weight = _weight(node)
                if weight is not None and not reached[name] & others:
                    yield idle_weight(node.span, weight, kind, sorted(reached[name]))


def _weight(node: Node) -> float | None:
    """The number that a term is multiplied by."""
    if node.operation.target is not arithmetic.multiply:
        return None
    return next((part for part in node.arguments if isinstance(part, int | float) and part not in (0, 1)), None)


@finding("G201", "warning")
def collapsing(span: Span | None, prior: str, encoder: Node) -> Finding:
    """The likelihood of a learned prior reaches a deterministic encoder that is trained with it.

    Wrong: `-prior.log_prob(z)`.   Right: `-prior.log_prob(sg(z))`.
    """
    notes = (Note(encoder.span, "the code is made here, without noise"),) if encoder.span is not None else ()
    block = encoder.use.block if encoder.use is not None else encoder.name
    return Finding(
        span=span,
        message=f"the likelihood of `{prior}` trains `{block}`, whose code has no noise: it can collapse to a point",
        help=f"stop the gradient into the code: {prior}.log_prob(sg(z))",
        notes=notes,
    )


@finding("G202", "warning")
def free_scale(span: Span, name: str, place: Span | None) -> Finding:
    """A learned number scales a loss that is never negative, and no other term holds it back.

    Wrong: `squared_error(x, x_hat) / (2 * beta)` alone.
    Right: `decoder: {output: normal, std: shared}`, or add `0.5 * d * log(beta)`.
    """
    notes = (Note(place, "it scales this"),) if place is not None else ()
    return Finding(
        span=span,
        message=f"`{name}` is learned and only scales a loss, so it will make the loss vanish",
        help="add its normaliser, or let the decoder learn it: {output: normal, std: shared}",
        notes=notes,
    )


@finding("G203", "warning")
def normed_energy(span: Span, name: str, place: Span | None) -> Finding:
    """An energy with batch norm is used in dynamics.

    Wrong: `energy: {kind: energy.mlp, norm: batch}`.   Right: `norm: none`, or `norm: layer`.
    """
    notes = (Note(place, "dynamics run in it here"),) if place is not None else ()
    return Finding(
        span=span,
        message=f"`{name}` has batch norm, so in dynamics it is another energy than in the terms",
        help="write `norm: none` or `norm: layer`",
        notes=notes,
    )


@finding("G204", "warning")
def other_range(span: Span, name: str, made: tuple[float, float], data: tuple[float, float]) -> Finding:
    """A decoder makes values of another range than the data have.

    Wrong: `output_activation: sigmoid` for data in [-1, 1].   Right: `output_activation: tanh`.
    """
    fits = {(0.0, 1.0): "sigmoid", (-1.0, 1.0): "tanh"}.get(data, "none")
    return Finding(
        span=span,
        message=f"`{name}` makes [{made[0]:g}, {made[1]:g}], and the data are in [{data[0]:g}, {data[1]:g}]",
        help=f"write `output_activation: {fits}`, or scale the data",
    )


@finding("G205", "hint")
def idle_weight(span: Span | None, weight: float, kind: str, blocks: list[str]) -> Finding:
    """A term has a constant weight and shares no trained block with another term: Adam's step does not see the weight.

    Wrong: `0.1 * -prior.log_prob(sg(z))` beside terms that do not reach `prior`.   Right: a rate of its own.
    """
    listed = ", ".join(f"`{block}`" for block in blocks)
    return Finding(
        span=span,
        message=f"the weight {weight:g} changes nothing: only this term trains {listed}, and {kind} divides it out",
        help=f"drop it, or give a rate: optimizer: {{blocks: {{{blocks[0]}: {{lr: 1e-4}}}}}}",
    )
