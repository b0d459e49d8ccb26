"""What a step that was looked at says: the first value that is not finite, and every value before it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx

from compose.diagnostics import Span
from runners.watching import Seen, Trace

__all__ = ["Diagnosis", "of_figure", "of_gradient", "of_output", "of_weight"]

SHOWN = 8  # rows that are named


@dataclass(frozen=True)
class Diagnosis:
    """The first value of a step that is not finite.

    kind: what was lost by it: "term", "memory", "gradient", "weight" or "metric"; name: of the term, the memory, the
    parameter or the metric; value: what it became. node: the first value that is not finite; call: which call of a
    loop's body made it. values: all that was looked at, in order. rows: those of the batch; samples: their numbers in
    the data.
    """

    kind: str
    update: str
    name: str
    node: str
    about: str
    values: tuple[Seen, ...]
    first: int
    rows: tuple[int, ...] = ()
    samples: tuple[int, ...] = ()
    call: int | None = None
    span: Span | None = None
    value: float | None = None
    stage: str = ""
    step: int = 0
    noticed: str = ""

    @property
    def cause(self) -> str:
        """In a sentence: what was lost, by which value, when and on which rows."""
        lost = {
            "term": f"the term `{self.name}` of update `{self.update}` became {self.value}",
            "memory": f"what update `{self.update}` writes to `{self.name}` is not finite",
            "gradient": f"the gradient of `{self.name}` in update `{self.update}` is not finite, and its terms are",
            "weight": f"update `{self.update}` left `{self.name}` not finite, and its gradients were",
            "metric": f"the figure `{self.name}` is not finite",
        }[self.kind]
        when = f"in step {self.step:,} of stage `{self.stage}`{self.noticed}"
        return f"{lost} {when}: {self.about}{self._where()}"

    def _where(self) -> str:
        if not self.rows:
            return ""
        of_batch = f"row{'s' * (len(self.rows) > 1)} {_numbers(self.rows)} of the batch"
        of_data = f" (sample{'s' * (len(self.samples) > 1)} {_numbers(self.samples)} of the data)"
        return f", in {of_batch}{of_data if self.samples else ''}"

    def lines(self) -> list[str]:
        """A table of all values in order: name, least, greatest, how many are finite; `>` before the first."""
        wide = max((len(_label(seen)) for seen in self.values), default=0)
        head = f"  {'value':<{wide}}  {'least':>11}  {'greatest':>11}  finite"
        return [head, *(_line(seen, wide, at == self.first) for at, seen in enumerate(self.values))]

    def placed(self, stage: str, step: int, batches: Sequence[Mapping[str, Tensor]]) -> "Diagnosis":
        """The diagnosis with where and when, and the samples' numbers, if every batch of the step has the same."""
        index = batches[0].get("index") if len(batches) == 1 else None
        known = index is not None and all(row < len(index) for row in self.rows)
        samples = tuple(int(index[row]) for row in self.rows) if known and index is not None else ()
        return replace(self, stage=stage, step=step, samples=samples)

    def of_rows(self, first: int, count: int) -> "Diagnosis":
        """The diagnosis of a process whose rows are `count` from `first` on; no rows of what has others."""
        seen = self.values[self.first]
        return replace(self, rows=tuple(row + first for row in self.rows) if seen.length == count else ())

    def to_data(self) -> dict[str, Any]:
        """As plain data: what `--json` prints."""
        told = {key: getattr(self, key) for key in ("kind", "update", "name", "node", "call", "stage", "step")}
        rows = {"rows": list(self.rows), "samples": list(self.samples)}
        values = [
            {"name": _label(seen), "low": seen.low, "high": seen.high, "entries": seen.entries, "lost": seen.lost,
             "first": at == self.first}
            for at, seen in enumerate(self.values)
        ]  # fmt: skip
        return {**told, **rows, "cause": self.cause, "values": values}


def _label(seen: Seen) -> str:
    return seen.name if seen.call is None else f"{seen.name} (call {seen.call})"


def _line(seen: Seen, wide: int, first: bool) -> str:
    low, high = (f"{'-' if value is None else format(value, '.4g'):>11}" for value in (seen.low, seen.high))
    finite = "all" if seen.finite else f"{seen.entries - seen.lost} of {seen.entries}"
    return f"{'>' if first else ' '} {_label(seen):<{wide}}  {low}  {high}  {finite}{'  <- the first' * first}"


def _numbers(rows: Sequence[int]) -> str:
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return ", ".join(map(str, rows[:SHOWN])) + more


def of_output(traces: Sequence[Trace]) -> Diagnosis | None:
    """A term, or what is written to a memory, that is not finite in the last program that ran."""
    trace = traces[-1]
    (output,) = (node for node in trace.graph.nodes if node.op == "output")
    told = output.args[0]
    if not isinstance(told, Mapping) or "terms" not in told:
        return None  # what updates share: judged by the terms that read it
    for kind, part in (("term", "terms"), ("memory", "write")):
        for name, node in dict(told.get(part) or {}).items():
            if isinstance(node, fx.Node) and node in trace.values and not trace.values[node].finite:
                return _traced(kind, str(name), trace, node, traces)
    return None


def _traced(kind: str, name: str, trace: Trace, lost: fx.Node, traces: Sequence[Trace]) -> Diagnosis:
    origin, holder = trace.origin(lost), trace
    shared = next((one for one in traces if one.update == "shared"), None)
    if origin.op == "placeholder" and shared is not None and shared is not trace:
        made = _shared_value(shared, origin.name)
        if made is not None:
            origin, holder = shared.origin(made), shared
    node, seen, about, call = _loop(origin, holder)
    rows = seen.rows or _rows_of(origin, holder)
    values = _order(traces)
    first = next(at for at, one in enumerate(values) if one is seen)
    became, span = trace.values[lost].example, _span(node, origin)
    return Diagnosis(
        kind, trace.update, name, node.name, about, values, first, rows, call=call, span=span, value=became
    )


def _loop(origin: fx.Node, trace: Trace) -> tuple[fx.Node, Seen, str, int | None]:
    """The node itself; within a loop the one of its body, in the call that lost it."""
    inner = trace.loops.get(origin)
    if inner is None:
        after = "; each value within is finite: its last step lost it" if _is_loop(origin) else ""
        return origin, trace.values[origin], f"{_told(origin, trace)}{after}", None
    lost = next(node for node in inner.graph.nodes if node in inner.values and not inner.values[node].finite)
    seen = inner.values[lost]
    within = f"the loop `{origin.name}`, in call {inner.call} of its body"
    if lost.op == "placeholder":
        about = f"`{lost.name}` is the first, where it enters {within}: the step before lost it"
        return lost, seen, about, inner.call
    return lost, seen, f"`{lost.name}` is the first, within {within}", inner.call


def _is_loop(node: fx.Node) -> bool:
    given = node.args[0] if node.args else None
    if not isinstance(given, fx.Node) or given.op != "get_attr":
        return False
    return isinstance(getattr(given.graph.owning_module, str(given.target), None), fx.GraphModule)


def _told(node: fx.Node, trace: Trace) -> str:
    if node.op == "placeholder":
        return f"`{node.name}` is the first, as it comes in"
    block = _block(node)
    made = f", which the block `{block}` makes of finite values" if block else ""
    return f"`{node.name}` is the first{made}"


def _block(node: fx.Node) -> str | None:
    """The block that a node calls."""
    use = getattr(node.meta.get("source"), "use", None)
    if use is not None:
        return use.block
    return str(node.target).split(".")[0] if node.op == "call_module" else None


def _shared_value(shared: Trace, name: str) -> fx.Node | None:
    (output,) = (node for node in shared.graph.nodes if node.op == "output")
    told = output.args[0]
    found = told.get(name) if isinstance(told, Mapping) else None
    lost = isinstance(found, fx.Node) and found in shared.values and not shared.values[found].finite
    return found if lost else None  # type: ignore[return-value]


def _rows_of(node: fx.Node, trace: Trace) -> tuple[int, ...]:
    return trace.values[node].rows if node in trace.values else ()


def _order(traces: Iterable[Trace]) -> tuple[Seen, ...]:
    return tuple(seen for trace in traces for seen in trace.order)


def _span(*nodes: fx.Node) -> Span | None:
    spans = (getattr(node.meta.get("source"), "span", None) for node in nodes)
    return next((span for span in spans if span is not None), None)


def of_gradient(traces: Sequence[Trace], gradients: Mapping[str, Tensor]) -> Diagnosis | None:
    """A gradient that is not finite, of terms that are."""
    lost = [name for name, gradient in gradients.items() if not bool(torch.isfinite(gradient).all())]
    if not lost:
        return None
    trace = traces[-1]
    for candidate in reversed(traces):
        if candidate.before_gradient() is not None:
            trace = candidate
            break
    at = trace.before_gradient()
    values = _order(traces)
    if at is None:
        block = lost[0].split(".")[0]
        node = next((one for one in trace.graph.nodes if _block(one) == block), None)
        last = max((i for i, seen in enumerate(values) if node is not None and seen.name == node.name), default=0)
        about = f"the gradient that reaches the block `{block}` is finite, and going back through it is not"
        return Diagnosis("gradient", traces[-1].update, lost[0], block, about, values, last, span=node and _span(node))
    seen = trace.gradients[at]
    users = [user for user in at.users if user in trace.gradients and trace.gradients[user].finite]
    through = users[0] if users else at
    about = (
        f"going back through `{through.name}` is the first, to `{at.name}`" if users else f"`{at.name}` is the first"
    )
    first = next(i for i, one in enumerate(values) if one is seen)
    span = _span(through, at)
    return Diagnosis("gradient", traces[-1].update, lost[0], through.name, about, values, first, seen.rows, span=span)


def of_weight(traces: Sequence[Trace], held: Mapping[str, Tensor]) -> Diagnosis | None:
    """A parameter, a statistic or what an optimizer knows, that a step made not finite of finite gradients."""
    lost = [name for name, value in held.items() if value.is_floating_point() and not bool(value.isfinite().all())]
    if not lost:
        return None
    name = lost[0]
    node = name.removeprefix("ema(").removeprefix("optimizer.").split(".")[0].rstrip(")").split("/")[-1]
    more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
    about = f"the step itself was too large for `{name}`{more}"
    seen = Seen(name, None, None, held[name].numel(), int((~held[name].isfinite()).sum()))
    values = (*_order(traces), seen)
    return Diagnosis("weight", traces[-1].update, name, node, about, values, len(values) - 1)


def of_figure(traces: Sequence[Trace], figures: Mapping[str, float]) -> Diagnosis | None:
    """A figure that is not finite, and the first value of its programs that is not."""
    for name, value in figures.items():
        if math.isfinite(value):
            continue
        own = [trace for trace in traces if trace.update == name]
        for trace in own:
            (output,) = (node for node in trace.graph.nodes if node.op == "output")
            lost = next((n for n in output.all_input_nodes if n in trace.values and not trace.values[n].finite), None)
            if lost is not None:
                return _traced("metric", name, trace, lost, [trace])
        seen = Seen(name, None, None, 1, 1)
        values = (*_order(own), seen)
        about = "each value that it is made of is finite"
        return Diagnosis("metric", name, name, name, about, values, len(values) - 1)
    return None
