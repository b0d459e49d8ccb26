"""Gradient accumulation against what an update computes: values that need the whole batch.

A mean over rows is the mean of the means of equal parts; a function of batch statistics is not.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch.nn.modules.batchnorm import _BatchNorm

from blocks.operators import discrepancies, reductions, rows
from compose.build import Composition, StageGraphs
from compose.catalogue import Catalogue
from compose.diagnostics import Finding, Note, Span, finding
from compose.graph import Graph, Node, uses

__all__ = ["check_accumulation"]

OF_THE_BATCH = {  # operators whose value for a row depends on the other rows
    reductions.batch_mean: "batch_mean",
    discrepancies.mmd_penalty: "mmd_penalty",
    rows.nearest_row: "nearest_row",
    rows.next_row: "next_row",
}


def check_accumulation(composition: Composition, catalogue: Catalogue) -> Iterator[Finding]:
    """What `accumulate` would change: nothing is said where it is 1."""
    asked = composition.spec.run
    parts = asked.accumulate
    if parts == 1:
        return
    for stage in composition.stages:
        if stage.shared is not None:
            yield shared_whole(stage.spec.span("shared", key=True), stage.name, asked.span("accumulate"))
        for update in stage.updates:
            found = dict(_statistics(composition, stage, update.graph))
            if found:
                here = asked.span("accumulate")
                yield statistics_of_part(next(iter(found.values())) or here, list(found), parts, here)


def _statistics(composition: Composition, stage: StageGraphs, graph: Graph) -> Iterator[tuple[str, Span | None]]:
    """What in the graph of an update depends on all rows, and where it is used."""
    for node in graph.walk():
        name = _operator(node)
        if name is not None:
            yield f"`{name}`", node.span
        for use in uses(node):
            module = composition.sizes.slots[use.block].module
            mode = stage.spec.mode.get(use.block, "train" if use.block in stage.trains else "eval")
            if mode == "train" and module and any(isinstance(part, _BatchNorm) for part in module.modules()):
                yield f"batch normalization in `{use.block}`", composition.blocks[use.block].span


def _operator(node: Node) -> str | None:
    target = node.operation.target
    return OF_THE_BATCH.get(target) if callable(target) else None


@finding("R356", "warning")
def statistics_of_part(span: Span, what: list[str], parts: int, asked: Span) -> Finding:
    """An update that accumulates gradients uses statistics of the batch, which are then those of a part of it.

    Wrong: `accumulate: 4` with a block that normalizes by the batch.   Right: a layer norm, or `accumulate: 1`.
    """
    return Finding(
        span=span, message=f"{', '.join(what)}: with `accumulate: {parts}` its statistics are those of a part, not of "
        "the batch",
        help="use what looks at one row at a time, such as another `norm`; or leave `accumulate` out",
        notes=(Note(asked, f"a batch is computed in {parts} parts"),),
    )  # fmt: skip


@finding("R357", "error")
def shared_whole(span: Span, stage: str, asked: Span) -> Finding:
    """A stage shares values that are computed once for the whole batch, and its updates are to compute it in parts.

    Wrong: `shared: [gen]` with `run: {accumulate: 4}`.   Right: each update computes its own, or `accumulate: 1`.
    """
    return Finding(
        span=span, message=f"stage `{stage}` shares values of the whole batch, and `accumulate` computes it in parts",
        help="leave `shared` out, so that each update computes what it reads; or leave `accumulate` out",
        notes=(Note(asked, "asked for here"),),
    )  # fmt: skip
