"""`torch.compile` of a program: whole where it can, else the bodies of its loops, in the same shapes every step.

compiled(program) -> the same program, whose kernels PyTorch makes at its first call

The compiler runs within this process: workers of its own would outlive a signal. A body is compiled with its gradient:
a chain calls that, and not autograd, in each of its steps.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from operator import attrgetter
from types import FunctionType

import torch
from torch import Tensor, fx, nn

from blocks import loops
from compose.program import Program
from compose.ways import BODIES, Way, way_of

__all__ = ["Compiled", "compiled", "compiling", "way_of_program"]

POTENTIALS = (loops.langevin, loops.descend)

Parts = tuple[Tensor, ...]
Gradients = tuple[Tensor | None, ...]


def way_of_program(program: Program) -> Way:
    """What of it is compiled."""
    return way_of(node.target for node in program.module.graph.nodes if node.op == "call_function")


def compiled(program: Program) -> Program:
    """The program with its kernels made anew, which happens where it is first called; itself if its way is eager.

    Its numbers differ from the eager ones in their last digits, and are the same in every run on one machine.
    That call is to be made within `compiling`, where it raises torch's own errors if a kernel cannot be made (without a
    C++ compiler, for one).
    """
    way = way_of_program(program)
    if way == "eager":
        return program
    module = torch.compile(program.module, dynamic=False) if way == "whole" else _with_bodies(program.module)
    return replace(program, module=module)


@contextmanager
def compiling() -> Iterator[None]:
    """Around a program's first call: gradients within a graph are traced, and nothing is compiled elsewhere."""
    import torch._dynamo.config
    import torch._inductor.config

    with torch._dynamo.config.patch(trace_autograd_ops=True), torch._inductor.config.patch(compile_threads=1):
        yield


def _with_bodies(module: fx.GraphModule) -> fx.GraphModule:
    """The same graph over the same blocks, its loops' bodies compiled."""
    places = {str(node.target) for node in module.graph.nodes if node.op in ("call_module", "get_attr")}
    held = {place: attrgetter(place)(module) for place in places}
    for node in module.graph.nodes:
        if node.target in BODIES:
            named = node.args[0]
            assert isinstance(named, fx.Node)
            body = held[str(named.target)]
            if _is_plain(body):
                held[str(named.target)] = (
                    Compiled(body) if node.target in POTENTIALS else torch.compile(body, dynamic=False)
                )
    return fx.GraphModule(held, module.graph)


def _is_plain(body: nn.Module) -> bool:
    """Whether a body has no loop of its own, whose noise would be another number at every level."""
    graph = getattr(body, "graph", None)
    return graph is None or way_of(node.target for node in graph.nodes) == "whole"


class Compiled(nn.Module):
    """A potential whose gradient is one compiled function of the state and of what it captured."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

        def slope(parts: Parts, captures: tuple[object, ...], create_graph: bool) -> Gradients:
            with torch.enable_grad():
                energies = body(*parts, *captures)
                return torch.autograd.grad(energies.sum(), parts, create_graph=create_graph, allow_unused=True)

        # the compiler keeps few results for each code object, whoever calls it: this one is its own
        code = slope.__code__.replace()
        own = FunctionType(code, slope.__globals__, slope.__name__, None, slope.__closure__)
        self._slope = torch.compile(own, dynamic=False)

    def forward(self, *values: Tensor) -> Tensor:  # state and captures -> b
        """The potential itself."""
        return self.body(*values)

    def slope(self, parts: Sequence[Tensor], captures: Sequence[object], create_graph: bool) -> Gradients:
        """dU/dv of every part."""
        return self._slope(tuple(parts), tuple(captures), create_graph)
