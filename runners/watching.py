"""A step of training with every value looked at: each node of its programs, the gradient by it, and what it trained.

The watched programs compute the same bits as the programs of a step, node by node and in the same order, so that what a
step did can be seen afterwards without a cost while training.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, fx, nn

from compose.program import CompiledEvaluation, CompiledStage, Program
from runners.state import Executable

__all__ = ["Seen", "Trace", "WatchedFabric", "WatchedSystem", "tensors_of"]

DEPTH = 3  # how far a distribution or a record is looked into


@dataclass(frozen=True)
class Seen:
    """One value, or the gradient by it: the range of its finite entries, how many others there are, and their rows.

    `call`: which call of a loop's body made it, from 1; None outside of loops. `length`: of how many rows; `example`:
    the first entry that is not finite.
    """

    name: str
    low: float | None
    high: float | None
    entries: int
    lost: int
    rows: tuple[int, ...] = ()
    call: int | None = None
    length: int | None = None
    example: float | None = None

    @property
    def finite(self) -> bool:
        """Whether every entry is finite."""
        return not self.lost


def tensors_of(value: Any, depth: int = DEPTH) -> list[Tensor]:  # noqa: ANN401  whatever a node made
    """The floating tensors in a value: a tensor, a record of them, the parameters of a distribution."""
    if isinstance(value, Tensor):
        return [value] if value.is_floating_point() else []
    if depth == 0 or isinstance(value, nn.Module | type) or callable(value):
        return []
    if isinstance(value, Mapping):
        parts: Sequence[Any] = list(value.values())
    elif isinstance(value, list | tuple):
        parts = value
    else:
        parts = list(getattr(value, "__dict__", {}).values())
    return [tensor for part in parts for tensor in tensors_of(part, depth - 1)]


def look(name: str, value: Any, call: int | None = None) -> Seen | None:  # noqa: ANN401
    """What there is to see of a value; None if it holds no floating tensor."""
    held = [tensor.detach() for tensor in tensors_of(value)]
    if not held:
        return None
    finite = [tensor.isfinite() for tensor in held]
    kept = [tensor[good] for tensor, good in zip(held, finite, strict=True) if good.any()]
    entries, whole = sum(tensor.numel() for tensor in held), sum(int(good.sum()) for good in finite)
    rows = {
        row for good in finite if good.ndim and whole < entries
        for row in (~good).reshape(len(good), -1).any(1).nonzero().flatten().tolist()
    }  # fmt: skip
    low = min((part.min().item() for part in kept), default=None)
    high = max((part.max().item() for part in kept), default=None)
    bad = [tensor[~good] for tensor, good in zip(held, finite, strict=True) if not good.all()]
    length = next((len(tensor) for tensor in held if tensor.ndim), None)
    example = bad[0][0].item() if bad else None
    return Seen(name, low, high, entries, entries - whole, tuple(sorted(rows)), call, length, example)


@dataclass
class Trace:
    """What one program, or the body of a loop, made: a `Seen` by node; gradients by it in the order of going back.

    `update`: whose program it is ("shared": the values that the updates of a stage share). `loops` holds, by the node
    of a loop, the first call of its body in which something was not finite.
    """

    update: str
    graph: fx.Graph
    values: dict[fx.Node, Seen] = field(default_factory=dict)
    gradients: dict[fx.Node, Seen] = field(default_factory=dict)
    loops: dict[fx.Node, "Trace"] = field(default_factory=dict)
    opaque: set[fx.Node] = field(default_factory=set)
    order: list[Seen] = field(default_factory=list)
    call: int | None = None

    def origin(self, lost: fx.Node) -> fx.Node:
        """The first node that is not finite, of those from which `lost` has it.

        Nodes that hold no tensor are looked through; what is not finite beside the way (a mask) is no cause.
        """
        reached, waiting = {lost}, [lost]
        while waiting:
            for given in waiting.pop().all_input_nodes:
                bad = given in self.values and not self.values[given].finite
                if given not in reached and (bad or given in self.opaque):
                    reached.add(given)
                    waiting.append(given)
        return next(node for node in self.graph.nodes if node in reached and node not in self.opaque)

    def before_gradient(self) -> fx.Node | None:
        """The node by which the first gradient that is not finite is, going back; None if all are finite."""
        return next((node for node, seen in self.gradients.items() if not seen.finite), None)


class _Watched(fx.Interpreter):
    """Runs a program and notes what each node made; `gradients` is true while they are gone back through."""

    def __init__(self, module: fx.GraphModule, trace: Trace, backward: Callable[[], bool]) -> None:
        super().__init__(module)
        self.trace, self.backward = trace, backward
        self.at: fx.Node | None = None

    def run_node(self, n: fx.Node) -> Any:  # noqa: ANN401
        """What the node makes, noted."""
        self.at = n
        value = super().run_node(n)
        if n.op == "output":
            return value
        seen = look(n.name, value, self.trace.call) if n.op != "get_attr" or isinstance(value, Tensor) else None
        if seen is None:
            if not isinstance(value, Tensor):
                self.trace.opaque.add(n)
            return value
        self.trace.values[n] = seen
        self.trace.order.append(seen)
        if isinstance(value, Tensor) and value.requires_grad and n.op != "get_attr" and self.trace.call is None:
            value.register_hook(lambda gradient: self._go_back(n, gradient))
        return value

    def get_attr(self, target: Any, args: Any, kwargs: Any) -> Any:  # noqa: ANN401
        """A block's view, or the body of a loop as a function that is watched too."""
        value = super().get_attr(target, args, kwargs)
        if not isinstance(value, fx.GraphModule) or "about" not in value.meta or self.at is None:
            return value
        loop = next(iter(self.at.users), self.at)
        calls = 0

        def body(*given: Any) -> Any:  # noqa: ANN401
            nonlocal calls
            calls += 1
            trace = Trace(self.trace.update, value.graph, call=calls)
            made = _Watched(value, trace, self.backward).run(*given, enable_io_processing=False)
            if loop not in self.trace.loops and not all(seen.finite for seen in trace.values.values()):
                self.trace.loops[loop] = trace
                self.trace.order.extend(trace.order)
            return made

        return body

    def _go_back(self, node: fx.Node, gradient: Tensor) -> None:
        if self.backward() and node not in self.trace.gradients:
            seen = look(f"gradient by {node.name}", gradient)
            assert seen is not None, "a gradient is a floating tensor"
            self.trace.gradients[node] = seen
            self.trace.order.append(seen)


@dataclass
class WatchedSystem:
    """A compiled system whose stages and evaluations are watched: `ran(trace, outputs)` is told of every program."""

    executable: Executable
    began: Callable[[str], None]
    ran: Callable[[Trace, Mapping[str, Any]], None]
    backward: bool = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  all else is the system's
        return getattr(self.executable, name)

    def stage(self, index: int, averaged: frozenset[str]) -> CompiledStage:
        """The stage, its programs watched."""
        made = self.executable.stage(index, averaged)
        updates = tuple(
            replace(update, compile=self._compiled(update.compile, update.name), cache={}) for update in made.updates
        )
        return replace(made, updates=updates, shared=self._watched(made.shared, "shared") if made.shared else None)

    def evaluation(self, name: str, averaged: frozenset[str]) -> CompiledEvaluation:
        """The line of `evaluate`, its programs watched."""
        made = self.executable.evaluation(name, averaged)
        arguments = tuple(
            replace(one, sampler=replace(one.sampler, program=self._watched(one.sampler.program, name)))
            if one.sampler else one
            for one in made.arguments
        )  # fmt: skip
        return replace(made, arguments=arguments)

    def _compiled(self, compiled: Callable[[frozenset[str]], Program], update: str) -> Any:  # noqa: ANN401
        return lambda active: self._watched(compiled(active), update)

    def _watched(self, program: Program, update: str) -> Program:
        module = program.module

        def call(*given: Any) -> Any:  # noqa: ANN401
            self.began(update)
            self.backward = False
            trace = Trace(update, module.graph)
            made = _Watched(module, trace, lambda: self.backward).run(*given, enable_io_processing=False)
            self.ran(trace, made)
            return made

        return replace(program, module=call)  # type: ignore[arg-type]  it is only called


class WatchedFabric:
    """Fabric, with `after` called where gradients have been gone back through."""

    def __init__(self, fabric: Any, system: WatchedSystem, after: Callable[[], None]) -> None:  # noqa: ANN401
        self._fabric, self._system, self._after = fabric, system, after

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  all else is Fabric's
        return getattr(self._fabric, name)

    def backward(self, loss: Tensor, inputs: Sequence[Tensor] | None = None) -> None:
        """Go back, each gradient noted."""
        self._system.backward = True
        try:
            self._fabric.backward(loss, inputs=inputs)
        finally:
            self._system.backward = False
        self._after()
